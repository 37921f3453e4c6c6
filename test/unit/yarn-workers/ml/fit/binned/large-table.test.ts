import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { type Spool } from '#ml';
import { fitModel, type FitResult } from '../../../../../support/in-memory.ts';
import { chunksInMemory } from '../../../../../../yarn-workers/ml/fit/binned/chunk-spool.ts';
import { testEngine } from '../../../../../support/boosting-engine.ts';
import { CELLS_MAX, source, taskOf } from '../../../../../support/computed-table.ts';
import { freeIo } from '../../../../../support/modelling-task.ts';

interface Fitted {
  readonly fit: FitResult;
  /** Spools that were opened, and those that are still open. */
  readonly opened: number;
  readonly open: number;
}

async function fitted(task: TrainTask): Promise<Fitted> {
  let opened = 0;
  let open = 0;
  const openSpool = async (): Promise<Spool> => {
    opened += 1;
    open += 1;
    return { ...chunksInMemory(), close: async () => void (open -= 1) };
  };
  return {
    fit: await fitModel(task, source, testEngine(), freeIo({ openSpool, matrixCellsMax: CELLS_MAX })),
    opened,
    open,
  };
}

describe('fit: a table of more values than are kept as a matrix', () => {
  for (const [name, changes] of Object.entries({
    'one booster': {},
    'boosters that begin from scores': {
      parameters: { maxIterations: 55, leaves: 4, earlyStoppingRounds: 40, rowFraction: 0.5, featureFraction: 0.1 },
    },
    'a refit': { refit: { of: 'model', iterations: 8 } },
  } satisfies Record<string, Partial<TrainTask>>)) {
    it(`has the model in bins that it has by values: ${name}`, async () => {
      const task = taskOf(changes);
      const { fit, opened, open } = await fitted(task);
      expect({ opened, open }).to.deep.equal({ opened: 2, open: 0 });
      const byValues = await fitModel(task, source, testEngine(), freeIo({ matrixCellsMax: CELLS_MAX }));
      const inMemory = await fitModel(task, source, testEngine(), freeIo());
      for (const other of [byValues, inMemory]) {
        expect(fit.contentHash).to.equal(other.contentHash);
        expect(fit.iterations).to.equal(other.iterations);
        expect(fit.outOfFold).to.deep.equal(other.outOfFold);
      }
      if (task.refit === null) expect(fit.scores?.validation?.['auc']).to.be.above(0.6);
    });
  }

  it('leaves no spool open where the fit fails', async () => {
    let open = 0;
    let calls = 0;
    const openSpool = async (): Promise<Spool> => {
      open += 1;
      const store = chunksInMemory();
      return {
        append: async (bytes) => {
          calls += 1;
          if (calls === 1) throw new Error('the disk is full');
          await store.append(bytes);
        },
        read: (at, length) => store.read(at, length),
        close: async () => void (open -= 1),
      };
    };
    const found = await fitModel(
      taskOf({}),
      source,
      testEngine(),
      freeIo({ openSpool, matrixCellsMax: CELLS_MAX }),
    ).then(
      () => 'fitted',
      (err: unknown) => String(err),
    );
    expect(found).to.equal('Error: the disk is full');
    expect(open).to.equal(0);
  });
});

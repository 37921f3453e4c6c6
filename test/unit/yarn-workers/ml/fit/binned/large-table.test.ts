import { expect } from 'chai';
import type { BatchSource, Column, TrainTask } from '#contracts';
import { fitModel, type FitResult, type Spool } from '#ml';
import { rowHash } from '#statistics';
import { chunksInMemory } from '../../../../../../yarn-workers/ml/fit/binned/binned-rows.ts';
import { testEngine } from '../../../../../support/boosting-engine.ts';
import { numberRule, textRule } from '../../../../../support/memory-table.ts';
import { freeIo } from '../../../../../support/modelling-task.ts';

const ROWS = 4_000;
const NUMBERS = 12;
const BATCH_ROWS = 1_000;
/** A matrix of these rows has ten times as many. */
const CELLS_MAX = 4_000;
const LEVELS = ['ash', 'beech', 'cedar', 'oak'];

const uniform = (row: number, column: number): number => rowHash(column + 1, row) / 0x1_0000_0000;

const cellOf = (row: number, column: number): number =>
  column % 7 === 3 && uniform(row, column + 10_000) < 0.05 ? NaN : uniform(row, column);

const levelOf = (row: number): number => Math.floor(LEVELS.length * uniform(row, 90_001));

const isPositive = (row: number): boolean =>
  uniform(row, 0) + uniform(row, 1) * uniform(row, 2) + (levelOf(row) === 2 ? 0.4 : 0) + uniform(row, 90_002) > 1.3;

/** A table that is computed when it is read. */
const source: BatchSource = {
  rowCount: ROWS,
  batches: async function* (request) {
    for (let firstRow = 0; firstRow < ROWS; firstRow += BATCH_ROWS) {
      const rows = Array.from({ length: BATCH_ROWS }, (_, row) => firstRow + row);
      yield {
        firstRow,
        rowCount: BATCH_ROWS,
        columns: request.map(({ name }): Column => {
          if (name === 'target')
            return {
              ...{ view: 'dictionary', name, dictionary: ['no', 'yes'] },
              codes: Int32Array.from(rows, (row) => Number(isPositive(row))),
            };
          if (name === 'tree')
            return { view: 'dictionary', name, codes: Int32Array.from(rows, levelOf), dictionary: LEVELS };
          const column = Number(name.slice(1));
          return { view: 'number', name, values: Float64Array.from(rows, (row) => cellOf(row, column)) };
        }),
      };
    }
  },
};

const names = Array.from({ length: NUMBERS }, (_, column) => `x${column}`);

const taskOf = (changes: Partial<TrainTask>): TrainTask => ({
  ...{ kind: 'train', modelId: 'model', projectId: 'project', datasetId: 'dataset', metric: 'logLoss' },
  table: {
    rowCount: ROWS,
    columns: [...names, 'tree', 'target'].map((name, position) => ({
      ...{ name, position, hasTwin: false },
      storage: name.startsWith('x') ? 'float64' : 'string',
      parse: name.startsWith('x') ? numberRule : textRule,
    })),
    files: [],
  },
  target: {
    ...{ name: 'target', targetType: 'binary', positiveClass: 1 },
    classes: ['no', 'yes'].map((label) => ({ label, texts: [label], rowCount: ROWS / 2 })),
  },
  features: [
    ...names.map((name) => ({ name, type: 'numeric' as const, uniqueCount: ROWS })),
    { name: 'tree', type: 'categorical', uniqueCount: LEVELS.length },
  ],
  partitioning: {
    ...{ method: 'random', validation: 'tvh', folds: 1, column: null, seed: 3 },
    ...{ validationFraction: 0.2, holdoutFraction: 0.1 },
  },
  weightColumn: null,
  monotonic: { increasing: ['x0'], decreasing: [] },
  blueprintId: 'lightgbm-default',
  parameters: { maxIterations: 12, leaves: 7, earlyStoppingRounds: 5, minRowsPerLeaf: 50 },
  sampleFraction: 1,
  refit: null,
  seed: 5,
  threadCount: 2,
  ...changes,
});

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

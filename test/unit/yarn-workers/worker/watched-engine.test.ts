import { expect } from 'chai';
import type { BoostingEngine, EngineBooster, EngineDataset } from '#ml';
import { armFailpoints } from '#runtime';
import type { Reporter } from '../../../../yarn-workers/worker/child/progress.ts';
import { watchedEngine } from '../../../../yarn-workers/worker/tasks/watched-engine.ts';

const SPEC = {
  rowCount: 1,
  columnCount: 1,
  categoricalColumns: [],
  sample: new Float64Array(1),
  sampleRowCount: 1,
  hasWeights: false,
  threadCount: 1,
  parameters: {},
};

describe('worker: watched engine', () => {
  afterEach(() => armFailpoints(''));
  const booster: EngineBooster = {
    update: () => false,
    modelText: (first, count) => `${first}+${count}`,
    close: () => undefined,
  };
  const dataset: EngineDataset = {
    push: () => undefined,
    finish: () => undefined,
    setInitialScores: () => undefined,
    createBooster: () => booster,
    close: () => undefined,
  };
  const engine: BoostingEngine = {
    name: 'fake 1',
    createDataset: () => dataset,
    loadModel: () => expect.fail('not called'),
  };
  const recorder = () => {
    const seen: (number | null | undefined)[] = [];
    const reporter: Reporter = {
      progress: ({ iteration }) => void seen.push(iteration),
      log: () => undefined,
      breathe: async () => undefined,
    };
    return { seen, reporter };
  };

  it('tells every iteration with the fit’s newest fraction and passes everything on', () => {
    const { seen, reporter } = recorder();
    const watched = watchedEngine(engine, reporter);
    const made = watched.engine.createDataset(SPEC);
    const first = made.createBooster({});
    expect(first.update()).to.equal(false);
    expect(first.modelText(2, 3)).to.equal('2+3');
    made.createBooster({}).update();
    expect(seen).to.deep.equal([1, 2]);
    expect(watched.engine.name).to.equal('fake 1');
  });

  it('an error at a failpoint between native calls is thrown where the fit waits', async () => {
    armFailpoints('worker.iterate=error@2');
    const { reporter } = recorder();
    const watched = watchedEngine(engine, reporter);
    const made = watched.engine.createDataset(SPEC).createBooster({});
    made.update();
    await Promise.resolve();
    watched.rethrow();
    made.update();
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => watched.rethrow()).to.throw('failpoint worker.iterate');
  });
});

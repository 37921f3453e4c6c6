import { expect } from 'chai';
import type { BoostingEngine, EngineBooster, FillableDataset, XgboostEngine } from '#ml';
import { armFailpoints } from '#runtime';
import { failpointEngine } from '../../../../../yarn-workers/worker/tasks/failpoint-engine.ts';

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

describe('worker: engine with failpoints', () => {
  afterEach(() => armFailpoints(''));
  const booster: EngineBooster = {
    update: () => false,
    modelText: (first, count) => `${first}+${count}`,
    close: () => undefined,
  };
  const dataset: FillableDataset = {
    push: () => undefined,
    finish: () => undefined,
    setInitialScores: () => undefined,
    createBooster: () => booster,
    close: () => undefined,
  };
  const second: XgboostEngine = {
    createDataset: () => ({
      setMargins: () => undefined,
      createBooster: () => ({
        readMargins: (out) => out.fill(5),
        boost: (gradients) => gradients.fill(6),
        model: (first, count) => Uint8Array.of(first, count),
        predict: () => expect.fail('not called'),
        close: () => undefined,
      }),
      close: () => undefined,
    }),
  };
  const engine: BoostingEngine = {
    name: 'fake 1',
    createDataset: () => dataset,
    findBins: () => Uint8Array.of(7),
    readDataset: async () => dataset,
    loadModel: () => expect.fail('not called'),
    xgboost: () => second,
  };
  const secondSpec = {
    rowCount: 1,
    columnCount: 1,
    codes: new Uint8Array(1),
    missingCode: 255,
    isCategory: [false],
    binsMax: 2,
    labels: new Float32Array(1),
    weights: null,
    threadCount: 1,
  };
  it('passes everything on', () => {
    const { engine: made } = failpointEngine(engine);
    const first = made.createDataset(SPEC).createBooster({});
    expect(first.update()).to.equal(false);
    expect(first.modelText(2, 3)).to.equal('2+3');
    expect(made.name).to.equal('fake 1');
    expect(made.findBins(SPEC)).to.deep.equal(Uint8Array.of(7));
  });

  it('passes everything of the second engine on, failpoints between its calls too', async () => {
    armFailpoints('worker.iterate=error@2');
    const watched = failpointEngine(engine);
    const made = watched.engine.xgboost().createDataset(secondSpec).createBooster({});
    const margins = new Float32Array(1);
    made.readMargins(margins);
    made.boost(margins, margins);
    expect(margins[0]).to.equal(6);
    expect(made.model(2, 3)).to.deep.equal(Uint8Array.of(2, 3));
    await Promise.resolve();
    watched.rethrow();
    made.boost(margins, margins);
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => watched.rethrow()).to.throw('failpoint worker.iterate');
  });

  it('an error at a failpoint between native calls is thrown where the fit waits', async () => {
    armFailpoints('worker.iterate=error@2');
    const watched = failpointEngine(engine);
    const made = watched.engine.createDataset(SPEC).createBooster({});
    made.update();
    await Promise.resolve();
    watched.rethrow();
    made.update();
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => watched.rethrow()).to.throw('failpoint worker.iterate');
  });
});

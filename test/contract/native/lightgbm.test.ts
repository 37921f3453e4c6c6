import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { isAppError } from '#contracts';
import type { EngineDataset, EngineDatasetSpec, FillableDataset } from '#ml';
import { createRandom } from '#statistics';
import { openLightgbm } from '../../../yarn-workers/worker/native/lightgbm.ts';
import { lightgbmLibraryPath, sha256, testEngine } from '../../support/boosting-engine.ts';

const ROWS = 3_000;
const COLUMNS = 5;

function data(seed = 1): { values: Float64Array; labels: Float32Array; weights: Float32Array } {
  const random = createRandom(seed);
  const values = new Float64Array(ROWS * COLUMNS);
  const labels = new Float32Array(ROWS);
  const weights = new Float32Array(ROWS);
  for (let row = 0; row < ROWS; row += 1) {
    let sum = 0;
    for (let column = 0; column < COLUMNS; column += 1) {
      const value = column === 4 ? random.below(9) : random.uniform() < 0.05 ? NaN : random.uniform() - 0.5;
      values[row * COLUMNS + column] = value;
      sum += column === 4 ? Math.cos(value) : Number.isNaN(value) ? 0.1 : value;
    }
    labels[row] = sum + random.uniform() > 0.6 ? 1 : 0;
    weights[row] = 1 + (row % 3);
  }
  return { values, labels, weights };
}

const { values, labels, weights } = data();

const spec = (changes: Partial<EngineDatasetSpec> = {}): EngineDatasetSpec => ({
  rowCount: ROWS,
  columnCount: COLUMNS,
  categoricalColumns: [4],
  sample: values,
  sampleRowCount: ROWS,
  hasWeights: true,
  threadCount: 1,
  parameters: {},
  ...changes,
});

const filled = (changes: Partial<EngineDatasetSpec> = {}, chunkRows = ROWS): FillableDataset =>
  fill(testEngine().createDataset(spec(changes)), changes, chunkRows);

/** Rows of a part that is binned as the whole table is. */
const filledPart = (bins: Uint8Array, changes: Partial<EngineDatasetSpec> = {}): FillableDataset =>
  fill(testEngine().createPart(bins, spec(changes)), changes);

function fill(dataset: FillableDataset, changes: Partial<EngineDatasetSpec> = {}, chunkRows = ROWS): FillableDataset {
  for (let from = 0; from < ROWS; from += chunkRows) {
    const to = Math.min(ROWS, from + chunkRows);
    dataset.push(
      values.subarray(from * COLUMNS, to * COLUMNS),
      to - from,
      labels.subarray(from, to),
      changes.hasWeights === false ? null : weights.subarray(from, to),
    );
  }
  dataset.finish();
  return dataset;
}

/** Trees of a model text without what names its place in the text. */
const treesOf = (text: string): string =>
  text
    .slice(text.indexOf('Tree=0'), text.indexOf('end of trees'))
    .replaceAll(/Tree=\d+\n/g, '')
    .replaceAll(/\n+/g, '\n');

/** Hash of the trees of a model boosted in segments of so many iterations, each going on from the scores of the last. */
function boosted(dataset: EngineDataset, segments: readonly number[], parameters = {}): string {
  const scores = new Float64Array(ROWS);
  let trees = '';
  for (const [index, iterations] of segments.entries()) {
    if (index > 0) dataset.setInitialScores(scores);
    const booster = dataset.createBooster({ objective: 'binary', seed: 5, ...parameters });
    for (let i = 0; i < iterations; i += 1) booster.update();
    const text = booster.modelText(0, iterations);
    booster.close();
    trees += treesOf(text);
    const oracle = testEngine().loadModel(text);
    for (const [row, score] of oracle.predictRaw(values, ROWS, COLUMNS).entries())
      scores[row] = (scores[row] ?? 0) + score;
    oracle.close();
  }
  dataset.close();
  return sha256(Buffer.from(trees));
}

const codeOf = (action: () => unknown): { code: string; message: string } => {
  try {
    action();
  } catch (err) {
    if (isAppError(err)) return { code: err.code, message: err.message };
    throw err;
  }
  return { code: 'none', message: '' };
};

describe('contract: LightGBM binding', () => {
  it('gives the same trees for any chunk size and thread count', () => {
    const once = boosted(filled(), [30]);
    expect(boosted(filled({}, 1), [30])).to.equal(once);
    expect(boosted(filled({}, 777), [30])).to.equal(once);
    expect(boosted(filled({ threadCount: 2 }), [30])).to.equal(once);
  });

  it('gives the same trees with sampling for any thread count', () => {
    const sampling = { bagging_fraction: 0.7, bagging_freq: 1, feature_fraction: 0.6, extra_trees: true };
    expect(boosted(filled({ threadCount: 2 }), [20], sampling)).to.equal(boosted(filled(), [20], sampling));
  });

  it('boosts in segments as in one go where no random numbers are used', () => {
    const once = boosted(filled(), [30]);
    expect(boosted(filled(), [10, 10, 10])).to.equal(once);
    expect(boosted(filled(), [1, 29])).to.equal(once);
  });

  it('boosts on a part with bins that were found elsewhere as on a data set that found them itself', () => {
    const bins = testEngine().findBins(spec());
    expect(Buffer.from(testEngine().findBins(spec())).equals(bins)).to.equal(true);
    const once = boosted(filled(), [30]);
    expect(boosted(filledPart(bins), [30])).to.equal(once);
    expect(boosted(filledPart(Buffer.from(bins)), [10, 20]), 'bins that were sent somewhere').to.equal(once);
    const unweighted = { hasWeights: false };
    expect(boosted(filledPart(bins, unweighted), [10])).to.equal(boosted(filled(unweighted), [10]));
  });

  it('finds the bins of a table that is larger than a process may hold', () => {
    const rowCount = 1e12;
    expect(testEngine().findBins(spec({ rowCount })).length).to.be.greaterThan(100);
    expect(codeOf(() => testEngine().createPart(testEngine().findBins(spec()), spec({ rowCount }))).message).to.contain(
      '1000000000000 rows, at most 2147483647',
    );
  });

  it('refuses bins that are none', () => {
    expect(codeOf(() => testEngine().createPart(new Uint8Array(8), spec())).code).to.equal('INTERNAL');
  });

  it('is joined to one network at a time, and looks for no bins in it', () => {
    const engine = testEngine();
    const nobody = () => expect.fail('no exchange');
    const ranks = { rank: 0, size: 2, reserve: nobody, exchange: nobody };
    const bins = engine.findBins(spec());
    const alone = boosted(filledPart(bins), [5]);
    engine.joinNetwork(ranks, nobody);
    try {
      expect(codeOf(() => engine.joinNetwork(ranks, nobody)).message).to.contain('a network is joined already');
      expect(codeOf(() => engine.createDataset(spec())).message).to.contain('createDataset while a network is joined');
      expect(codeOf(() => engine.findBins(spec())).message).to.contain('findBins while a network is joined');
    } finally {
      engine.leaveNetwork();
    }
    engine.leaveNetwork();
    expect(boosted(filledPart(bins), [5])).to.equal(alone);
  });

  it('reads trees of later iterations alone', () => {
    const dataset = filled();
    const booster = dataset.createBooster({ objective: 'binary' });
    for (let i = 0; i < 6; i += 1) booster.update();
    const whole = treesOf(booster.modelText(0, 6));
    expect(treesOf(booster.modelText(0, 2)) + treesOf(booster.modelText(2, 4))).to.equal(whole);
    booster.close();
    dataset.close();
  });

  it('gives other trees with weights', () => {
    expect(boosted(filled({ hasWeights: false }), [10])).not.to.equal(boosted(filled(), [10]));
  });

  it('says when nothing is left to split', () => {
    const dataset = filled({ parameters: { min_data_in_leaf: ROWS } });
    const booster = dataset.createBooster({ objective: 'binary', min_data_in_leaf: ROWS });
    expect(booster.update()).to.be.true;
    booster.close();
    dataset.close();
  });

  it('refuses what does not fit, and can be closed twice', () => {
    const dataset = testEngine().createDataset(spec());
    expect(codeOf(() => dataset.push(values, ROWS, labels, null)).message).to.contain('weights do not fit');
    expect(codeOf(() => dataset.push(values.subarray(1), ROWS, labels, weights)).message).to.contain('too short');
    dataset.push(values, ROWS, labels, weights);
    expect(codeOf(() => dataset.push(values, 1, labels, weights)).message).to.contain(
      `${ROWS + 1} rows pushed, expected ${ROWS}`,
    );
    expect(codeOf(() => dataset.createBooster({ objective: 'binary' })).message).to.contain('not finished');
    dataset.close();
    dataset.close();
    expect(codeOf(() => dataset.finish()).message).to.contain('closed data set');
    const short = testEngine().createDataset(spec());
    expect(codeOf(() => short.finish()).message).to.contain('0 rows pushed');
    short.close();
  });

  it('passes on what LightGBM says', () => {
    const dataset = filled();
    const unknown = codeOf(() => dataset.createBooster({ objective: 'no_such_thing' }));
    expect(unknown.code).to.equal('INTERNAL');
    expect(unknown.message).to.match(/LGBM_BoosterCreate: .*no_such_thing/);
    const negative = codeOf(() => dataset.createBooster({ objective: 'binary', num_leaves: -3 }));
    expect(negative.message).to.contain('num_leaves');
    dataset.close();
    expect(codeOf(() => testEngine().loadModel('not a model')).code).to.equal('INTERNAL');
  });

  it('names the library that cannot be loaded', () => {
    const missing = codeOf(() => openLightgbm({ libraryPath: '/nowhere/lib_lightgbm.so' }));
    expect(missing.code).to.equal('NATIVE_LIBRARY');
    expect(missing.message).to.contain('/nowhere/lib_lightgbm.so');
    const other = codeOf(() => openLightgbm({ libraryPath: 'libm.so.6' }));
    expect(other.code).to.equal('NATIVE_LIBRARY');
    expect(
      codeOf(() => openLightgbm({ libraryPath: lightgbmLibraryPath(), libgompPath: '/nowhere/libgomp.so.1' })).code,
    ).to.equal('NATIVE_LIBRARY');
  });

  it('prints nothing but LightGBM’s own line before an error', () => {
    const program = `
      import { openLightgbm } from ${JSON.stringify(import.meta.resolve('../../../yarn-workers/worker/native/lightgbm.ts'))};
      const engine = openLightgbm({ libraryPath: ${JSON.stringify(lightgbmLibraryPath())} });
      const values = new Float64Array(200);
      const dataset = engine.createDataset({ rowCount: 100, columnCount: 2, categoricalColumns: [1], sample: values, sampleRowCount: 100, hasWeights: false, threadCount: 1, parameters: { verbosity: 2 } });
      dataset.push(values, 100, new Float32Array(100), null);
      dataset.finish();
      const booster = dataset.createBooster({ objective: 'binary', verbosity: 2, no_such_parameter: 1 });
      booster.update();
      try { dataset.createBooster({ objective: 'nonsense' }); } catch { process.exitCode = 3; }
      booster.close();
      dataset.close();`;
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module-typescript', '--eval', program],
      { encoding: 'utf8' },
    );
    expect({ stdout, stderr, status }).to.deep.equal({
      stdout: '',
      stderr: '[LightGBM] [Fatal] Unknown objective type name: nonsense\n',
      status: 3,
    });
  }).timeout(30_000);
});

import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { isAppError, type AppError } from '#contracts';
import type { XgboostDataset, XgboostDatasetSpec } from '#ml';
import { createRandom } from '#statistics';
import { openXgboost } from '../../../yarn-workers/worker/native/xgboost.ts';
import { lightgbmLibraryPath, sha256, testEngine, xgboostLibraryPath } from '../../support/boosting-engine.ts';

const ROWS = 3_000;
const COLUMNS = 5;
const PARAMETERS = { objective: 'reg:squarederror', base_score: 0, eta: 0.3, max_depth: 4, seed: 5 };

const random = createRandom(11);
const codes = Uint8Array.from({ length: ROWS * COLUMNS }, (_, at) => (at % 7 === 3 ? 255 : random.below(40)));
const labels = Float32Array.from({ length: ROWS }, (_, row) => (codes[row * COLUMNS] ?? 0) / 40 + random.uniform());

const specOf = (changes: Partial<XgboostDatasetSpec> = {}): XgboostDatasetSpec => ({
  rowCount: ROWS,
  columnCount: COLUMNS,
  codes,
  missingCode: 255,
  isCategory: [false, false, false, false, true],
  binsMax: 41,
  labels,
  weights: null,
  threadCount: 2,
  ...changes,
});

function opened(changes: Partial<XgboostDatasetSpec> = {}): XgboostDataset {
  const dataset = testEngine().xgboost().createDataset(specOf(changes));
  dataset.setMargins(new Float32Array(ROWS), 1);
  return dataset;
}

/** Boosts squared errors and answers the model and the margins. */
function boosted(dataset: XgboostDataset, iterations: number, parameters = {}) {
  const booster = dataset.createBooster({ ...PARAMETERS, ...parameters });
  const margins = new Float32Array(ROWS);
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    booster.readMargins(margins);
    booster.boost(
      margins.map((margin, row) => margin - (labels[row] ?? 0)),
      new Float32Array(ROWS).fill(1),
    );
  }
  booster.readMargins(margins);
  return { booster, margins };
}

function errorOf(run: () => unknown): AppError {
  try {
    run();
  } catch (err) {
    if (isAppError(err)) return err;
    throw err;
  }
  throw new Error('nothing was thrown');
}

describe('native: XGBoost', () => {
  it('fits, slices, and predicts what it keeps of its training rows', () => {
    const dataset = opened();
    const { booster, margins } = boosted(dataset, 10);
    const loss = (sums: Float32Array): number =>
      sums.reduce((sum, margin, row) => sum + (margin - (labels[row] ?? 0)) ** 2, 0) / ROWS;
    expect(loss(margins)).to.be.below(0.5 * loss(new Float32Array(ROWS)));
    expect(booster.predict(specOf(), 0, 10)).to.deep.equal(margins);
    const first = booster.predict(specOf(), 0, 4);
    const rest = booster.predict(specOf(), 4, 6);
    expect(first.every((sum, row) => Math.abs(sum + (rest[row] ?? NaN) - (margins[row] ?? NaN)) < 1e-5)).to.equal(true);
    expect(booster.model(0, 4).length).to.be.below(booster.model(0, 10).length);
    booster.close();
    dataset.close();
  });

  it('goes on from margins as the booster that made them would have', () => {
    const dataset = opened();
    const whole = boosted(dataset, 12);
    const half = boosted(dataset, 5);
    dataset.setMargins(half.margins, 1);
    const rest = boosted(dataset, 7);
    expect(rest.margins).to.deep.equal(whole.margins);
    expect(sha256(rest.booster.model(6, 1))).to.equal(sha256(whole.booster.model(11, 1)));
    for (const { booster } of [whole, half, rest]) booster.close();
    dataset.close();
  });

  it('draws the same columns for the same seed, others for another', () => {
    const dataset = opened();
    const modelOf = (seed: number): string => {
      const { booster } = boosted(dataset, 6, { seed, colsample_bynode: 0.5 });
      const hash = sha256(booster.model(0, 6));
      booster.close();
      return hash;
    };
    const [one, other] = [modelOf(1), modelOf(2)];
    expect(modelOf(1)).to.equal(one);
    expect(other).not.to.equal(one);
    dataset.close();
  });

  it('refuses what does not fit, and can be closed twice', () => {
    expect(errorOf(() => opened({ labels: labels.subarray(1) })).message).to.contain('do not fit');
    expect(errorOf(() => opened({ codes: codes.subarray(1) })).message).to.contain('do not fit');
    const dataset = opened();
    const { booster } = boosted(dataset, 1);
    expect(errorOf(() => booster.readMargins(new Float32Array(1))).message).to.contain(`${ROWS} scores, expected 1`);
    booster.close();
    booster.close();
    expect(errorOf(() => booster.model(0, 1)).message).to.contain('closed booster');
    dataset.close();
    dataset.close();
    expect(errorOf(() => dataset.createBooster(PARAMETERS)).message).to.contain('closed data set');
    expect(errorOf(() => dataset.setMargins(new Float32Array(ROWS), 1)).message).to.contain('closed data set');
  });

  it('passes on what XGBoost says', () => {
    const dataset = opened();
    const negative = errorOf(() => boosted(dataset, 1, { max_depth: -3 }));
    expect(negative.code).to.equal('INTERNAL');
    expect(negative.message).to.match(/^XGBoost: \w+: value -3 for Parameter max_depth/);
    const { booster } = boosted(dataset, 1);
    expect(errorOf(() => booster.model(0, 5)).message).to.contain('XGBoosterSlice');
    booster.close();
    dataset.close();
  });

  it('names the library that cannot be loaded or is another', () => {
    for (const libraryPath of ['/nowhere/libxgboost.so', 'libm.so.6', lightgbmLibraryPath()]) {
      const err = errorOf(() => openXgboost({ libraryPath }));
      expect(err.code).to.equal('NATIVE_LIBRARY');
      expect(err.message).to.contain(libraryPath);
    }
  });

  it('prints nothing, errors too, beside LightGBM in one process', () => {
    const native = (name: string): string =>
      JSON.stringify(import.meta.resolve(`../../../yarn-workers/worker/native/${name}.ts`));
    const program = `
      import { openEngines } from ${native('engines')};
      const engines = openEngines({ lightgbmLibrary: ${JSON.stringify(lightgbmLibraryPath())}, libgompLibrary: process.env.TRAINYARD_LIBGOMP_LIBRARY ?? '', xgboostLibrary: ${JSON.stringify(xgboostLibraryPath())} });
      const values = Float64Array.from({ length: 2000 }, (_, at) => at % 37);
      const rows = new Float32Array(1000).map((_, row) => row % 2);
      const first = engines.createDataset({ rowCount: 1000, columnCount: 2, categoricalColumns: [], sample: values, sampleRowCount: 1000, hasWeights: false, threadCount: 2, parameters: {} });
      first.push(values, 1000, rows, null);
      first.finish();
      const boosterOfFirst = first.createBooster({ objective: 'binary' });
      const second = engines.xgboost().createDataset({ rowCount: 1000, columnCount: 2, codes: Uint8Array.from(values), missingCode: 255, isCategory: [false, false], binsMax: 41, labels: rows, weights: null, threadCount: 2 });
      second.setMargins(new Float32Array(1000), 1);
      const boosterOfSecond = second.createBooster({ objective: 'reg:squarederror', base_score: 0, no_such_parameter: 1 });
      for (let iteration = 0; iteration < 5; iteration += 1) {
        boosterOfFirst.update();
        boosterOfSecond.boost(rows, new Float32Array(1000).fill(1));
      }
      try { boosterOfSecond.model(0, 50); } catch { process.exitCode = 3; }
      boosterOfFirst.close();
      boosterOfSecond.close();
      first.close();
      second.close();`;
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module-typescript', '--eval', program],
      { encoding: 'utf8' },
    );
    expect({ stdout, stderr, status }).to.deep.equal({ stdout: '', stderr: '', status: 3 });
  }).timeout(30_000);
});

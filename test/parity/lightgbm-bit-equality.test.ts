import { expect } from 'chai';
import type { EngineParameters } from '#ml';
import { compileTrees, compileTreeWalk, parseLightgbmModel, type TreeArrays } from '#scoring';
import { createRandom, type Random } from '#statistics';
import { testEngine } from '../support/boosting-engine.ts';

const COLUMNS = 8;
/** The last two columns are categories, the one before them has mostly zeros. */
const CATEGORIES = [6, 7];
const TRAINING_ROWS = 4_000;
const ROWS_IN_ALL = 1_300_000;

interface ModelCase {
  readonly name: string;
  readonly parameters: EngineParameters;
  readonly dataset?: EngineParameters;
  readonly iterations: number;
  readonly classes?: number;
}

const LINEAR = { objective: 'regression', linear_tree: true, linear_lambda: 0.1 } as const;

const CASES: readonly ModelCase[] = [
  { name: 'binary with missing values and categories', parameters: { objective: 'binary' }, iterations: 40 },
  {
    name: 'zero as missing',
    parameters: { objective: 'binary', zero_as_missing: true },
    dataset: { zero_as_missing: true },
    iterations: 40,
  },
  {
    name: 'missing values not told apart',
    parameters: { objective: 'regression', use_missing: false },
    dataset: { use_missing: false },
    iterations: 40,
  },
  { name: 'multiclass', parameters: { objective: 'multiclass', num_class: 4 }, iterations: 12, classes: 4 },
  { name: 'trees of one leaf', parameters: { objective: 'binary', min_data_in_leaf: 3_999 }, iterations: 2 },
  { name: 'stumps', parameters: { objective: 'regression', num_leaves: 2 }, iterations: 30 },
  { name: 'deep trees', parameters: { objective: 'regression', num_leaves: 400, min_data_in_leaf: 2 }, iterations: 12 },
  {
    name: 'random forest',
    parameters: { objective: 'binary', boosting: 'rf', bagging_fraction: 0.6, bagging_freq: 1, num_leaves: 63 },
    iterations: 20,
  },
  {
    name: 'extra trees, monotone',
    parameters: { objective: 'regression', extra_trees: true, monotone_constraints: '1,-1,0,0,0,0,0,0' },
    iterations: 40,
  },
  { name: 'poisson', parameters: { objective: 'poisson', num_leaves: 15 }, iterations: 30 },
  {
    name: 'dropped trees',
    parameters: { objective: 'binary', boosting: 'dart', drop_rate: 0.3, skip_drop: 0.2, learning_rate: 0.3 },
    iterations: 60,
  },
  { name: 'linear leaves', parameters: LINEAR, dataset: { linear_tree: true }, iterations: 40 },
  {
    name: 'linear leaves, multiclass',
    parameters: { ...LINEAR, objective: 'multiclass', num_class: 4 },
    dataset: { linear_tree: true },
    iterations: 12,
    classes: 4,
  },
];

const NUMBERS = [
  NaN,
  0,
  -0,
  1e-35,
  -1e-35,
  1e-36,
  -1e-36,
  1.0000000180025095e-35,
  5e-324,
  -5e-324,
  2.2e-308,
  Infinity,
  -Infinity,
  1e300,
  -1e300,
  Number.MAX_VALUE,
  1e-20,
  -1e-20,
];
const CODES = [
  NaN,
  -0,
  -0.5,
  -1,
  -1.5,
  -7,
  0.5,
  1.9999,
  3.7,
  63,
  64,
  1e6,
  2147483647,
  2147483648,
  -2147483648,
  -2147483649,
  4294967296,
  1e18,
  Infinity,
  -Infinity,
  5e-324,
  0.9999999999999999,
];

const bits = new DataView(new ArrayBuffer(8));

/** The next double above (1) or below (-1) a finite number. */
function neighbour(value: number, direction: 1 | -1): number {
  if (value === 0) return direction * 5e-324;
  bits.setFloat64(0, value);
  bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(value > 0 ? direction : -direction));
  return bits.getFloat64(0);
}

function trainingRow(random: Random, out: Float64Array, at: number): number {
  for (let column = 0; column < COLUMNS; column += 1) {
    const draw = random.uniform();
    let value = random.uniform() * 4 - 2;
    if (column === 1) value = Math.round(value * 3);
    if (column === 2) value *= 1e-35;
    if (column === 3 && draw < 0.2) value = NaN;
    if (column === 4) value = draw < 0.05 ? Infinity : draw < 0.1 ? -Infinity : value * 1e30;
    if (column === 5 && draw < 0.7) value = 0;
    if (CATEGORIES.includes(column)) value = draw < 0.1 ? NaN : random.below(column === 6 ? 5 : 120);
    out[at + column] = value;
  }
  const category = out[at + 7] ?? 0;
  return (
    (out[at] ?? 0) +
    Math.sin(Number.isNaN(category) ? 3 : category) +
    ((out[at + 3] ?? 0) > 0 ? 1 : 0) +
    random.uniform()
  );
}

/** Trains as the worker does: sampled bins, pushed chunks. */
function train(modelCase: ModelCase, seed: number): { text: string; rows: Float64Array } {
  const random = createRandom(seed);
  const rows = new Float64Array(TRAINING_ROWS * COLUMNS);
  const labels = new Float32Array(TRAINING_ROWS);
  for (let row = 0; row < TRAINING_ROWS; row += 1) {
    const signal = trainingRow(random, rows, row * COLUMNS);
    const { objective } = modelCase.parameters;
    labels[row] =
      objective === 'binary'
        ? signal > 1
          ? 1
          : 0
        : objective === 'multiclass'
          ? Math.min(3, Math.max(0, Math.floor(signal + 1)))
          : Math.max(0, signal + 2);
  }
  const dataset = testEngine().createDataset({
    rowCount: TRAINING_ROWS,
    columnCount: COLUMNS,
    categoricalColumns: CATEGORIES,
    sample: rows,
    sampleRowCount: TRAINING_ROWS,
    hasWeights: false,
    threadCount: 2,
    parameters: { ...modelCase.dataset, min_data_in_leaf: modelCase.parameters['min_data_in_leaf'] ?? 5 },
  });
  try {
    dataset.push(rows, TRAINING_ROWS, labels, null);
    dataset.finish();
    const booster = dataset.createBooster({
      min_data_in_leaf: 5,
      min_data_per_group: 10,
      cat_smooth: 1,
      ...modelCase.parameters,
      seed: 7,
    });
    try {
      let made = 0;
      while (made < modelCase.iterations && !booster.update()) made += 1;
      return { text: booster.modelText(0, Math.max(1, made)), rows };
    } finally {
      booster.close();
    }
  } finally {
    dataset.close();
  }
}

/** Thresholds of each numeric column, so that rows can stand next to them. */
function thresholdsByColumn(trees: TreeArrays): number[][] {
  const byColumn = Array.from({ length: COLUMNS }, (): number[] => []);
  for (let node = 0; node < trees.splitFeature.length; node += 1) {
    if (((trees.decisionType[node] ?? 0) & 1) === 0)
      byColumn[trees.splitFeature[node] ?? 0]?.push(trees.threshold[node] ?? 0);
  }
  return byColumn;
}

function hostileRows(count: number, seed: number, training: Float64Array, trees: TreeArrays): Float64Array {
  const random = createRandom(seed);
  const thresholds = thresholdsByColumn(trees);
  const pick = (values: readonly number[]): number => values[random.below(values.length)] ?? NaN;
  const rows = new Float64Array(count * COLUMNS);
  for (let at = 0; at < rows.length; at += 1) {
    const column = at % COLUMNS;
    const draw = random.below(10);
    const own = thresholds[column] ?? [];
    if (CATEGORIES.includes(column))
      rows[at] = draw < 5 ? random.below(140) : draw < 8 ? pick(CODES) : random.uniform() * 200 - 20;
    else if (draw < 4 && own.length > 0) {
      const threshold = pick(own);
      rows[at] =
        draw === 0
          ? threshold
          : draw === 1
            ? neighbour(threshold, 1)
            : draw === 2
              ? neighbour(threshold, -1)
              : -threshold;
    } else if (draw < 7) rows[at] = pick(NUMBERS);
    else rows[at] = training[random.below(TRAINING_ROWS) * COLUMNS + column] ?? NaN;
  }
  return rows;
}

/** Index of the first double that differs in any bit (NaN included), or -1. */
function firstDifference(a: Float64Array, b: Float64Array): number {
  const left = new BigUint64Array(a.buffer, a.byteOffset, a.length);
  const right = new BigUint64Array(b.buffer, b.byteOffset, b.length);
  return left.findIndex((word, index) => word !== right[index]);
}

/** A score of LightGBM that is beyond what one can be has another that is none of its: then they are not compared any further. */
function expectSane(scores: Float64Array, expected: Float64Array): void {
  let absurd = 0;
  for (const [at, score] of expected.entries()) {
    if (Math.abs(score) <= 1e90) continue;
    absurd += 1;
    const own = scores[at] ?? NaN;
    expect(Math.abs(own), `row ${at}`).to.be.lessThan(1e102);
    expected[at] = own;
  }
  expect(absurd / expected.length).to.be.lessThan(0.6);
}

describe('parity: our tree evaluators and LightGBM, bit for bit', function () {
  this.timeout(120_000);
  const rowsEach = ROWS_IN_ALL / CASES.length;
  let compared = 0;

  for (const [index, modelCase] of CASES.entries()) {
    it(`${modelCase.name}: ${rowsEach} hostile rows`, () => {
      const { text, rows: training } = train(modelCase, 100 + index);
      const model = parseLightgbmModel(text);
      expect(model.outputCount).to.equal(modelCase.classes ?? 1);
      expect(model.averageOutput).to.equal(modelCase.parameters['boosting'] === 'rf');
      expect((model.linear?.coefficient.length ?? 0) > 0).to.equal(modelCase.dataset?.['linear_tree'] === true);
      const rows = hostileRows(rowsEach, 500 + index, training, model);
      const oracle = testEngine().loadModel(text);
      let expected: Float64Array;
      try {
        expected = oracle.predictRaw(rows, rowsEach, COLUMNS);
      } finally {
        oracle.close();
      }
      // LightGBM's raw prediction of a forest is the sum; it divides only on the way to the prediction proper.
      if (model.averageOutput) expected = expected.map((sum) => sum / (model.treeCount / model.outputCount));
      const columns = Int32Array.from({ length: COLUMNS }, (_, column) => column);
      const evaluators = { compiled: compileTrees(model, COLUMNS).score, walked: compileTreeWalk(model, columns) };
      for (const [name, evaluate] of Object.entries(evaluators)) {
        const scores = new Float64Array(rowsEach * model.outputCount);
        for (let row = 0; row < rowsEach; row += 1) evaluate(rows, row * COLUMNS, scores, row * model.outputCount);
        if (model.linear !== undefined) expectSane(scores, expected);
        const at = firstDifference(scores, expected);
        const row = Math.floor(at / model.outputCount);
        expect(
          at,
          at < 0
            ? ''
            : `${name}, row ${Array.from(rows.subarray(row * COLUMNS, (row + 1) * COLUMNS)).join(' ')}: ${String(scores[at])} !== ${String(expected[at])}`,
        ).to.equal(-1);
      }
      if (modelCase.name !== 'trees of one leaf') expect(new Set(expected).size).to.be.greaterThan(3);
      compared += rowsEach;
    });
  }

  after(() => {
    if (compared !== ROWS_IN_ALL) throw new Error(`${compared} rows were compared, expected ${ROWS_IN_ALL}`);
  });
});

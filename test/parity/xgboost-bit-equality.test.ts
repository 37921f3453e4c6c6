import { expect } from 'chai';
import type { XgboostBooster, XgboostEngine } from '#ml';
import { compileTrees, compileTreeWalk, type TreeArrays } from '#scoring';
import { createRandom, type Random } from '#statistics';
import type { Objective } from '../../yarn-workers/ml/blueprints/objective.ts';
import { entryOf } from '../../yarn-workers/ml/blueprints/catalogue.ts';
import { isXgboost } from '../../yarn-workers/ml/blueprints/settings.ts';
import type { XgboostSettings } from '../../yarn-workers/ml/blueprints/xgboost-settings.ts';
import { codesFor, encodeRows, findBins } from '../../yarn-workers/ml/fit/xgboost/bins.ts';
import { createXgboostDataset } from '../../yarn-workers/ml/fit/xgboost/dataset.ts';
import { iterationsOf, withConstants } from '../../yarn-workers/ml/fit/trees.ts';
import { testEngine } from '../support/boosting-engine.ts';
import { objectiveFor } from '../support/objective.ts';

const COLUMNS = 8;
const TRAINING_ROWS = 4_000;
const ROWS_EACH = 100_000;
const ITERATIONS = 25;

interface ModelCase {
  readonly name: string;
  readonly objective: Objective;
  readonly settings?: Partial<XgboostSettings>;
  readonly outputs?: number;
  readonly monotone?: readonly number[];
  readonly hasWeights?: boolean;
  readonly hasOffsets?: boolean;
  readonly levels?: number;
}

const CASES: readonly ModelCase[] = [
  { name: 'binary with missing values and categories', objective: objectiveFor('logLoss', 2) },
  { name: 'multiclass', objective: objectiveFor('logLoss', 4), outputs: 4 },
  {
    name: 'squares, deep trees, leaf by leaf',
    objective: objectiveFor('rmse'),
    settings: { leaves: 300, maxDepth: 16 },
  },
  { name: 'stumps', objective: objectiveFor('rmse'), settings: { maxDepth: 1 } },
  {
    name: 'trees of one leaf',
    objective: objectiveFor('rmse'),
    settings: { minSplitGain: 1e6 },
  },
  { name: 'absolute error, weights', objective: objectiveFor('mae'), hasWeights: true },
  { name: 'quantile, offsets', objective: objectiveFor('quantileLoss', 0, 0.8), hasOffsets: true },
  {
    name: 'poisson, random rows and columns',
    objective: objectiveFor('poissonDeviance'),
    settings: { rowFraction: 0.7, featureFraction: 0.6 },
  },
  {
    name: 'gamma, monotone',
    objective: objectiveFor('gammaDeviance'),
    monotone: [1, -1, 0, 0, 0, 0, 0, 0],
  },
  {
    name: 'tweedie, few bins',
    objective: objectiveFor('tweedieDeviance'),
    settings: { maxBins: 15 },
  },
  {
    name: 'more levels than a byte holds, more bins too',
    objective: objectiveFor('logLoss', 2),
    settings: { maxBins: 1_000, oneHotLevels: 1_000 },
    levels: 700,
  },
];

const NUMBERS = [NaN, 0, -0, 1e-35, -1e-35, 1e-36, -1e-36, 1.0000000180025095e-35, 5e-324, -5e-324, 2.2e-308].concat([
  Infinity,
  -Infinity,
  1e300,
  -1e300,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  1e-20,
  -1e-20,
]);
const CODES = [NaN, -0, -0.5, -1, -1.5, -7, 0.5, 1.9999, 3.7, 63, 64, 1e6, 2147483647, 2147483648, -2147483649].concat([
  4294967296,
  1e18,
  Infinity,
  -Infinity,
  5e-324,
  0.9999999999999999,
]);

const levelsOf = ({ levels = 120 }: ModelCase): (number | null)[] => [null, null, null, null, null, null, 5, levels];
const outputsOf = ({ outputs = 1 }: ModelCase): number => outputs;

function trainingRow(
  random: Random,
  categoryCounts: readonly (number | null)[],
  out: Float64Array,
  at: number,
): number {
  for (let column = 0; column < COLUMNS; column += 1) {
    const draw = random.uniform();
    let value = random.uniform() * 4 - 2;
    if (column === 1) value = Math.round(value * 3);
    if (column === 2) value *= 1e-35;
    if (column === 3 && draw < 0.2) value = NaN;
    if (column === 4) value = draw < 0.05 ? Infinity : draw < 0.1 ? -Infinity : value * 1e30;
    // Beyond what float32 tells apart.
    if (column === 5) value = draw < 0.5 ? 0 : 1.7e9 + Math.round(value * 20);
    const count = categoryCounts[column] ?? null;
    if (count !== null) value = draw < 0.1 ? NaN : random.below(count);
    out[at + column] = value;
  }
  const category = out[at + 7] ?? 0;
  return (
    (out[at] ?? 0) +
    Math.sin(Number.isNaN(category) ? 3 : category) +
    ((out[at + 3] ?? 0) > 0 ? 1 : 0) +
    ((out[at + 5] ?? 0) > 1.7e9 ? 0.5 : 0) +
    random.uniform()
  );
}

function labelOf({ objective }: ModelCase, signal: number): number {
  if (objective.link === 'logit') return signal > 1 ? 1 : 0;
  if (objective.link === 'softmax') return Math.min(3, Math.max(0, Math.floor(signal + 1)));
  return Math.max(0.1, signal + 2);
}

/** The booster that a data set made, so that the engine itself can be asked for its predictions. */
function capturing(engine: XgboostEngine, onBooster: (booster: XgboostBooster) => void): XgboostEngine {
  return {
    createDataset: (spec) => {
      const dataset = engine.createDataset(spec);
      return {
        ...dataset,
        createBooster: (parameters) => {
          const booster = dataset.createBooster(parameters);
          onBooster(booster);
          return booster;
        },
      };
    },
  };
}

interface Trained {
  readonly trees: TreeArrays;
  readonly rows: Float64Array;
  readonly constants: readonly number[];
  /** Leaves of iterations [first, first + count) as XGBoost finds and sums them. */
  readonly predict: (rows: Float64Array, first: number, count: number) => Float32Array;
  close(): void;
}

function train(modelCase: ModelCase, seed: number, threadCount = 2): Trained {
  const random = createRandom(seed);
  const categoryCounts = levelsOf(modelCase);
  const rows = new Float64Array(TRAINING_ROWS * COLUMNS);
  const labels = new Float32Array(TRAINING_ROWS);
  for (let row = 0; row < TRAINING_ROWS; row += 1)
    labels[row] = labelOf(modelCase, trainingRow(random, categoryCounts, rows, row * COLUMNS));
  const weights = modelCase.hasWeights === true ? labels.map((_, row) => 0.1 + (row % 7)) : null;
  const defaults = entryOf('xgboost-default').settings;
  if (defaults === null || !isXgboost(defaults)) throw new Error('xgboost-default has other settings');
  const settings = { ...defaults, ...modelCase.settings };
  const constants = Array.from({ length: outputsOf(modelCase) }, (_, output) => 0.1234567891234 - output);
  let native: XgboostBooster | undefined;
  const dataset = createXgboostDataset(
    capturing(testEngine().xgboost(), (booster) => (native = booster)),
    {
      rowCount: TRAINING_ROWS,
      categoryCounts,
      sample: rows,
      sampleRowCount: TRAINING_ROWS,
      hasWeights: weights !== null,
      threadCount,
      settings,
      objective: modelCase.objective,
      constants,
      offsets: modelCase.hasOffsets === true ? Float64Array.from(labels, (_, row) => (row % 5) / 7) : null,
      monotone: modelCase.monotone ?? null,
    },
  );
  dataset.push(rows, TRAINING_ROWS, labels, weights);
  dataset.finish();
  const booster = dataset.createBooster(7, 0);
  let made = 0;
  while (made < ITERATIONS && !booster.update()) made += 1;
  const trees = withConstants(booster.trees(0, Math.max(1, made)), constants);
  const bins = findBins(rows, TRAINING_ROWS, categoryCounts, settings.maxBins);
  const isCategory = categoryCounts.map((count) => count !== null);
  return {
    trees,
    rows,
    constants,
    predict: (values, first, count) => {
      const rowCount = values.length / COLUMNS;
      const codes = codesFor(bins, rowCount);
      encodeRows(bins, values, rowCount, codes, 0);
      const coded = { rowCount, columnCount: COLUMNS, codes, missingCode: bins.missingCode, isCategory };
      if (native === undefined) throw new Error('no booster was made');
      return native.predict(coded, first, count);
    },
    close: () => {
      booster.close();
      dataset.close();
    },
  };
}

const bits = new DataView(new ArrayBuffer(8));

/** The next double above (1) or below (-1) a finite number. */
function neighbour(value: number, direction: 1 | -1): number {
  if (value === 0) return direction * 5e-324;
  bits.setFloat64(0, value);
  bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(value > 0 ? direction : -direction));
  return bits.getFloat64(0);
}

function hostileRows(
  count: number,
  seed: number,
  modelCase: ModelCase,
  { rows: training, trees }: Trained,
): Float64Array {
  const random = createRandom(seed);
  const thresholds = Array.from({ length: COLUMNS }, (): number[] => []);
  for (const [node, column] of trees.splitFeature.entries())
    if (((trees.decisionType[node] ?? 0) & 1) === 0) thresholds[column]?.push(trees.threshold[node] ?? 0);
  const pick = (values: readonly number[]): number => values[random.below(values.length)] ?? NaN;
  const categoryCounts = levelsOf(modelCase);
  const rows = new Float64Array(count * COLUMNS);
  for (let at = 0; at < rows.length; at += 1) {
    const column = at % COLUMNS;
    const draw = random.below(10);
    const own = thresholds[column] ?? [];
    const levels = categoryCounts[column] ?? null;
    if (levels !== null)
      rows[at] = draw < 5 ? random.below(levels + 20) : draw < 8 ? pick(CODES) : random.uniform() * 200 - 20;
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

/** XGBoost's own leaves, iteration by iteration, added up in doubles as our trees are. */
function sumsOf({ predict, trees, constants }: Trained, rows: Float64Array): Float64Array {
  const sums = new Float64Array((rows.length / COLUMNS) * constants.length);
  for (let iteration = 0; iteration < iterationsOf(trees); iteration += 1) {
    const leaves = predict(rows, iteration, 1);
    for (let at = 0; at < sums.length; at += 1) {
      const leaf = (leaves[at] ?? NaN) + (iteration === 0 ? (constants[at % constants.length] ?? 0) : 0);
      sums[at] = (sums[at] ?? 0) + leaf;
    }
  }
  return sums;
}

/** Index of the first double that differs in any bit (NaN included), or -1. */
function firstDifference(a: Float64Array, b: Float64Array): number {
  const left = new BigUint64Array(a.buffer, a.byteOffset, a.length);
  const right = new BigUint64Array(b.buffer, b.byteOffset, b.length);
  return left.findIndex((word, index) => word !== right[index]);
}

describe('parity: our tree evaluators and XGBoost, bit for bit', function () {
  this.timeout(180_000);
  let compared = 0;

  for (const [index, modelCase] of CASES.entries()) {
    it(`${modelCase.name}: ${ROWS_EACH} hostile rows`, () => {
      const trained = train(modelCase, 100 + index);
      try {
        const { trees } = trained;
        expect(trees.outputCount).to.equal(outputsOf(modelCase));
        const rows = hostileRows(ROWS_EACH, 500 + index, modelCase, trained);
        const expected = sumsOf(trained, rows);
        const columns = Int32Array.from({ length: COLUMNS }, (_, column) => column);
        const evaluators = { compiled: compileTrees(trees, COLUMNS).score, walked: compileTreeWalk(trees, columns) };
        for (const [name, evaluate] of Object.entries(evaluators)) {
          const scores = new Float64Array(ROWS_EACH * trees.outputCount);
          for (let row = 0; row < ROWS_EACH; row += 1) evaluate(rows, row * COLUMNS, scores, row * trees.outputCount);
          const at = firstDifference(scores, expected);
          const row = Math.floor(at / trees.outputCount);
          const found = `${name}, row ${Array.from(rows.subarray(row * COLUMNS, (row + 1) * COLUMNS)).join(' ')}`;
          expect(at, at < 0 ? '' : `${found}: ${String(scores[at])} !== ${String(expected[at])}`).to.equal(-1);
        }
        // XGBoost's own sum is one of floats: each addition is off by at most 2^-24 of what has come together.
        const own = trained.predict(rows, 0, iterationsOf(trees));
        const bound = iterationsOf(trees) * 2 ** -24 * Math.max(...expected.map(Math.abs).subarray(0, 1_000), 10);
        const constant = (at: number): number => trained.constants[at % trained.constants.length] ?? 0;
        expect(own.every((sum, at) => Math.abs(sum + constant(at) - (expected[at] ?? NaN)) <= bound)).to.equal(true);
        if (modelCase.name !== 'trees of one leaf') expect(new Set(expected).size).to.be.greaterThan(3);
        compared += ROWS_EACH;
      } finally {
        trained.close();
      }
    });
  }

  it('makes the same trees with one, two and three threads', () => {
    for (const [index, modelCase] of CASES.entries()) {
      const all = [1, 2, 3].map((threads) => {
        const trained = train(modelCase, 100 + index, threads);
        trained.close();
        return JSON.stringify(trained.trees);
      });
      expect(new Set(all).size, modelCase.name).to.equal(1);
    }
  });

  after(() => {
    const expected = ROWS_EACH * CASES.length;
    if (compared !== expected) throw new Error(`${compared} rows were compared, expected ${expected}`);
  });
});

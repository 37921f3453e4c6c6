import { expect } from 'chai';
import type { MetricName } from '#contracts';
import {
  computeMetrics,
  createRandom,
  mantissaBitsFor,
  metricsFor,
  metricStates,
  type MetricInput,
  type MetricResults,
} from '#statistics';
import { magnitudeGrid, probabilityGrid } from '../../../../../prediction/statistics/metrics/score-grid.ts';

const ROWS = 60_000;
/** Computed from buckets; all others are means. */
const BUCKETED: Readonly<Record<string, number>> = {
  auc: 1e-6,
  gini: 2e-6,
  prAuc: 1e-4,
  topDecileLift: 1e-4,
  medianAbsoluteError: 1e-4,
};
const BITS = 12;

type Binary = Extract<MetricInput, { targetType: 'binary' }>;

/** Rows of a model that knows something: log odds spread as those of a real one. */
function binaryRows(share: number, spread: number, isWeighted: boolean, rowCount = ROWS): Binary {
  const random = createRandom(7);
  const probability = new Float64Array(rowCount);
  const actual = new Int32Array(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    const raw = Math.log(share / (1 - share)) + spread * (random.uniform() + random.uniform() + random.uniform() - 1.5);
    probability[row] = 1 / (1 + Math.exp(-raw));
    actual[row] = Number(random.uniform() < (probability[row] ?? 0));
  }
  const weight = isWeighted ? { weight: probability.map(() => random.below(3)) } : {};
  return { targetType: 'binary', actual, positiveClass: 1, probability, threshold: 0.5, ...weight };
}

function multiclassRows(classCount: number): MetricInput {
  const random = createRandom(8);
  const probabilities = new Float64Array(ROWS * classCount);
  const actual = new Int32Array(ROWS);
  for (let row = 0; row < ROWS; row += 1) {
    const odds = Array.from({ length: classCount }, () => Math.exp(3 * random.uniform()));
    const sum = odds.reduce((all, one) => all + one, 0);
    for (const [index, one] of odds.entries()) probabilities[row * classCount + index] = one / sum;
    let left = random.uniform() * sum;
    actual[row] = odds.findIndex((one) => (left -= one) < 0);
  }
  return { targetType: 'multiclass', actual, classCount, probabilities };
}

function regressionRows(isWeighted: boolean): MetricInput {
  const random = createRandom(9);
  const predicted = Float64Array.from({ length: ROWS }, () => Math.exp(3 * random.uniform()));
  const actual = predicted.map((value) => value * Math.exp(random.uniform() - 0.5));
  const weight = isWeighted ? { weight: predicted.map(() => random.uniform()) } : {};
  return { targetType: 'regression', actual, predicted, quantile: 0.9, ...weight };
}

/** Rows [from, to). */
function part(input: MetricInput, from: number, to: number): MetricInput {
  const weight = input.weight === undefined ? {} : { weight: input.weight.subarray(from, to) };
  const actual = input.actual.subarray(from, to);
  switch (input.targetType) {
    case 'binary':
      return { ...input, ...weight, actual: actual as Int32Array, probability: input.probability.subarray(from, to) };
    case 'multiclass': {
      const { classCount } = input;
      const probabilities = input.probabilities.subarray(from * classCount, to * classCount);
      return { ...input, ...weight, actual: actual as Int32Array, probabilities };
    }
    case 'regression':
      return { ...input, ...weight, actual: actual as Float64Array, predicted: input.predicted.subarray(from, to) };
  }
}

function inBlocks(input: MetricInput, blockRows: number, bits = BITS) {
  const states = metricStates(input, bits);
  for (let from = 0; from < input.actual.length; from += blockRows)
    states.add(part(input, from, Math.min(from + blockRows, input.actual.length)));
  return states;
}

const exactOf = (input: MetricInput): MetricResults => computeMetrics(metricsFor(input.targetType), input);

const CASES: readonly (readonly [string, () => MetricInput])[] = [
  ['two classes', () => binaryRows(0.4, 4, false)],
  ['two classes, weights, some zero', () => binaryRows(0.4, 4, true)],
  ['a rare class', () => binaryRows(0.003, 4, false)],
  ['scores near one', () => binaryRows(0.999, 6, false)],
  ['four classes', () => multiclassRows(4)],
  ['numbers', () => regressionRows(false)],
  ['numbers, weights', () => regressionRows(true)],
];

describe('states of metrics', function () {
  this.timeout(20_000);

  for (const [name, made] of CASES) {
    it(`of ${name} give means to the last bit, and ranks within the error that they tell`, () => {
      const input = made();
      const exact = exactOf(input);
      const states = inBlocks(input, 1_000);
      const found = states.results();
      const errors = states.errors();
      expect(Object.keys(found).sort()).to.deep.equal(Object.keys(exact).sort());
      for (const metric of Object.keys(exact) as MetricName[]) {
        const [value = NaN, expected = NaN] = [found[metric], exact[metric]];
        const tolerance = BUCKETED[metric];
        if (tolerance !== undefined) {
          const off = Math.abs(value - expected);
          // One rounding of each of 60,000 terms.
          expect(off, metric).to.be.at.most((errors[metric] ?? 0) + 1e-12);
          expect(off, metric).to.be.at.most(tolerance);
        } else if (metric === 'r2') expect(value).to.be.closeTo(expected, 1e-12);
        else expect(value, metric).to.equal(expected);
      }
    });

    it(`of ${name} are the same whatever the size of blocks`, () => {
      const input = made();
      const expected = inBlocks(input, ROWS);
      for (const blockRows of [1, 777, 4_096].filter((rows) => rows > 1 || input.targetType !== 'multiclass')) {
        const states = inBlocks(input, blockRows);
        expect(states.results()).to.deep.equal(expected.results());
        expect(states.errors()).to.deep.equal(expected.errors());
      }
    });

    it(`of ${name} add up`, () => {
      const input = made();
      const whole = inBlocks(input, ROWS).results();
      const merged = metricStates(input, BITS);
      for (const [from, to] of [
        [0, 10],
        [10, 40_001],
        [40_001, ROWS],
      ] as const)
        merged.merge(inBlocks(part(input, from, to), ROWS));
      const found = merged.results();
      expect(Object.keys(found).sort()).to.deep.equal(Object.keys(whole).sort());
      for (const [metric, value] of Object.entries(whole))
        expect(found[metric as MetricName], metric).to.be.closeTo(value, 1e-12 * Math.max(1, Math.abs(value)));
    });
  }

  it('are undefined where the rows leave them so', () => {
    const one: MetricInput = { ...binaryRows(0.5, 1, false, 100), actual: new Int32Array(100).fill(1) };
    expect(inBlocks(one, 7, 4).results()).to.deep.equal(exactOf(one));
    const same: MetricInput = {
      targetType: 'regression',
      actual: new Float64Array(10).fill(0),
      predicted: new Float64Array(10).fill(-1),
    };
    expect(Object.keys(inBlocks(same, 3).results()).sort()).to.deep.equal(Object.keys(exactOf(same)).sort());
    expect(metricStates(same, 4).results()).to.deep.equal({});
    const none = { ...one, weight: new Float64Array(100) };
    expect(inBlocks(none, 7).results()).to.deep.equal({});
  });

  it('tell a large error where all scores are of one bucket', () => {
    const random = createRandom(3);
    const close = Float64Array.from({ length: 1_000 }, (_, row) => 0.3 + 1e-9 * row);
    const input: Binary = {
      ...binaryRows(0.5, 1, false, 1_000),
      probability: close,
      actual: Int32Array.from(close, () => random.below(2)),
    };
    const states = inBlocks(input, 100);
    expect(states.results().auc).to.equal(0.5);
    expect(states.errors().auc).to.equal(0.5);
    const off = Math.abs((exactOf(input).prAuc ?? NaN) - (states.results().prAuc ?? NaN));
    expect(states.errors().prAuc).to.be.at.least(off);
  });

  it('refuse rows and states of another kind', () => {
    const states = inBlocks(CASES[0]?.[1]() ?? expect.fail(), ROWS);
    expect(() => states.add(regressionRows(false))).to.throw('another target type');
    expect(() => states.merge(inBlocks(regressionRows(false), ROWS))).to.throw('two target types');
    expect(() => states.merge(inBlocks(binaryRows(0.5, 1, false), ROWS, 5))).to.throw('two grids');
  });
});

describe('grids of scores', () => {
  it('keep the order of probabilities, as fine near one as near zero', () => {
    const { bucketCount, bucketOf } = probabilityGrid(12);
    const values = [
      0,
      Number.MIN_VALUE,
      2 ** -128,
      1e-20,
      1e-3,
      0.25,
      0.5 - 2 ** -54,
      0.5,
      0.75,
      1 - 1e-9,
      1 - 2 ** -53,
      1,
    ];
    const buckets = values.map(bucketOf);
    expect(buckets).to.deep.equal(buckets.toSorted((a, b) => a - b));
    expect(buckets[0]).to.equal(0);
    expect(buckets.at(-1)).to.equal(bucketCount - 1);
    expect(new Set(buckets.slice(2)).size).to.equal(values.length - 2);
    expect(bucketOf(1 - 1e-6) - bucketOf(1 - 1.01e-6)).to.be.within(30, 50);
    expect(bucketOf(1.01e-6) - bucketOf(1e-6)).to.be.within(30, 50);
  });

  it('keep the order of magnitudes', () => {
    const { bucketCount, bucketOf, startOf } = magnitudeGrid(12);
    const values = [0, 1e-40, 1e-10, 1, 1.001, 2, 1e30, 1e300, Infinity];
    const buckets = values.map(bucketOf);
    expect(buckets).to.deep.equal(buckets.toSorted((a, b) => a - b));
    expect(buckets.at(-1)).to.equal(bucketCount - 1);
    for (const value of values.slice(0, -1)) {
      expect(startOf(bucketOf(value)), String(value)).to.be.at.most(value);
      expect(startOf(bucketOf(value) + 1), String(value)).to.be.above(value);
    }
  });

  it('become wider where there are many', () => {
    const bytesMax = 64 * 1024 ** 2;
    const binary = binaryRows(0.5, 1, false, 1);
    expect(mantissaBitsFor(binary, 1, bytesMax)).to.equal(12);
    for (const count of [6, 40, 1_000]) {
      const bits = mantissaBitsFor(binary, count, bytesMax);
      expect(bits).to.be.below(12);
      expect(probabilityGrid(bits).bucketCount * count * 16).to.be.at.most(bytesMax);
    }
    expect(mantissaBitsFor({ targetType: 'multiclass', classCount: 10 }, 4, bytesMax)).to.equal(
      mantissaBitsFor(binary, 40, bytesMax),
    );
    expect(mantissaBitsFor({ targetType: 'regression' }, 1_000_000, bytesMax)).to.equal(2);
  });
});

import { expect } from 'chai';
import { METRIC_FACTS, METRIC_NAMES, TARGET_TYPES, type MetricName } from '#contracts';
import {
  computeMetrics,
  createRandom,
  defaultMetric,
  isBetter,
  metricsFor,
  type BinaryInput,
  type MetricInput,
} from '#statistics';

const binary = (actual: number[], probability: number[], extra: Partial<BinaryInput> = {}): BinaryInput => ({
  targetType: 'binary',
  actual: Int32Array.from(actual),
  positiveClass: 1,
  probability: Float64Array.from(probability),
  threshold: 0.5,
  ...extra,
});

const one = (name: MetricName, input: MetricInput): number | undefined => computeMetrics([name], input)[name];

/** 1 M rows have this many in the ranking test: enough for the radix sort, few enough for a unit test. */
const MANY = 20_000;

describe('computeMetrics', () => {
  it('has nothing to say of no rows, and of rows without weight', () => {
    const none = new Float64Array(0);
    expect(computeMetrics(metricsFor('binary'), binary([], []))).to.deep.equal({});
    expect(
      computeMetrics(metricsFor('binary'), binary([0, 1], [0.2, 0.3], { weight: new Float64Array(2) })),
    ).to.deep.equal({});
    expect(
      computeMetrics(metricsFor('regression'), { targetType: 'regression', actual: none, predicted: none }),
    ).to.deep.equal({});
    const empty: MetricInput = {
      targetType: 'multiclass',
      actual: new Int32Array(0),
      classCount: 3,
      probabilities: none,
    };
    expect(computeMetrics(metricsFor('multiclass'), empty)).to.deep.equal({});
  });

  it('computes only what is asked for', () => {
    expect(Object.keys(computeMetrics(['auc', 'brier'], binary([0, 1], [0.2, 0.3])))).to.deep.equal(['auc', 'brier']);
  });

  it('refuses a metric of another target type', () => {
    expect(() => computeMetrics(['rmse'], binary([0, 1], [0.2, 0.3])))
      .to.throw('rmse')
      .with.property('code', 'METRIC_MISMATCH');
  });

  it('refuses inputs that break their promises', () => {
    const bad: [string, MetricInput][] = [
      ['probability', binary([0, 1], [0.2])],
      ['probability', binary([0, 1], [0.2, NaN])],
      ['probability', binary([0, 1], [0.2, 1.1])],
      ['actual', binary([0, 2], [0.2, 0.3])],
      ['positiveClass', binary([0, 1], [0.2, 0.3], { positiveClass: 2 })],
      ['threshold', binary([0, 1], [0.2, 0.3], { threshold: NaN })],
      ['weight', binary([0, 1], [0.2, 0.3], { weight: Float64Array.of(1, -1) })],
      ['weight', binary([0, 1], [0.2, 0.3], { weight: Float64Array.of(1, Infinity) })],
      ['weight', binary([0, 1], [0.2, 0.3], { weight: Float64Array.of(1) })],
      ['weights', binary([0, 1], [0.2, 0.3], { weight: Float64Array.of(1e308, 1e308) })],
      ['weights', binary([0, 1], [0.2, 0.3], { weight: Float64Array.of(5e-324, 0) })],
      [
        'actual of row 1',
        { targetType: 'multiclass', actual: Int32Array.of(0, 2), classCount: 2, probabilities: new Float64Array(4) },
      ],
      [
        'probabilities',
        { targetType: 'multiclass', actual: Int32Array.of(0, 1), classCount: 2, probabilities: new Float64Array(3) },
      ],
      [
        'classCount',
        { targetType: 'multiclass', actual: new Int32Array(0), classCount: 0, probabilities: new Float64Array(0) },
      ],
      ['actual', { targetType: 'regression', actual: Float64Array.of(NaN), predicted: Float64Array.of(1) }],
      ['predicted', { targetType: 'regression', actual: Float64Array.of(1), predicted: Float64Array.of(NaN) }],
      [
        'tweediePower',
        { targetType: 'regression', actual: Float64Array.of(1), predicted: Float64Array.of(1), tweediePower: 2 },
      ],
    ];
    for (const [field, input] of bad) {
      expect(() => computeMetrics([], input), field)
        .to.throw(field)
        .with.property('code', 'INTERNAL');
    }
  });

  it('leaves out what is not finite', () => {
    const input: MetricInput = {
      targetType: 'regression',
      actual: Float64Array.of(1, 2, 3),
      predicted: Float64Array.of(1, 2, Infinity),
    };
    expect(computeMetrics(metricsFor('regression'), input)).to.deep.equal({ medianAbsoluteError: 0 });
  });

  it('takes a row of weight zero as absent, whatever is in it', () => {
    const weight = Float64Array.of(1, 2, 0);
    const input: MetricInput = {
      targetType: 'regression',
      actual: Float64Array.of(1, 2, 0),
      predicted: Float64Array.of(1.5, 2.5, -5),
      weight,
      quantile: 0.5,
    };
    const without: MetricInput = {
      targetType: 'regression',
      actual: Float64Array.of(1, 2),
      predicted: Float64Array.of(1.5, 2.5),
      weight: Float64Array.of(1, 2),
      quantile: 0.5,
    };
    expect(computeMetrics(metricsFor('regression'), input)).to.deep.equal(
      computeMetrics(metricsFor('regression'), without),
    );
    expect(Object.keys(computeMetrics(metricsFor('regression'), input))).to.have.length(
      metricsFor('regression').length,
    );
  });

  it('gives equal weights the values of no weights', () => {
    const random = createRandom(9);
    const probability = Array.from({ length: 101 }, () => random.below(20) / 19);
    const actual = probability.map((p) => (random.uniform() < p ? 1 : 0));
    const plain = computeMetrics(metricsFor('binary'), binary(actual, probability));
    const weighted = computeMetrics(
      metricsFor('binary'),
      binary(actual, probability, { weight: new Float64Array(101).fill(0.1) }),
    );
    for (const name of metricsFor('binary')) expect(weighted[name], name).to.be.closeTo(plain[name] ?? NaN, 1e-14);
  });

  it('takes a probability equal to the threshold as positive', () => {
    expect(one('accuracy', binary([1, 0], [0.5, 0.49]))).to.equal(1);
    expect(one('accuracy', binary([1, 0], [0.3, 0.2], { threshold: 0.3 }))).to.equal(1);
    expect(one('accuracy', binary([0, 1], [0.5, 0.49], { positiveClass: 0 }))).to.equal(1);
  });

  it('clips logarithms at 1e-15', () => {
    expect(one('logLoss', binary([1, 0], [0, 0]))).to.be.closeTo(-Math.log(1e-15) / 2, 1e-12);
  });

  it('does not depend on the order of rows, ties included', () => {
    const random = createRandom(1);
    const probability = Array.from({ length: MANY }, () => random.below(300) / 300);
    const actual = probability.map((p) => (random.uniform() < p ? 1 : 0));
    const weight = Float64Array.from(probability, () => random.uniform());
    const forward = computeMetrics(metricsFor('binary'), binary(actual, probability, { weight }));
    const backward = computeMetrics(
      metricsFor('binary'),
      binary(actual.toReversed(), probability.toReversed(), { weight: weight.toReversed() }),
    );
    for (const name of metricsFor('binary'))
      expect(backward[name], name).to.be.closeTo(forward[name] ?? NaN, 1e-15 * 16);
  });

  it('has the auc of all pairs, in large', () => {
    const random = createRandom(2);
    const probability = Array.from({ length: MANY }, () => random.below(500) / 499);
    const actual = probability.map((p) => (random.uniform() < p / 2 ? 1 : 0));
    const positives = new Float64Array(500);
    const negatives = new Float64Array(500);
    probability.forEach((p, i) => {
      const counts = actual[i] === 1 ? positives : negatives;
      const at = Math.round(p * 499);
      counts[at] = (counts[at] ?? 0) + 1;
    });
    let wins = 0;
    positives.forEach((p, i) => negatives.forEach((n, j) => (wins += p * n * (i > j ? 1 : i === j ? 0.5 : 0))));
    const pairs = positives.reduce((a, b) => a + b) * negatives.reduce((a, b) => a + b);
    expect(one('auc', binary(actual, probability))).to.be.closeTo(wins / pairs, 1e-14);
  });

  it('shares the edge of the top decile among tied rows', () => {
    // 20 rows: the top two are 1 row of 0.9 and one of four tied rows, of which two are positive.
    const probability = [0.9, 0.8, 0.8, 0.8, 0.8, ...new Array<number>(15).fill(0.1)];
    const actual = [1, 1, 1, 0, 0, 1, ...new Array<number>(14).fill(0)];
    expect(one('topDecileLift', binary(actual, probability))).to.be.closeTo((1 + 0.5) / 2 / (4 / 20), 1e-15);
  });
});

describe('metric facts', () => {
  it('name a default that fits, and every metric somewhere', () => {
    for (const type of TARGET_TYPES) expect(metricsFor(type)).to.include(defaultMetric(type));
    expect(new Set(TARGET_TYPES.flatMap(metricsFor))).to.deep.equal(new Set(METRIC_NAMES));
    expect(defaultMetric('binary')).to.equal('logLoss');
    expect(defaultMetric('multiclass')).to.equal('logLoss');
    expect(defaultMetric('regression')).to.equal('rmse');
  });

  it('know what is better', () => {
    for (const name of METRIC_NAMES) {
      expect(isBetter(name, 2, 1), name).to.equal(METRIC_FACTS[name].direction === 'higher');
      expect(isBetter(name, 1, 2), name).to.equal(METRIC_FACTS[name].direction === 'lower');
      expect(isBetter(name, 1, 1), name).to.be.false;
      expect(isBetter(name, 1, undefined), name).to.be.true;
      for (const absent of [null, undefined, NaN]) expect(isBetter(name, absent, 1), name).to.be.false;
      expect(isBetter(name, null, NaN), name).to.be.false;
    }
  });
});

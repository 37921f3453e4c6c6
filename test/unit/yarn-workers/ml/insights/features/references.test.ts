import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { MetricName, TargetSpec, TargetType } from '#contracts';
import { linkedGroups, associations } from '../../../../../../yarn-workers/ml/insights/features/association.ts';
import { featureEffects } from '../../../../../../yarn-workers/ml/insights/features/feature-effects.ts';
import type { EncodedSample } from '../../../../../../yarn-workers/ml/insights/features/fold-scorer.ts';
import {
  permutationImpact,
  type Sample,
} from '../../../../../../yarn-workers/ml/insights/features/permutation-impact.ts';
import { permutations } from '../../../../../../yarn-workers/ml/insights/features/permutations.ts';

interface Case {
  readonly targetType: TargetType;
  readonly metric: MetricName;
  readonly x: number[][];
  readonly actual: number[];
  readonly weights: number[] | null;
  readonly coefficients: number[][];
  readonly intercepts: number[];
  readonly importances: { readonly impact: number[]; readonly std: number[] };
  readonly dependence: { readonly values: number[]; readonly average: number[][] }[];
}

interface Fixture {
  readonly orders: number[][];
  readonly cases: Case[];
  readonly associations: { a: number[]; b: number[]; spearman: number; c: number[]; d: number[]; cramer: number };
}

const FIXTURE = new URL('../../../../../fixtures/feature-insights/feature-insights.json', import.meta.url);
const fixture = JSON.parse(readFileSync(FIXTURE, 'utf8')) as Fixture;
const ORDERS = fixture.orders.map((order) => Uint32Array.from(order));

/** Sums of a hundred terms in another order, through an exponential function of another library. */
const TOLERANCE = 1e-12;

const targetOf = (targetType: TargetType, classCount: number): TargetSpec => ({
  ...{ name: 'y', targetType, positiveClass: targetType === 'binary' ? 1 : null },
  classes: Array.from({ length: classCount }, (_, index) => ({ label: `c${index}`, texts: [`${index}`], rowCount: 1 })),
});

/** The generalised linear model of a case, in its own words. */
function sampleOf(one: Case): Sample {
  const { targetType, x, actual, weights, coefficients, intercepts } = one;
  const isRegression = targetType === 'regression';
  const outputCount = coefficients.length;
  const featureCount = x[0]?.length ?? 0;
  const predict = ({ values, columnCount }: EncodedSample): Float64Array =>
    Float64Array.from(
      x.flatMap((_, row) => {
        const raw = coefficients.map((own, output) =>
          own.reduce(
            (sum, value, i) => sum + value * (values[row * columnCount + i] ?? NaN),
            intercepts[output] ?? NaN,
          ),
        );
        if (isRegression) return raw;
        if (targetType === 'binary') return raw.map((value) => 1 / (1 + Math.exp(-value)));
        const powers = raw.map((value) => Math.exp(value - Math.max(...raw)));
        const total = powers.reduce((sum, value) => sum + value, 0);
        return powers.map((value) => value / total);
      }),
    );
  const encoded: EncodedSample = {
    values: Float64Array.from(x.flat()),
    columnCount: featureCount,
    columnsOf: Array.from({ length: featureCount }, (_, column) => Uint32Array.of(column)),
    differences: [],
    places: [],
    crosses: [],
    distances: [],
    histories: [],
  };
  const rows = {
    rows: Uint32Array.from(x.keys()),
    partitions: new Int8Array(x.length),
    foldCount: 1,
    classes: isRegression ? null : Int32Array.from(actual),
    values: isRegression ? Float64Array.from(actual) : null,
    weights: weights === null ? null : Float64Array.from(weights),
    outputCount,
    predictions: predict(encoded),
  };
  const features = encoded.columnsOf.map((_, index) => ({
    ...{ index, name: `x${index}` },
    values: { kind: 'number' as const, values: Float64Array.from(x, (row) => row[index] ?? NaN) },
  }));
  const classCount = isRegression ? 0 : Math.max(...actual) + 1;
  return { target: targetOf(targetType, classCount), rows, features, encoded, predict };
}

describe('feature insights beside scikit-learn and SciPy', () => {
  for (const one of fixture.cases) {
    const name = `${one.targetType}${one.weights === null ? '' : ', weighted'}`;

    it(`${name}: impact is permutation_importance, with its standard deviation`, async () => {
      const sample = sampleOf(one);
      const before = sample.encoded.values.slice();
      const found = await permutationImpact(sample, one.metric, ORDERS, ['z'], {});
      expect(found.features.map(({ feature }) => feature).toSorted()).to.deep.equal(['x0', 'x1', 'x2']);
      for (const { feature, impact, std, normalized } of found.features) {
        const index = Number(feature.slice(1));
        expect(impact, feature).to.be.closeTo(one.importances.impact[index] ?? NaN, TOLERANCE);
        expect(std, feature).to.be.closeTo(one.importances.std[index] ?? NaN, TOLERANCE);
        expect(normalized).to.equal((impact ?? NaN) / (found.features[0]?.impact ?? NaN));
      }
      expect(found.features[0]).to.include({ feature: 'x0', normalized: 1, group: null });
      expect(found).to.deep.include({ unused: ['z'], groups: [], repeats: ORDERS.length, associatedCount: 3 });
      expect(sample.encoded.values, 'the sample is as it was').to.deep.equal(before);
    });

    it(`${name}: effects are partial_dependence and means of bins`, async () => {
      const sample = sampleOf(one);
      const found = await featureEffects(sample, sample, ORDERS[0] ?? new Uint32Array(0), {});
      expect(found.features.map(({ feature }) => feature)).to.include.members(['x0', 'x1', 'x2']);
      const { rows } = sample;
      for (const { feature, bins } of found.features) {
        const index = Number(feature.slice(1));
        const values = one.x.map((row) => row[index] ?? NaN);
        const dependence = one.dependence[index] ?? expect.fail('no such feature');
        expect(bins.length).to.be.within(15, 20);
        for (const bin of bins) {
          const at = dependence.values.indexOf(bin.at ?? NaN);
          const inBin = [...values.keys()].filter((row) => {
            const value = values[row] ?? NaN;
            return value >= (bin.from ?? NaN) && value <= (bin.to ?? NaN);
          });
          const weightOf = (row: number) => one.weights?.[row] ?? 1;
          const weight = inBin.reduce((sum, row) => sum + weightOf(row), 0);
          expect([bin.kind, bin.rowCount]).to.deep.equal(['range', inBin.length]);
          expect(bin.weight).to.be.closeTo(weight, TOLERANCE);
          for (const [output, label] of found.outputs.entries()) {
            const place = one.targetType === 'multiclass' ? output : 0;
            const mean = (valueOf: (row: number) => number) =>
              inBin.reduce((sum, row) => sum + weightOf(row) * valueOf(row), 0) / weight;
            const actual = (row: number) =>
              label === null ? (one.actual[row] ?? NaN) : Number(`c${one.actual[row] ?? ''}` === label);
            expect(bin.meanActual[output]).to.be.closeTo(mean(actual), TOLERANCE);
            const predicted = mean((row) => rows.predictions[row * rows.outputCount + place] ?? NaN);
            expect(bin.meanPredicted[output]).to.be.closeTo(predicted, TOLERANCE);
            const wanted = dependence.average[output]?.[at] ?? NaN;
            expect(bin.partialDependence?.[output], `${feature} at ${bin.at ?? ''}`).to.be.closeTo(wanted, TOLERANCE);
          }
        }
      }
    });
  }

  it('association is the rank correlation of numbers and Cramér’s V of categories', () => {
    const { a, b, spearman, c, d, cramer } = fixture.associations;
    const numbers = (values: number[]) => ({ kind: 'number' as const, values: Float64Array.from(values) });
    const levels = (values: number[]) => ({ kind: 'category' as const, codes: Int32Array.from(values), keys: ['0', '1', '2', '3'] }); // prettier-ignore
    const of = associations([
      numbers(a),
      numbers(b),
      levels(c),
      levels(d),
      numbers(c),
      numbers(b.map((value) => -value)),
    ]);
    expect(of(0, 1)).to.be.closeTo(spearman, TOLERANCE);
    expect(of(0, 5), 'which way does not count').to.be.closeTo(spearman, TOLERANCE);
    expect(of(2, 3)).to.be.closeTo(cramer, TOLERANCE);
    expect(of(4, 3), 'a number of few values has them as bins').to.be.closeTo(cramer, TOLERANCE);
    expect(of(4, 2)).to.be.closeTo(1, TOLERANCE);
  });

  it('groups are what pairs link, with the least of these pairs', () => {
    const pairs: Record<string, number> = { '0,2': 0.95, '2,4': 0.91, '1,3': 0.99, '0,4': 0.2 };
    const of = (a: number, b: number) => pairs[`${a},${b}`] ?? 0.89;
    expect(linkedGroups(6, of, 0.9)).to.deep.equal([
      { members: [0, 2, 4], association: 0.91 },
      { members: [1, 3], association: 0.99 },
    ]);
  });

  it('permutations are by seed, and each of them has every row', () => {
    const [first, second] = permutations(3, 2, 50);
    expect(permutations(3, 2, 50)).to.deep.equal([first, second]);
    expect(first).to.not.deep.equal(second);
    expect(first?.toSorted()).to.deep.equal(Uint32Array.from({ length: 50 }, (_, row) => row));
  });
});

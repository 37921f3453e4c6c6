import { METRIC_FACTS, type InsightOf, type MetricName, type TargetSpec } from '#contracts';
import { computeMetrics } from '#statistics';
import { report, type FitIo } from '../../fit/clock.ts';
import { metricInput, type OutOfFold } from '../../fit/out-of-fold.ts';
import { associations, linkedGroups } from './association.ts';
import type { EncodedSample, PredictSample } from './fold-scorer.ts';
import { ASSOCIATED_MAX, ASSOCIATION_MIN } from './limits.ts';
import { withColumnsFrom } from './permutations.ts';
import type { SampledFeature } from './read-features.ts';

/** Rows that a model had not seen, encoded, and what predicts them. */
export interface Sample {
  readonly target: TargetSpec;
  /** Of these rows; the predictions are those that were stored. */
  readonly rows: OutOfFold;
  readonly features: readonly SampledFeature[];
  readonly encoded: EncodedSample;
  readonly predict: PredictSample;
}

type ImpactIo = Pick<FitIo, 'onProgress' | 'signal'>;
type FeatureImpact = InsightOf<'feature-impact'>;
type Cost = Pick<FeatureImpact['features'][number], 'impact' | 'std'>;

/** The metric of some predictions for the rows of a sample; null where it is undefined. */
export const scoreOf = (
  metric: MetricName,
  { rows, target }: Pick<Sample, 'rows' | 'target'>,
  predictions: Float64Array,
): number | null =>
  computeMetrics(
    [metric],
    metricInput({ ...rows, predictions }, target, () => true),
  )[metric] ?? null;

/**
 * What each feature is worth to a model: by how much the metric gets worse on rows that the predicting member had not seen when the
 * feature's cells are permuted. Features that say much the same cover for each other, so that each alone seems worth little: near-duplicates are
 * permuted together too.
 *
 * @param orders permutations of the rows, the same ones for all features
 * @see L. Breiman, Random forests, Machine Learning 45 (2001), section 10
 */
export async function permutationImpact(
  sample: Sample,
  metric: MetricName,
  orders: readonly Uint32Array[],
  unused: readonly string[],
  io: ImpactIo,
): Promise<FeatureImpact> {
  const { features, encoded } = sample;
  const score = scoreOf(metric, sample, sample.predict(encoded));
  const cost = (columns: Uint32Array): Cost => costOf(sample, metric, orders, score, columns);
  const costs: Cost[] = [];
  for (const index of features.keys()) {
    await report(io, (0.9 * index) / features.length, 'permuting', `feature ${index + 1} of ${features.length}`);
    costs.push(cost(encoded.columnsOf[index] ?? new Uint32Array(0)));
  }
  const ranked = byFallingImpact(costs);
  const compared = ranked.slice(0, ASSOCIATED_MAX);
  await report(io, 0.9, 'comparing', `${compared.length} features with each other`);
  const association = associations(compared.map((index) => valuesAt(features, index)));
  const linked = linkedGroups(compared.length, association, ASSOCIATION_MIN);
  const normalized = normalizer(costs);
  const groups: FeatureImpact['groups'] = [];
  const groupOf = new Map<number, number>();
  for (const [place, { members, association: least }] of linked.entries()) {
    await report(io, 0.95, 'permuting', `group ${place + 1} of ${linked.length}`);
    const own = members.map((member) => compared[member] ?? 0);
    for (const index of own) groupOf.set(index, place);
    const found = cost(Uint32Array.from(own.flatMap((index) => [...(encoded.columnsOf[index] ?? [])])));
    const names = own.map((index) => features[index]?.name ?? '');
    groups.push({ features: names, association: least, ...found, normalized: normalized(found) });
  }
  return {
    kind: 'feature-impact',
    metric,
    score,
    repeats: orders.length,
    features: ranked.map((index) => {
      const own = costs[index] ?? { impact: null, std: null };
      const group = groupOf.get(index) ?? null;
      return { feature: features[index]?.name ?? '', ...own, normalized: normalized(own), group };
    }),
    unused: [...unused],
    groups,
    associationMin: ASSOCIATION_MIN,
    associatedCount: compared.length,
  };
}

const valuesAt = (features: readonly SampledFeature[], index: number): SampledFeature['values'] =>
  features[index]?.values ?? { kind: 'number', values: new Float64Array(0) };

/** What permuting these columns together costs. */
function costOf(
  sample: Sample,
  metric: MetricName,
  orders: readonly Uint32Array[],
  score: number | null,
  columns: Uint32Array,
): Cost {
  const { encoded, predict } = sample;
  const sign = METRIC_FACTS[metric].direction === 'higher' ? 1 : -1;
  const impacts: number[] = [];
  for (const order of orders) {
    const predictions = withColumnsFrom(
      encoded,
      columns,
      (row) => order[row] ?? row,
      () => predict(encoded),
    );
    const permuted = scoreOf(metric, sample, predictions);
    if (score === null || permuted === null) return { impact: null, std: null };
    impacts.push(sign * (score - permuted));
  }
  const impact = impacts.reduce((sum, value) => sum + value, 0) / impacts.length;
  const square = impacts.reduce((sum, value) => sum + (value - impact) ** 2, 0) / impacts.length;
  return { impact, std: Math.sqrt(square) };
}

/** Indices by falling impact, undefined ones last, of equal ones the first first. */
function byFallingImpact(costs: readonly Cost[]): number[] {
  const keyOf = (index: number): number => costs[index]?.impact ?? -Infinity;
  return [...costs.keys()].sort((a, b) => (keyOf(a) === keyOf(b) ? a - b : keyOf(b) - keyOf(a)));
}

/** Divides by the largest impact. */
export function normalizer(costs: readonly Pick<Cost, 'impact'>[]): (cost: Pick<Cost, 'impact'>) => number | null {
  const largest = costs.reduce((most, { impact }) => Math.max(most, impact ?? 0), 0);
  return ({ impact }) => (impact === null || largest === 0 ? null : impact / largest);
}

import { METRIC_FACTS, type MetricName, type TargetSpec } from '#contracts';
import { hash32, jackknifeError, rowHash, studentTwoSided } from '#statistics';
import { metricOf, type OutOfFold } from '../../fit/out-of-fold.ts';
import { chanceNoise } from './chance-noise.ts';
import { SEGMENT_GROUPS, SEGMENT_ROWS_MIN } from './limits.ts';

const GROUP_SALT = 0x5a17_0023;

/** A segment's score beside that of all rows. */
export interface SegmentGain {
  readonly score: number | null;
  /** Above 0: better than all rows together, in units of the metric. Null where a score is undefined. */
  readonly gain: number | null;
  /** Standard error of the gain; null where it is undefined, or the segment has fewer than SEGMENT_ROWS_MIN rows. */
  readonly noise: number | null;
  /** That chance gives so large a gain, either way, in one segment that was looked at alone; null without noise. */
  readonly pValue: number | null;
}

/**
 * Scores segments of rows against all of them. The noise is the grouped jackknife of the difference, whose t has one degree of freedom
 * less than groups: it works for every metric, and knows what a segment and the whole have in common. Where it is smaller than that of
 * as many rows drawn at random, that counts: of 450 segments the one with the smallest noise by chance would stand out else
 * (`test/bench/segments.bench.ts`).
 *
 * @param rows of the whole, without HOLDOUT
 * @see jackknifeError, chanceNoise
 */
export function segmentScorer(
  rows: OutOfFold,
  target: TargetSpec,
  metric: MetricName,
  seed: number,
): { readonly score: number | null; readonly gainOf: (segment: OutOfFold) => SegmentGain } {
  const sign = METRIC_FACTS[metric].direction === 'higher' ? 1 : -1;
  const salted = hash32(seed, GROUP_SALT);
  const scoresOf = (data: OutOfFold, groups: readonly (number | null)[]): (number | null)[] => {
    const groupOf = Uint8Array.from(data.rows, (row) => rowHash(salted, row) % SEGMENT_GROUPS);
    return groups.map((group) => metricOf(metric, data, target, (_, place) => groupOf[place] !== group));
  };
  const all = [null, ...Array.from({ length: SEGMENT_GROUPS }, (_, group) => group)];
  const whole = scoresOf(rows, all);
  const chanceOf = chanceNoise(rows, metric, (some) => metricOf(metric, some, target, () => true), seed);
  return {
    score: whole[0] ?? null,
    gainOf: (segment) => {
      const isLarge = segment.rows.length >= SEGMENT_ROWS_MIN;
      const scores = scoresOf(segment, isLarge ? all : [null]);
      const gains = scores.map((score, at): number | null => {
        const other = whole[at] ?? null;
        return score === null || other === null ? null : sign * (score - other);
      });
      const [gain = null, ...without] = gains;
      const own = gain === null || !isLarge ? null : jackknifeError(without);
      const noise = own === null ? null : Math.max(own, chanceOf(segment) ?? 0);
      const isKnown = gain !== null && noise !== null && noise > 0;
      const pValue = isKnown ? studentTwoSided(gain / noise, SEGMENT_GROUPS - 1) : null;
      return { score: scores[0] ?? null, gain, noise, pValue };
    },
  };
}

/**
 * Probabilities corrected for the number of segments looked at, so that chance alone gives one below 0.05 in one of twenty models.
 *
 * @see Holm 1979, "A simple sequentially rejective multiple test procedure"
 */
export function holm(pValues: readonly (number | null)[]): (number | null)[] {
  const order = [...pValues.keys()]
    .filter((index) => pValues[index] !== null)
    .sort((a, b) => (pValues[a] ?? 1) - (pValues[b] ?? 1) || a - b);
  const corrected: (number | null)[] = pValues.map(() => null);
  let largest = 0;
  for (const [rank, index] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (order.length - rank) * (pValues[index] ?? 1)));
    corrected[index] = largest;
  }
  return corrected;
}

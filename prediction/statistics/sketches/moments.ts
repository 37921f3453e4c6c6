import { AppError, nullable, strict, Type, type Static } from '#contracts';

/**
 * Count, mean, spread and extremes of the finite values of a feature, in one pass. Missing (NaN) and infinite values are
 * counted apart. Batches and parts in any split agree: the counts and extremes exactly, the mean within 1e-15 of the
 * largest |value|, `m2` within a relative 1e-12 as long as the standard deviation is
 * above 1e-9 of the mean and no square leaves the normal range of float64.
 */
export interface Moments {
  /** Finite values. */
  count: number;
  missingCount: number;
  infiniteCount: number;
  /** Infinity and -Infinity when there are no finite values. */
  min: number;
  max: number;
  /** Mean of the finite values is mean + meanError (which is below its last digit); 0 when there are none. */
  mean: number;
  meanError: number;
  /** Sum of squared differences from the mean; infinite when that overflows. */
  m2: number;
}

/** Values whose mean and spread are taken together before they are merged. */
const BLOCK_SIZE = 1024;
/** Keeps the sum of a block of the largest numbers finite. */
const BLOCK_SCALE = 2 ** -11;

export function createMoments(): Moments {
  return { count: 0, missingCount: 0, infiniteCount: 0, min: Infinity, max: -Infinity, mean: 0, meanError: 0, m2: 0 };
}

/**
 * Adds `values[from..to)`; NaN is missing.
 * @see T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample variance, The American Statistician 37 (1983):
 * the corrected two-pass algorithm (1.7) within blocks, the pairwise update (2.1) between them
 */
export function addAllToMoments(moments: Moments, values: Float64Array, from = 0, to = values.length): void {
  for (let start = from; start < to; start += BLOCK_SIZE)
    addBlock(moments, values, start, Math.min(start + BLOCK_SIZE, to));
}

function addBlock(moments: Moments, values: Float64Array, from: number, to: number): void {
  let { min, max } = moments;
  let count = 0;
  let missing = 0;
  let scaledSum = 0;
  for (let i = from; i < to; i++) {
    const value = values[i] ?? NaN;
    if (value - value === 0) {
      count++;
      scaledSum += value * BLOCK_SCALE;
      if (value < min) min = value;
      if (value > max) max = value;
    } else if (Number.isNaN(value)) missing++;
  }
  moments.missingCount += missing;
  moments.infiniteCount += to - from - missing - count;
  moments.min = min;
  moments.max = max;
  if (count === 0) return;
  const centre = scaledSum / count / BLOCK_SCALE;
  const scaledCentre = centre * BLOCK_SCALE;
  let scaledDifferences = 0;
  let squares = 0;
  for (let i = from; i < to; i++) {
    const value = values[i] ?? NaN;
    if (value - value === 0) {
      const difference = value - centre;
      scaledDifferences += value * BLOCK_SCALE - scaledCentre;
      squares += difference * difference;
    }
  }
  const shift = scaledDifferences / count / BLOCK_SCALE;
  const mean = centre + shift;
  const m2 = squares - count * shift * shift;
  mergeCentral(moments, count, mean, centre - mean + shift, m2 >= 0 ? m2 : squares);
}

/** Merges another part of the same data into `moments`; the other is not changed. */
export function mergeMoments(moments: Moments, other: Moments): void {
  moments.missingCount += other.missingCount;
  moments.infiniteCount += other.infiniteCount;
  moments.min = Math.min(moments.min, other.min);
  moments.max = Math.max(moments.max, other.max);
  if (other.count > 0) mergeCentral(moments, other.count, other.mean, other.meanError, other.m2);
}

/**
 * Both means are pairs, so that their difference is exact where it matters; it is halved lest it overflow.
 * @see P. Pebay, Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
 * moments, Sandia report SAND2008-6212 (2008), equations 2.1 and 3.1
 */
function mergeCentral(moments: Moments, count: number, mean: number, meanError: number, m2: number): void {
  const total = moments.count + count;
  if (moments.count === 0) {
    moments.mean = mean;
    moments.meanError = meanError;
    moments.m2 = m2;
  } else {
    const half = mean / 2 - moments.mean / 2 + (meanError / 2 - moments.meanError / 2);
    const isLarger = count > moments.count;
    const base = isLarger ? mean : moments.mean;
    const step =
      half * ((isLarger ? -2 * moments.count : 2 * count) / total) + (isLarger ? meanError : moments.meanError);
    const merged = base + step;
    moments.mean = merged;
    moments.meanError = Math.abs(base) >= Math.abs(step) ? base - merged + step : step - merged + base;
    moments.m2 += m2 + half * half * 4 * (moments.count / total) * count;
  }
  moments.count = total;
}

/** Mean of the finite values; null without any. */
export function meanOf(moments: Moments): number | null {
  return moments.count === 0 ? null : moments.mean;
}

/** Sample variance (n - 1) of the finite values; null for fewer than two of them or when it is not a finite number. */
export function varianceOf(moments: Moments): number | null {
  const variance = moments.m2 / (moments.count - 1);
  return moments.count < 2 || !Number.isFinite(variance) ? null : variance;
}

/** Sample standard deviation (n - 1); null as for {@link varianceOf}. */
export function standardDeviationOf(moments: Moments): number | null {
  const variance = varianceOf(moments);
  return variance === null ? null : Math.sqrt(variance);
}

/** {@link Moments} as JSON; null stands for what is not finite. */
export const MomentsData = strict({
  count: Type.Integer({ minimum: 0 }),
  missingCount: Type.Integer({ minimum: 0 }),
  infiniteCount: Type.Integer({ minimum: 0 }),
  min: nullable(Type.Number()),
  max: nullable(Type.Number()),
  mean: Type.Number(),
  meanError: Type.Number(),
  m2: nullable(Type.Number({ minimum: 0 })),
});
export type MomentsData = Static<typeof MomentsData>;

export function momentsToData(moments: Moments): MomentsData {
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return { ...moments, min: finite(moments.min), max: finite(moments.max), m2: finite(moments.m2) };
}

/** @throws VALIDATION_FAILED when there are values but no extremes */
export function momentsFromData(data: MomentsData): Moments {
  if (data.count > 0 !== (data.min !== null && data.max !== null)) {
    throw new AppError(
      'VALIDATION_FAILED',
      `moments: ${data.count} values, but extremes ${String(data.min)} and ${String(data.max)}`,
    );
  }
  return { ...data, min: data.min ?? Infinity, max: data.max ?? -Infinity, m2: data.m2 ?? Infinity };
}

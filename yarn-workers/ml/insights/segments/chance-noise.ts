import type { MetricName } from '#contracts';
import { createRandom, hash32, indicesBelow } from '#statistics';
import { rowsAt, type OutOfFold } from '../../fit/out-of-fold.ts';
import { CHANCE_DRAWS, SEGMENT_ROWS_MIN } from './limits.ts';

const DRAWS_SALT = 0x5a17_0024;

/** Metrics of an order, which know no more than the rows of the rarer class tell. */
const RANKING: readonly MetricName[] = ['auc', 'gini', 'prAuc'];

/**
 * Standard deviation of the gain of a segment that means nothing, by its rows: as many drawn without replacement from all rows.
 * The jackknife of a segment is one draw of a noise, which a segment of few rows, or few of a class, may find far too small; this one is not.
 * It is measured at some numbers of rows, and between them follows the finite population: c · √(1/n - 1/N), c linear in log n.
 *
 * @param scoreOf of rows by the metric; null where undefined
 * @returns of a segment; null where nothing could be measured
 */
export function chanceNoise(
  rows: OutOfFold,
  metric: MetricName,
  scoreOf: (rows: OutOfFold) => number | null,
  seed: number,
): (segment: OutOfFold) => number | null {
  const whole = scoreOf(rows);
  const count = rows.rows.length;
  const random = createRandom(hash32(seed, DRAWS_SALT));
  const places = indicesBelow(count);
  const measured: { readonly size: number; readonly scale: number }[] = [];
  for (let size = SEGMENT_ROWS_MIN; whole !== null && 2 * size <= count; size *= 2) {
    const gains = Array.from({ length: CHANCE_DRAWS }, () => {
      for (let index = 0; index < size; index += 1) {
        const other = index + random.below(count - index);
        [places[index], places[other]] = [places[other] ?? 0, places[index] ?? 0];
      }
      return scoreOf(rowsAt(rows, places.slice(0, size)));
    }).flatMap((score) => (score === null ? [] : [score - whole]));
    if (gains.length < CHANCE_DRAWS / 2) continue;
    const variance = gains.reduce((sum, gain) => sum + gain ** 2, 0) / gains.length;
    measured.push({ size, scale: Math.sqrt(variance / (1 / size - 1 / count)) });
  }
  const isRanking = RANKING.includes(metric) && rows.classes !== null;
  const rarer = rarestOf(rows.classes);
  return (segment) => {
    const size = isRanking
      ? Math.min(segment.rows.length, (rarestOf(segment.classes) * count) / Math.max(1, rarer))
      : segment.rows.length;
    const scale = scaleAt(measured, size);
    return scale === null || size === 0 ? null : scale * Math.sqrt(Math.max(0, 1 / size - 1 / count));
  };
}

function scaleAt(measured: readonly { readonly size: number; readonly scale: number }[], size: number): number | null {
  const above = measured.findIndex((one) => one.size >= size);
  const high = measured[above < 0 ? measured.length - 1 : above];
  const low = measured[above < 0 ? measured.length - 1 : Math.max(0, above - 1)];
  if (high === undefined || low === undefined) return null;
  if (high.size === low.size) return high.scale;
  const part = Math.log(size / low.size) / Math.log(high.size / low.size);
  return low.scale + part * (high.scale - low.scale);
}

/** Rows of the rarer of two classes, or of the rarest that is there. */
function rarestOf(classes: Int32Array | null): number {
  const counts = new Map<number, number>();
  for (const index of classes ?? []) counts.set(index, (counts.get(index) ?? 0) + 1);
  return counts.size < 2 ? 0 : Math.min(...counts.values());
}

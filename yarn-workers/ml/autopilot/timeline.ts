import type { TimeCounts, TimeWindow } from '#contracts';
import { instantText } from '../partition/instants.ts';

/** Rows by time, with sums. An index is that of a time that is told apart from the others. */
export interface Timeline {
  readonly timeCount: number;
  readonly rowCount: number;
  /** Seconds since 1970. */
  readonly startAt: (index: number) => number;
  /** Rows of all times before an index. */
  readonly rowsBefore: (index: number) => number;
  /** How many times begin before an instant. */
  readonly indexAt: (instant: number) => number;
  /** The latest boundary that is at least a gap before an instant. */
  readonly cutBefore: (instant: number, gapSeconds: number) => number;
  /** The time, from index 1 up to `end` (exclusive), before which there are most nearly so many rows; of two the later. */
  readonly nearest: (rows: number, end: number) => number;
  /** @param until exclusive; null: to the last row */
  readonly window: (from: number, until: number | null) => TimeWindow;
}

/** @param firstDate the first date in seconds since 1970: where counts are by unit, it lies after the first start */
export function timelineOf({ unitSeconds, starts, counts }: TimeCounts, firstDate: number): Timeline {
  const before = [0];
  for (const count of counts) before.push((before.at(-1) ?? 0) + count);
  const rowsBefore = (index: number): number => before[index] ?? 0;
  const startAt = (index: number): number => starts[index] ?? Infinity;
  const indexAt = (instant: number): number => {
    if (instant <= firstDate) return 0;
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (startAt(middle) < instant) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    timeCount: starts.length,
    rowCount: rowsBefore(starts.length),
    startAt,
    rowsBefore,
    indexAt,
    cutBefore: (instant, gapSeconds) =>
      unitSeconds === 0 ? instant - gapSeconds : Math.floor((instant - gapSeconds) / unitSeconds) * unitSeconds,
    nearest: (rows, end) => {
      let best = 1;
      for (let index = 2; index < end; index += 1)
        if (Math.abs(rowsBefore(index) - rows) <= Math.abs(rowsBefore(best) - rows)) best = index;
      return best;
    },
    window: (from, until) => ({
      from: instantText(Math.max(from, firstDate)),
      until: until === null ? null : instantText(until),
      rowCount: rowsBefore(until === null ? starts.length : indexAt(until)) - rowsBefore(indexAt(from)),
    }),
  };
}

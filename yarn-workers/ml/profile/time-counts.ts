import type { TimeCounts } from '#contracts';
import { TIME_BUCKETS_MAX, TIME_BUCKETS_TOTAL_MAX } from './limits.ts';

const WEEK_SECONDS = 604_800;
/** Units in seconds, each a multiple of the one before; after a week four times as long each. */
const UNITS = [0, 1, 60, 3_600, 86_400, WEEK_SECONDS] as const;
const LONGER = 4;

const nextUnit = (unit: number): number => UNITS.find((one) => one > unit) ?? unit * LONGER;

const startOf = (seconds: number, unit: number): number => (unit === 0 ? seconds : Math.floor(seconds / unit) * unit);

/** Counts the rows of a date column by time. */
export interface TimeCounter {
  /** Seconds since 1970; NaN: missing, not counted. */
  add(values: Float64Array, rowCount: number): void;
  /** Counts of other rows. */
  merge(other: TimeCounts): void;
  finish(): TimeCounts;
}

/** Different times that are kept apart, where so many columns are dates. */
export const timeBucketsMax = (dateColumnCount: number): number =>
  Math.min(TIME_BUCKETS_MAX, Math.max(1, Math.floor(TIME_BUCKETS_TOTAL_MAX / Math.max(1, dateColumnCount))));

/**
 * Exact counts in bounded memory: each date by itself as long as there are at most `bucketsMax` of them, else by the shortest of
 * the units (second, minute, hour, day, week, 4 weeks, 16 weeks, ...) that leaves no more. A unit's multiples are those of all shorter
 * ones too, so that the result depends on the rows only, not on their order or batches.
 */
export function timeCounter(bucketsMax: number): TimeCounter {
  let unit = 0;
  let counts = new Map<number, number>();
  const count = (start: number, rows: number): void => {
    counts.set(start, (counts.get(start) ?? 0) + rows);
  };
  const coarsen = (): void => {
    const finer = counts;
    unit = nextUnit(unit);
    counts = new Map();
    for (const [start, rows] of finer) count(startOf(start, unit), rows);
  };
  return {
    add: (values, rowCount) => {
      for (let row = 0; row < rowCount; row += 1) {
        const seconds = values[row] ?? NaN;
        if (!Number.isFinite(seconds)) continue;
        count(startOf(seconds, unit), 1);
        while (counts.size > bucketsMax) coarsen();
      }
    },
    merge: (other) => {
      while (unit < other.unitSeconds) coarsen();
      for (const [at, start] of other.starts.entries()) {
        count(startOf(start, unit), other.counts[at] ?? 0);
        while (counts.size > bucketsMax) coarsen();
      }
    },
    finish: () => {
      const sorted = [...counts].sort(([a], [b]) => a - b);
      return {
        unitSeconds: unit,
        starts: sorted.map(([start]) => start),
        counts: sorted.map(([, rows]) => rows),
      };
    },
  };
}

import type { TrainTask } from '#contracts';
import type { FitIo } from '../fit/clock.ts';
import type { StopBook } from '../fit/stops.ts';
import { READING_SHARE } from './limits.ts';

/** Part of what is left of the task's time that the search may have. */
const TASK_SHARE_MAX = 0.5;

/** The time of a search, whose ends are in the book of stops, so that a replay makes the same. */
export interface SearchTime {
  /** Whether to end at a place, how far it is, once this share of the time is over. */
  readonly ends: (place: string, done: number, share: number) => boolean;
  /** Of some columns so many, from the first on, as there is time to read. */
  readonly readable: (columnCount: number) => number;
}

/**
 * @param readMs what one pass over `readColumns` columns of the table has taken just now
 */
export function searchTime(
  { leakageSearch }: Pick<TrainTask, 'leakageSearch'>,
  io: Pick<FitIo, 'now' | 'remainingMs'>,
  stops: StopBook,
  read: { readonly readMs: number; readonly readColumns: number },
): SearchTime {
  const startedAt = io.now();
  const remaining = io.remainingMs();
  const msMax = Math.min(leakageSearch?.msMax ?? Infinity, remaining === null ? Infinity : TASK_SHARE_MAX * remaining);
  const msPerColumn = read.readMs / Math.max(1, read.readColumns);
  return {
    ends: (place, done, share) => stops.ends(`leakage-${place}`, done, () => io.now() - startedAt > share * msMax),
    readable: (columnCount) => {
      let count = 0;
      const isTooMuch = (): boolean => (count + 1) * msPerColumn > READING_SHARE * msMax;
      while (count < columnCount && !stops.ends('leakage-columns', count, isTooMuch)) count += 1;
      return count;
    },
  };
}

import type { FitStops } from '#contracts';
import { decidedByFirst, type Ranks } from './rank-group.ts';

/**
 * Where a fit was ended, or made shorter, by its deadline. A fit asks here, so that what the clock decided is written down, and a
 * replay, which has no deadline, ends at the same places.
 */
export interface StopBook {
  /**
   * Whether to end now. A replay does not ask the clock.
   *
   * @param place what may end, such as `boost-2`: unique in the fit
   * @param done how far it is: the same number means the same state in every fit of the task
   */
  ends: (place: string, done: number, isLate: () => boolean) => boolean;
  /**
   * A number that the clock decides, null for none. A replay takes the one that was written down.
   *
   * @param place what it is of: unique in the fit
   */
  decided: (place: string, byClock: () => number | null) => number | null;
  /** Notes an end that was decided before the fit was resumed. */
  note: (place: string, done: number) => void;
  /** Ends so far. */
  readonly noted: () => FitStops;
  /**
   * A book of work that the ranks of a group do not do together; what is noted there is noted here, too.
   *
   * @param replayed ends that are decided already; null: the clock of this process decides
   */
  readonly apart: (replayed: FitStops | null) => StopBook;
}

/**
 * @param replayed ends of a fit that is made again; null: the clock decides
 * @param ranks whose first one's clock decides for all; null: there is one
 * @param onNote told what is noted
 */
export function stopBook(
  replayed: FitStops | null,
  ranks: Ranks = null,
  onNote: StopBook['note'] = () => undefined,
): StopBook {
  const noted = new Map<string, number>();
  const note: StopBook['note'] = (place, done) => {
    noted.set(place, done);
    onNote(place, done);
  };
  const numberOf = (byClock: number | null): number | null => {
    const number = decidedByFirst(ranks, byClock ?? NaN);
    return Number.isNaN(number) ? null : number;
  };
  return {
    note,
    noted: () => Object.fromEntries(noted),
    apart: (again) => stopBook(again, null, note),
    decided: (place, byClock) => {
      const number = replayed === null ? numberOf(byClock()) : (replayed[place] ?? null);
      if (number !== null) note(place, number);
      return number;
    },
    ends: (place, done, isLate) => {
      const at = replayed?.[place] ?? Infinity;
      if (replayed === null ? decidedByFirst(ranks, isLate() ? 1 : 0) === 0 : done < at) return false;
      note(place, done);
      return true;
    },
  };
}

/** A question to the clock that is known by how often it was asked: for loops whose state has no other number. */
export function countedStop(stops: StopBook, place: string, isLate: () => boolean): () => boolean {
  let asked = 0;
  return () => {
    asked += 1;
    return stops.ends(place, asked, isLate);
  };
}

import { seasonPlace, type HistoryStep } from '#scoring';
import { ascendingOrder } from '#statistics';
import { HISTORY_WINDOWS, SEASON_VALUES } from './limits.ts';
import type { SeriesRows } from '../naive/last-values.ts';

/**
 * The known values of all series, one after the other and each in the order of time: of several rows of one time their weighted mean.
 * Entry e is of series `seriesOf[e]`.
 */
export interface Timeline {
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** Sums of the weights. */
  readonly weights: Float64Array;
  readonly places: Int8Array;
  /** The entry before of the same series and place of the season; -1: none. */
  readonly previous: Int32Array;
  /** Entries of series `code` are from `starts[code]` to `starts[code + 1]`. */
  readonly starts: Int32Array;
  /** Rows behind the entries of each series. */
  readonly rowCounts: Int32Array;
  /** The entry of each row; -1 of rows that are not known, have no series or weight 0. */
  readonly entryOf: Int32Array;
}

/**
 * Gathers the rows that `knows` names. O(rows); some 40 bytes a row.
 *
 * @param season whose places are told apart
 */
export function timelineOf(rows: SeriesRows, knows: (row: number) => boolean, season: HistoryStep['season']): Timeline {
  const seriesCount = rows.codes === null ? 1 : rows.keys.length;
  const codeOf = (row: number): number => (rows.codes === null ? 0 : (rows.codes[row] ?? -1));
  const isKnown = (row: number): boolean => codeOf(row) >= 0 && rows.weights?.[row] !== 0 && knows(row);
  const rowCounts = new Int32Array(seriesCount);
  for (let row = 0; row < rows.values.length; row += 1)
    if (isKnown(row)) rowCounts[codeOf(row)] = (rowCounts[codeOf(row)] ?? 0) + 1;
  const bySeries = sortedRows(rows, isKnown, codeOf, rowCounts);
  const size = bySeries.length;
  const line = {
    times: new Float64Array(size),
    values: new Float64Array(size),
    weights: new Float64Array(size),
    places: new Int8Array(size),
    previous: new Int32Array(size).fill(-1),
    starts: new Int32Array(seriesCount + 1),
    rowCounts,
    entryOf: new Int32Array(rows.values.length).fill(-1),
  };
  let entry = -1;
  let at = 0;
  for (let code = 0; code < seriesCount; code += 1) {
    line.starts[code] = entry + 1;
    const lastOfPlace = new Map<number, number>();
    let time = NaN;
    for (const end = at + (rowCounts[code] ?? 0); at < end; at += 1) {
      const row = bySeries[at] ?? 0;
      if (rows.times[row] !== time) {
        time = rows.times[row] ?? NaN;
        entry += 1;
        const place = seasonPlace(time, season);
        line.times[entry] = time;
        line.places[entry] = place;
        line.previous[entry] = lastOfPlace.get(place) ?? -1;
        lastOfPlace.set(place, entry);
      }
      const weight = rows.weights?.[row] ?? 1;
      const total = (line.weights[entry] ?? 0) + weight;
      const known = line.values[entry] ?? 0;
      line.values[entry] = known + (weight / total) * ((rows.values[row] ?? NaN) - known);
      line.weights[entry] = total;
      line.entryOf[row] = entry;
    }
  }
  line.starts[seriesCount] = entry + 1;
  return line;
}

/** Known rows by series, each in the order of time. */
function sortedRows(
  { times }: SeriesRows,
  isKnown: (row: number) => boolean,
  codeOf: (row: number) => number,
  rowCounts: Int32Array,
): Int32Array {
  const next = new Int32Array(rowCounts.length);
  for (let code = 1; code < rowCounts.length; code += 1)
    next[code] = (next[code - 1] ?? 0) + (rowCounts[code - 1] ?? 0);
  const sorted = new Int32Array(rowCounts.reduce((sum, count) => sum + count, 0));
  for (const row of ascendingOrder(times)) {
    if (!isKnown(row)) continue;
    const at = next[codeOf(row)] ?? 0;
    sorted[at] = row;
    next[codeOf(row)] = at + 1;
  }
  return sorted;
}

/** The last entry of a series at or before a time; -1: none. */
function lastEntry({ times, starts }: Timeline, code: number, time: number): number {
  const first = starts[code] ?? 0;
  let [low, high] = [first, starts[code + 1] ?? 0];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? NaN) <= time) low = middle + 1;
    else high = middle;
  }
  return low > first ? low - 1 : -1;
}

/** What is known of a series that begins at `first` when `last` is its newest entry: that value, and the mean of each window. */
export function recentValues(line: Timeline, first: number, last: number): number[] {
  const means = HISTORY_WINDOWS.map((length) => {
    let [sum, weight] = [0, 0];
    for (let entry = last; entry >= first && entry > last - length; entry -= 1) {
      sum += (line.weights[entry] ?? 0) * (line.values[entry] ?? NaN);
      weight += line.weights[entry] ?? 0;
    }
    return sum / weight;
  });
  return [line.values[last] ?? NaN, ...means];
}

/** The value of an entry, and the mean of it and those before it at its place of the season. */
export function seasonalValues(line: Timeline, newest: number): readonly [last: number, mean: number] {
  let [sum, weight] = [0, 0];
  for (
    let entry = newest, count = 0;
    entry >= 0 && count < SEASON_VALUES;
    entry = line.previous[entry] ?? -1, count += 1
  ) {
    sum += (line.weights[entry] ?? 0) * (line.values[entry] ?? NaN);
    weight += line.weights[entry] ?? 0;
  }
  return newest < 0 ? [NaN, NaN] : [line.values[newest] ?? NaN, sum / weight];
}

/** What was known of a series at a time: the time of its last value; that value, means of windows, the last value and mean at a place. */
export interface Known {
  readonly time: number;
  readonly values: readonly number[];
}

/**
 * What was known at `origin` (inclusive) for the place of the season that entry `own` of the series has; null: nothing. Reads no
 * entry after the origin.
 */
export function knownAt(line: Timeline, code: number, own: number, origin: number): Known | null {
  const last = own < 0 ? -1 : lastEntry(line, code, origin);
  if (last < 0) return null;
  let samePlace = own;
  while (samePlace > last) samePlace = line.previous[samePlace] ?? -1;
  const recent = recentValues(line, line.starts[code] ?? 0, last);
  return { time: line.times[last] ?? NaN, values: [...recent, ...seasonalValues(line, samePlace)] };
}

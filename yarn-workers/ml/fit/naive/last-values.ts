import { addTerm, ascendingOrder, emptySum, sumOf } from '#statistics';
import { compareCodePoints } from '../../text-order.ts';

/** What naive forecasts are made from: rows by their place in the table. */
export interface SeriesRows {
  readonly values: Float64Array;
  /** Seconds since 1970. */
  readonly times: Float64Array;
  /** Null: all rows count. */
  readonly weights: Float64Array | null;
  /** Index into `keys`; -1 is missing. Null: all rows are one series. */
  readonly codes: Int32Array | null;
  readonly keys: readonly string[];
}

/** The last values of one series. */
export interface LastValues {
  /** Empty where all rows are one series. */
  readonly key: string;
  readonly rowCount: number;
  /** The value at the latest time; of several rows of that time the mean. */
  readonly last: number;
  /** By place of the season, ascending: the value at the latest time of that place, and the rows that have it. */
  readonly bySeason: readonly { readonly place: number; readonly value: number; readonly rowCount: number }[];
}

interface Latest {
  time: number;
  sum: ReturnType<typeof emptySum>;
  rowCount: number;
  /** Rows of this place of the season, at whatever time. */
  seen: number;
}

/**
 * The last values of each series among the rows that train. Rows without a series and those of weight 0 are left out; the
 * order of rows decides nothing. Series with most rows come first, of equally many the first by code points.
 *
 * @param placeOf place of the season of a time; null: there is none
 */
export function lastValuesOf(
  { values, times, weights, codes, keys }: SeriesRows,
  trains: (row: number) => boolean,
  placeOf: ((seconds: number) => number) | null,
): LastValues[] {
  const bySeries = new Map<number, Map<number, Latest>>();
  // In the order of time, so that the last ones that are met are the latest; sums do not depend on the order of equal ones.
  for (const row of ascendingOrder(times)) {
    const code = codes === null ? 0 : (codes[row] ?? -1);
    if (code < 0 || !trains(row) || weights?.[row] === 0) continue;
    const time = times[row] ?? NaN;
    let places: Map<number, Latest> | undefined = bySeries.get(code);
    if (places === undefined) bySeries.set(code, (places = new Map<number, Latest>()));
    note(places, placeOf === null ? 0 : placeOf(time), time, values[row] ?? NaN);
  }
  return [...bySeries]
    .map(([code, places]) => summary(codes === null ? '' : (keys[code] ?? ''), places))
    .sort((a, b) => b.rowCount - a.rowCount || compareCodePoints(a.key, b.key));
}

function note(places: Map<number, Latest>, place: number, time: number, value: number): void {
  let latest = places.get(place);
  if (latest === undefined) places.set(place, (latest = { time, sum: emptySum(), rowCount: 0, seen: 0 }));
  if (time > latest.time) {
    latest.time = time;
    latest.sum = emptySum();
    latest.rowCount = 0;
  }
  addTerm(latest.sum, value);
  latest.rowCount += 1;
  latest.seen += 1;
}

function summary(key: string, places: ReadonlyMap<number, Latest>): LastValues {
  const all = [...places].sort(([a], [b]) => a - b);
  const meanOf = ({ sum, rowCount }: Latest): number => sumOf(sum) / rowCount;
  const newest = all.reduce<Latest | null>(
    (best, [, one]) => (best === null || one.time > best.time ? one : best),
    null,
  );
  return {
    key,
    rowCount: all.reduce((total, [, { seen }]) => total + seen, 0),
    last: newest === null ? NaN : meanOf(newest),
    bySeason: all.map(([place, one]) => ({ place, value: meanOf(one), rowCount: one.seen })),
  };
}

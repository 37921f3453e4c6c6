import type { FeatureValues, PlaceValues } from '#scoring';
import { ascendingOrder, indicesWhere } from '#statistics';
import { RANGES_MAX, RANGE_ROWS_MIN } from './limits.ts';

/** Rows parted by what one column says: codes from 0 on, below `count`; missing values are a part of their own. */
export interface Parts {
  readonly codes: Int32Array;
  readonly count: number;
}

/** The parts of a feature: its categories, texts or places, or ranges of a number. */
export function partsOf(values: FeatureValues): Parts {
  switch (values.kind) {
    case 'number':
      return rangesOf(values.values);
    case 'category':
      return { codes: values.codes.map((code) => code + 1), count: values.keys.length + 1 };
    case 'text':
      return partsOfKeys(values.texts);
    case 'place':
      return partsOfKeys(placeKeys(values));
  }
}

/** A key for each different place; null is missing. */
export const placeKeys = ({ latitudes, longitudes }: PlaceValues): (string | null)[] =>
  Array.from(latitudes, (latitude, row) => (Number.isNaN(latitude) ? null : `${latitude} ${longitudes[row] ?? NaN}`));

/** Whether a value is missing. */
export function missingParts(values: FeatureValues): Parts {
  const { codes } = values.kind === 'category' ? values : partsOf(values);
  const lowest = values.kind === 'category' ? -1 : 0;
  return { codes: codes.map((code) => Number(code === lowest)), count: 2 };
}

/** One part a different key. */
export function partsOfKeys(keys: readonly (string | number | null)[]): Parts {
  const known = new Map<string | number, number>();
  const codes = Int32Array.from(keys, (key) => {
    if (key === null) return 0;
    const code = known.get(key) ?? known.size + 1;
    known.set(key, code);
    return code;
  });
  return { codes, count: known.size + 1 };
}

/** All rows as one part. */
const whole = (rowCount: number): Parts => ({ codes: new Int32Array(rowCount), count: 1 });

/**
 * The parts of numbers within each of some parts of the rows, missing ones first: one a different value where values are repeated
 * RANGE_ROWS_MIN times on average over all rows, else ranges of as many rows each as equal values allow.
 */
export function rangesOf(values: Float64Array, within: Parts = whole(values.length)): Parts {
  const rows = indicesWhere(values.length, (row) => !Number.isNaN(values[row] ?? NaN));
  const order = ascendingOrder(Float64Array.from(rows, (row) => values[row] ?? 0));
  const sorted = order.map((index) => rows[index] ?? 0);
  const sizes = rangeSizes(values, sorted, within);
  const codes = within.codes.slice();
  let code = within.count - 1;
  // Of each part of the rows: the range that is being filled, its rows, and its last value.
  const open = new Int32Array(within.count);
  const rowsIn = new Float64Array(within.count).fill(Infinity);
  const last = new Float64Array(within.count).fill(NaN);
  for (const row of sorted) {
    const value = values[row] ?? NaN;
    const part = within.codes[row] ?? 0;
    if ((rowsIn[part] ?? 0) >= (sizes[part] ?? 1) && value !== last[part]) {
      code += 1;
      open[part] = code;
      rowsIn[part] = 0;
    }
    codes[row] = open[part] ?? 0;
    rowsIn[part] = (rowsIn[part] ?? 0) + 1;
    last[part] = value;
  }
  return { codes, count: code + 1 };
}

/** Rows of a range at least, in each part of the rows. */
function rangeSizes(values: Float64Array, sorted: Uint32Array, { codes, count }: Parts): Float64Array {
  const rowCounts = new Float64Array(count);
  let distinct = 0;
  let last = NaN;
  for (const row of sorted) {
    const value = values[row] ?? NaN;
    if (value !== last) distinct += 1;
    last = value;
    const part = codes[row] ?? 0;
    rowCounts[part] = (rowCounts[part] ?? 0) + 1;
  }
  if (distinct * RANGE_ROWS_MIN <= sorted.length) return rowCounts.fill(1);
  return rowCounts.map((rowCount) => Math.max(RANGE_ROWS_MIN, Math.ceil(rowCount / RANGES_MAX)));
}

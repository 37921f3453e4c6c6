import type { FeatureValues, PlaceValues } from '#scoring';
import { ascendingOrder } from '#statistics';
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

/**
 * The parts of numbers, NaN first: one a different value where values are repeated RANGE_ROWS_MIN times on average, else ranges of
 * as many rows each as equal values allow.
 */
export function rangesOf(values: Float64Array): Parts {
  const codes = new Int32Array(values.length);
  const rows = Uint32Array.from(values.keys()).filter((row) => !Number.isNaN(values[row] ?? NaN));
  const order = ascendingOrder(Float64Array.from(rows, (row) => values[row] ?? 0));
  const sorted = order.map((index) => rows[index] ?? 0);
  let distinct = 0;
  let last = NaN;
  for (const row of sorted) {
    const value = values[row] ?? NaN;
    if (value !== last) distinct += 1;
    last = value;
  }
  const isRepeated = distinct * RANGE_ROWS_MIN <= sorted.length;
  const size = isRepeated ? 1 : Math.max(RANGE_ROWS_MIN, Math.ceil(sorted.length / RANGES_MAX));
  let code = 0;
  let rowsInPart = Infinity;
  last = NaN;
  for (const row of sorted) {
    const value = values[row] ?? NaN;
    if (rowsInPart >= size && value !== last) {
      code += 1;
      rowsInPart = 0;
    }
    codes[row] = code;
    rowsInPart += 1;
    last = value;
  }
  return { codes, count: code + 1 };
}

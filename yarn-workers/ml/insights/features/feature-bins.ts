import type { CategoryValues, FeatureValues } from '#scoring';
import { ascendingOrder, indicesWhere } from '#statistics';
import { placeBins } from './place-bins.ts';

/** A part of the rows by the value of one feature. */
export interface FeatureBin {
  readonly kind: 'range' | 'level' | 'others' | 'missing';
  /** Least and largest value of a range. */
  readonly from: number | null;
  readonly to: number | null;
  /** A value of the range: its lower median. */
  readonly at: number | null;
  readonly level: string | null;
  /** A row of the bin that has the value `at` or the level; null of others. */
  readonly donor: number | null;
}

/** Bins, none of them empty, and the bin of each row. */
export interface FeatureBins {
  readonly bins: readonly FeatureBin[];
  readonly binOf: Uint32Array;
}

/**
 * Numbers (and dates) in up to `most` ranges of as many rows, equal values in one; where there are no more than `most` values, one
 * for each. Categories by their most frequent keys, of equal ones the first to appear, the rest as others. Texts are all others: no
 * two of them are alike. Places by cells. Missing cells last.
 */
export function binsOf(values: FeatureValues, most: number): FeatureBins {
  switch (values.kind) {
    case 'number':
      return numberBins(values.values, most);
    case 'category':
      return levelBins(values, most);
    case 'text':
      return textBins(values.texts);
    case 'place': {
      const { bins, binOf } = placeBins(values, most);
      return withMissing(bins, binOf, (row) => Number.isNaN(values.latitudes[row]));
    }
  }
}

const NOTHING = { from: null, to: null, at: null, level: null, donor: null };

function numberBins(values: Float64Array, most: number): FeatureBins {
  const there = indicesWhere(values.length, (row) => !Number.isNaN(values[row]));
  const order = ascendingOrder(Float64Array.from(there, (row) => values[row] ?? 0)).map((place) => there[place] ?? 0);
  const bins: FeatureBin[] = [];
  const binOf = new Uint32Array(values.length);
  const valueAt = (place: number): number => values[order[place] ?? 0] ?? NaN;
  const isEnd = endsOf(order.length, most, valueAt);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && !(isEnd(to) && valueAt(to) !== valueAt(to - 1))) to += 1;
    const middle = from + Math.floor((to - from - 1) / 2);
    for (let place = from; place < to; place += 1) binOf[order[place] ?? 0] = bins.length;
    const donor = order[middle] ?? 0;
    bins.push({ kind: 'range', from: valueAt(from), to: valueAt(to - 1), at: valueAt(middle), level: null, donor });
    from = to;
  }
  return withMissing(bins, binOf, (row) => Number.isNaN(values[row]));
}

/** Where a range may end: anywhere when there are few values, else where the share of another range is full. */
function endsOf(count: number, most: number, valueAt: (place: number) => number): (place: number) => boolean {
  let distinct = 0;
  for (let place = 0; place < count && distinct <= most; place += 1)
    if (place === 0 || valueAt(place) !== valueAt(place - 1)) distinct += 1;
  if (distinct <= most) return () => true;
  // Ties may carry a range over several ends; the next end counts from where it stopped.
  const share = (place: number): number => Math.floor((place * most) / count);
  let last = 0;
  return (place) => {
    if (share(place) <= last || valueAt(place) === valueAt(place - 1)) return false;
    last = share(place);
    return true;
  };
}

function levelBins({ codes, keys }: CategoryValues, most: number): FeatureBins {
  const counts = new Float64Array(keys.length);
  for (const code of codes) if (code >= 0) counts[code] = (counts[code] ?? 0) + 1;
  const present = [...counts.keys()].filter((code) => (counts[code] ?? 0) > 0);
  const frequent = present.sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b).slice(0, most);
  const binOfCode = new Map(frequent.map((code, bin) => [code, bin]));
  const bins = frequent.map((code): FeatureBin => ({
    ...NOTHING,
    kind: 'level',
    level: keys[code] ?? null,
    donor: codes.indexOf(code),
  }));
  if (present.length > frequent.length) bins.push({ ...NOTHING, kind: 'others' });
  const binOf = Uint32Array.from(codes, (code) => (code < 0 ? 0 : (binOfCode.get(code) ?? frequent.length)));
  return withMissing(bins, binOf, (row) => (codes[row] ?? -1) < 0);
}

function textBins(texts: readonly (string | null)[]): FeatureBins {
  const isMissing = (row: number): boolean => (texts[row] ?? null) === null;
  const bins: FeatureBin[] = texts.some((text) => text !== null) ? [{ ...NOTHING, kind: 'others' }] : [];
  return withMissing(bins, new Uint32Array(texts.length), isMissing);
}

function withMissing(bins: FeatureBin[], binOf: Uint32Array, isMissing: (row: number) => boolean): FeatureBins {
  const donor = binOf.findIndex((_, row) => isMissing(row));
  if (donor < 0) return { bins, binOf };
  return {
    bins: [...bins, { ...NOTHING, kind: 'missing', donor }],
    binOf: binOf.map((bin, row) => (isMissing(row) ? bins.length : bin)),
  };
}

import type { ValueCount } from '#contracts';

/** Counts exact texts out of a dictionary view, in order of first appearance. */
export interface TextCounter {
  /** Codes below 0 are missing cells. */
  add(codes: Int32Array, dictionary: readonly string[], rowCount: number): void;
  /** Counts of the rows behind. */
  merge(values: readonly ValueCount[]): void;
  /** Different texts that there would be with those of the rows behind. */
  countWith(values: readonly ValueCount[]): number;
  nullCount(): number;
  all(): ValueCount[];
}

export function textCounter(): TextCounter {
  let counts = new Float64Array(16);
  let dictionary: readonly string[] = [];
  let nullCount = 0;
  /** Of rows that were merged, all of them before those that are added. */
  const earlier = new Map<string, number>();
  const all = (): ValueCount[] => {
    const found = new Map(earlier);
    for (const [code, value] of dictionary.entries()) {
      const count = counts[code] ?? 0;
      if (count > 0) found.set(value, (found.get(value) ?? 0) + count);
    }
    return Array.from(found, ([value, count]) => ({ value, count }));
  };
  return {
    add: (codes, texts, rowCount) => {
      dictionary = texts;
      if (counts.length < texts.length) {
        const larger = new Float64Array(2 * texts.length);
        larger.set(counts);
        counts = larger;
      }
      for (let row = 0; row < rowCount; row += 1) {
        const code = codes[row] ?? -1;
        if (code < 0) nullCount += 1;
        else counts[code] = (counts[code] ?? 0) + 1;
      }
    },
    merge: (values) => {
      for (const { value, count } of values) earlier.set(value, (earlier.get(value) ?? 0) + count);
    },
    countWith: (values) => new Set([...all(), ...values].map(({ value }) => value)).size,
    nullCount: () => nullCount,
    all,
  };
}

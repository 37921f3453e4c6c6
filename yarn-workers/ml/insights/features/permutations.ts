import { createRandom, shuffle } from '#statistics';
import type { EncodedSample } from './fold-scorer.ts';

/** Permutations of row numbers by seed, each of the rows as they were. */
export function permutations(seed: number, count: number, rowCount: number): Uint32Array[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const order = Uint32Array.from({ length: rowCount }, (_, row) => row);
    shuffle(order, random);
    return order;
  });
}

/**
 * Runs `work` while each row has some columns of another row, then puts the values back.
 *
 * @param sourceOf the row whose values row `row` has meanwhile
 */
export function withColumnsFrom<T>(
  { values, columnCount }: EncodedSample,
  columns: Uint32Array,
  sourceOf: (row: number) => number,
  work: () => T,
): T {
  const rowCount = columnCount === 0 ? 0 : values.length / columnCount;
  const kept = Float64Array.from({ length: rowCount * columns.length }, (_, at) => {
    const row = Math.floor(at / columns.length);
    return values[row * columnCount + (columns[at % columns.length] ?? 0)] ?? NaN;
  });
  const write = (from: (row: number) => number): void => {
    for (let row = 0; row < rowCount; row += 1) {
      const source = from(row) * columns.length;
      for (const [i, column] of columns.entries()) values[row * columnCount + column] = kept[source + i] ?? NaN;
    }
  };
  write(sourceOf);
  try {
    return work();
  } finally {
    write((row) => row);
  }
}

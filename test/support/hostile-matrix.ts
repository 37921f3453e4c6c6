import { createRandom } from '#statistics';

/** Columns of a hostile matrix, by kind: each has what bins may stumble over. */
export const HOSTILE_COLUMNS = [
  'normal',
  'skewed with missing values',
  'mostly zero',
  'few levels',
  'values that count as zero',
  'infinite',
  'huge range',
  'two values',
  'constant',
  'negative, up to what counts as zero',
  'categories',
  'many categories',
  'few categories with missing values',
] as const;

export const HOSTILE_CATEGORIES = [10, 11, 12];

/** Rows x HOSTILE_COLUMNS, row-major. */
export function hostileMatrix(rowCount: number, seed: number): Float64Array {
  const random = createRandom(seed);
  const values = new Float64Array(rowCount * HOSTILE_COLUMNS.length);
  for (let row = 0; row < rowCount; row += 1) {
    const u = random.uniform();
    const v = random.uniform();
    values.set(
      [
        Math.sqrt(-2 * Math.log(u + 1e-12)) * Math.cos(6.283 * v),
        u < 0.1 ? NaN : Math.exp(12 * v),
        u < 0.7 ? 0 : u < 0.75 ? -0 : v,
        Math.floor(10 * u),
        u < 0.5 ? (v < 0.5 ? 1e-36 : -1e-36) : v - 0.5,
        u < 0.1 ? Infinity : u < 0.2 ? -Infinity : v,
        (v - 0.5) * 10 ** (600 * u - 300),
        Math.floor(2 * u),
        4,
        u < 0.3 ? 0 : u < 0.6 ? -1.1e-35 : -v,
        Math.floor(40 * u * u),
        Math.floor(600 * u * u),
        u < 0.05 ? NaN : Math.floor(4 * v),
      ],
      row * HOSTILE_COLUMNS.length,
    );
  }
  return values;
}

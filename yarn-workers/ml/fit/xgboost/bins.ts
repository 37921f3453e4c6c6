import { ZERO_THRESHOLD } from '#scoring';

/** How a matrix column becomes codes. */
export interface ColumnBins {
  /** A number's code is how many of these are below it, so that code k and less is x <= cuts[k]; ascending. */
  readonly cuts: Float64Array;
  /** Categories [0, categoryCount) are their own codes, all others missing; null for a numeric column. */
  readonly categoryCount: number | null;
}

/** Codes of all columns: one byte each where they fit. */
export interface Bins {
  readonly columns: readonly ColumnBins[];
  /** The code of a missing value; all others are below it. */
  readonly missingCode: number;
  /** More than any numeric column has codes. */
  readonly binsMax: number;
}

/** One byte's last code is that of a missing value. */
const BYTE_CODES = 255;
const WORD_CODES = 65_535;

/**
 * Bins from sampled rows: each of at most `binsMax` distinct numbers has a bin of its own, cut half-way between
 * neighbours; more are put together to bins of about as many rows each. As in LightGBM, |x| <= 1e-35f is 0.
 *
 * XGBoost is given codes instead of numbers: a byte instead of four a value while its matrix is made, and thresholds
 * that are doubles, where its own columns are float32 (a time in seconds would be known to two minutes).
 *
 * @param sample rowCount x columns, row-major; NaN is missing
 * @param categoryCounts one entry a column: how many categories, null for numbers
 */
export function findBins(
  sample: Float64Array,
  rowCount: number,
  categoryCounts: readonly (number | null)[],
  binsMax: number,
): Bins {
  const columns = categoryCounts.map((categoryCount, column): ColumnBins => {
    if (categoryCount !== null) return { cuts: new Float64Array(0), categoryCount };
    return { cuts: findCuts(sample, rowCount, column, categoryCounts.length, binsMax), categoryCount };
  });
  const codes = Math.max(...columns.map(({ cuts, categoryCount }) => categoryCount ?? cuts.length + 1), 1);
  const numericCodes = Math.max(...columns.map(({ cuts }) => cuts.length + 1), 1);
  return {
    columns,
    missingCode: codes <= BYTE_CODES ? BYTE_CODES : WORD_CODES,
    binsMax: Math.max(2, numericCodes + 1),
  };
}

const flushed = (x: number): number => (x >= -ZERO_THRESHOLD && x <= ZERO_THRESHOLD ? 0 : x);

function findCuts(sample: Float64Array, rowCount: number, column: number, step: number, binsMax: number): Float64Array {
  const values = new Float64Array(rowCount);
  let count = 0;
  for (let row = 0, at = column; row < rowCount; row += 1, at += step) {
    const x = sample[at] ?? NaN;
    if (Number.isNaN(x)) continue;
    values[count] = flushed(x);
    count += 1;
  }
  const sorted = values.subarray(0, count).sort();
  let distinct = 0;
  for (let i = 0; i < count; i += 1) if (i === 0 || sorted[i] !== sorted[i - 1]) distinct += 1;
  const cuts: number[] = [];
  let rowsLeft = count;
  let held = 0;
  for (let i = 1; i < count; i += 1) {
    held += 1;
    const [below, above] = [sorted[i - 1] ?? 0, sorted[i] ?? 0];
    if (below === above) continue;
    const isFull = distinct <= binsMax || held * (binsMax - cuts.length) >= rowsLeft;
    if (!isFull || cuts.length === binsMax - 1) continue;
    cuts.push(between(below, above));
    rowsLeft -= held;
    held = 0;
  }
  return Float64Array.from(cuts);
}

/** A cut of two neighbours: at least the lower, below the upper, finite. */
function between(below: number, above: number): number {
  const middle = below / 2 + above / 2;
  const cut = middle >= below && middle < above ? middle : below;
  return Math.min(Math.max(cut, -Number.MAX_VALUE), Number.MAX_VALUE);
}

/** Writes the codes of `rowCount` rows (row-major) to `codes` from row `firstRow` on. */
export function encodeRows(
  { columns, missingCode }: Bins,
  values: Float64Array,
  rowCount: number,
  codes: Uint8Array | Uint16Array,
  firstRow: number,
): void {
  const step = columns.length;
  for (const [column, { cuts, categoryCount }] of columns.entries()) {
    for (
      let row = 0, from = column, to = firstRow * step + column;
      row < rowCount;
      row += 1, from += step, to += step
    ) {
      const x = values[from] ?? NaN;
      if (categoryCount !== null) codes[to] = x > -1 && x < categoryCount ? x | 0 : missingCode;
      else codes[to] = Number.isNaN(x) ? missingCode : cutsBelow(cuts, flushed(x));
    }
  }
}

function cutsBelow(cuts: Float64Array, x: number): number {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x <= (cuts[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Room for the codes of so many rows. */
export function codesFor({ columns, missingCode }: Bins, rowCount: number): Uint8Array | Uint16Array {
  const cells = rowCount * columns.length;
  // A buffer of its own does not move, which small typed arrays of V8 may.
  return missingCode === BYTE_CODES
    ? new Uint8Array(new ArrayBuffer(cells))
    : new Uint16Array(new ArrayBuffer(2 * cells));
}

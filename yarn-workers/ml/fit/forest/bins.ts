import { CATEGORY_COLUMN, CUT_MAX, NUMBER_COLUMN, rowBinner, type ForestArrays } from '#scoring';

/** Where the values of a column are cut; see `ForestArrays`. */
export interface ColumnBins {
  readonly kind: typeof NUMBER_COLUMN | typeof CATEGORY_COLUMN;
  /** Cuts of a number; bins of a category's codes. */
  readonly points: Float64Array;
  /** Bin of a category's unseen levels. */
  readonly otherwise: number;
  /** Least and greatest value of each bin; of a category the bin's own number. */
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export const binCountOf = ({ low }: ColumnBins): number => low.length;

/**
 * Bins of a number with about as many rows each; a value is never cut apart, and where there are no more values than bins each
 * has its own. A cut lies half-way between two values.
 *
 * @param values NaN is missing; any order
 */
export function numberBins(values: Float64Array, maxBins: number): ColumnBins {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const low: number[] = [];
  const high: number[] = [];
  const distinct = countDistinct(sorted);
  let at = 0;
  while (at < sorted.length) {
    const binsLeft = maxBins - low.length;
    const wanted = distinct <= maxBins ? 1 : Math.max(1, (sorted.length - at) / binsLeft);
    low.push(sorted[at] ?? NaN);
    let end = Math.min(sorted.length, at + Math.ceil(wanted));
    if (binsLeft === 1) end = sorted.length;
    while (end < sorted.length && sorted[end] === sorted[end - 1]) end += 1;
    high.push(sorted[end - 1] ?? NaN);
    at = end;
  }
  const cuts = high.slice(0, -1).map((below, bin) => cutBetween(below, low[bin + 1] ?? NaN));
  return {
    kind: NUMBER_COLUMN,
    points: Float64Array.from(cuts),
    otherwise: 0,
    low: Float64Array.from(low),
    high: Float64Array.from(high),
  };
}

function countDistinct(sorted: Float64Array): number {
  let count = 0;
  for (let i = 0; i < sorted.length; i += 1) if (i === 0 || sorted[i] !== sorted[i - 1]) count += 1;
  return count;
}

/** At least `below` and less than `above`. */
function cutBetween(below: number, above: number): number {
  const middle = below + (above - below) / 2;
  return Math.max(middle >= below && middle < above ? middle : below, -Number.MAX_VALUE);
}

/**
 * Bins of a category: its levels in the order of their scores, of about as many rows each where there are more levels than
 * bins. Ordered by their mean target levels can be parted as well as by all their subsets, for two classes and for numbers.
 *
 * @param scores one a code, and one of levels that are not known
 * @param counts rows of each code
 * @see Fisher 1958, "On grouping for maximum homogeneity"; Breiman et al. 1984, "Classification and regression trees", 9.4
 */
export function categoryBins(
  scores: Float64Array,
  unknownScore: number,
  counts: Float64Array,
  maxBins: number,
): ColumnBins {
  const order = Array.from(scores.keys()).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b);
  const points = new Float64Array(scores.length);
  let rowsLeft = counts.reduce((sum, count) => sum + count, 0);
  let bin = 0;
  let held = 0;
  for (const [place, code] of order.entries()) {
    points[code] = bin;
    held += counts[code] ?? 0;
    const levelsLeft = order.length - place - 1;
    const binsLeft = maxBins - bin;
    if (levelsLeft > 0 && (levelsLeft < binsLeft || (binsLeft > 1 && held >= rowsLeft / binsLeft))) {
      rowsLeft -= held;
      held = 0;
      bin += 1;
    }
  }
  const above = order.find((code) => (scores[code] ?? 0) >= unknownScore) ?? order.at(-1);
  const numbers = Float64Array.from({ length: order.length === 0 ? 0 : bin + 1 }, (_, index) => index);
  const otherwise = above === undefined ? 0 : (points[above] ?? 0);
  return { kind: CATEGORY_COLUMN, points, otherwise, low: numbers, high: numbers };
}

/** The columns' part of a forest's arrays. */
export function binArrays(
  columns: readonly ColumnBins[],
): Pick<ForestArrays, 'columnCount' | 'columnKind' | 'pointOffset' | 'point' | 'otherwiseBin'> {
  const pointOffset = new Int32Array(columns.length + 1);
  for (const [column, { points }] of columns.entries())
    pointOffset[column + 1] = (pointOffset[column] ?? 0) + points.length;
  const point = new Float64Array(pointOffset[columns.length] ?? 0);
  for (const [column, { points }] of columns.entries()) point.set(points, pointOffset[column]);
  return {
    columnCount: columns.length,
    columnKind: Uint8Array.from(columns, ({ kind }) => kind),
    pointOffset,
    point,
    otherwiseBin: Int32Array.from(columns, ({ otherwise }) => otherwise),
  };
}

export type BinArray = Uint8Array | Uint16Array;

/** Rows in bins, column by column. */
export interface BinnedRows {
  readonly columns: readonly BinArray[];
  /** What stands for a missing number. */
  readonly missing: number;
}

const BYTE_BINS_MAX = 255;
const BYTE_MISSING = 0xff;
const WIDE_MISSING = 0xffff;

/** An empty table of bins, and what puts encoded rows into it by the code that serves. */
export function binTable(columns: readonly ColumnBins[], rowCount: number) {
  const isNarrow = columns.every((column) => binCountOf(column) <= BYTE_BINS_MAX);
  const missing = isNarrow ? BYTE_MISSING : WIDE_MISSING;
  const table = columns.map((): BinArray => (isNarrow ? new Uint8Array(rowCount) : new Uint16Array(rowCount)));
  const binsOf = rowBinner(
    binArrays(columns),
    Int32Array.from({ length: columns.length }, (_, column) => column),
  );
  const bins = new Int32Array(columns.length);
  return {
    binned: { columns: table, missing } satisfies BinnedRows,
    put: (values: Float64Array, base: number, row: number): void => {
      binsOf(values, base, bins);
      for (let column = 0; column < table.length; column += 1) {
        const cells = table[column];
        const bin = bins[column] ?? 0;
        if (cells !== undefined) cells[row] = bin > CUT_MAX + 1 ? missing : bin;
      }
    },
  };
}

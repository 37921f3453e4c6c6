import { ZERO_THRESHOLD } from '#scoring';

/**
 * How LightGBM puts the values of a column into bins.
 *
 * @see LightGBM 4.7.0, bin.h (BinMapper)
 */
export type BinMapper = NumberBins | CategoryBins;

interface Bins {
  readonly binCount: number;
  /** The bin of most rows of the sample. LightGBM stores 0 for it. */
  readonly mostFrequentBin: number;
}

export interface NumberBins extends Bins {
  readonly kind: 'number';
  /** Whether the last bin is that of missing values; else they count as 0. */
  readonly hasMissingBin: boolean;
  /** The largest value of each bin but that of missing values, ascending; infinite in the last one. Some may be equal. */
  readonly upperBounds: Float64Array;
}

export interface CategoryBins extends Bins {
  readonly kind: 'category';
  /** The category of each bin; that of bin 0 stands for missing values and all categories that are not here. */
  readonly categories: Int32Array;
}

/** Writes the bins of `count` values, which lie `stride` apart from `from` on, to `out` from `at` on. */
export type Binner = (
  values: Float64Array,
  from: number,
  stride: number,
  count: number,
  out: Uint8Array | Uint16Array,
  at: number,
) => void;

/** The bins that LightGBM gives the values of a row that is pushed to it. */
export const binnerOf = (mapper: BinMapper): Binner =>
  mapper.kind === 'number' ? numberBinner(mapper) : categoryBinner(mapper);

/** Cells of the grid that tells where to look for a value: with this many there is mostly one bound in each. */
const GRID_CELLS = 2_048;

/**
 * The first bin whose upper bound is not below the value. A grid of equally wide cells between the lowest and the highest bound gives the
 * bins that a value may be in; of these it is found by halving. Values that LightGBM counts as zero are 0.
 */
function numberBinner({ binCount, hasMissingBin, upperBounds }: NumberBins): Binner {
  const bounds = upperBounds.slice(0, -1);
  const { low, scale, firstOf } = gridOf(bounds);
  const binOf = (value: number): number => {
    const cell = (value - low) * scale;
    const place = cell > 0 ? (cell < GRID_CELLS ? cell | 0 : GRID_CELLS) : 0;
    let from = firstOf[place] ?? 0;
    let to = firstOf[place + 1] ?? 0;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (value <= (bounds[middle] ?? Infinity)) to = middle;
      else from = middle + 1;
    }
    return from;
  };
  const missing = hasMissingBin ? binCount - 1 : binOf(0);
  const zero = binOf(0);
  return (values, from, stride, count, out, at) => {
    for (let index = 0, place = from; index < count; index += 1, place += stride) {
      const value = values[place] ?? NaN;
      out[at + index] = Number.isNaN(value)
        ? missing
        : value <= ZERO_THRESHOLD && value >= -ZERO_THRESHOLD
          ? zero
          : binOf(value);
    }
  };
}

/**
 * Where the search for a value of a grid's cell begins (`firstOf[cell]`) and ends (`firstOf[cell + 1]`): the bins of the smallest value that
 * may be computed into the cell and of the next cell's.
 */
function gridOf(bounds: Float64Array): { low: number; scale: number; firstOf: Uint16Array } {
  const low = bounds[0] ?? 0;
  const width = (bounds.at(-1) ?? 0) - low;
  // A range that overflows, or is nothing, has one cell: all bounds are searched.
  const scale = width > 0 && Number.isFinite(GRID_CELLS / width) ? GRID_CELLS / width : 0;
  const firstOf = new Uint16Array(GRID_CELLS + 2).fill(bounds.length);
  firstOf[0] = 0;
  if (scale === 0) return { low, scale, firstOf: firstOf.fill(0, 0, 1) };
  // The cell of each bound by the computation that values go through: it rises with the value, so that a value of a later cell is above.
  let bin = 0;
  for (let cell = 1; cell <= GRID_CELLS; cell += 1) {
    while (bin < bounds.length && Math.min(GRID_CELLS, ((bounds[bin] ?? 0) - low) * scale) < cell) bin += 1;
    firstOf[cell] = bin;
  }
  return { low, scale, firstOf };
}

function categoryBinner({ categories }: CategoryBins): Binner {
  const most = categories.reduce((max, category) => Math.max(max, category), -1);
  const binOf = new Uint16Array(most + 1);
  for (const [bin, category] of categories.entries()) if (bin > 0 && category >= 0) binOf[category] = bin;
  return (values, from, stride, count, out, at) => {
    for (let index = 0, place = from; index < count; index += 1, place += stride) {
      const value = values[place] ?? NaN;
      out[at + index] = value > -1 && value <= most ? (binOf[value | 0] ?? 0) : 0;
    }
  };
}

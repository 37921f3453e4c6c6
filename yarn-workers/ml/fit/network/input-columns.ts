import type { ColumnSpec } from '../linear/columns.ts';
import { codeOf, lastAtOrBelow } from '../linear/column-shares.ts';
import { KNOT_VALUES_MAX, LEVEL_INPUTS, NUMBER_INPUTS, ONE_HOT_LEVELS_MAX } from './limits.ts';

/**
 * How a matrix column becomes inputs of a network: some are fixed functions of it, the others are fitted.
 *
 * - A number has its scaled value and some fitted functions, all linear between knots at quantiles and constant beyond them. A missing one
 *   stands at the median, and has an input that says so if training rows miss it.
 * - A category of two levels is 1, -1 or 0, one of few has an input a level, one of more a fitted vector a level. All levels without a
 *   code (rare and unseen ones) are one more.
 *
 * @see Gorishniy, Rubachev, Babenko 2022, "On embeddings for numerical features in tabular deep learning", equation 1 (a fitted function is
 * linear in this piecewise linear encoding)
 */
export interface InputColumn {
  readonly kind: ColumnSpec['kind'];
  /** Of a number its knots, strictly ascending, or none where training rows have no two values; of a category nothing. */
  readonly knots: Float64Array;
  /** Points with inputs of their own: knots, or codes and one more for what has none. */
  readonly pointCount: number;
  readonly fixedCount: number;
  /** Points x fixed inputs. */
  readonly fixed: Float32Array;
  readonly fittedCount: number;
  /** The fixed inputs of a missing number. */
  readonly missing: Float32Array;
  /** Where a missing number stands among the knots. */
  readonly median: PointPlace;
}

/** A point, and how far it is from there to the next one, from 0 to 1. */
export interface PointPlace {
  readonly point: number;
  readonly share: number;
}

const FIRST_POINT: PointPlace = { point: 0, share: 0 };
/** Values beyond are taken as this: all knots are numbers that an artefact may hold. */
const NUMBER_MAX = 1e99;

/**
 * @param values of the training rows; NaN is missing
 * @param bins between knots at most
 */
export function planInputs({ kind, codeCount }: ColumnSpec, values: Float64Array, bins: number): InputColumn {
  return kind === 'category' ? planCategory(codeCount) : planNumber(values, bins);
}

function planCategory(codeCount: number): InputColumn {
  const pointCount = codeCount + 1;
  const isFitted = codeCount > ONE_HOT_LEVELS_MAX;
  const isSigned = codeCount === 2;
  const fixedCount = isFitted ? 0 : isSigned ? 1 : Math.max(1, codeCount);
  const fixed = new Float32Array(pointCount * fixedCount);
  if (isSigned) fixed.set([1, -1]);
  else if (!isFitted) for (let code = 0; code < codeCount; code += 1) fixed[code * fixedCount + code] = 1;
  return {
    kind: 'category',
    knots: new Float64Array(0),
    pointCount,
    fixedCount,
    fixed,
    fittedCount: isFitted ? LEVEL_INPUTS : 0,
    missing: new Float32Array(0),
    median: FIRST_POINT,
  };
}

function planNumber(values: Float64Array, bins: number): InputColumn {
  const stride = Math.ceil(values.length / KNOT_VALUES_MAX);
  const known = values
    .filter((value, row) => row % stride === 0 && Number.isFinite(value))
    .map((value) => Math.min(Math.max(value, -NUMBER_MAX), NUMBER_MAX))
    .sort();
  const hasMissing = values.some(Number.isNaN);
  const knots = knotsOf(known, bins);
  const isVaried = knots.length > 1;
  const median = quantileOf(known, 0.5);
  const scaled = isVaried ? scaledValues(known, knots) : new Float32Array(0);
  const fixedCount = Number(isVaried) + Number(hasMissing || !isVaried);
  const fixed = new Float32Array(knots.length * fixedCount);
  for (let point = 0; isVaried && point < knots.length; point += 1) fixed[point * fixedCount] = scaled[point] ?? 0;
  const place = isVaried ? placeAmong(knots, median) : FIRST_POINT;
  const missing = new Float32Array(fixedCount);
  if (isVaried) missing[0] = between(scaled, place);
  if (hasMissing) missing[fixedCount - 1] = 1;
  return {
    kind: 'number',
    knots,
    pointCount: knots.length,
    fixedCount,
    fixed,
    fittedCount: isVaried ? NUMBER_INPUTS : 0,
    missing,
    median: place,
  };
}

const quantileOf = (sorted: Float64Array, level: number): number =>
  sorted[Math.round(level * (sorted.length - 1))] ?? 0;

/** Different quantiles: half of them of all values, half of those that are not the most frequent one, which may be most. */
function knotsOf(sorted: Float64Array, bins: number): Float64Array {
  const often = mostFrequent(sorted);
  const others = sorted.filter((value) => value !== often);
  const half = Math.floor(bins / 2);
  const knots = [sorted, others].flatMap((from) =>
    from.length === 0 ? [] : Array.from({ length: half + 1 }, (_, index) => quantileOf(from, index / half)),
  );
  return Float64Array.from(new Set(knots)).sort();
}

function mostFrequent(sorted: Float64Array): number {
  let often = NaN;
  let most = 0;
  for (let from = 0, to = 0; from < sorted.length; from = to) {
    while (to < sorted.length && sorted[to] === sorted[from]) to += 1;
    if (to - from > most) [often, most] = [sorted[from] ?? NaN, to - from];
  }
  return often;
}

/**
 * The knots as numbers of a size that weights can go with: less the median, by the range between the quartiles, and drawn in smoothly
 * beyond 3 of them.
 *
 * @see Holzmueller, Grinsztajn, Steinwart 2024, "Better by default: strong pre-tuned MLPs and boosted trees on tabular data", section 3
 */
function scaledValues(sorted: Float64Array, knots: Float64Array): Float32Array {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((level) => quantileOf(sorted, level));
  const range = (high ?? 0) - (low ?? 0);
  const unit = range > 0 ? range : ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0)) / 2;
  return Float32Array.from(knots, (knot) => {
    const z = (knot - (middle ?? 0)) / unit;
    return z / Math.sqrt(1 + (z / 3) ** 2);
  });
}

/** The value of a function that is linear between points. */
const between = (values: Float32Array, { point, share }: PointPlace): number => {
  const here = values[point] ?? 0;
  return share === 0 ? here : here + ((values[point + 1] ?? 0) - here) * share;
};

/** Where a value is among two or more knots. */
function placeAmong(knots: Float64Array, value: number): PointPlace {
  const point = lastAtOrBelow(knots, value);
  const first = knots[point] ?? NaN;
  const next = knots[point + 1] ?? NaN;
  return { point, share: (Math.min(Math.max(value, first), next) - first) / (next - first) };
}

/** Stands for a missing number among points. */
export const MISSING_POINT = 0xffff;

/** Rows as places among the points of their columns. Memory: 6 bytes a cell. */
export interface PlacedRows {
  readonly rowCount: number;
  /** rows x columns */
  readonly points: Uint16Array;
  /** rows x columns; of a category 0 */
  readonly shares: Float32Array;
}

/** @param cells one array a column, which is let go once it is read */
export function placeRows(columns: readonly InputColumn[], cells: Float64Array[], rowCount: number): PlacedRows {
  const points = new Uint16Array(rowCount * columns.length);
  const shares = new Float32Array(rowCount * columns.length);
  for (const [index, { kind, knots, pointCount }] of columns.entries()) {
    const values = cells[index] ?? new Float64Array(0);
    for (let row = 0, at = index; row < rowCount; row += 1, at += columns.length) {
      const value = values[row] ?? NaN;
      if (kind === 'category') points[at] = codeOf(value, pointCount - 1);
      else if (Number.isNaN(value) || pointCount === 0) points[at] = MISSING_POINT;
      else if (knots.length > 1) {
        const place = placeAmong(knots, value);
        points[at] = place.point;
        shares[at] = place.share;
      }
    }
    cells[index] = new Float64Array(0);
  }
  return { rowCount, points, shares };
}

import { SCORE_MAX } from './limits.ts';

/** Values of {@link ColumnPoints.columnKind}. */
export const NUMBER_COLUMN = 0;
export const CATEGORY_COLUMN = 1;

/**
 * Where functions of single matrix columns have their values. Column j has the points pointOffset[j] up to pointOffset[j + 1] (exclusive):
 * of a number they are knots, of a category its codes 0, 1, ...
 */
export interface ColumnPoints {
  /** one a column: NUMBER_COLUMN or CATEGORY_COLUMN */
  readonly columnKind: Uint8Array;
  /** columnCount + 1 */
  readonly pointOffset: Int32Array;
  /** place of each point: strictly ascending within a number; within a category the code */
  readonly knot: Float64Array;
}

/** Columns, points and members of real models are far fewer; so no sum of values can overflow. */
const POINTS_MAX = 2 ** 31 - 1;

/** Refuses what a check found. */
export type Refusal = (what: string) => never;

/** Proves that arrays have the lengths that they must have. */
export function checkLengths<F extends string>(
  arrays: Readonly<Record<NoInfer<F>, ArrayLike<number>>>,
  expected: readonly (readonly [F, number])[],
  fail: Refusal,
): void {
  for (const [name, length] of expected)
    if (arrays[name].length !== length) fail(`${name} has ${arrays[name].length} elements, expected ${length}`);
}

/** Proves that all numbers of arrays are of magnitude `most` at the largest. */
export function checkMagnitudes<F extends string>(
  arrays: Readonly<Record<NoInfer<F>, Float64Array | Float32Array>>,
  names: readonly F[],
  most: number,
  fail: Refusal,
): void {
  for (const name of names) {
    const at = arrays[name].findIndex((value) => !(Math.abs(value) <= most));
    if (at >= 0) fail(`${name} ${at} is ${arrays[name][at] ?? 'nothing'}`);
  }
}

/** Proves that each column has a kind, and points that rise or are codes. */
export function checkPoints(points: ColumnPoints, columnCount: number, fail: Refusal): void {
  const { pointOffset, knot } = points;
  if (knot.length > POINTS_MAX) fail(`has ${knot.length} points`);
  checkLengths(
    points,
    [
      ['columnKind', columnCount],
      ['pointOffset', columnCount + 1],
    ],
    fail,
  );
  checkMagnitudes(points, ['knot'], SCORE_MAX, fail);
  if (pointOffset[0] !== 0) fail(`pointOffset starts at ${pointOffset[0] ?? 'nothing'}, expected 0`);
  if (pointOffset[columnCount] !== knot.length)
    fail(`pointOffset ends at ${pointOffset[columnCount] ?? 'nothing'}, expected ${knot.length}`);
  for (let column = 0; column < columnCount; column += 1) checkColumn(points, column, fail);
}

function checkColumn({ columnKind, pointOffset, knot }: ColumnPoints, column: number, fail: Refusal): void {
  const kind = columnKind[column] ?? 255;
  const from = pointOffset[column] ?? 0;
  const to = pointOffset[column + 1] ?? 0;
  if (kind !== NUMBER_COLUMN && kind !== CATEGORY_COLUMN) fail(`column ${column} is of kind ${kind}`);
  if (to < from) fail(`pointOffset falls at column ${column}`);
  for (let point = from; point < to; point += 1) {
    const place = knot[point] ?? NaN;
    if (kind === CATEGORY_COLUMN && place !== point - from) fail(`point ${point} is code ${place}`);
    if (kind === NUMBER_COLUMN && point > from && !(place > (knot[point - 1] ?? NaN)))
      fail(`knot ${point} of column ${column} does not rise`);
  }
}

/** The last of the knots `from` to `to` (exclusive) that is at or before x; what is before the first counts as at it. */
export function pointAt(knot: Float64Array, from: number, to: number, x: number): number {
  let low = from;
  for (let high = to; high - low > 1;) {
    const middle = (low + high) >>> 1;
    if ((knot[middle] ?? NaN) <= x) low = middle;
    else high = middle;
  }
  return low;
}

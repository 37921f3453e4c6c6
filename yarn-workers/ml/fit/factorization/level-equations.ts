import type { Block } from '../linear/design.ts';

/**
 * The equations of all levels of a block, 1 + rank unknowns each: packed lower triangles, and right sides. Memory: 8 bytes x levels x
 * (1 + rank) x (4 + rank) / 2.
 */
export interface LevelEquations {
  readonly triangles: Float64Array;
  readonly sides: Float64Array;
}

const triangleSize = (width: number): number => (width * (width + 1)) / 2;

export const levelEquations = (levelCount: number, width: number): LevelEquations => ({
  triangles: new Float64Array(levelCount * triangleSize(width)),
  sides: new Float64Array(levelCount * width),
});

/**
 * Adds up the equations of a block's levels in row order. Whatever else is fitted, the raw score of a row is linear in the
 * coefficient and vector of its level: their factors are its value x (1, the sum of the vectors of all other fields).
 *
 * @param others rows x rank
 * @param gradient of each row, negative
 */
export function addEquations(
  { codes, values }: Block,
  others: Float64Array,
  rank: number,
  gradient: Float64Array,
  curvature: Float64Array,
  { triangles, sides }: LevelEquations,
): void {
  const width = 1 + rank;
  const size = triangleSize(width);
  const factors = new Float64Array(width);
  factors[0] = 1;
  triangles.fill(0);
  sides.fill(0);
  for (let row = 0; row < gradient.length; row += 1) {
    const x = values === null ? 1 : (values[row] ?? 0);
    if (x === 0) continue;
    const level = codes === null ? 0 : (codes[row] ?? 0);
    for (let factor = 0; factor < rank; factor += 1) factors[1 + factor] = others[row * rank + factor] ?? 0;
    const slope = x * (gradient[row] ?? 0);
    const curve = x * x * (curvature[row] ?? 0);
    let at = level * size;
    const side = level * width;
    for (let i = 0; i < width; i += 1) {
      const own = factors[i] ?? 0;
      sides[side + i] = (sides[side + i] ?? 0) + slope * own;
      const curved = curve * own;
      for (let j = 0; j <= i; j += 1, at += 1) triangles[at] = (triangles[at] ?? 0) + curved * (factors[j] ?? 0);
    }
  }
}

/**
 * Solves the equations of each level with squared penalties, by Cholesky's decomposition; what changes coefficients and vectors stands in
 * the right sides then.
 *
 * @param own coefficients and vectors as they are: levels x (1 + rank)
 * @param penalties of a coefficient and of the numbers of a vector; above 0, so that each level has one solution
 */
export function solveLevels(
  { triangles, sides }: LevelEquations,
  own: Float64Array,
  rank: number,
  penalties: { readonly coefficient: number; readonly vector: number },
): void {
  const width = 1 + rank;
  const size = triangleSize(width);
  for (let level = 0, from = 0; level * width < own.length; level += 1, from += size) {
    const side = level * width;
    for (let i = 0; i < width; i += 1) {
      const penalty = i === 0 ? penalties.coefficient : penalties.vector;
      const diagonal = from + triangleSize(i) + i;
      triangles[diagonal] = (triangles[diagonal] ?? 0) + penalty;
      sides[side + i] = (sides[side + i] ?? 0) - penalty * (own[side + i] ?? 0);
    }
    decompose(triangles, from, width);
    substitute(triangles, from, sides, side, width);
  }
}

/** Cholesky's decomposition of a packed lower triangle, in place. */
function decompose(triangles: Float64Array, from: number, width: number): void {
  for (let i = 0; i < width; i += 1) {
    const rowI = from + triangleSize(i);
    for (let j = 0; j <= i; j += 1) {
      const rowJ = from + triangleSize(j);
      let sum = triangles[rowI + j] ?? 0;
      for (let k = 0; k < j; k += 1) sum -= (triangles[rowI + k] ?? 0) * (triangles[rowJ + k] ?? 0);
      triangles[rowI + j] = i === j ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / (triangles[rowJ + j] ?? 1);
    }
  }
}

/** Solves a decomposed equation, forwards and backwards, in place of its right side. */
function substitute(triangles: Float64Array, from: number, sides: Float64Array, side: number, width: number): void {
  for (let i = 0; i < width; i += 1) {
    const rowI = from + triangleSize(i);
    let sum = sides[side + i] ?? 0;
    for (let k = 0; k < i; k += 1) sum -= (triangles[rowI + k] ?? 0) * (sides[side + k] ?? 0);
    sides[side + i] = sum / (triangles[rowI + i] ?? 1);
  }
  for (let i = width - 1; i >= 0; i -= 1) {
    let sum = sides[side + i] ?? 0;
    for (let k = i + 1; k < width; k += 1) sum -= (triangles[from + triangleSize(k) + i] ?? 0) * (sides[side + k] ?? 0);
    sides[side + i] = sum / (triangles[from + triangleSize(i) + i] ?? 1);
  }
}

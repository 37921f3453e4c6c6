/**
 * Columns of a design of which every row has exactly one that is not 0: a number, a category's levels, or every other hat
 * of a broken line. So one pass over the rows gives the gradient of all of its coefficients, and they are independent.
 */
export interface Block {
  readonly levelCount: number;
  /** Coefficient of each row; null: all rows have coefficient 0. */
  readonly codes: Uint16Array | null;
  /** What the row has there; null: 1. */
  readonly values: Float32Array | null;
  /** 1 or -1: coefficient 0 must not be of the other sign; 0: free. */
  readonly sign: -1 | 0 | 1;
  /** True if every row has a 1: what all coefficients share could as well be the intercept's. */
  readonly isComplete: boolean;
}

/** A standardised design. Memory: 2 bytes a row and coded block, 4 a row and block with values. */
export interface Design {
  readonly rowCount: number;
  readonly blocks: readonly Block[];
}

/** Coefficients of one output: those of each block, and the intercept, which is never penalised. */
export interface Coefficients {
  intercept: number;
  readonly blocks: readonly Float64Array[];
}

export function zeroCoefficients({ blocks }: Pick<Design, 'blocks'>, intercept: number): Coefficients {
  return { intercept, blocks: blocks.map(({ levelCount }) => new Float64Array(levelCount)) };
}

export function copyOfCoefficients({ intercept, blocks }: Coefficients): Coefficients {
  return { intercept, blocks: blocks.map((block) => block.slice()) };
}

/** A copy, each coefficient times `factor`. */
export function scaled({ intercept, blocks }: Coefficients, factor: number): Coefficients {
  return { intercept: intercept * factor, blocks: blocks.map((block) => block.map((value) => value * factor)) };
}

/** Adds to `sums` what the rows' values at each coefficient, times `factors`, sum up to, in row order. */
export function gather({ codes, values }: Block, factors: Float64Array, sums: Float64Array): void {
  const { length } = factors;
  if (codes === null) {
    let sum = 0;
    if (values === null) for (let row = 0; row < length; row += 1) sum += factors[row] ?? 0;
    else for (let row = 0; row < length; row += 1) sum += (values[row] ?? 0) * (factors[row] ?? 0);
    sums[0] = (sums[0] ?? 0) + sum;
  } else if (values === null) {
    for (let row = 0; row < length; row += 1) {
      const code = codes[row] ?? 0;
      sums[code] = (sums[code] ?? 0) + (factors[row] ?? 0);
    }
  } else {
    for (let row = 0; row < length; row += 1) {
      const code = codes[row] ?? 0;
      sums[code] = (sums[code] ?? 0) + (values[row] ?? 0) * (factors[row] ?? 0);
    }
  }
}

/** The same with squared values: the curvature of each coefficient. */
export function gatherSquares({ codes, values }: Block, factors: Float64Array, sums: Float64Array): void {
  for (let row = 0; row < factors.length; row += 1) {
    const code = codes === null ? 0 : (codes[row] ?? 0);
    const value = values === null ? 1 : (values[row] ?? 0);
    sums[code] = (sums[code] ?? 0) + value * value * (factors[row] ?? 0);
  }
}

/** Takes from each row of `residuals` its value x the change of its coefficient x its `factors`. */
export function scatter(
  { codes, values }: Block,
  changes: Float64Array,
  factors: Float64Array,
  residuals: Float64Array,
): void {
  const { length } = residuals;
  if (codes === null) {
    const change = changes[0] ?? 0;
    if (values === null)
      for (let row = 0; row < length; row += 1) residuals[row] = (residuals[row] ?? 0) - change * (factors[row] ?? 0);
    else
      for (let row = 0; row < length; row += 1)
        residuals[row] = (residuals[row] ?? 0) - change * (values[row] ?? 0) * (factors[row] ?? 0);
  } else if (values === null) {
    for (let row = 0; row < length; row += 1)
      residuals[row] = (residuals[row] ?? 0) - (changes[codes[row] ?? 0] ?? 0) * (factors[row] ?? 0);
  } else {
    for (let row = 0; row < length; row += 1)
      residuals[row] =
        (residuals[row] ?? 0) - (changes[codes[row] ?? 0] ?? 0) * (values[row] ?? 0) * (factors[row] ?? 0);
  }
}

/** The linear predictor of all rows, `out[at + row * stride]`. */
export function predictorOf(
  { rowCount, blocks }: Design,
  { intercept, blocks: coefficients }: Coefficients,
  out: Float64Array,
  at = 0,
  stride = 1,
): void {
  for (let row = 0, place = at; row < rowCount; row += 1, place += stride) out[place] = intercept;
  for (const [index, { codes, values }] of blocks.entries()) {
    const own = coefficients[index];
    if (own === undefined || own.every((value) => value === 0)) continue;
    for (let row = 0, place = at; row < rowCount; row += 1, place += stride) {
      const coefficient = own[codes === null ? 0 : (codes[row] ?? 0)] ?? 0;
      out[place] = (out[place] ?? 0) + coefficient * (values === null ? 1 : (values[row] ?? 0));
    }
  }
}

/** Columns of which a row may have any number that are not 0: column j has the entries offsets[j] to offsets[j + 1]. */
export interface SparseColumns {
  readonly offsets: Int32Array;
  readonly rows: Int32Array;
  readonly values: Float32Array;
}

/**
 * Columns of a design of which every row has exactly one that is not 0: a number, a category's levels, or every other hat
 * of a broken line. So one pass over the rows gives the gradient of all of its coefficients, and they are independent.
 * Or the terms of a text, which are not, in sparse columns.
 */
export interface Block {
  readonly levelCount: number;
  /** Coefficient of each row; null: all rows have coefficient 0. */
  readonly codes: Uint16Array | null;
  /** What the row has there; null: 1. */
  readonly values: Float32Array | null;
  /** A column a coefficient, instead of codes and values; null: those hold. */
  readonly sparse: SparseColumns | null;
  /** 1 or -1: coefficient 0 must not be of the other sign; 0: free. */
  readonly sign: -1 | 0 | 1;
  /** True if every row has a 1: what all coefficients share could as well be the intercept's. */
  readonly isComplete: boolean;
}

/** A standardised design. Memory: 2 bytes a row and coded block, 4 a row and block with values, 8 an entry of sparse columns. */
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

/** What comes of two sets of coefficients of one design, one by one. */
export function combined(
  a: Coefficients,
  b: Coefficients,
  of: (valueOfA: number, valueOfB: number) => number,
): Coefficients {
  return {
    intercept: of(a.intercept, b.intercept),
    blocks: a.blocks.map((block, index) => block.map((value, level) => of(value, b.blocks[index]?.[level] ?? NaN))),
  };
}

/** The same outputs, each with what is added to its raw scores; null: nothing. */
export const shifted = (outputs: readonly Coefficients[], shift: readonly number[] | null): readonly Coefficients[] =>
  shift === null
    ? outputs
    : outputs.map(({ intercept, blocks }, output) => ({ intercept: intercept + (shift[output] ?? 0), blocks }));

/** Adds to `sums` what the rows' values at each coefficient, times `factors`, sum up to, in row order. */
export function gather({ codes, values, sparse }: Block, factors: Float64Array, sums: Float64Array): void {
  const { length } = factors;
  if (sparse !== null) {
    for (let column = 0; column < sums.length; column += 1)
      sums[column] = (sums[column] ?? 0) + columnSum(sparse, column, factors);
  } else if (codes === null) {
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

/** Values of a sparse column times the rows' `factors`, in row order. */
export function columnSum({ offsets, rows, values }: SparseColumns, column: number, factors: Float64Array): number {
  const end = offsets[column + 1] ?? 0;
  let sum = 0;
  for (let entry = offsets[column] ?? 0; entry < end; entry += 1)
    sum += (values[entry] ?? 0) * (factors[rows[entry] ?? 0] ?? 0);
  return sum;
}

/** Takes from each row's residual its value in a sparse column x `change` x its `factors`. */
export function scatterColumn(
  { offsets, rows, values }: SparseColumns,
  column: number,
  change: number,
  factors: Float64Array,
  residuals: Float64Array,
): void {
  const end = offsets[column + 1] ?? 0;
  for (let entry = offsets[column] ?? 0; entry < end; entry += 1) {
    const row = rows[entry] ?? 0;
    residuals[row] = (residuals[row] ?? 0) - change * (values[entry] ?? 0) * (factors[row] ?? 0);
  }
}

/** As `gather` with squared values: the curvature of each coefficient. */
export function gatherSquares({ codes, values, sparse }: Block, factors: Float64Array, sums: Float64Array): void {
  if (sparse !== null) {
    for (let column = 0; column < sums.length; column += 1) {
      for (let entry = sparse.offsets[column] ?? 0; entry < (sparse.offsets[column + 1] ?? 0); entry += 1) {
        const value = sparse.values[entry] ?? 0;
        sums[column] = (sums[column] ?? 0) + value * value * (factors[sparse.rows[entry] ?? 0] ?? 0);
      }
    }
    return;
  }
  for (let row = 0; row < factors.length; row += 1) {
    const code = codes === null ? 0 : (codes[row] ?? 0);
    const value = values === null ? 1 : (values[row] ?? 0);
    sums[code] = (sums[code] ?? 0) + value * value * (factors[row] ?? 0);
  }
}

/** Takes from each row of `residuals` its value x the change of its coefficient x its `factors`; not of sparse columns. */
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
  for (const [index, { codes, values, sparse }] of blocks.entries()) {
    const own = coefficients[index];
    if (own === undefined || own.every((value) => value === 0)) continue;
    if (sparse !== null) {
      addSparse(sparse, own, out, at, stride);
      continue;
    }
    for (let row = 0, place = at; row < rowCount; row += 1, place += stride) {
      const coefficient = own[codes === null ? 0 : (codes[row] ?? 0)] ?? 0;
      out[place] = (out[place] ?? 0) + coefficient * (values === null ? 1 : (values[row] ?? 0));
    }
  }
}

/** Adds what sparse columns add to the linear predictor of each row, `out[at + row * stride]`. */
export function addSparse(
  { offsets, rows, values }: SparseColumns,
  coefficients: Float64Array,
  out: Float64Array,
  at: number,
  stride: number,
): void {
  for (let column = 0; column < coefficients.length; column += 1) {
    const coefficient = coefficients[column] ?? 0;
    if (coefficient === 0) continue;
    for (let entry = offsets[column] ?? 0; entry < (offsets[column + 1] ?? 0); entry += 1) {
      const place = at + (rows[entry] ?? 0) * stride;
      out[place] = (out[place] ?? 0) + coefficient * (values[entry] ?? 0);
    }
  }
}

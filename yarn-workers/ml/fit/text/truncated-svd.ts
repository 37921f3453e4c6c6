import { createRandom } from '#statistics';
import { addSparse, type SparseColumns } from '../linear/design.ts';

/** Directions beyond those that are wanted: they make room for what the random start misses. */
const OVERSAMPLES = 10;
/** Multiplications by the matrix and its transpose; scikit-learn's `TruncatedSVD` makes five. */
const POWER_ITERATIONS = 7;
/** What is left of a direction below this part of its length is rounding. */
const LENGTH_MIN = 1e-10;
const SWEEPS_MAX = 60;

/**
 * The first right singular vectors of a sparse matrix, of the largest singular value first, each of length 1 with its
 * largest entry above 0. One thread, sums in a fixed order: the same of the same seed everywhere. Memory: (rows + columns) x (count + 10) doubles.
 *
 * @param count at most; fewer where the matrix has a lower rank
 * @see Halko, Martinsson, Tropp 2011, "Finding structure with randomness", algorithm 4.4, and a Rayleigh-Ritz step on what it finds
 */
export function rightSingularVectors(
  matrix: SparseColumns,
  rowCount: number,
  count: number,
  seed: number,
): Float64Array[] {
  const columnCount = matrix.offsets.length - 1;
  const random = createRandom(seed);
  const width = Math.min(count + OVERSAMPLES, columnCount, rowCount);
  let basis = orthonormal(
    Array.from({ length: width }, () => Float64Array.from({ length: columnCount }, () => random.uniform() - 0.5)),
  );
  const images = (): Float64Array[] =>
    basis.map((direction) => {
      const image = new Float64Array(rowCount);
      addSparse(matrix, direction, image, 0, 1);
      return image;
    });
  for (let iteration = 0; iteration < POWER_ITERATIONS; iteration += 1)
    basis = orthonormal(images().map((image) => transposed(matrix, image)));
  const mapped = images();
  const { values, vectors } = symmetricEigen(mapped.map((one) => mapped.map((other) => dot(one, other))));
  const order = [...values.keys()].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0)).slice(0, count);
  return order.map((place) => upright(combined(basis, vectors[place] ?? [])));
}

/** The transpose times a vector of the rows. */
function transposed({ offsets, rows, values }: SparseColumns, vector: Float64Array): Float64Array {
  const out = new Float64Array(offsets.length - 1);
  for (let column = 0; column < out.length; column += 1) {
    let sum = 0;
    for (let entry = offsets[column] ?? 0; entry < (offsets[column + 1] ?? 0); entry += 1)
      sum += (values[entry] ?? 0) * (vector[rows[entry] ?? 0] ?? 0);
    out[column] = sum;
  }
  return out;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/** Gram and Schmidt's, each direction twice, which is enough; those that depend on the ones before are left out. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const found: Float64Array[] = [];
  for (const vector of vectors) {
    const whole = Math.sqrt(dot(vector, vector));
    for (const other of [...found, ...found]) {
      const share = dot(vector, other);
      for (let i = 0; i < vector.length; i += 1) vector[i] = (vector[i] ?? 0) - share * (other[i] ?? 0);
    }
    const length = Math.sqrt(dot(vector, vector));
    if (length > LENGTH_MIN * whole) found.push(vector.map((value) => value / length));
  }
  return found;
}

function combined(basis: readonly Float64Array[], shares: readonly number[]): Float64Array {
  const sum = new Float64Array(basis[0]?.length ?? 0);
  for (const [place, vector] of basis.entries())
    for (let i = 0; i < sum.length; i += 1) sum[i] = (sum[i] ?? 0) + (shares[place] ?? 0) * (vector[i] ?? 0);
  return sum;
}

function upright(vector: Float64Array): Float64Array {
  const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? vector.map((value) => -value) : vector;
}

/**
 * Eigenvalues and eigenvectors of a small symmetric matrix, which is overwritten.
 *
 * @see Golub, Van Loan 2013, "Matrix Computations", section 8.5: Jacobi's method, by rows
 */
function symmetricEigen(matrix: number[][]): { values: number[]; vectors: number[][] } {
  const size = matrix.length;
  const vectors = matrix.map((_, row) => matrix.map((__, column) => Number(row === column)));
  const at = (row: number, column: number): number => matrix[row]?.[column] ?? 0;
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep += 1) {
    let isDiagonal = true;
    for (let p = 0; p < size; p += 1)
      for (let q = p + 1; q < size; q += 1) {
        const off = at(p, q);
        if (off * off <= Number.EPSILON ** 2 * Math.abs(at(p, p) * at(q, q))) continue;
        isDiagonal = false;
        const tau = (at(q, q) - at(p, p)) / (2 * off);
        const tangent = (tau < 0 ? -1 : 1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
        const cosine = 1 / Math.sqrt(1 + tangent * tangent);
        for (const row of matrix) rotate(row, p, q, cosine, tangent * cosine);
        rotateRows(matrix, p, q, cosine, tangent * cosine);
        rotateRows(vectors, p, q, cosine, tangent * cosine);
      }
    if (isDiagonal) break;
  }
  return { values: matrix.map((row, place) => row[place] ?? 0), vectors };
}

function rotate(row: number[], p: number, q: number, cosine: number, sine: number): void {
  const [first, second] = [row[p] ?? 0, row[q] ?? 0];
  row[p] = cosine * first - sine * second;
  row[q] = sine * first + cosine * second;
}

function rotateRows(rows: readonly number[][], p: number, q: number, cosine: number, sine: number): void {
  const [first = [], second = []] = [rows[p], rows[q]];
  for (let column = 0; column < first.length; column += 1) {
    const [a, b] = [first[column] ?? 0, second[column] ?? 0];
    first[column] = cosine * a - sine * b;
    second[column] = sine * a + cosine * b;
  }
}

import { expect } from 'chai';
import { createRandom } from '#statistics';
import type { SparseColumns } from '../../../../../../yarn-workers/ml/fit/linear/design.ts';
import { rightSingularVectors } from '../../../../../../yarn-workers/ml/fit/text/truncated-svd.ts';

type Matrix = readonly (readonly number[])[];

const columnsOf = (matrix: Matrix): number[][] =>
  (matrix[0] ?? []).map((_, place) => matrix.map((row) => row[place] ?? 0));

/** Rows x columns, as a fit holds them. */
function sparse(matrix: Matrix): SparseColumns {
  const entries = columnsOf(matrix).map((column) =>
    column.flatMap((value, row) => (value === 0 ? [] : [{ row, value }])),
  );
  const offsets = [0];
  for (const own of entries) offsets.push((offsets.at(-1) ?? 0) + own.length);
  return {
    offsets: Int32Array.from(offsets),
    rows: Int32Array.from(entries.flat(), ({ row }) => row),
    values: Float32Array.from(entries.flat(), ({ value }) => value),
  };
}

/** Small integers, which float32 holds exactly; every third cell is 0. */
function randomMatrix(rowCount: number, columnCount: number, seed: number): number[][] {
  const random = createRandom(seed);
  const cell = (): number => (random.below(3) === 0 ? 0 : random.below(9) - 4);
  return Array.from({ length: rowCount }, () => Array.from({ length: columnCount }, cell));
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, place) => sum + value * (b[place] ?? NaN), 0);

describe('ml truncated singular value decomposition', () => {
  it('finds orthonormal eigenvectors of the product with the transpose, largest first', () => {
    for (const [rowCount, columnCount] of [
      [40, 12],
      [9, 14],
      [30, 1],
    ] as const) {
      const matrix = randomMatrix(rowCount, columnCount, rowCount);
      const found = rightSingularVectors(sparse(matrix), rowCount, 5, 3);
      expect(found).to.have.length(Math.min(5, columnCount));
      let before = Infinity;
      for (const [place, vector] of found.entries()) {
        const image = matrix.map((row) => dot(row, vector));
        const square = dot(image, image);
        // As many directions as the matrix has: exact, but for rounding.
        for (const [at, column] of columnsOf(matrix).entries())
          expect(dot(column, image)).to.be.closeTo(square * (vector[at] ?? NaN), 1e-9 * square);
        for (const [other, against] of found.entries())
          expect(dot(vector, against)).to.be.closeTo(Number(other === place), 1e-12);
        expect(square).to.be.at.most(before);
        before = square;
        expect(Math.max(...vector)).to.equal(Math.max(...vector.map(Math.abs)));
      }
    }
  });

  it('is the same of the same seed, and the same direction of another', () => {
    const matrix = sparse(randomMatrix(60, 12, 8));
    const [first, again, other] = [1, 1, 2].map((seed) => rightSingularVectors(matrix, 60, 3, seed));
    expect(again).to.deep.equal(first);
    for (const [place, vector] of (first ?? []).entries())
      expect(dot(vector, other?.[place] ?? [])).to.be.closeTo(1, 1e-9);
  });

  it('has as many vectors as the matrix has rank', () => {
    const [a, b] = randomMatrix(2, 10, 5);
    const rankTwo = Array.from({ length: 20 }, (_, row) =>
      (a ?? []).map((value, at) => value * (row % 3) + (b?.[at] ?? 0) * (row % 2)),
    );
    expect(rightSingularVectors(sparse(rankTwo), 20, 6, 1)).to.have.length(2);
    expect(rightSingularVectors(sparse([[0, 0, 0]]), 1, 6, 1)).to.deep.equal([]);
    expect(rightSingularVectors(sparse([[]]), 1, 6, 1)).to.deep.equal([]);
  });
});

import { expect } from 'chai';
import { CHUNK_BYTES, chunkLayout, rowsIn } from '../../../../../../yarn-workers/ml/fit/binned/chunk-layout.ts';
import type { BinReference } from '../../../../../../yarn-workers/ml/fit/binned/dataset-file.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';

/** Columns with so many bins. */
const referenceOf = (...binCounts: readonly number[]): BinReference => ({
  head: new Uint8Array(0),
  columns: binCounts.map((binCount, column) => ({
    column,
    definition: new Uint8Array(0),
    mapper: { kind: 'category', binCount, mostFrequentBin: 0, categories: new Int32Array(binCount) },
  })),
});
const columns = (count: number, binCount = 255): BinReference =>
  referenceOf(...Array.from({ length: count }, () => binCount));

describe('fit: chunks of bins', () => {
  for (const [rowCount, reference] of [
    [0, columns(3)],
    [1, columns(3)],
    [256, columns(1)],
    [1_000_003, columns(53)],
    [30_000_000, columns(53)],
    [30_000_000, columns(24, 1_000)],
    [200_000, columns(2_000)],
  ] as const)
    it(`have all of ${rowCount} rows x ${reference.columns.length} columns, even and no larger than they may be`, () => {
      const layout = chunkLayout(reference, rowCount);
      const { chunkRows, chunkBytes, chunkCount, offsets, widths } = layout;
      const sizes = Array.from({ length: chunkCount }, (_, chunk) => rowsIn(layout, chunk));
      expect(sizes.reduce((sum, size) => sum + size, 0)).to.equal(rowCount);
      expect(sizes.every((size) => size > 0)).to.equal(true);
      expect(chunkRows % 256).to.equal(0);
      const rowBytes = widths.reduce((sum: number, width) => sum + width, 0);
      expect(chunkBytes).to.equal(chunkRows * rowBytes);
      expect(offsets.every((offset) => offset % 2 === 0)).to.equal(true);
      expect(chunkBytes).to.be.at.most(Math.max(CHUNK_BYTES, 16_384 * rowBytes));
      // What the last one has no rows for is little.
      expect(chunkRows * chunkCount - rowCount).to.be.below(256 * Math.max(1, chunkCount));
    });

  it('take two bytes of a column of more than 256 bins, and none of more than two say', async () => {
    expect(chunkLayout(referenceOf(256, 257), 10).widths).to.deep.equal([1, 2]);
    await appErrorOf('INTERNAL', () => chunkLayout(referenceOf(70_000), 10));
  });

  it('are smaller where it is asked for', () => {
    expect(chunkLayout(columns(3), 10_000, 1_000)).to.include({ chunkRows: 768, chunkCount: 14 });
  });
});

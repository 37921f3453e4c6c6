import { HEADER_BYTES, headOf, numbersIn, partitionsIn, rowNumbersIn, type OutOfFold } from './out-of-fold.ts';

/** Consecutive rows of out-of-fold predictions. */
export type OutOfFoldBlock = Pick<OutOfFold, 'rows' | 'partitions' | 'outputCount' | 'predictions'>;

/**
 * The predictions of a file, a block after the other: memory is bounded by a block, however many rows and classes there are.
 *
 * @param read gives the bytes [start, end) of the file
 * @param sizeBytes of the file
 * @param numbersPerBlock predictions of a block, of one row at least
 * @throws RESULT_MISMATCH where it is not such a file; what `read` throws
 */
export async function* outOfFoldBlocks(
  read: (start: number, end: number) => Promise<Uint8Array>,
  sizeBytes: number,
  numbersPerBlock: number,
): AsyncGenerator<OutOfFoldBlock> {
  const { rowCount, outputCount, foldCount, layout } = headOf(await read(0, HEADER_BYTES), sizeBytes);
  const rowsPerBlock = Math.max(1, Math.floor(numbersPerBlock / outputCount));
  for (let from = 0; from < rowCount; from += rowsPerBlock) {
    const to = Math.min(from + rowsPerBlock, rowCount);
    const section = (at: number, bytesEach: number): Promise<Uint8Array> =>
      read(at + bytesEach * from, at + bytesEach * to);
    yield {
      rows: rowNumbersIn(await section(layout.rows, 4)),
      partitions: partitionsIn(await section(layout.partitions, 1), foldCount),
      outputCount,
      predictions: numbersIn(await section(layout.predictions, 8 * outputCount)),
    };
  }
}

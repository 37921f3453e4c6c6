import {
  columnHead,
  columnPadding,
  fileHead,
  storedBins,
  storedBits,
  type BinReference,
  type FileRows,
} from './dataset-file.ts';
import type { Bins } from './bin-chunks.ts';
import type { BinnedRows } from './binned-rows.ts';

/** LightGBM's binary file of rows in bins, piece by piece: column after column. Memory: a chunk of a column beside labels and weights. */
export async function* datasetParts(
  reference: BinReference,
  rows: FileRows,
  binned: BinnedRows,
): AsyncGenerator<Uint8Array> {
  yield fileHead(reference, rows);
  for (const [place, column] of reference.columns.entries()) {
    yield columnHead(column, rows.rowCount);
    const stored = storedBins(column);
    const pack = PACKERS[storedBits(column)];
    for await (const bins of pairs(binned.bins(place))) yield pack(bins, stored);
    yield new Uint8Array(columnPadding(column, rows.rowCount));
  }
}

/** The same in pieces of an even number of rows, but for the last: two rows may be one byte. */
async function* pairs(pieces: AsyncIterable<Bins>): AsyncGenerator<Bins> {
  let left: Bins | null = null;
  for await (const piece of pieces) {
    const all: Bins = left === null ? piece : joined(left, piece);
    const even: number = all.length - (all.length % 2);
    yield all.subarray(0, even);
    left = even === all.length ? null : all.subarray(even);
  }
  if (left !== null) yield left;
}

function joined(first: Bins, second: Bins): Bins {
  const length = first.length + second.length;
  const all = second instanceof Uint8Array ? new Uint8Array(length) : new Uint16Array(length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

type Packer = (bins: Bins, stored: Uint16Array) => Uint8Array;

const PACKERS: Record<4 | 8 | 16, Packer> = {
  4: (bins, stored) => {
    const packed = new Uint8Array(Math.ceil(bins.length / 2));
    for (let row = 0; row < bins.length; row += 1) {
      const at = row >> 1;
      packed[at] = (packed[at] ?? 0) | ((stored[bins[row] ?? 0] ?? 0) << (4 * (row & 1)));
    }
    return packed;
  },
  8: (bins, stored) => looked(bins, stored, new Uint8Array(bins.length)),
  16: (bins, stored) => looked(bins, stored, new Uint16Array(bins.length)),
};

function looked(bins: Bins, stored: Uint16Array, to: Bins): Uint8Array {
  for (let row = 0; row < bins.length; row += 1) to[row] = stored[bins[row] ?? 0] ?? 0;
  return new Uint8Array(to.buffer);
}

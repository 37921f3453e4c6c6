import {
  columnHead,
  columnPadding,
  fileHead,
  storedBins,
  storedBits,
  type BinReference,
  type FileRows,
} from './dataset-file.ts';
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
    for await (const bins of binned.bins(place)) yield pack(bins, stored);
    yield new Uint8Array(columnPadding(column, rows.rowCount));
  }
}

type Bins = Uint8Array | Uint16Array;
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

import { columnIn, rowsIn, type ChunkLayout } from './chunk-layout.ts';
import type { ChunkSource } from './chunk-spool.ts';

/** Bins of a column, a row after the other. */
export type Bins = Uint8Array | Uint16Array;

/** Some rows in bins, wherever they are. Columns by their place in the reference. */
export interface BinChunk {
  readonly rowCount: number;
  column(place: number): Promise<Bins>;
  /** All of them. */
  columns(): Promise<readonly Bins[]>;
}

/** The chunks of a source, in order. */
export function chunksOf(layout: ChunkLayout, source: ChunkSource): BinChunk[] {
  const { chunkRows, chunkBytes, chunkCount, offsets, widths } = layout;
  return Array.from({ length: chunkCount }, (_, chunk): BinChunk => {
    const rowCount = rowsIn(layout, chunk);
    const at = chunk * chunkBytes;
    return {
      rowCount,
      column: async (place) => {
        const width = widths[place] ?? 1;
        return columnIn(await source.read(at + (offsets[place] ?? 0), width * chunkRows), width, rowCount);
      },
      columns: async () => {
        const bytes = await source.read(at, chunkBytes);
        return offsets.map((offset, place) => columnIn(bytes.subarray(offset), widths[place] ?? 1, rowCount));
      },
    };
  });
}

/**
 * The rows of chunks that are a rank's: the i-th of all is that of rank i modulo the number of ranks, as `ownRows` deals them. Nothing is
 * held: each chunk is read whole, and its other rows are let go.
 */
export function dealtChunks(
  chunks: readonly BinChunk[],
  { rank, size }: { readonly rank: number; readonly size: number },
): BinChunk[] {
  let before = 0;
  return chunks.map((chunk): BinChunk => {
    // The first row from here on whose number has this remainder.
    const first = (((rank - before) % size) + size) % size;
    before += chunk.rowCount;
    const rowCount = Math.max(0, Math.ceil((chunk.rowCount - first) / size));
    const own = (bins: Bins): Bins => every(bins, first, size, rowCount);
    return {
      rowCount,
      column: async (place) => own(await chunk.column(place)),
      columns: async () => (await chunk.columns()).map(own),
    };
  });
}

function every(bins: Bins, first: number, step: number, count: number): Bins {
  const picked = bins instanceof Uint8Array ? new Uint8Array(count) : new Uint16Array(count);
  for (let index = 0, at = first; index < count; index += 1, at += step) picked[index] = bins[at] ?? 0;
  return picked;
}

/** The same chunks, read into memory. */
export async function heldChunks(chunks: readonly BinChunk[]): Promise<BinChunk[]> {
  const held: BinChunk[] = [];
  for (const chunk of chunks) {
    const columns = await chunk.columns();
    held.push({
      rowCount: chunk.rowCount,
      column: async (place) => columns[place] ?? new Uint8Array(0),
      columns: async () => columns,
    });
  }
  return held;
}

import type { Spool } from '../clock.ts';

/** Takes chunks, one after the other; the array may be used again when it is done. */
export type ChunkSink = Pick<Spool, 'append'>;

/** Chunks as if they lay one after the other. */
export type ChunkSource = Pick<Spool, 'read'>;

/** Chunks in memory. */
export function chunksInMemory(): ChunkSink & ChunkSource {
  const chunks: Uint8Array[] = [];
  let chunkBytes = 1;
  return {
    append: async (chunk) => {
      chunkBytes = chunk.length;
      chunks.push(chunk.slice());
    },
    read: async (at, length) => {
      const from = at % chunkBytes;
      return (chunks[Math.floor(at / chunkBytes)] ?? new Uint8Array(0)).subarray(from, from + length);
    },
  };
}

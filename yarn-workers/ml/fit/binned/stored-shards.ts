import type { Sha256Function } from '#scoring';
import { BinsLost, kept, type BinSet, type BinSetWriter } from './bin-store.ts';
import type { ChunkSink, ChunkSource } from './binned-rows.ts';
import type { ChunkLayout } from './chunk-layout.ts';

/** Digests of a part's pieces: a column of a chunk each, in the order in which they lie. */
export type PieceDigests = readonly (readonly string[])[];

const shardOf = (part: string, chunk: number): string => `${part}-${String(chunk).padStart(6, '0')}`;

/** The columns of a chunk. */
const piecesOf = ({ offsets, widths, chunkRows }: ChunkLayout): { at: number; length: number }[] =>
  offsets.map((at, place) => ({ at, length: (widths[place] ?? 1) * chunkRows }));

/** Writes shards, one on its way while the next chunk is filled: the parts of a set have one of these together. */
export interface ShardWriter {
  write(shard: string, chunk: Uint8Array): Promise<void>;
  /** All are written. */
  end(): Promise<void>;
}

/** Memory: the shard that is on its way. */
export function shardWriter(writer: BinSetWriter): ShardWriter {
  let onItsWay: Promise<void> = Promise.resolve();
  return {
    write: async (shard, chunk) => {
      await onItsWay;
      onItsWay = kept('a shard of bins cannot be written', () => writer.write(shard, chunk.slice()));
      // Who writes next gets its failure.
      onItsWay.catch(() => undefined);
    },
    end: () => onItsWay,
  };
}

/** Makes each chunk of a part a shard, and takes down what its pieces are. */
export function shardSink(
  part: string,
  layout: ChunkLayout,
  writer: ShardWriter,
  sha256: Sha256Function,
): ChunkSink & { readonly digests: PieceDigests } {
  const digests: string[][] = [];
  const pieces = piecesOf(layout);
  return {
    digests,
    append: async (chunk) => {
      const shard = shardOf(part, digests.length);
      digests.push(pieces.map(({ at, length }) => sha256(chunk.subarray(at, at + length))));
      await writer.write(shard, chunk);
    },
  };
}

/** The chunks of a part as they were written: of whole pieces, each of which is looked at. @throws BinsLost */
export function shardSource(
  part: string,
  layout: ChunkLayout,
  set: Pick<BinSet, 'read'>,
  digests: PieceDigests,
  sha256: Sha256Function,
): ChunkSource {
  const pieces = piecesOf(layout);
  return {
    read: async (from, length) => {
      const chunk = Math.floor(from / layout.chunkBytes);
      const begin = from % layout.chunkBytes;
      const shard = shardOf(part, chunk);
      const bytes = await kept(`shard ${shard} cannot be read`, () => set.read(shard, begin, length));
      for (const [place, piece] of pieces.entries()) {
        if (piece.at < begin || piece.at >= begin + length) continue;
        const found = bytes.subarray(piece.at - begin, piece.at - begin + piece.length);
        if (found.length !== piece.length || sha256(found) !== digests[chunk]?.[place])
          throw new BinsLost(`shard ${shard} was altered`);
      }
      return bytes;
    },
  };
}

import type { Sha256Function } from '#scoring';
import { BinsLost, kept, type BinSet, type BinSetWriter } from './bin-store.ts';
import { chunksOf, type BinChunk } from './bin-chunks.ts';
import type { ChunkLayout } from './chunk-layout.ts';
import type { ChunkSink } from './chunk-spool.ts';

/** Digests of a part's pieces: a column of a chunk each, in the order in which they lie. */
export type PieceDigests = readonly (readonly string[])[];

/** Some rows of a part that lie together in a set: those of a span of the table. */
export interface ShardSpan {
  readonly part: string;
  /** Number of the span. */
  readonly span: number;
  readonly layout: ChunkLayout;
}

const shardOf = ({ part, span }: ShardSpan, chunk: number): string =>
  `${part}-${String(span).padStart(3, '0')}-${String(chunk).padStart(6, '0')}`;

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
export function shardWriter(writer: Pick<BinSetWriter, 'write'>): ShardWriter {
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

/** Makes each chunk a shard, and takes down what its pieces are. */
export function shardSink(
  own: ShardSpan,
  writer: ShardWriter,
  sha256: Sha256Function,
): ChunkSink & { readonly digests: PieceDigests } {
  const digests: string[][] = [];
  const pieces = piecesOf(own.layout);
  return {
    digests,
    append: async (chunk) => {
      const shard = shardOf(own, digests.length);
      digests.push(pieces.map(({ at, length }) => sha256(chunk.subarray(at, at + length))));
      await writer.write(shard, chunk);
    },
  };
}

/** The chunks as they were written, of whole pieces, each of which is looked at when it is read. They throw BinsLost. */
export function storedChunks(
  own: ShardSpan,
  set: Pick<BinSet, 'read'>,
  digests: PieceDigests,
  sha256: Sha256Function,
): BinChunk[] {
  const { layout } = own;
  const pieces = piecesOf(layout);
  const read = async (from: number, length: number): Promise<Uint8Array> => {
    const chunk = Math.floor(from / layout.chunkBytes);
    const begin = from % layout.chunkBytes;
    const shard = shardOf(own, chunk);
    const bytes = await kept(`shard ${shard} cannot be read`, () => set.read(shard, begin, length));
    for (const [place, piece] of pieces.entries()) {
      if (piece.at < begin || piece.at >= begin + length) continue;
      const found = bytes.subarray(piece.at - begin, piece.at - begin + piece.length);
      if (found.length !== piece.length || sha256(found) !== digests[chunk]?.[place])
        throw new BinsLost(`shard ${shard} was altered`);
    }
    return bytes;
  };
  return chunksOf(layout, { read });
}

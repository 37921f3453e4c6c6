import { Type, strict, type Static } from '#contracts';
import type { Sha256Function } from '#scoring';
import { BinsLost, kept, type BinSet, type BinSetWriter } from './bin-store.ts';

/** Bytes of a shard of an array. */
const SHARD_BYTES = 16 * 1024 * 1024;

/** An array in shards `<name>-<number>`. */
export const StoredArray = strict({
  name: Type.String(),
  sizeBytes: Type.Integer({ minimum: 0 }),
  digests: Type.Array(Type.String()),
});
export type StoredArray = Static<typeof StoredArray>;

const shardOf = (name: string, shard: number): string => `${name}-${String(shard).padStart(6, '0')}`;

/** Memory: nothing beside the array. @throws BinsLost */
export async function writeArray(
  writer: BinSetWriter,
  name: string,
  { buffer, byteOffset, byteLength }: Uint32Array | Float64Array,
  sha256: Sha256Function,
): Promise<StoredArray> {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const digests: string[] = [];
  for (let from = 0; from < byteLength; from += SHARD_BYTES) {
    const shard = bytes.subarray(from, from + SHARD_BYTES);
    const shardName = shardOf(name, digests.length);
    await kept(`${shardName} cannot be written`, () => writer.write(shardName, shard));
    digests.push(sha256(shard));
  }
  return { name, sizeBytes: byteLength, digests };
}

/** The bytes of an array as they were written. Memory: the array, and a shard. @throws BinsLost */
export async function readArray(
  set: Pick<BinSet, 'read'>,
  { name, sizeBytes, digests }: StoredArray,
  sha256: Sha256Function,
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  for (const [shard, digest] of digests.entries()) {
    const from = shard * SHARD_BYTES;
    const length = Math.min(SHARD_BYTES, sizeBytes - from);
    const shardName = shardOf(name, shard);
    const found = await kept(`${shardName} cannot be read`, () => set.read(shardName, 0, length));
    if (found.length !== length || sha256(found) !== digest) throw new BinsLost(`${shardName} was altered`);
    bytes.set(found, from);
  }
  return bytes.buffer;
}

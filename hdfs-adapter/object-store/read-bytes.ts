import type { CallOptions, ObjectStore } from './object-store.ts';

/**
 * The bytes [start, end) of an object as one array, each chunk put into its place at once: they are never in memory twice. Fewer where
 * the object ends before.
 *
 * @throws what reading throws
 */
export async function readBytes(
  store: Pick<ObjectStore, 'read'>,
  objectPath: string,
  options: CallOptions & { readonly start: number; readonly end: number },
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(options.end - options.start);
  let filled = 0;
  for await (const chunk of store.read(objectPath, options)) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return bytes.subarray(0, filled);
}

import { AppError } from '#contracts';
import type { CallOptions, ObjectStore } from './object-store.ts';

/**
 * An object of `sizeBytes` as one array, each chunk put into its place at once: it is never in memory twice. An object has one
 * size for ever.
 *
 * @throws BODY_TOO_LARGE above `maxBytes`; what reading throws
 */
export async function readWhole(
  store: Pick<ObjectStore, 'read'>,
  objectPath: string,
  sizeBytes: number,
  options: CallOptions & { readonly maxBytes: number },
): Promise<Uint8Array> {
  if (sizeBytes > options.maxBytes) {
    throw new AppError(
      'BODY_TOO_LARGE',
      `Object ${objectPath}: expected at most ${options.maxBytes} bytes, found ${sizeBytes}`,
    );
  }
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  let filled = 0;
  for await (const chunk of store.read(objectPath, { ...options, end: sizeBytes })) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return bytes.subarray(0, filled);
}

import { AppError } from '#contracts';
import type { CallOptions, ObjectStore } from './object-store.ts';
import { readBytes } from './read-bytes.ts';

/**
 * An object of `sizeBytes` as one array. An object has one size for ever.
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
  return readBytes(store, objectPath, { ...options, start: 0, end: sizeBytes });
}

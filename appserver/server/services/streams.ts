import { Readable } from 'node:stream';
import { AppError } from '#contracts';
import type { ObjectStore } from '#object-store';
import type { Answer } from '../route.ts';

/** An answer that streams an object; its length is known before the first byte. @throws STORE_OBJECT_MISSING */
export async function objectStream(
  store: ObjectStore,
  path: string,
  mediaType: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const stat = await store.stat(path);
  if (stat === null) throw new AppError('STORE_OBJECT_MISSING', `object ${path} is not in the store`);
  return {
    status: 200,
    headers: { ...headers, 'content-length': String(stat.sizeBytes) },
    raw: Readable.from(store.read(path, { signal }), { objectMode: false }),
    mediaType,
  };
}

/** Header that makes a browser save the answer under a name of ASCII letters. @see RFC 6266 */
export const asFile = (name: string): Record<string, string> => ({
  'content-disposition': `attachment; filename="${name}"`,
});

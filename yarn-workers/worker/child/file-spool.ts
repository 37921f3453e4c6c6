import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#contracts';
import type { Spool } from '#ml';
import { storeError } from '#object-store';
import { newId } from '#runtime';

/**
 * Bytes in a local file, for one run: it is gone when the spool is closed, and with the run's folder.
 *
 * @throws DISK_FULL and what else files throw, as the object store says it; DATA_READ_TRUNCATED for bytes that are not there
 */
export async function openFileSpool(folder: string): Promise<Spool> {
  const name = path.join(folder, newId('spool'));
  const file = await open(name, 'wx+').catch((err: unknown) => {
    throw storeError(err, 'Making a spool', name);
  });
  let size = 0;
  return {
    append: async (bytes) => {
      for (let from = 0; from < bytes.length;) {
        const { bytesWritten } = await file
          .write(bytes, from, bytes.length - from, size + from)
          .catch((err: unknown) => {
            throw storeError(err, 'Writing a spool', name);
          });
        from += bytesWritten;
      }
      size += bytes.length;
    },
    read: async (at, length) => {
      const bytes = Buffer.allocUnsafeSlow(length);
      for (let from = 0; from < length;) {
        const { bytesRead } = await file.read(bytes, from, length - from, at + from);
        if (bytesRead === 0)
          throw new AppError('DATA_READ_TRUNCATED', `spool: expected ${length} bytes at ${at}, found ${from}`);
        from += bytesRead;
      }
      return bytes;
    },
    close: async () => {
      await file.close();
      await rm(name, { force: true });
    },
  };
}

import { mkdirSync } from 'node:fs';
import { open, readdir, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#contracts';
import { syncFolder } from '../artifacts/atomic-file.ts';
import type { Transport } from './shipper.ts';

const SEGMENT = /\.seg$/;

/**
 * Puts segments into a folder, each a file of its own, for who carries them to where they are counted (`trainyard telemetry import`)
 * and deletes them here. A file is there as a whole or not at all.
 *
 * @param bytesMax of all files together; beyond, segments wait in the spool until some were carried away
 */
export function folderTransport(dir: string, bytesMax: number): Transport {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return {
    name: 'folder',
    send: async ({ name, sealed }) => {
      const sizeBytes = await sizeOf(dir);
      if (sizeBytes + sealed.length > bytesMax)
        throw new AppError(
          'DISK_FULL',
          `telemetry folder ${dir}: expected ${bytesMax} bytes at most (telemetry.spoolBytesMax), found ${sizeBytes}; carry its files away`,
        );
      const file = path.join(dir, `${name}.seg`);
      await writeWhole(`${file}.tmp`, sealed);
      await rename(`${file}.tmp`, file);
      syncFolder(dir);
    },
    close: () => Promise.resolve(),
  };
}

async function writeWhole(file: string, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sizeOf(dir: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(dir)) {
    if (!SEGMENT.test(name)) continue;
    // Null: carried away since.
    const found = await stat(path.join(dir, name)).catch(() => null);
    sum += found?.size ?? 0;
  }
  return sum;
}

import { lstat, mkdir, open, readdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#contracts';
import { storeError } from '#object-store';

/** Longest wait for a database that does not answer: somebody is looking on. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** Says how far the work is: `fraction` in [0, 1]. */
export type OnProgress = (fraction: number, text: string) => void;

/** What stands at a path, or null. */
export async function statOrNull(file: string) {
  try {
    return await lstat(file);
  } catch (err) {
    const code = (err as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw storeError(err, `Looking up ${file}`, path.dirname(file));
  }
}

/** Names in a folder, sorted; none when it is not there. */
export async function namesIn(folder: string): Promise<string[]> {
  if ((await statOrNull(folder)) === null) return [];
  try {
    return (await readdir(folder)).sort();
  } catch (err) {
    throw storeError(err, `Reading folder ${folder}`, folder);
  }
}

/** @throws DISK_FULL unless the file system of a folder, which need not be there yet, has so much room */
export async function checkSpace(folder: string, neededBytes: number): Promise<void> {
  let existing = path.resolve(folder);
  while ((await statOrNull(existing)) === null && existing !== path.dirname(existing))
    existing = path.dirname(existing);
  const { bavail, bsize } = await statfs(existing);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new AppError(
    'DISK_FULL',
    `${folder}: expected ${bytesText(neededBytes)} of free space, found ${bytesText(freeBytes)}`,
    { details: { neededBytes, freeBytes } },
  );
}

/** 1536 as `1.5 KiB`. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${units[power] ?? ''}`;
}

/** A new folder that only its owner reads. */
export async function makePrivateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (err) {
    throw storeError(err, `Making folder ${folder}`, folder);
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

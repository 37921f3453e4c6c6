import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** The folder in which `scripts/lib/bootstrap.sh` keeps what comes from outside. */
export function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  return process.env['TRAINYARD_CACHE'] ?? path.join(base, 'trainyard');
}

/** The first 12 hex digits of a text's SHA-256: names a folder of the cache after what made it. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/**
 * The folder `name` of the cache. When it is not there, `fill` makes its content in a folder beside it, which is then
 * moved into place as a whole: what was interrupted leaves nothing, and of two at the same time the first one wins.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const target = path.join(cacheFolder(), name);
  if (await isThere(target)) return target;
  await mkdir(path.dirname(target), { recursive: true });
  const work = await mkdtemp(`${target}.work-`);
  try {
    await fill(work);
    await rename(work, target);
  } catch (err) {
    if (!(await isThere(target))) throw err;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}

async function isThere(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}

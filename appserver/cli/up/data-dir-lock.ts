import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '#contracts';

/**
 * Takes the data folder for this process, so that two `up` never share one. The file holds pid and start time; one
 * whose process is gone (also after a power cut, when the pid may be somebody else's) is taken over.
 *
 * @throws CONFLICT naming the process that has it
 * @returns a function that gives the folder back
 */
export function lockDataDir(dataDir: string): () => void {
  const file = path.join(dataDir, 'up.lock');
  const mine = JSON.stringify({ pid: process.pid, startedAt: startTicks(process.pid) });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      writeFileSync(file, mine, { flag: 'wx', mode: 0o600 });
      return () => rmSync(file, { force: true });
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
    }
    const holder = holderOf(file);
    if (holder !== null)
      throw new AppError(
        'CONFLICT',
        `data folder ${dataDir} is used by process ${holder}; stop it first, or name another --data-dir`,
      );
    rmSync(file, { force: true });
  }
  throw new AppError('CONFLICT', `data folder ${dataDir} was taken by another process at the same moment`);
}

/** Pid of the live holder, or null when it is gone. */
function holderOf(file: string): number | null {
  let holder: { pid?: unknown; startedAt?: unknown };
  try {
    holder = JSON.parse(readFileSync(file, 'utf8')) as { pid?: unknown; startedAt?: unknown };
  } catch {
    return null; // half-written by a process that was killed
  }
  if (typeof holder.pid !== 'number') return null;
  const ticks = startTicks(holder.pid);
  return ticks !== null && ticks === holder.startedAt ? holder.pid : null;
}

/** Start time of a process in clock ticks since boot, null when there is none. @see proc(5), /proc/[pid]/stat field 22 */
function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

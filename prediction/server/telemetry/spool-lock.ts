import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AppError, isAppError } from '#contracts';
import { errnoOf } from '../artifacts/atomic-file.ts';

/** Tries to take over the lock of a process that is gone; more than one start at a time is hardly ever in the way. */
const TRIES_MAX = 3;

/**
 * Takes a spool for this process; what comes back gives it up. A process that died leaves its lock, which then counts for
 * nothing.
 *
 * @throws CONFIG_INVALID when another process that runs has it
 */
export function lockSpool(dir: string): () => void {
  const file = path.join(dir, 'lock');
  const own = identityOf(process.pid) ?? String(process.pid);
  for (let attempt = 1; ; attempt += 1) {
    try {
      writeFileSync(file, own, { flag: 'wx', mode: 0o600 });
      return () => rmSync(file, { force: true });
    } catch (err) {
      if (errnoOf(err) !== 'EEXIST') throw err;
    }
    const holder = readFileSync(file, 'utf8');
    const pid = Number(holder.split(' ')[0]);
    if (attempt === TRIES_MAX || (pid > 0 && identityOf(pid) === holder)) {
      throw new AppError(
        'CONFIG_INVALID',
        `the telemetry spool ${dir} is in use by process ${pid}; no two may share one`,
      );
    }
    rmSync(file, { force: true });
  }
}

/** Pid and start time, which together name one process for ever; null when it does not run. @see proc_pid_stat(5) */
function identityOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : `${pid} ${fields[19] ?? ''}`;
  } catch {
    return null;
  }
}

/** Processes of one server that may have a spool each. */
const SPOOLS_MAX = 256;

/** A folder that this process has alone. */
export interface ClaimedSpool {
  readonly dir: string;
  readonly unlock: () => void;
}

/**
 * Takes the first folder under `root` (`0`, `1` ...) that no running process has: processes of one server share the root. What processes
 * that are gone have left in other folders is moved into this one, so that it is delivered.
 *
 * @throws CONFIG_INVALID when all are taken
 */
export function claimSpool(root: string): ClaimedSpool {
  for (let place = 0; place < SPOOLS_MAX; place += 1) {
    const dir = path.join(root, String(place));
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const unlock = lockIfFree(dir);
    if (unlock === null) continue;
    for (const other of readdirSync(root)) if (other !== String(place)) adopt(path.join(root, other), dir);
    return { dir, unlock };
  }
  throw new AppError(
    'CONFIG_INVALID',
    `telemetry.spoolDir ${root}: ${SPOOLS_MAX} processes have a spool there already`,
  );
}

/** Null when a running process has it. */
function lockIfFree(dir: string): (() => void) | null {
  try {
    return lockSpool(dir);
  } catch (err) {
    if (isAppError(err, 'CONFIG_INVALID')) return null;
    throw err;
  }
}

/** Names of segments are never used twice. */
function adopt(from: string, to: string): void {
  const unlock = lockIfFree(from);
  if (unlock === null) return;
  try {
    for (const name of readdirSync(from))
      if (/\.(raw|seg|bad)$/.test(name)) renameSync(path.join(from, name), path.join(to, name));
  } finally {
    unlock();
  }
}

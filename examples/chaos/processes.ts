import { readdirSync, readFileSync } from 'node:fs';

/** A process as `/proc` shows it. */
export interface Process {
  readonly pid: number;
  readonly parentPid: number;
  /** With the pid it names one process for ever. */
  readonly startTicks: string;
  readonly command: readonly string[];
}

/** Null when there is none, or it is a zombie. @see proc(5) */
function processOf(pid: number): Process | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return { pid, parentPid: Number(fields[1]), startTicks: fields[19] ?? '', command };
  } catch {
    return null; // it ended while it was read
  }
}

/** Whether this very process still runs: a pid may be given to another one. */
export const isAlive = (process: Process): boolean => processOf(process.pid)?.startTicks === process.startTicks;

/** All processes below one, parents before children. */
export function descendantsOf(pid: number): Process[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processOf(Number(name)) ?? []);
  const found: Process[] = [];
  for (let parents = new Set([pid]); parents.size > 0;) {
    const children = all.filter((process) => parents.has(process.parentPid));
    found.push(...children);
    parents = new Set(children.map((process) => process.pid));
  }
  return found;
}

/** Sends a signal to a process that may have ended meanwhile. */
export function signal(target: Process, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err; // it ended in this moment
  }
}

import { readdirSync, readFileSync } from 'node:fs';

/** A running process. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** Clock ticks since boot when it started: with the pid it names one process for ever. */
  readonly startTicks: string;
  /** Words of its command line. */
  readonly command: readonly string[];
}

/** The process with this pid, null when there is none or it has ended and only waits for its parent. @see proc(5) */
export function processOf(pid: number): ProcessEntry | null {
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
export function isAlive(entry: ProcessEntry): boolean {
  return processOf(entry.pid)?.startTicks === entry.startTicks;
}

/** All descendants of a process, parents before children. */
export function descendantsOf(pid: number): ProcessEntry[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processOf(Number(name)) ?? []);
  const found: ProcessEntry[] = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = all.filter((entry) => parents.has(entry.parentPid));
    found.push(...children);
    parents = new Set(children.map((entry) => entry.pid));
  }
  return found;
}

/** Asks again and again until there is an answer. @throws Error naming what was waited for */
export async function until<T>(
  what: string,
  ask: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const POLL_MS = 25;

import { readFileSync } from 'node:fs';
import { descendantsOf, processOf, type ProcessEntry } from '../../support/processes.ts';

const KIB = 1024;
/** Clock ticks a second, as Linux tells them to programs on every architecture. */
const TICKS_PER_SECOND = 100;
const INTERVAL_MS = 200;

/** What a tree of processes took. */
export interface Metered {
  readonly cpuSeconds: number;
  /** Largest sum of proportional set sizes that was seen. */
  readonly peakBytes: number;
  /** What each process had of it then. */
  readonly atPeak: readonly ProcessMemory[];
}

/** A process with its memory, pages shared by n processes counted as 1/n. */
export interface ProcessMemory {
  readonly entry: ProcessEntry;
  readonly bytes: number;
}

/**
 * Watches a process and all below it until it is stopped: processor time of each as it was seen last, the largest memory of all
 * together. What lives for less than {@link INTERVAL_MS} may be missed.
 *
 * @see proc(5): /proc/[pid]/stat, /proc/[pid]/smaps_rollup
 */
export function meter(pid: number): { stop(): Metered } {
  const cpu = new Map<string, number>();
  const before = new Map(treeOf(pid).map((entry) => [keyOf(entry), cpuSecondsOf(entry.pid) ?? 0]));
  let atPeak: readonly ProcessMemory[] = [];
  const look = (): void => {
    const seen = treeMemory(pid);
    for (const { entry } of seen) {
      const seconds = cpuSecondsOf(entry.pid);
      if (seconds !== null) cpu.set(keyOf(entry), seconds);
    }
    if (bytesOf(seen) > bytesOf(atPeak)) atPeak = seen;
  };
  look();
  const timer = setInterval(look, INTERVAL_MS);
  return {
    stop() {
      look();
      clearInterval(timer);
      let cpuSeconds = 0;
      for (const [key, seconds] of cpu) cpuSeconds += seconds - (before.get(key) ?? 0);
      return { cpuSeconds, peakBytes: bytesOf(atPeak), atPeak };
    },
  };
}

/** Memory of each process of a tree now. */
export const treeMemory = (pid: number): ProcessMemory[] =>
  treeOf(pid).map((entry) => ({ entry, bytes: proportionalBytes(entry.pid) }));

/** Memory of a tree of processes now. */
export const treeBytes = (pid: number): number => bytesOf(treeMemory(pid));

export const bytesOf = (list: readonly ProcessMemory[]): number => list.reduce((sum, { bytes }) => sum + bytes, 0);

const keyOf = ({ pid, startTicks }: ProcessEntry): string => `${pid} ${startTicks}`;

function treeOf(pid: number): ProcessEntry[] {
  const root = processOf(pid);
  return root === null ? [] : [root, ...descendantsOf(pid)];
}

function cpuSecondsOf(pid: number): number | null {
  const stat = read(`/proc/${pid}/stat`);
  const [, , , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return user === undefined ? null : (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

const proportionalBytes = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * KIB;

/** Empty when the process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

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
  let peakBytes = 0;
  const look = (): void => {
    let bytes = 0;
    for (const entry of treeOf(pid)) {
      const seconds = cpuSecondsOf(entry.pid);
      if (seconds !== null) cpu.set(keyOf(entry), seconds);
      bytes += proportionalBytes(entry.pid);
    }
    peakBytes = Math.max(peakBytes, bytes);
  };
  look();
  const timer = setInterval(look, INTERVAL_MS);
  return {
    stop() {
      look();
      clearInterval(timer);
      let cpuSeconds = 0;
      for (const [key, seconds] of cpu) cpuSeconds += seconds - (before.get(key) ?? 0);
      return { cpuSeconds, peakBytes };
    },
  };
}

/** Memory of a tree of processes now, pages shared by n of them counted as 1/n. */
export const treeBytes = (pid: number): number =>
  treeOf(pid).reduce((sum, entry) => sum + proportionalBytes(entry.pid), 0);

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

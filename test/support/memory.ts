import { readFileSync } from 'node:fs';
import { descendantsOf } from './processes.ts';

const KIB = 1024;

/** Memory of a process and all below it. */
export interface TreeMemory {
  readonly processCount: number;
  /** Sum of resident memory, pages that two processes share counted twice, as YARN counts. */
  readonly residentBytes: number;
  /** Sum of address spaces, which YARN's virtual-memory check holds against 2.1 times the container's memory. */
  readonly virtualBytes: number;
}

/** @see proc(5), /proc/[pid]/status */
export function memoryOf(pid: number): TreeMemory {
  const pids = [pid, ...descendantsOf(pid).map((entry) => entry.pid)];
  const sum = (key: string): number => pids.reduce((total, one) => total + bytesOf(one, key), 0);
  return { processCount: pids.length, residentBytes: sum('VmRSS'), virtualBytes: sum('VmSize') };
}

function bytesOf(pid: number, key: string): number {
  const found = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(found ?? 0) * KIB;
}

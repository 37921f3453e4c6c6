import { readFileSync, writeFileSync } from 'node:fs';

/** Value that resets the high-water mark of resident memory. @see man proc_pid_clear_refs */
const RESET_PEAK = '5';

/**
 * Starts a new measurement of this process's peak. Where the kernel refuses, the peak since the start of the process
 * is measured instead, which is never too low.
 */
export function resetPeakMemory(): void {
  try {
    writeFileSync('/proc/self/clear_refs', RESET_PEAK);
  } catch {
    // Not permitted in some containers: see above.
  }
}

/** Largest resident memory since the last reset, in bytes. @see man proc_pid_status, VmHWM */
export function peakMemoryBytes(): number {
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return match === null ? process.memoryUsage.rss() : Number(match[1]) * 1024;
}

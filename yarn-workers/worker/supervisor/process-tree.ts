import { readFileSync } from 'node:fs';

/** Processes of one tree that are followed at most. */
const PROCESSES_MAX = 1_000;
/** Page size of `statm`; 4 KiB on x86-64, and on arm64 kernels of the distributions we run on. */
const PAGE_BYTES = 4_096;

/**
 * Resident memory of a process and its descendants, in bytes. Pages that processes share are counted for each, as
 * YARN does. A process that ended meanwhile counts nothing.
 *
 * @see man proc_pid_statm, proc_pid_task (children)
 */
export function processTreeMemoryBytes(rootPid: number): number {
  const waiting = [rootPid];
  let pages = 0;
  for (let seen = 0; seen < PROCESSES_MAX; seen += 1) {
    const pid = waiting.pop();
    if (pid === undefined) break;
    pages += Number(readProc(`/proc/${pid}/statm`).split(' ')[1] ?? 0);
    for (const child of readProc(`/proc/${pid}/task/${pid}/children`).split(' '))
      if (child !== '') waiting.push(Number(child));
  }
  return pages * PAGE_BYTES;
}

function readProc(file: string): string {
  try {
    return readFileSync(file, 'latin1').trim();
  } catch (err) {
    const code = (err as NodeJS.ErrnoException).code; // fs errors are ErrnoExceptions
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw err;
  }
}

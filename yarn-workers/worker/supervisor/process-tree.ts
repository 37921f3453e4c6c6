import { readdirSync, readFileSync } from 'node:fs';

/** Processes of one tree that are followed at most. */
const PROCESSES_MAX = 1_000;
/** Page size of `statm`; 4 KiB on x86-64, and on arm64 kernels of the distributions we run on. */
const PAGE_BYTES = 4_096;

/**
 * A process and its descendants, parents before children; only the root if `/proc` cannot be read. A process belongs to
 * the thread that started it, so all threads are asked. What was disowned (its parent has ended) is not found any more.
 *
 * @see man proc_pid_task (children)
 */
export function processTree(rootPid: number): number[] {
  const found = [rootPid];
  for (let index = 0; index < found.length && found.length < PROCESSES_MAX; index += 1) {
    const tasks = `/proc/${found[index] ?? 0}/task`;
    for (const thread of orEmpty(() => readdirSync(tasks), []))
      for (const child of textOf(`${tasks}/${thread}/children`).split(' ')) if (child !== '') found.push(Number(child));
  }
  return found;
}

/**
 * Resident memory of a process and its descendants, in bytes. Pages that processes share are counted for each, as
 * YARN does. A process that ended meanwhile counts nothing.
 *
 * @see man proc_pid_statm
 */
export function processTreeMemoryBytes(rootPid: number): number {
  const pagesOf = (pid: number): number => Number(textOf(`/proc/${pid}/statm`).split(' ')[1] ?? 0);
  return processTree(rootPid).reduce((sum, pid) => sum + pagesOf(pid), 0) * PAGE_BYTES;
}

/** Ends a process and its descendants by SIGKILL. */
export function killTree(rootPid: number): void {
  for (const pid of processTree(rootPid)) orEmpty(() => process.kill(pid, 'SIGKILL'), true);
}

const textOf = (file: string): string => orEmpty(() => readFileSync(file, 'latin1').trim(), '');

/** The value, or the one for a process that is gone. */
function orEmpty<T>(get: () => T, gone: T): T {
  try {
    return get();
  } catch (err) {
    const code = (err as NodeJS.ErrnoException).code; // fs and kill errors are ErrnoExceptions
    if (code === 'ENOENT' || code === 'ESRCH') return gone;
    throw err;
  }
}

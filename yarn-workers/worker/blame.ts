import { AppError, toAppError, type Blame } from '#contracts';
import { GROUP_BROKEN_EXIT } from './collectives/limits.ts';

/**
 * Who is charged for an error that ended an attempt: what will be the same next time is the user's (never retried),
 * what lies in the worker's surroundings is not charged, the rest is charged to the task.
 */
export function blameOf(err: unknown): Blame {
  const { code, kind } = toAppError(err);
  switch (code) {
    case 'TASK_MEMORY':
      return 'memory';
    case 'STORE_UNAVAILABLE':
    case 'HDFS_UNAVAILABLE':
    case 'HDFS_SAFE_MODE':
    case 'HADOOP_UNAVAILABLE':
    case 'NATIVE_LIBRARY':
    // An application's end cancels its tokens and removes its folders while its workers still end.
    case 'HDFS_TOKEN_INVALID':
    case 'WORK_FOLDER_LOST':
    case 'SHUTTING_DOWN':
    case 'SERVER_UNAVAILABLE':
    // Another rank was lost; what it did itself is told by its own worker.
    case 'GROUP_BROKEN':
      return 'worker';
    case 'TASK_DEADLINE':
    case 'BODY_TOO_LARGE':
    case 'TOO_MANY_ROWS':
      return 'user';
    default:
      break;
  }
  switch (kind) {
    case 'invalid':
    case 'unauthenticated':
    case 'forbidden':
    case 'not_found':
    case 'conflict':
    case 'stale':
    case 'not_available':
    case 'cancelled':
      return 'user';
    case 'limited':
    case 'capacity':
    case 'unavailable':
    case 'timeout':
    case 'bug':
      return 'task';
  }
}

/** How a task process ended by itself. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Last lines that it wrote to standard error. */
  readonly stderrTail: string;
  /** Largest resident memory of the process tree that was seen, and the limit. */
  readonly memoryBytesMax: number;
  readonly memoryBytesLimit: number;
}

/** What helps a task that needs more memory than it may have. */
export const MEMORY_ADVICE =
  'raise worker.memoryBytes (and the container’s memory with it), or use fewer rows or columns';

/** A process that was killed from outside with this much of its limit in use is taken for a victim of memory. */
const MEMORY_SUSPICION = 0.9;
/** Signals that a process does not send itself. */
const FROM_OUTSIDE: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];
/** What V8 writes before it aborts for lack of heap. */
const HEAP_EXHAUSTED = 'JavaScript heap out of memory';

/** What a rank whose group broke writes before its reason, when it ends by it. */
export const GROUP_BROKEN = 'GROUP_BROKEN: ';

/**
 * The error and the blame of a task process that died. A native abort or a fault is the task's; SIGKILL, SIGTERM and the
 * like come from outside (the kernel, an operator) and are not charged, unless the memory seen says why. Nor is that a group of ranks broke.
 */
export function explainDeath(end: ProcessEnd): { error: AppError; blame: Blame } {
  const { exitCode, signal, stderrTail, memoryBytesMax: found, memoryBytesLimit: limit } = end;
  const how = signal === null ? `exit code ${exitCode ?? 'unknown'}` : `signal ${signal}`;
  const memory = `${toMebibytes(found)} MiB seen of ${toMebibytes(limit)} MiB`;
  if (stderrTail.includes(HEAP_EXHAUSTED) || (signal === 'SIGKILL' && found > limit * MEMORY_SUSPICION)) {
    const details = { foundBytes: found, limitBytes: limit };
    const error = new AppError(
      'TASK_MEMORY',
      `the task process ended by ${how}: out of memory, ${memory}; ${MEMORY_ADVICE}`,
      {
        details,
      },
    );
    return { error, blame: 'memory' };
  }
  if (exitCode === GROUP_BROKEN_EXIT && stderrTail.includes(GROUP_BROKEN)) {
    const reason = stderrTail.slice(stderrTail.lastIndexOf(GROUP_BROKEN) + GROUP_BROKEN.length).trim();
    return { error: new AppError('GROUP_BROKEN', reason), blame: 'worker' };
  }
  const error = new AppError('TASK_CHILD_DIED', `the task process ended by ${how}; memory ${memory}`, {
    details: { exitCode, signal },
  });
  return { error, blame: signal !== null && FROM_OUTSIDE.includes(signal) ? 'unknown' : 'task' };
}

export const toMebibytes = (bytes: number): number => Math.ceil(bytes / 1024 ** 2);

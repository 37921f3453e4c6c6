import { AppError, type TaskProgress } from '#contracts';
import type { Sha256Function } from '#scoring';
import type { BinStore } from './binned/bin-store.ts';
import type { RankGroup } from './rank-group.ts';

/** What a fit needs from outside. */
export interface FitIo {
  readonly sha256: Sha256Function;
  /** Monotonic time in milliseconds. */
  readonly now: () => number;
  /** Milliseconds until the task must have sealed its result; null = no deadline. Never asked where there is none. */
  readonly remainingMs: () => number | null;
  /** Awaited, so that the caller can let its event loop turn. Called at least once a segment of boosting. */
  readonly onProgress?: (progress: TaskProgress) => void | Promise<void>;
  /** Called after each boosting iteration, between native calls: the event loop does not turn before the next. */
  readonly onIteration?: (progress: TaskProgress) => void;
  /** Called where the fit could be resumed: after each segment of boosting and after each member. Awaited. */
  readonly onCheckpoint?: (checkpoint: FitCheckpoint) => Promise<void>;
  /** A state that another fit of the same task has handed out; null: from the beginning. One of no use is ignored. */
  readonly resumeFrom?: Uint8Array | null;
  /** Cells of an encoded matrix that is kept in memory. @default MATRIX_CELLS_MAX, but in tests, whose tables are small */
  readonly matrixCellsMax?: number;
  /** Values that a segment of boosting looks at. @default SEGMENT_CELLS, but in tests, whose tables are small */
  readonly segmentCells?: number;
  /** A place for what is too large for memory; absent: it is made anew whenever it is needed. */
  readonly openSpool?: () => Promise<Spool>;
  /** A place for bins that later fits of the project may take; absent: nothing is kept. */
  readonly bins?: BinStore;
  /** Rows that a span of a survey has at least. @default SPAN_ROWS_MIN, but in tests, whose tables are small */
  readonly spanRowsMin?: number;
  /** Rows of a chunk of bins at most. @default what the size of chunks allows, but in tests, whose tables are small */
  readonly chunkRowsMax?: number;
  /** Other processes that fit the same model. @default none */
  readonly ranks?: RankGroup;
  /** Takes a line for the task's log. */
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Bytes that are written one after the other, and read anywhere. */
export interface Spool {
  append(bytes: Uint8Array): Promise<void>;
  /** Bytes of what was appended: `length` of them from `at` on. */
  read(at: number, length: number): Promise<Uint8Array>;
  /** Forgets all. */
  close(): Promise<void>;
}

/** A fit's state, not written down yet: the caller decides whether it is worth it. */
export interface FitCheckpoint {
  /** Rises strictly, and means the same in every fit of the task. */
  readonly position: number;
  /** About the size of the encoded state. */
  readonly sizeBytes: number;
  /** The state as {@link FitIo.resumeFrom} takes it. */
  readonly encode: () => Uint8Array;
}

/** @throws TASK_CANCELLED when the signal has been given */
export function checkCancelled(io: Pick<FitIo, 'signal'>): void {
  if (io.signal?.aborted === true) throw new AppError('TASK_CANCELLED', 'the fit was cancelled');
}

/** Time kept for predicting, relative to what it is expected to take; at most this part of what is left. */
const PREDICTING_SAFETY = 1.2;
const FINISH_SHARE_MAX = 0.5;

/** What is needed after all members are fitted. */
export interface FinishTimes {
  /** Whatever the members turn out to be. */
  readonly finishMs: number;
  /** Rows that are to be predicted, the holdout among them, relative to those that validation has scored. */
  readonly predictedRatio: number;
}

/** When a member must be done, on `io.now()`, if validation has taken it so long by now; Infinity without a deadline. */
export type StopAt = (validateMs: number) => number;

/**
 * Each of the members that are left gets an equal part of what is left.
 *
 * @param validateMs what validation has taken in the `index` members before: that, or the member's own if it is more, says what
 * predicting will take
 * @throws TASK_DEADLINE when nothing is left
 */
export function memberStopAt(
  io: FitIo,
  { finishMs, predictedRatio }: FinishTimes,
  validateMs: number,
  index: number,
  memberCount: number,
): StopAt {
  const remaining = io.remainingMs();
  if (remaining === null) return () => Infinity;
  if (remaining <= 0)
    throw new AppError('TASK_DEADLINE', `no time is left to fit member ${index + 1} of ${memberCount}`);
  const startedAt = io.now();
  const before = validateMs / Math.max(1, index);
  return (own) => {
    const reserve = finishMs + PREDICTING_SAFETY * predictedRatio * memberCount * Math.max(before, own);
    const left = Math.max(remaining - reserve, remaining * (1 - FINISH_SHARE_MAX));
    return startedAt + left / (memberCount - index);
  };
}

/** Reports progress, and stops here if the task was cancelled. */
export async function report(
  io: Pick<FitIo, 'onProgress' | 'signal'>,
  fraction: number,
  phase: string,
  message: string,
  iteration: number | null = null,
): Promise<void> {
  await io.onProgress?.({ fraction: Math.min(1, Math.max(0, fraction)), phase, message, iteration });
  checkCancelled(io);
}

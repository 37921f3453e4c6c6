import { AppError, type TaskProgress } from '#contracts';
import type { Sha256Function } from '#scoring';

/** What a fit needs from outside. */
export interface FitIo {
  readonly sha256: Sha256Function;
  /** Monotonic time in milliseconds. */
  readonly now: () => number;
  /** Milliseconds until the task must have sealed its result; null = no deadline. Never asked where there is none. */
  readonly remainingMs: () => number | null;
  /** Awaited, so that the caller can let its event loop turn. Called at least once a segment of boosting. */
  readonly onProgress?: (progress: TaskProgress) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/** @throws TASK_CANCELLED when the signal has been given */
export function checkCancelled(io: Pick<FitIo, 'signal'>): void {
  if (io.signal?.aborted === true) throw new AppError('TASK_CANCELLED', 'the fit was cancelled');
}

/** Reports progress, and stops here if the task was cancelled. */
export async function report(
  io: FitIo,
  fraction: number,
  phase: string,
  message: string,
  iteration: number | null = null,
): Promise<void> {
  await io.onProgress?.({ fraction: Math.min(1, Math.max(0, fraction)), phase, message, iteration });
  checkCancelled(io);
}

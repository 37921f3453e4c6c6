import { createHash } from 'node:crypto';
import type { Blame } from '#contracts';

export interface RetryPolicy {
  /** Attempts that may fail by the task's own fault. */
  readonly chargedAttemptsMax: number;
  /** First back-off after a charged attempt. */
  readonly backoffMs: number;
  readonly backoffMsMax: number;
}

/** What the decision rests on: the task before this failure. */
export interface FailureHistory {
  readonly taskId: string;
  readonly fence: number;
  readonly charged: number;
  readonly losses: number;
  /** Earlier attempts that ended for lack of memory. */
  readonly memoryFailures: number;
  /** Nobody told why the attempt ended: its worker fell silent. */
  readonly isSuspected: boolean;
}

/** What becomes of the task. `delayMs`: how long it is not given out. */
export interface FailureDecision {
  readonly state: 'READY' | 'FAILED';
  readonly charged: number;
  readonly losses: number;
  readonly delayMs: number;
  /** The task is given up because it failed too often, not because of what the last attempt said alone. */
  readonly poisoned: boolean;
}

/** Uncharged attempts come back sooner: their cause is elsewhere and soon over. */
const LOSS_BACKOFF_SHARE = 5;
const LOSS_BACKOFF_MAX_SHARE = 10;
/** A task may meet a worker with more memory once; once more when that it lacks memory is only suspected. */
const MEMORY_RETRIES = 1;
const SUSPECTED_RETRIES = 2;

/**
 * What an attempt's end means for its task:
 *
 * | blame | charged | then |
 * | --- | --- | --- |
 * | user | no | FAILED at once: the same data fail again |
 * | task | yes | READY after min(2^n * backoffMs, backoffMsMax), FAILED at `chargedAttemptsMax` |
 * | memory | no | READY once, FAILED the second time (the third, when its worker only fell silent) |
 * | worker, unknown | no | READY without limit, at once the first time, then backing off |
 */
export function decideFailure(blame: Blame, history: FailureHistory, policy: RetryPolicy): FailureDecision {
  const { charged, losses } = history;
  const ends = { state: 'FAILED', delayMs: 0, poisoned: false } as const;
  switch (blame) {
    case 'user':
      return { ...ends, charged, losses };
    case 'task': {
      if (charged + 1 >= policy.chargedAttemptsMax) return { ...ends, charged: charged + 1, losses, poisoned: true };
      const delayMs = backoff(charged, policy.backoffMs, policy.backoffMsMax, history);
      return { state: 'READY', charged: charged + 1, losses, delayMs, poisoned: false };
    }
    case 'memory':
      if (history.memoryFailures >= (history.isSuspected ? SUSPECTED_RETRIES : MEMORY_RETRIES))
        return { ...ends, charged, losses: losses + 1 };
      return lost(history, policy);
    case 'worker':
    case 'unknown':
      return lost(history, policy);
  }
}

function lost(history: FailureHistory, policy: RetryPolicy): FailureDecision {
  const { charged, losses } = history;
  const delayMs = losses === 0 ? 0 : lossBackoff(losses - 1, history, policy);
  return { state: 'READY', charged, losses: losses + 1, delayMs, poisoned: false };
}

/** How long the n-th loss that nobody is to blame for keeps a task, or a group of them, from being given out. */
export function lossBackoff(
  losses: number,
  key: Pick<FailureHistory, 'taskId' | 'fence'>,
  policy: Pick<RetryPolicy, 'backoffMs' | 'backoffMsMax'>,
): number {
  const { backoffMs, backoffMsMax } = policy;
  return backoff(losses, backoffMs / LOSS_BACKOFF_SHARE, backoffMsMax / LOSS_BACKOFF_MAX_SHARE, key);
}

/** The longest of them. */
export const longestLossBackoff = ({ backoffMsMax }: Pick<RetryPolicy, 'backoffMsMax'>): number =>
  backoffMsMax / LOSS_BACKOFF_MAX_SHARE;

/** min(2^n * first, longest), of which the second half is jitter by a hash, so that a replay waits the same. */
function backoff(
  n: number,
  firstMs: number,
  longestMs: number,
  { taskId, fence }: Pick<FailureHistory, 'taskId' | 'fence'>,
): number {
  const full = Math.min(2 ** Math.min(n, 30) * firstMs, longestMs);
  const hash = createHash('sha256').update(`${taskId}:${fence}`).digest().readUInt32BE(0) / 2 ** 32;
  return Math.round(full * (0.5 + 0.5 * hash));
}

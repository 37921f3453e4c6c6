import {
  AppError,
  type BeatAnswer,
  type ClaimedTask,
  type TaskSpec,
  type TaskState,
  type TransitionAnswer,
} from '#contracts';
import type { BeatOutcome, Claim, TaskGroup } from '#store';

/** The first version with checkpoints, groups and the refusal of claims while draining. */
export const SPEAKS_GROUPS = 2;

/** A claim as a worker of this protocol version is told of it: version 1 refuses keys that it does not know. */
export function claimedTaskOf(
  claim: Claim,
  { leaseMs, protocolVersion, group }: { leaseMs: number; protocolVersion: number; group: TaskGroup | null },
): ClaimedTask {
  const { task, leaseToken, attemptPath, remainingMs } = claim;
  const { id: taskId, fence, spec } = task;
  const claimed = { taskId, fence, leaseToken, leaseMs, attemptPath, remainingMs, spec };
  if (protocolVersion < SPEAKS_GROUPS) return { ...claimed, spec: knownToFirst(spec) };
  const membership = group === null ? null : { groupId: group.id, size: group.size, rank: task.groupRank ?? 0 };
  return { ...claimed, checkpoint: task.checkpoint, group: membership };
}

/** A task without what programs of version 1 do not know: a run goes on without the search for leakage, one task profiles a table. */
function knownToFirst(spec: TaskSpec): TaskSpec {
  if (spec.kind === 'ingest') {
    const { parts: _, ...known } = spec;
    return known;
  }
  if (spec.kind !== 'train') return spec;
  const { findsLeakage: _, leakageSearch: __, ...known } = spec;
  return known;
}

/** What the holder of a task is told. */
export function beatAnswerOf(outcome: BeatOutcome, leaseMs: number): BeatAnswer {
  if (outcome.kind !== 'continue') return { directive: 'cancel', leaseMs, remainingMs: null };
  const { draining, waiting, remainingMs } = outcome;
  return { directive: waiting ? 'wait' : draining ? 'drain' : 'continue', leaseMs, remainingMs };
}

/** The states that a worker is told. */
export function transitionAnswerOf(state: TaskState): TransitionAnswer {
  if (state === 'WAITING' || state === 'LEASED') {
    throw new AppError('INTERNAL', `a transition of a held task ended in ${state}`);
  }
  return { state };
}

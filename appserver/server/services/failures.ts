import { FAILURE_REASON_MAX, RUN_FAILURES_MAX, type AutopilotRun } from '#contracts';
import type { AutopilotRunRecord, ModelRecord } from '#store';
import { cut } from '../compliance/index.ts';
import { publicProblem } from './jobs.ts';

/** Database times of a run. */
type RunTimes = Pick<AutopilotRunRecord, 'startedAt' | 'finishedAt' | 'pausedMs'>;

/** Tasks of a run that ended without a model, the first RUN_FAILURES_MAX in order of creation, each with its reason. */
export function failuresOf(run: RunTimes, models: readonly ModelRecord[]): AutopilotRun['failures'] {
  const failures = models.flatMap((model) => {
    const { id: modelId, name, state } = model;
    const { blueprintId } = model.planned;
    const reason = failureReason(run, model);
    if (reason === null || (state !== 'failed' && state !== 'cancelled')) return [];
    return [{ modelId, name, blueprintId, state, reason }];
  });
  return failures.slice(0, RUN_FAILURES_MAX);
}

/** Why a model of a run did not come about, in FAILURE_REASON_MAX characters at most; null of one that has, or still may. */
export function failureReason(
  run: RunTimes,
  { state, error, planned, finishedAt }: Pick<ModelRecord, 'state' | 'error' | 'planned' | 'finishedAt'>,
): string | null {
  if (state !== 'failed' && state !== 'cancelled') return null;
  const problem = publicProblem(error);
  if (problem !== null) return cut(problem.detail, FAILURE_REASON_MAX - 1);
  const { deadlineMs } = planned;
  // Its holder may have heard of the end of the run long after it.
  const endedAt = Math.min(finishedAt ?? Infinity, run.finishedAt ?? Infinity);
  if (deadlineMs !== null && endedAt - run.startedAt - run.pausedMs >= deadlineMs)
    return `It had no result by its deadline, ${deadlineMs / 1000} s after the run began.`;
  return run.finishedAt === null ? 'It was cancelled.' : 'The run ended before it did.';
}

import type { AutopilotPlan, PlannedCandidate, PlannedTask } from '#contracts';
import { candidateOf } from './run.ts';

/** Candidates of which no task was made, in the order of the plan; none of a replay, which repeats tasks and tries nothing else. */
export function untriedOf(plan: AutopilotPlan, tasks: readonly PlannedTask[]): PlannedCandidate[] {
  if (plan.replay !== undefined) return [];
  const begun = new Set(tasks.filter(({ role }) => role === 'search').map(({ key }) => candidateOf(key)));
  return plan.candidates.filter((_, index) => !begun.has(index));
}

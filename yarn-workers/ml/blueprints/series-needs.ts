import type { AutopilotPlan } from '#contracts';
import { HISTORY_NEEDS, historyIdsOf, readsHistory } from './history.ts';
import { NAIVE_NEEDS, naiveIdsOf, naiveKindOf } from './naive.ts';

/** What a naive forecast or a model of histories needs and a run has not, as the end of a sentence; null: it can be fitted. */
export function missingSeries(
  blueprintId: string,
  run: Pick<AutopilotPlan, 'partitioning' | 'features' | 'target'>,
): string | null {
  if (naiveKindOf(blueprintId) !== null && !naiveIdsOf(run).includes(blueprintId)) return NAIVE_NEEDS;
  if (readsHistory(blueprintId) && !historyIdsOf(run).includes(blueprintId)) return HISTORY_NEEDS;
  return null;
}

import { ENSEMBLE_LIBRARY_MAX, type AutopilotPlan, type PlannedResult } from '#contracts';
import { entryOf } from '../blueprints/catalogue.ts';
import { ENSEMBLE_SHARE_MAX, MEMBER_OVERHEAD_MS, ensembleMsOf, refitBlendMsOf, refitRatio } from './cost-model.ts';
import { ENSEMBLE_MODELS_MIN } from './limits.ts';
import { copiesOf, ranked, type Run, type Searched, type Succeeded } from './run.ts';

/** Models that an ensemble may blend, best first; those without a score are of no use to it. */
export function libraryOf({ plan, searched }: Run): (Searched & Succeeded)[] {
  return ranked(plan, searched)
    .filter(({ result }) => result.score !== null)
    .slice(0, ENSEMBLE_LIBRARY_MAX);
}

export const resultsOf = (models: readonly Succeeded[]): PlannedResult[] => models.map(({ result }) => result);

/** True if models that learn from features are there in number. */
export const canBlend = (library: readonly Searched[]): boolean =>
  library.filter(({ task }) => entryOf(task.blueprintId).settings !== null).length >= ENSEMBLE_MODELS_MIN;

/** Expected time of refitting models in so many copies each, `parallelTasks` at a time, and of blending the refits. */
export function ensembleRefitMs(plan: AutopilotPlan, twins: readonly Succeeded[], copies: number): number {
  const each = twins.map(
    ({ task, result }) => MEMBER_OVERHEAD_MS + refitRatio(plan) * copiesOf(task, copies) * result.fitMs,
  );
  const together = each.reduce((sum, ms) => sum + ms, 0) / plan.parallelTasks;
  return Math.max(together, ...each) + refitBlendMsOf(plan, resultsOf(twins));
}

/**
 * Time kept while searching for the ensemble of what there is, and for the refits of those that it may blend beside the best, for
 * which time is kept anyhow; and the copies of each refit that it is for, as many as take at most {@link ENSEMBLE_SHARE_MAX} of the
 * budget. Where even one copy takes more none is kept: then an ensemble is made only of time that is left over.
 */
export function endgameReserve(run: Run): { readonly ensembleMs: number; readonly copies: number } {
  const { plan } = run;
  const library = libraryOf(run);
  const limits = plan.ensemble ?? null;
  if (limits === null || plan.timeBudgetMs === null || !canBlend(library)) return { ensembleMs: 0, copies: 1 };
  const others = library.slice(1, limits.membersMax);
  for (let copies = plan.refitCopies ?? 1; copies >= 1; copies -= 1) {
    const ensembleMs = ensembleMsOf(plan, resultsOf(library)) + ensembleRefitMs(plan, others, copies);
    if (ensembleMs <= ENSEMBLE_SHARE_MAX * plan.timeBudgetMs) return { ensembleMs, copies };
  }
  return { ensembleMs: 0, copies: 1 };
}

import { ENSEMBLE_LIBRARY_MAX, type AutopilotPlan } from '#contracts';
import { blueprintOf, entryOf } from '../blueprints/catalogue.ts';
import { naiveKindOf } from '../blueprints/naive.ts';
import {
  COPIES_SHARE_MAX,
  ENSEMBLE_SHARE_MAX,
  MEMBERS_REFIT_SAFETY,
  MEMBER_OVERHEAD_MS,
  ensembleMsOf,
  fullFitMs,
  refitBlendMsOf,
  refitFitMs,
  refitMsOf,
} from './cost-model.ts';
import { ENSEMBLE_MODELS_MIN, SEED_COPIES_MAX } from './limits.ts';
import { isSample, ranked, type Run, type Searched, type Succeeded } from './run.ts';

/**
 * Models that an ensemble may blend, best first. The best of each family is among them, however many of another one are better:
 * models of different kinds make different mistakes. Those without a score are of no use, naive forecasts are there to be compared with,
 * and what refits of models of a sample take is not known.
 */
export function libraryOf({ plan, searched }: Pick<Run, 'plan' | 'searched'>): (Searched & Succeeded)[] {
  const scored = ranked(plan, searched).filter(
    ({ task, result }) => result.score !== null && !isSample(task) && naiveKindOf(task.blueprintId) === null,
  );
  const families = new Map([...scored].reverse().map((one) => [blueprintOf(one.task.blueprintId).family, one]));
  const heads = new Set(families.values());
  const others = scored.filter((one) => !heads.has(one)).slice(0, Math.max(0, ENSEMBLE_LIBRARY_MAX - heads.size));
  return scored.filter((one) => heads.has(one) || others.includes(one));
}

/** True if models that learn from features are there in number. */
export const canBlend = (library: readonly Searched[]): boolean =>
  library.filter(({ task }) => entryOf(task.blueprintId).settings !== null).length >= ENSEMBLE_MODELS_MIN;

/** Expected time of refitting models in so many copies each, `parallelTasks` at a time, and of blending the refits. */
export function ensembleRefitMs(plan: AutopilotPlan, twins: readonly Succeeded[], copies: number): number {
  const each = twins.map((one) => MEMBER_OVERHEAD_MS + refitFitMs(plan, one, copies));
  const together = each.reduce((sum, ms) => sum + ms, 0) / plan.parallelTasks;
  return Math.max(together, ...each) + refitBlendMsOf(plan, twins, copies);
}

/**
 * Time kept while searching for what comes after: the ensemble of what there is, and the refits of those that it may blend, in as many
 * copies as take at most {@link COPIES_SHARE_MAX} of the budget; with one copy each {@link ENSEMBLE_SHARE_MAX}, of as many of the best as that is enough
 * for. Where it is not enough for two, and where there is nothing to blend, time is kept for one copy of the best: then an ensemble is made only of time that is left over.
 */
export function endgameReserve(run: Run): number {
  const { plan, best } = run;
  if (best === null || plan.timeBudgetMs === null) return 0;
  const alone = refitMsOf(plan, fullFitMs(best));
  const library = libraryOf(run);
  const limits = plan.ensemble ?? null;
  if (limits === null || !canBlend(library)) return alone;
  const ensembleMs = ensembleMsOf(plan, library);
  const membersMax = Math.min(library.length, limits.membersMax);
  const budgetMs = plan.timeBudgetMs;
  const kept = (members: number, copies: number): number | null => {
    const refits = MEMBERS_REFIT_SAFETY * ensembleRefitMs(plan, library.slice(0, members), copies);
    // An ensemble is begun only if the best can still be refitted after it.
    const together = ensembleMs + Math.max(alone, refits);
    return together <= (copies > 1 ? COPIES_SHARE_MAX : ENSEMBLE_SHARE_MAX) * budgetMs ? together : null;
  };
  for (let copies = Math.min(plan.refitCopies ?? 1, SEED_COPIES_MAX); copies > 1; copies -= 1) {
    const together = kept(membersMax, copies);
    if (together !== null) return together;
  }
  for (let members = membersMax; members >= ENSEMBLE_MODELS_MIN; members -= 1) {
    const together = kept(members, 1);
    if (together !== null) return together;
  }
  return alone;
}

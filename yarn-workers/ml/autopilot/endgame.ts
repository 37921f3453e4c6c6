import type { EnsembleFacts, PlannedTask } from '#contracts';
import { ENSEMBLE_BLUEPRINT_ID } from '../blueprints/ensemble.ts';
import {
  REFIT_TRY_MIN,
  TASK_OVERHEAD_MS,
  copiesOf,
  ensembleMsOf,
  fullFitMs,
  refitBlendMsOf,
  refitFitMs,
  refitMsOf,
} from './cost-model.ts';
import { canBlend, ensembleRefitMs, libraryOf } from './reserve.ts';
import {
  ENSEMBLE_KEY,
  ENSEMBLE_REFIT_KEY,
  REFIT_KEY,
  isOpen,
  isSucceeded,
  memberRefitKey,
  type Placed,
  type Run,
  type Searched,
  type Succeeded,
} from './run.ts';

/** What to do once the search is over: new tasks, waiting for those there are, or the end and why there is no refit. */
export type EndgameStep =
  | { readonly kind: 'tasks'; readonly tasks: readonly PlannedTask[] }
  | { readonly kind: 'end'; readonly withoutRefit: string };

/** An ensemble that succeeded. */
export type MadeEnsemble = Succeeded & { readonly facts: EnsembleFacts };

const waiting: EndgameStep = { kind: 'tasks', tasks: [] };
const end = (withoutRefit: string): EndgameStep => ({ kind: 'end', withoutRefit });
/** Refits of an ensemble's members are begun if those of this part of its weight should end in time. */
const REFIT_WEIGHT_MIN = 0.5;
const NO_TIME = 'too little of the time budget is left for a refit on all rows';

/** After the search: the ensemble, then the refit of what is best. */
export function endgame(run: Run): EndgameStep {
  if (run.refit !== null) return afterRefit(run.refit);
  if (run.memberRefits.size > 0) return refitEnsemble(run);
  if (isOpen(run.ensemble)) return waiting;
  if (run.ensemble === null) {
    const ensemble = ensembleTask(run);
    if (ensemble !== null) return { kind: 'tasks', tasks: [ensemble] };
  }
  const blended = winningEnsemble(run) === null ? null : refitEnsemble(run);
  if (blended?.kind === 'tasks') return blended;
  if (run.best === null) return end('');
  const refit = refitTask(run, run.best);
  return refit === null ? end(NO_TIME) : { kind: 'tasks', tasks: [refit] };
}

function afterRefit(refit: NonNullable<Run['refit']>): EndgameStep {
  return isOpen(refit) ? waiting : end('the refit on all rows failed or took too long');
}

/** The task of the ensemble; null where there is none to be made, or no time for it and a refit of the best. */
function ensembleTask(run: Run): PlannedTask | null {
  const { plan, times, elapsedMs, best } = run;
  const library = libraryOf(run);
  if ((plan.ensemble ?? null) === null || best === null || !canBlend(library)) return null;
  const deadlineMs = times === null ? null : Math.floor(times.sealBy - refitMsOf(plan, fullFitMs(best)));
  if (deadlineMs !== null && elapsedMs + ensembleMsOf(plan, library) > deadlineMs) return null;
  return {
    key: ENSEMBLE_KEY,
    role: 'ensemble',
    blueprintId: ENSEMBLE_BLUEPRINT_ID,
    parameters: {},
    refitOf: null,
    iterations: null,
    members: library.map(({ result }) => ({ modelId: result.modelId, weight: null })),
    deadlineMs,
  };
}

/**
 * The ensemble if it is to be preferred: better than the best single model in the honest comparison. A gain within its noise is
 * taken too: ensembles are better on unseen rows more often than the noise of few rows lets one prove
 * (`docs/adr/0049-bagged-refits.md`). Once its members are being refitted it stays the choice; a refit
 * of the single model, made because there was no time for all of theirs, goes before an ensemble without one.
 */
export function winningEnsemble({ ensemble, refit, memberRefits }: Run): MadeEnsemble | null {
  if (isSucceeded(refit) || !isSucceeded(ensemble)) return null;
  const facts = ensemble.result.ensemble ?? null;
  if (facts === null) return null;
  return memberRefits.size > 0 || isGain(facts) ? { ...ensemble, facts } : null;
}

/** True if an ensemble is better than the best single model on rows that chose neither. */
export const isGain = ({ gain }: EnsembleFacts): boolean => gain !== null && gain > 0;

/**
 * The members' refits, `parallelTasks` at a time, then their blend. A member whose refit failed, or for whose refit there is no time, is in the blend as it
 * was validated; there is no refit if those of more than half of the weight cannot be expected to end in time.
 */
function refitEnsemble(run: Run): EndgameStep {
  const { memberRefits, ensembleRefit, plan } = run;
  const ensemble = winningEnsemble(run);
  if (ensemble === null) return end('');
  if (ensembleRefit !== null)
    return isOpen(ensembleRefit) ? waiting : end('the refit on all rows failed or took too long');
  const blended = blendedTwins(run, ensemble);
  const refitOfTwin = ({ result }: Succeeded): Placed | null => memberRefits.get(result.modelId) ?? null;
  const running = blended.filter((twin) => isOpen(refitOfTwin(twin)));
  const missing = blended.filter((twin) => refitOfTwin(twin) === null);
  const inTime = refitsInTime(run, missing);
  if (memberRefits.size === 0 && weightOf(inTime) < REFIT_WEIGHT_MIN * weightOf(blended)) return end(NO_TIME);
  if (inTime.length === 0 && running.length === 0)
    return blended.some((twin) => isSucceeded(refitOfTwin(twin)))
      ? { kind: 'tasks', tasks: [blendTask(run, ensemble)] }
      : end('the refits of its models on all rows failed or took too long');
  const copies = copiesInTime(run, (count) => ensembleRefitMs(plan, [...running, ...inTime], count));
  const blendMs = refitBlendMsOf(plan, blended, Math.max(1, copies));
  const tasks = inTime
    .slice(0, Math.max(0, plan.parallelTasks - running.length))
    .map((twin) => memberRefit(run, twin, Math.max(1, copies), blendMs));
  return { kind: 'tasks', tasks };
}

/** A member of an ensemble, as it was validated. */
type BlendedTwin = Searched & Succeeded & { readonly weight: number };

/** The members that weigh something, heaviest first. */
function blendedTwins({ searched }: Run, { facts }: MadeEnsemble): BlendedTwin[] {
  const twins = new Map(searched.flatMap((one) => (isSucceeded(one) ? [[one.result.modelId, one] as const] : [])));
  return facts.members
    .flatMap(({ modelId, weight }) => {
      const twin = twins.get(modelId);
      return twin === undefined ? [] : [{ ...twin, weight: Math.abs(weight) }];
    })
    .sort((a, b) => b.weight - a.weight);
}

const weightOf = (twins: readonly BlendedTwin[]): number => twins.reduce((sum, { weight }) => sum + weight, 0);

/**
 * Of the refits that are not begun those that should end in time: all, the longest first so that what runs side by side ends
 * side by side; else the heaviest that fit. Once some are begun another one is tried where a part of its time is left: it gives up early.
 */
function refitsInTime({ plan, times, elapsedMs, memberRefits }: Run, missing: readonly BlendedTwin[]): BlendedTwin[] {
  if (times === null) return [...missing];
  const chosen: BlendedTwin[] = [];
  for (const twin of missing) {
    const expected =
      memberRefits.size === 0
        ? ensembleRefitMs(plan, [...chosen, twin], 1)
        : REFIT_TRY_MIN * ensembleRefitMs(plan, [twin], 1);
    if (elapsedMs + expected <= times.sealBy) chosen.push(twin);
  }
  if (chosen.length < missing.length) return chosen;
  const msOf = (twin: Succeeded): number => refitFitMs(plan, twin, plan.refitCopies ?? 1);
  return chosen.sort((a, b) => msOf(b) - msOf(a));
}

/** The most copies whose refits should end in time; 0: not even one. */
function copiesInTime({ plan, times, elapsedMs }: Run, expectedMs: (copies: number) => number): number {
  let copies = plan.refitCopies ?? 1;
  while (times !== null && copies > 0 && elapsedMs + expectedMs(copies) > times.sealBy) copies -= 1;
  return copies;
}

/** @param most how many models are averaged where fits draw random numbers */
function refitOf({ task, result }: Succeeded, key: string, most: number, deadlineMs: number | null): PlannedTask {
  const copies = copiesOf(task, most);
  return {
    key,
    role: 'refit',
    blueprintId: task.blueprintId,
    parameters: task.parameters,
    refitOf: result.modelId,
    iterations: result.iterations,
    // One copy is what workers of programs from before know.
    ...(copies > 1 ? { copies } : {}),
    deadlineMs,
  };
}

const memberRefit = ({ times }: Run, twin: Searched & Succeeded, copies: number, blendMs: number): PlannedTask =>
  refitOf(twin, memberRefitKey(twin.candidate), copies, times === null ? null : Math.floor(times.sealBy - blendMs));

/** The refit of a member; null where it has none that succeeded. */
export function refittedId(memberRefits: Run['memberRefits'], modelId: string): string | null {
  const refit = memberRefits.get(modelId) ?? null;
  return isSucceeded(refit) ? refit.result.modelId : null;
}

/** The blend of the refits of an ensemble's members, and of those that have none as they were validated. */
function blendTask({ memberRefits, times }: Run, { result, facts }: MadeEnsemble): PlannedTask {
  const members = facts.members.map(({ modelId, weight }) => ({
    modelId: refittedId(memberRefits, modelId) ?? modelId,
    weight,
  }));
  return {
    key: ENSEMBLE_REFIT_KEY,
    role: 'refit',
    blueprintId: ENSEMBLE_BLUEPRINT_ID,
    parameters: {},
    refitOf: result.modelId,
    iterations: null,
    members,
    ...(facts.layer === undefined ? {} : { layer: facts.layer }),
    deadlineMs: times?.sealBy ?? null,
  };
}

/** The refit of the best, or null if it does not fit into the budget. */
function refitTask(run: Run, best: NonNullable<Run['best']>): PlannedTask | null {
  const { plan, times, elapsedMs } = run;
  const expected = (copies: number): number => TASK_OVERHEAD_MS + refitFitMs(plan, best, copies);
  if (times !== null && elapsedMs + REFIT_TRY_MIN * expected(1) > times.sealBy) return null;
  return refitOf(best, REFIT_KEY, Math.max(1, copiesInTime(run, expected)), times?.sealBy ?? null);
}

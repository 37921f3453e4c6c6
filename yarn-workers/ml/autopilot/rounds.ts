import { drawnShare } from '../fit/down-sample.ts';
import type { Candidate } from '../blueprints/variations.ts';
import { fitMsEstimator, isTrees } from './cost-model.ts';
import {
  PROMOTED_SHARE,
  SAMPLE_CLASS_ROWS_MIN,
  SAMPLE_FRACTION_MAX,
  SAMPLE_ROWS_MIN,
  SAMPLE_ROUND_SHARE,
  SEARCH_SHARE,
} from './limits.ts';
import { isOpen, isSample, isSucceeded, ranked, sampleKey, searchKey, type Run, type Searched } from './run.ts';

/** A search task that may be made next: a candidate, fitted on all training rows or on a part of them. */
export interface Try {
  readonly index: number;
  readonly candidate: Candidate;
  readonly key: string;
  /** Part of the training rows, in (0, 1]. */
  readonly sampleFraction: number;
}

/**
 * What to try, in order, what has been tried included. As a rule the candidates in the plan's order. Where the budget is too
 * short for all of them and there are rows enough, there are two rounds, as in successive halving: trees are fitted on a sample
 * first, for a part of the budget; the better half of them comes next on all rows, in the order of what they scored, then whatever had no turn in the
 * first round, and the worse half last.
 *
 * @see Jamieson, Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization"
 */
export function tries(run: Run): Try[] {
  const { plan } = run;
  const full = plan.candidates.map((candidate, index): Try => ({
    ...{ index, candidate, sampleFraction: 1 },
    key: searchKey(index, candidate.blueprintId),
  }));
  const first = firstTrees(run);
  const sampleFraction = first === null ? null : sampleOf(run, first);
  if (first === null || sampleFraction === null) return full;
  const sampled = run.searched.filter(({ task }) => isSample(task));
  const begunOnSample = candidatesOf(sampled);
  const begunOnAll = candidatesOf(run.searched.filter(({ task }) => !isSample(task)));
  // What was begun on all rows before the first was measured needs no sample.
  const isSampled = ({ index, candidate }: Try): boolean =>
    index > first.candidate && isTrees(candidate.blueprintId) && (begunOnSample.has(index) || !begunOnAll.has(index));
  const isOver = isRoundOver(run, first);
  const firstRound = full.flatMap((one): Try[] => {
    if (!isSampled(one)) return [one];
    const takesPart = !isOver || begunOnSample.has(one.index);
    return takesPart ? [{ ...one, sampleFraction, key: sampleKey(one.index, one.candidate.blueprintId) }] : [];
  });
  const scored = ranked(plan, sampled);
  const ordered = scored.flatMap(({ candidate }) => full[candidate] ?? []);
  const promotedCount = Math.ceil(PROMOTED_SHARE * ordered.length);
  const taken = candidatesOf([...scored, ...sampled.filter(isOpen)]);
  const untried = full.filter((one) => isSampled(one) && !taken.has(one.index));
  return [...firstRound, ...ordered.slice(0, promotedCount), ...untried, ...ordered.slice(promotedCount)];
}

const candidatesOf = (searched: readonly Searched[]): ReadonlySet<number> =>
  new Set(searched.map(({ candidate }) => candidate));

/** The first candidate of trees, once it is measured on all rows: what all others are judged by. */
function firstTrees({ plan, searched }: Run): Searched | null {
  const index = plan.candidates.findIndex(({ blueprintId }) => isTrees(blueprintId));
  return searched.find((one) => one.candidate === index && !isSample(one.task) && isSucceeded(one)) ?? null;
}

/** The first round ends when its part of the budget is used up, beside what measuring the first trees has taken: the slower these, the more it is needed. */
const isRoundOver = ({ times, elapsedMs }: Run, { result }: Searched): boolean =>
  times === null || elapsedMs > (result?.fitMs ?? 0) + SAMPLE_ROUND_SHARE * SEARCH_SHARE * times.sealBy;

/** The part of the training rows that the first round fits on; null: there is none. Nothing that changes in a run decides it. */
function sampleOf({ plan, times }: Run, { task, result }: Searched): number | null {
  if (times === null || result === null || plan.maxModels !== null) return null;
  const { blueprintId, parameters } = task;
  const expected = fitMsEstimator(plan, [{ blueprintId, parameters, result }]);
  const allMs = plan.candidates
    .filter((one) => isTrees(one.blueprintId))
    .reduce((sum, one) => sum + (expected(one) ?? 0), 0);
  const searchMs = SEARCH_SHARE * times.sealBy * plan.parallelTasks;
  if (allMs <= searchMs) return null;
  const smallest = Math.min(...plan.target.classes.map(({ rowCount }) => rowCount));
  const fraction = Math.max(
    SAMPLE_ROWS_MIN / (drawnShare(plan) * plan.rowCount),
    SAMPLE_CLASS_ROWS_MIN / smallest,
    (SAMPLE_ROUND_SHARE * searchMs) / allMs,
  );
  return fraction <= SAMPLE_FRACTION_MAX ? fraction : null;
}

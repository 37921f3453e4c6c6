import type { AutopilotDecision, PlannedResult } from '#contracts';
import { entryOf } from '../blueprints/catalogue.ts';
import { candidateName } from '../blueprints/names.ts';
import { isFactorization, isForest, isLinear, isNetwork, type ModelSettings } from '../blueprints/settings.ts';
import { isGain, refittedId, winningEnsemble, type MadeEnsemble } from './endgame.ts';
import { isSucceeded, type Run } from './run.ts';

type Recommended = AutopilotDecision['recommended'];

/** What the run recommends, with its reason; null without any model. */
export function recommendation(run: Run, withoutRefit: string): Recommended {
  const ensemble = winningEnsemble(run);
  return ensemble === null ? single(run, withoutRefit) : blend(run, ensemble, withoutRefit);
}

function single(run: Run, withoutRefit: string): Recommended {
  const { plan, best, refit } = run;
  if (best === null) return null;
  const count = modelCount(run);
  const { settings } = entryOf(best.task.blueprintId);
  const name = candidateName(best.task);
  const score = scoreText(run, best.result);
  const choice = count === 1 ? `${name}, the only model, ${score}` : `${name}, best of ${count} models: ${score}`;
  const text = `${choice}${beatenEnsemble(run)}`;
  const iterations = best.result.iterations === null ? '' : ` with ${best.result.iterations} ${unitOf(settings)}`;
  const { modelId, reason } = isSucceeded(refit)
    ? { modelId: refit.result.modelId, reason: `${text}; refitted on all ${plan.rowCount} rows${iterations}.` }
    : asValidated(best.result, text, withoutRefit);
  return { modelId, reason: settings === null ? `${reason}${nothingLearnt(run)}` : reason };
}

/** What to know, and to do, where nothing that learns from features is recommended; empty where nothing was asked to learn. */
function nothingLearnt({ plan, times, isStopped, searched }: Run): string {
  const learns = ({ blueprintId }: { readonly blueprintId: string }): boolean => entryOf(blueprintId).settings !== null;
  const learners = searched.filter(({ task }) => learns(task));
  const ready = learners.filter(isSucceeded).length;
  if (ready > 0)
    return ` Warning: none of ${ready} models that learn from features predicts better; the features may say nothing of ${plan.target.name}.`;
  const failed = learners.filter(({ result }) => result?.state === 'failed').length;
  if (failed > 0) return ` Warning: no model that learns from features was made; ${failed} failed.`;
  const isAsked = plan.candidates.slice(0, plan.maxModels ?? Infinity).some(learns);
  if (times === null || isStopped || !isAsked) return '';
  return ` Warning: no model that learns from features was ready in time; give timeBudgetSeconds of more than ${(plan.timeBudgetMs ?? 0) / 1000}.`;
}

function unitOf(settings: ModelSettings | null): string {
  if (settings === null) return 'iterations';
  if (isLinear(settings) || isFactorization(settings)) return 'steps of the penalty';
  if (isNetwork(settings)) return 'epochs';
  return isForest(settings) ? 'trees' : 'iterations';
}

function blend(run: Run, { result, facts }: MadeEnsemble, withoutRefit: string): Recommended {
  const { plan, ensembleRefit, best } = run;
  const sum = facts.members.reduce((total, { weight }) => total + weight, 0);
  const parts = facts.members.map(
    ({ modelId, weight }) => `${((100 * weight) / sum).toFixed(0)} % ${nameOf(run, modelId)}`,
  );
  const beaten = best === null ? '' : `, better than ${nameOf(run, best.result.modelId)} by ${gainText(facts)}`;
  const text = `Ensemble of ${facts.members.length} of ${modelCount(run)} models (${parts.join(', ')}), ${scoreText(run, result)}${beaten}`;
  if (isSucceeded(ensembleRefit)) {
    const left = facts.members.filter(({ modelId }) => refittedId(run.memberRefits, modelId) === null);
    const but = left.length === 0 ? '' : ` but for ${left.map(({ modelId }) => nameOf(run, modelId)).join(', ')}`;
    return { modelId: ensembleRefit.result.modelId, reason: `${text}; refitted on all ${plan.rowCount} rows${but}.` };
  }
  return asValidated(result, text, withoutRefit);
}

const asValidated = ({ modelId }: PlannedResult, text: string, withoutRefit: string): NonNullable<Recommended> => ({
  modelId,
  reason: `${text}; recommended as it was validated, because ${withoutRefit}.`,
});

const modelCount = ({ searched }: Run): number => searched.filter(isSucceeded).length;

function nameOf({ searched }: Run, modelId: string): string {
  const found = searched.find(({ result }) => result?.modelId === modelId);
  return found === undefined ? modelId : candidateName(found.task);
}

function scoreText({ plan }: Run, { score }: PlannedResult): string {
  const { validation, folds, dates } = plan.partitioning;
  const partition =
    validation === 'tvh' ? 'validation' : dates === undefined ? 'cross-validation' : `mean of ${folds} backtests`;
  return score === null ? 'without a score' : `${plan.metric} ${score.toPrecision(6)} (${partition})`;
}

const gainText = ({ gain, noise }: MadeEnsemble['facts']): string =>
  `${(gain ?? NaN).toPrecision(3)} (standard error ${(noise ?? NaN).toPrecision(3)})`;

/** Why an ensemble that was made is not recommended. */
function beatenEnsemble({ ensemble }: Run): string {
  const facts = isSucceeded(ensemble) ? ensemble.result.ensemble : null;
  if (facts === null || facts === undefined) return '';
  const { gain, noise } = facts;
  if (gain === null) return '; the ensemble has no score';
  const what = `the ensemble of ${facts.members.length}`;
  const told = `gain ${gain.toPrecision(3)}, standard error ${noise?.toPrecision(3) ?? 'unknown'}`;
  if (isGain(facts)) return `; ${what} is better (${told}), but there was too little time to refit it`;
  return `; ${what} is not better (${told})`;
}

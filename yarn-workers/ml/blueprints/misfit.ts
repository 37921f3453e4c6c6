import { AppError, type AutopilotPlan, type Imbalance, type TargetSpec } from '#contracts';
import { FACTORIZED_CLASSES_MAX } from '../fit/factorization/limits.ts';
import { NETWORK_CLASSES_MAX } from '../fit/network/limits.ts';
import { tooManyTrees } from './many-classes.ts';
import { objectiveOf, type Objective } from './objective.ts';
import {
  hasLinearLeaves,
  hasLogOdds,
  isBoosted,
  isFactorization,
  isForest,
  isLinear,
  isNetwork,
  naiveBayesOf,
  takesOffsets,
  type ModelSettings,
} from './settings.ts';

/** Why a model of these settings cannot predict a target; null: it can, as the baseline (null) always can. */
export function misfitOf(
  settings: ModelSettings | null,
  target: TargetSpec,
  imbalance: Imbalance | undefined,
): string | null {
  if (settings === null) return null;
  if (target.quantile !== undefined && isLinear(settings)) return 'linear models have no loss for a quantile';
  if (target.quantile !== undefined && isFactorization(settings))
    return 'factorization machines have no loss for a quantile';
  if (target.quantile !== undefined && isNetwork(settings)) return 'networks have no loss for a quantile';
  if (target.quantile !== undefined && isForest(settings)) return 'a forest of averages has no quantiles';
  if (target.targetType === 'regression' && naiveBayesOf(settings) !== null) return 'naive Bayes predicts classes only';
  if (target.quantile !== undefined && hasLinearLeaves(settings)) return 'linear leaves have no loss for a quantile';
  if (isFactorization(settings) && target.classes.length > FACTORIZED_CLASSES_MAX)
    return `it has vectors for each class, and the target has ${target.classes.length}, more than ${FACTORIZED_CLASSES_MAX}`;
  if (isNetwork(settings) && target.classes.length > NETWORK_CLASSES_MAX)
    return `it has an output for each class, and the target has ${target.classes.length}, more than ${NETWORK_CLASSES_MAX}`;
  const surplus = tooManyTrees(settings, target);
  if (surplus !== null) return surplus;
  const hasOffset = target.offsetColumn !== undefined || target.exposureColumn !== undefined;
  if (hasOffset && !takesOffsets(settings))
    return `${isLinear(settings) ? 'naive Bayes' : 'a random forest'} cannot be fitted beside an offset or exposure`;
  if (imbalance !== undefined && !hasLogOdds(settings))
    return `its trees average steps towards log odds, not log odds, so that ${imbalance.method} cannot be taken out of them again`;
  return null;
}

/**
 * Whether a model of these settings (null: the baseline, or a naive forecast) keeps monotonic constraints. Boosted trees do not where
 * their leaves are functions of the row, or medians and other quantiles, which are put in when the splits are made: LightGBM
 * refuses, XGBoost breaks them.
 */
export const keepsMonotonic = (settings: ModelSettings | null, { constant }: Pick<Objective, 'constant'>): boolean =>
  settings === null ||
  isLinear(settings) ||
  (isBoosted(settings) && !hasLinearLeaves(settings) && typeof constant !== 'object');

/**
 * @param field of the request that named the blueprint
 * @throws VALIDATION_FAILED naming the blueprint, where its settings cannot predict the target or keep the constraints
 */
export function checkFits(
  blueprintId: string,
  settings: ModelSettings | null,
  { target, metric, monotonic, imbalance }: Pick<AutopilotPlan, 'target' | 'metric' | 'monotonic' | 'imbalance'>,
  field = 'blueprintId',
): void {
  const isConstrained = monotonic.increasing.length + monotonic.decreasing.length > 0;
  const isBroken = isConstrained && !keepsMonotonic(settings, objectiveOf(target, metric));
  const reason = isBroken ? 'it cannot keep the constraints of monotonic' : misfitOf(settings, target, imbalance);
  if (reason === null) return;
  throw new AppError('VALIDATION_FAILED', `${field}: ${JSON.stringify(blueprintId)}: ${reason}; use another one`, {
    errors: [{ path: `/${field}`, message: `${reason}; use another one` }],
  });
}

import { AppError, type AutopilotPlan, type TargetSpec } from '#contracts';
import { tooManyTrees } from './many-classes.ts';
import { isForest, isLinear, takesOffsets, type ModelSettings } from './settings.ts';

/** Why a model of these settings cannot predict a target; null: it can, as the baseline (null) always can. */
export function misfitOf(settings: ModelSettings | null, target: TargetSpec): string | null {
  if (settings === null) return null;
  if (target.quantile !== undefined && isLinear(settings)) return 'linear models have no loss for a quantile';
  if (target.quantile !== undefined && isForest(settings)) return 'a forest of averages has no quantiles';
  const surplus = tooManyTrees(settings, target);
  if (surplus !== null) return surplus;
  const hasOffset = target.offsetColumn !== undefined || target.exposureColumn !== undefined;
  if (hasOffset && !takesOffsets(settings)) return 'a random forest cannot be fitted beside an offset or exposure';
  return null;
}

/** Whether a model of these settings (null: the baseline, or a naive forecast) keeps monotonic constraints. */
export const keepsMonotonic = (settings: ModelSettings | null): boolean => settings === null || !isForest(settings);

/** @throws VALIDATION_FAILED naming the blueprint, where its settings cannot predict the target or keep the constraints */
export function checkFits(
  blueprintId: string,
  settings: ModelSettings | null,
  target: TargetSpec,
  { increasing, decreasing }: AutopilotPlan['monotonic'],
): void {
  const isBroken = !keepsMonotonic(settings) && increasing.length + decreasing.length > 0;
  const reason = isBroken ? 'it cannot keep the constraints of monotonic' : misfitOf(settings, target);
  if (reason === null) return;
  throw new AppError('VALIDATION_FAILED', `blueprintId: ${JSON.stringify(blueprintId)}: ${reason}; use another one`, {
    errors: [{ path: '/blueprintId', message: `${reason}; use another one` }],
  });
}

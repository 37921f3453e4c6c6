import { complaint, type AppError, type MetricName, type OffsetKind, type TargetSpec } from '#contracts';
import { OFFSET_NEEDS, offsetOf } from '#scoring';
import { columnNamed, type PlanColumn } from './columns.ts';
import { quoted } from './quoted.ts';
import type { AutopilotRequest } from './request.ts';

/** Metrics that are least where a quantile is predicted: no loss with a log link leads there. */
const QUANTILE_METRICS: readonly MetricName[] = ['mae', 'medianAbsoluteError', 'mape', 'quantileLoss'];

type Columns = ReadonlyMap<string, PlanColumn>;

/**
 * The target with what rows bring along: an offset, which is added to the raw score (log odds, log of the value, or the
 * value), and an exposure, whose logarithm is, so that twice the exposure means twice the value.
 *
 * @throws FEATURE_UNKNOWN, VALIDATION_FAILED, METRIC_MISMATCH naming the field
 */
export function withOffsets(
  request: AutopilotRequest,
  columns: Columns,
  target: TargetSpec,
  metric: MetricName,
): TargetSpec {
  const { offsetColumn, exposureColumn } = request;
  if (offsetColumn !== undefined) checkColumn('offset', offsetColumn, columns, target);
  if (exposureColumn !== undefined) {
    checkColumn('exposure', exposureColumn, columns, target);
    checkExposure(exposureColumn, columns, target, metric);
    if (exposureColumn === offsetColumn)
      throw complaint('VALIDATION_FAILED', 'exposureColumn', `${quoted(exposureColumn)} is the offsetColumn too`);
  }
  return {
    ...target,
    ...(offsetColumn === undefined ? {} : { offsetColumn }),
    ...(exposureColumn === undefined ? {} : { exposureColumn }),
  };
}

function checkColumn(kind: OffsetKind, name: string, columns: Columns, target: TargetSpec): void {
  const field = `${kind}Column`;
  const { profile, column } = columnNamed(columns, name, field);
  const refuse = (message: string): AppError => complaint('VALIDATION_FAILED', field, `${quoted(name)} ${message}`);
  if (target.targetType === 'multiclass')
    throw refuse(`cannot be used: a multiclass target has a raw score a class, an ${kind} is one number; leave it out`);
  if (name === target.name) throw refuse('is the target; use another column');
  if (column.parse.kind !== 'number') throw refuse(`is ${profile.type}; an ${kind} must be ${OFFSET_NEEDS[kind]}`);
  if (profile.missingCount > 0)
    throw refuse(
      `is missing in ${profile.missingCount} rows; an ${kind} must be in every row, fill it in or remove them`,
    );
  const ends = [profile.min ?? NaN, profile.max ?? NaN];
  if (profile.infiniteCount > 0 || ends.some((value) => Number.isNaN(offsetOf(kind, value))))
    throw refuse(`has values from ${ends.join(' to ')}; an ${kind} must be ${OFFSET_NEEDS[kind]}`);
}

function checkExposure(name: string, columns: Columns, target: TargetSpec, metric: MetricName): void {
  const refuse = (message: string): AppError =>
    complaint('VALIDATION_FAILED', 'exposureColumn', `${quoted(name)} ${message}`);
  if (target.targetType !== 'regression')
    throw refuse(
      `cannot be used: an exposure multiplies a value, and a ${target.targetType} target has none; use offsetColumn`,
    );
  const min = columns.get(target.name)?.profile.min ?? 0;
  if (min < 0) throw refuse(`needs non-negative target values, but ${quoted(target.name)} goes down to ${min}`);
  if (QUANTILE_METRICS.includes(metric))
    throw complaint(
      'METRIC_MISMATCH',
      'metric',
      `${metric} has no loss with the log link that an exposure needs; use poissonDeviance, gammaDeviance, tweedieDeviance, rmsle or rmse`,
    );
}

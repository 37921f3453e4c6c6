import { AppError, METRIC_FACTS, METRIC_NAMES, type MetricName, type TargetType } from '#contracts';
import * as classes from './classification.ts';
import {
  checkedRows,
  type BinaryInput,
  type MetricInput,
  type MulticlassInput,
  type RegressionInput,
  type Rows,
} from './metric-input.ts';
import { areaUnderRoc, averagePrecision, giniOf, tiedGroups, topDecileLift } from './ranking.ts';
import * as numbers from './regression.ts';

/**
 * Metrics of predictions against actual values, over all rows. Every sum is compensated.
 *
 * A metric that the data leaves undefined (each says when) or that is not finite is absent from the result; without
 * rows of positive weight all are.
 *
 * @throws METRIC_MISMATCH when a name has no meaning for the target type; INTERNAL when the input breaks its promises
 */
export function computeMetrics(names: readonly MetricName[], input: MetricInput): Partial<Record<MetricName, number>> {
  const misfit = names.find((name) => !METRIC_FACTS[name].targetTypes.includes(input.targetType));
  if (misfit !== undefined) {
    const known = metricsFor(input.targetType).join(', ');
    throw new AppError(
      'METRIC_MISMATCH',
      `metric ${misfit} has no meaning for a ${input.targetType} target, expected one of ${known}`,
    );
  }
  const rows = checkedRows(input);
  const result: Partial<Record<MetricName, number>> = {};
  if (!(rows.totalWeight > 0)) return result;
  const valueOf = metricFunction(input, rows);
  for (const name of names) {
    const value = valueOf(name);
    if (value !== undefined && Number.isFinite(value)) result[name] = value;
  }
  return result;
}

/** Metrics that have a meaning for a target type, in the order of `METRIC_NAMES`. */
export function metricsFor(targetType: TargetType): MetricName[] {
  return METRIC_NAMES.filter((name) => METRIC_FACTS[name].targetTypes.includes(targetType));
}

/** The metric of a project that names none. */
export function defaultMetric(targetType: TargetType): MetricName {
  return targetType === 'regression' ? 'rmse' : 'logLoss';
}

/** True if `a` is strictly better than `b`. An absent or NaN value is worse than any number and no better than another. */
export function isBetter(metric: MetricName, a: number | null | undefined, b: number | null | undefined): boolean {
  if (a === null || a === undefined || Number.isNaN(a)) return false;
  if (b === null || b === undefined || Number.isNaN(b)) return true;
  return METRIC_FACTS[metric].direction === 'higher' ? a > b : a < b;
}

type MetricFunction = (name: MetricName) => number | undefined;

function metricFunction(input: MetricInput, rows: Rows): MetricFunction {
  switch (input.targetType) {
    case 'binary':
      return binaryMetrics(input, rows);
    case 'multiclass':
      return multiclassMetrics(input, rows);
    case 'regression':
      return (name) => regressionMetric(name, input, rows);
  }
}

/** A value that is computed when first asked for. */
function lazy<T>(compute: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: compute() }).value;
}

function binaryMetrics(input: BinaryInput, rows: Rows): MetricFunction {
  const confusion = lazy(() => classes.binaryConfusion(input, rows));
  const groups = lazy(() =>
    tiedGroups(input.probability, (row) => input.actual[row] === input.positiveClass, input.weight),
  );
  return (name) => {
    switch (name) {
      case 'logLoss':
        return classes.binaryLogLoss(input, rows);
      case 'auc':
        return areaUnderRoc(groups());
      case 'gini':
        return giniOf(areaUnderRoc(groups()));
      case 'prAuc':
        return averagePrecision(groups());
      case 'topDecileLift':
        return topDecileLift(groups());
      case 'accuracy':
        return classes.accuracy(confusion());
      case 'balancedAccuracy':
        return classes.balancedAccuracy(confusion());
      case 'mcc':
        return classes.matthewsCorrelation(confusion());
      case 'brier':
        return classes.binaryBrier(input, rows);
      default:
        return undefined;
    }
  };
}

function multiclassMetrics(input: MulticlassInput, rows: Rows): MetricFunction {
  const confusion = lazy(() => classes.multiclassConfusion(input, rows));
  const auc = lazy(() => classes.multiclassAuc(input));
  return (name) => {
    switch (name) {
      case 'logLoss':
        return classes.multiclassLogLoss(input, rows);
      case 'auc':
        return auc();
      case 'gini':
        return giniOf(auc());
      case 'accuracy':
        return classes.accuracy(confusion());
      case 'balancedAccuracy':
        return classes.balancedAccuracy(confusion());
      case 'mcc':
        return classes.matthewsCorrelation(confusion());
      case 'brier':
        return classes.multiclassBrier(input, rows);
      default:
        return undefined;
    }
  };
}

function regressionMetric(name: MetricName, input: RegressionInput, rows: Rows): number | undefined {
  switch (name) {
    case 'rmse':
      return numbers.rmse(input, rows);
    case 'mae':
      return numbers.mae(input, rows);
    case 'rmsle':
      return numbers.rmsle(input, rows);
    case 'mape':
      return numbers.mape(input, rows);
    case 'r2':
      return numbers.r2(input, rows);
    case 'medianAbsoluteError':
      return numbers.medianAbsoluteError(input, rows);
    case 'poissonDeviance':
      return numbers.poissonDeviance(input, rows);
    case 'gammaDeviance':
      return numbers.gammaDeviance(input, rows);
    case 'tweedieDeviance':
      return numbers.tweedieDeviance(input, rows);
    case 'quantileLoss':
      return numbers.quantileLoss(input, rows);
    default:
      return undefined;
  }
}

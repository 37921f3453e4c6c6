import type { Link, MetricName, TargetType } from '#contracts';
import { TWEEDIE_POWER } from '#statistics';
import type { EngineParameters } from '../fit/engine.ts';

/** What a fit minimises: LightGBM's objective, the link of its raw score, and the loss that early stopping watches. */
export interface Objective {
  readonly engine: EngineParameters;
  readonly link: Link;
  /** Metric whose value on validation rows decides where boosting stops; always lower is better. */
  readonly stoppingMetric: MetricName;
  /** What the baseline predicts in regression; `prior` for classes. */
  readonly constant: 'prior' | 'mean' | 'median';
}

/**
 * The objective for a target and metric. Classification minimises log loss whatever the metric is: ranking and threshold
 * metrics are too coarse to stop by. Regression follows the metric where LightGBM has its loss.
 */
export function objectiveOf(targetType: TargetType, metric: MetricName, classCount: number): Objective {
  if (targetType === 'binary')
    return { engine: { objective: 'binary' }, link: 'logit', stoppingMetric: 'logLoss', constant: 'prior' };
  if (targetType === 'multiclass') {
    return {
      engine: { objective: 'multiclass', num_class: classCount },
      link: 'softmax',
      stoppingMetric: 'logLoss',
      constant: 'prior',
    };
  }
  switch (metric) {
    case 'mae':
    case 'medianAbsoluteError':
      return { engine: { objective: 'regression_l1' }, link: 'identity', stoppingMetric: 'mae', constant: 'median' };
    case 'mape':
      return { engine: { objective: 'mape' }, link: 'identity', stoppingMetric: 'mape', constant: 'median' };
    case 'poissonDeviance':
      return { engine: { objective: 'poisson' }, link: 'log', stoppingMetric: 'poissonDeviance', constant: 'mean' };
    case 'gammaDeviance':
      return { engine: { objective: 'gamma' }, link: 'log', stoppingMetric: 'gammaDeviance', constant: 'mean' };
    case 'tweedieDeviance':
      return {
        engine: { objective: 'tweedie', tweedie_variance_power: TWEEDIE_POWER },
        link: 'log',
        stoppingMetric: 'tweedieDeviance',
        constant: 'mean',
      };
    case 'rmsle':
      // A log link keeps predictions positive, so that the metric always exists.
      return {
        engine: { objective: 'tweedie', tweedie_variance_power: TWEEDIE_POWER },
        link: 'log',
        stoppingMetric: 'rmsle',
        constant: 'mean',
      };
    default:
      return { engine: { objective: 'regression' }, link: 'identity', stoppingMetric: 'rmse', constant: 'mean' };
  }
}

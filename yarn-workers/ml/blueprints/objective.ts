import type { Link, MetricName, TargetType } from '#contracts';
import { TWEEDIE_POWER } from '#statistics';
import type { EngineParameters } from '../fit/engine.ts';

/** Losses of generalised linear models, each with one link: identity, logit, softmax, log (the last three). */
export type GlmFamily = 'gaussian' | 'binomial' | 'multinomial' | 'poisson' | 'gamma' | 'tweedie';

/** What a fit minimises: LightGBM's objective, the link of its raw score, and the loss that early stopping watches. */
export interface Objective {
  readonly engine: EngineParameters;
  /** What a linear model minimises: squares where the metric is an absolute error, which only chooses its penalty then. */
  readonly glm: GlmFamily;
  readonly link: Link;
  /** Metric whose value on validation rows decides where boosting stops; always lower is better. */
  readonly stoppingMetric: MetricName;
  /** What the baseline predicts in regression; `prior` for classes. */
  readonly constant: 'prior' | 'mean' | 'median';
}

const TWEEDIE: EngineParameters = { objective: 'tweedie', tweedie_variance_power: TWEEDIE_POWER };

/**
 * The objective for a target and metric. Classification minimises log loss whatever the metric is: ranking and threshold
 * metrics are too coarse to stop by. Regression follows the metric where LightGBM has its loss.
 */
export function objectiveOf(targetType: TargetType, metric: MetricName, classCount: number): Objective {
  if (targetType === 'binary')
    return {
      engine: { objective: 'binary' },
      glm: 'binomial',
      link: 'logit',
      stoppingMetric: 'logLoss',
      constant: 'prior',
    };
  if (targetType === 'multiclass') {
    return {
      engine: { objective: 'multiclass', num_class: classCount },
      glm: 'multinomial',
      link: 'softmax',
      stoppingMetric: 'logLoss',
      constant: 'prior',
    };
  }
  return regressionObjective(metric);
}

function regressionObjective(metric: MetricName): Objective {
  const identity = { glm: 'gaussian', link: 'identity' } as const;
  const log = { link: 'log', constant: 'mean' } as const;
  switch (metric) {
    case 'mae':
    case 'medianAbsoluteError':
      return { ...identity, engine: { objective: 'regression_l1' }, stoppingMetric: 'mae', constant: 'median' };
    case 'mape':
      return { ...identity, engine: { objective: 'mape' }, stoppingMetric: 'mape', constant: 'median' };
    case 'poissonDeviance':
      return { ...log, engine: { objective: 'poisson' }, glm: 'poisson', stoppingMetric: 'poissonDeviance' };
    case 'gammaDeviance':
      return { ...log, engine: { objective: 'gamma' }, glm: 'gamma', stoppingMetric: 'gammaDeviance' };
    case 'tweedieDeviance':
      return { ...log, engine: TWEEDIE, glm: 'tweedie', stoppingMetric: 'tweedieDeviance' };
    case 'rmsle':
      // A log link keeps predictions positive, so that the metric always exists.
      return { ...log, engine: TWEEDIE, glm: 'tweedie', stoppingMetric: 'rmsle' };
    default:
      return { ...identity, engine: { objective: 'regression' }, stoppingMetric: 'rmse', constant: 'mean' };
  }
}

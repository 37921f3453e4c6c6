import type { Link, MetricName, TargetSpec } from '#contracts';
import { TWEEDIE_POWER } from '#statistics';
import type { EngineParameters } from '../fit/engine.ts';

/** Losses of generalised linear models, each with one link: identity, logit, softmax, log (the last three). */
export type GlmFamily = 'gaussian' | 'binomial' | 'multinomial' | 'poisson' | 'gamma' | 'tweedie';

/** What a fit minimises: LightGBM's objective, the link of its raw score, and the loss that early stopping watches. */
export interface Objective {
  readonly engine: EngineParameters;
  /**
   * What a linear model minimises: squares where the metric is an absolute error, which only chooses its penalty then. Of a
   * quantile there is none: squares stand for what texts are fitted by.
   */
  readonly glm: GlmFamily;
  readonly link: Link;
  /** Metric whose value on validation rows decides where boosting stops; always lower is better. */
  readonly stoppingMetric: MetricName;
  /** What the baseline predicts in regression: the mean, or the quantile of this level; `prior` for classes. */
  readonly constant: 'prior' | 'mean' | { readonly quantile: number };
}

const MEDIAN = { quantile: 0.5 } as const;

const TWEEDIE: EngineParameters = { objective: 'tweedie', tweedie_variance_power: TWEEDIE_POWER };

/**
 * The objective for a target and metric. Classification minimises log loss whatever the metric is: ranking and threshold
 * metrics are too coarse to stop by. Regression follows the metric where LightGBM has its loss; with an exposure the link is
 * log, and what the metric has no such loss of is fitted as counts are.
 */
export function objectiveOf(
  target: Pick<TargetSpec, 'targetType' | 'classes' | 'exposureColumn' | 'quantile'>,
  metric: MetricName,
): Objective {
  const { targetType } = target;
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
      engine: { objective: 'multiclass', num_class: target.classes.length },
      glm: 'multinomial',
      link: 'softmax',
      stoppingMetric: 'logLoss',
      constant: 'prior',
    };
  }
  const objective = regressionObjective(metric, target.quantile ?? MEDIAN.quantile);
  return target.exposureColumn === undefined || objective.link === 'log' ? objective : POISSON;
}

const POISSON: Objective = {
  engine: { objective: 'poisson' },
  glm: 'poisson',
  link: 'log',
  stoppingMetric: 'poissonDeviance',
  constant: 'mean',
};

function regressionObjective(metric: MetricName, quantile: number): Objective {
  const identity = { glm: 'gaussian', link: 'identity' } as const;
  const log = { link: 'log', constant: 'mean' } as const;
  switch (metric) {
    case 'mae':
    case 'medianAbsoluteError':
      return { ...identity, engine: { objective: 'regression_l1' }, stoppingMetric: 'mae', constant: MEDIAN };
    case 'mape':
      return { ...identity, engine: { objective: 'mape' }, stoppingMetric: 'mape', constant: MEDIAN };
    case 'quantileLoss':
      return {
        ...identity,
        engine: { objective: 'quantile', alpha: quantile },
        stoppingMetric: 'quantileLoss',
        constant: { quantile },
      };
    case 'poissonDeviance':
      return POISSON;
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

/** What a linear model of texts is fitted and judged by: of a quantile it has no loss, and squares stand for it. */
export const linearObjective = (objective: Objective): Objective =>
  objective.stoppingMetric === 'quantileLoss' ? { ...objective, stoppingMetric: 'rmse' } : objective;

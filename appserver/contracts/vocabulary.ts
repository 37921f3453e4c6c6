import { oneOf } from './schema.ts';

/** What the predicted column is. */
export const TARGET_TYPES = ['binary', 'multiclass', 'regression'] as const;
export type TargetType = (typeof TARGET_TYPES)[number];
export const TargetTypeSchema = oneOf(TARGET_TYPES);

/** Every metric of the REST contract. Names are stable. */
export const METRIC_NAMES = [
  'logLoss',
  'auc',
  'prAuc',
  'accuracy',
  'balancedAccuracy',
  'brier',
  'mcc',
  'gini',
  'rmse',
  'mae',
  'rmsle',
  'mape',
  'r2',
  'medianAbsoluteError',
  'poissonDeviance',
  'gammaDeviance',
  'tweedieDeviance',
  'quantileLoss',
  'topDecileLift',
] as const;
export type MetricName = (typeof METRIC_NAMES)[number];
export const MetricNameSchema = oneOf(METRIC_NAMES);

/** `higher` means larger is better. */
export type MetricDirection = 'higher' | 'lower';

/** Which way is better, and for which target types a metric has a meaning. */
export const METRIC_FACTS: Readonly<
  Record<MetricName, { direction: MetricDirection; targetTypes: readonly TargetType[] }>
> = {
  logLoss: { direction: 'lower', targetTypes: ['binary', 'multiclass'] },
  auc: { direction: 'higher', targetTypes: ['binary', 'multiclass'] },
  prAuc: { direction: 'higher', targetTypes: ['binary'] },
  accuracy: { direction: 'higher', targetTypes: ['binary', 'multiclass'] },
  balancedAccuracy: { direction: 'higher', targetTypes: ['binary', 'multiclass'] },
  brier: { direction: 'lower', targetTypes: ['binary', 'multiclass'] },
  mcc: { direction: 'higher', targetTypes: ['binary', 'multiclass'] },
  gini: { direction: 'higher', targetTypes: ['binary', 'multiclass'] },
  rmse: { direction: 'lower', targetTypes: ['regression'] },
  mae: { direction: 'lower', targetTypes: ['regression'] },
  rmsle: { direction: 'lower', targetTypes: ['regression'] },
  mape: { direction: 'lower', targetTypes: ['regression'] },
  r2: { direction: 'higher', targetTypes: ['regression'] },
  medianAbsoluteError: { direction: 'lower', targetTypes: ['regression'] },
  poissonDeviance: { direction: 'lower', targetTypes: ['regression'] },
  gammaDeviance: { direction: 'lower', targetTypes: ['regression'] },
  tweedieDeviance: { direction: 'lower', targetTypes: ['regression'] },
  quantileLoss: { direction: 'lower', targetTypes: ['regression'] },
  topDecileLift: { direction: 'higher', targetTypes: ['binary'] },
};

/** What a feature means for modelling. */
export const FEATURE_TYPES = [
  'numeric',
  'categorical',
  'text',
  'date',
  'boolean',
  'id',
  'constant',
  'geo',
  'currency',
  'percent',
  'duration',
] as const;
export type FeatureType = (typeof FEATURE_TYPES)[number];
export const FeatureTypeSchema = oneOf(FEATURE_TYPES);

/** How Autopilot searches. */
export const AUTOPILOT_MODES = ['quick', 'full', 'manual'] as const;
export type AutopilotMode = (typeof AUTOPILOT_MODES)[number];

/** How rows are dealt to partitions. `date` is answered with NOT_AVAILABLE until it is built. */
export const PARTITION_METHODS = ['random', 'stratified', 'group', 'column', 'date'] as const;
export type PartitionMethod = (typeof PARTITION_METHODS)[number];

/** Cross-validation, or one training/validation split beside the holdout. */
export const VALIDATION_METHODS = ['cv', 'tvh'] as const;
export type ValidationMethod = (typeof VALIDATION_METHODS)[number];

/** From raw score to prediction. */
export const LINKS = ['identity', 'logit', 'softmax', 'log'] as const;
export type Link = (typeof LINKS)[number];

/** Most features that one explanation names. */
export const EXPLANATION_FEATURES_MAX = 100;

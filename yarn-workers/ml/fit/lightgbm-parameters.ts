import type { TrainTask } from '#contracts';
import type { Objective } from '../blueprints/objective.ts';
import { hasLinearLeaves, type GbmSettings } from '../blueprints/settings.ts';
import type { EngineParameters } from './engine.ts';

/** LightGBM's own defaults. */
const DROP_RATE = 0.1;
const SKIP_DROP = 0.5;

/** LightGBM's parameters; `minRowsPerLeaf` is at most a twentieth of the training rows. */
export function engineParameters(
  {
    settings,
    objective,
    monotone,
    trainingRowCount,
  }: {
    readonly settings: GbmSettings;
    readonly objective: Objective;
    readonly trainingRowCount: number;
    /** One entry a matrix column: 1 increasing, -1 decreasing, 0 free; null without any constraint. */
    readonly monotone: readonly number[] | null;
  },
  seed: number,
): EngineParameters {
  const minRows = Math.max(2, Math.min(settings.minRowsPerLeaf, Math.floor(trainingRowCount / 20)));
  return {
    ...engineObjective(settings, objective),
    boosting: settings.boosting,
    // LightGBM takes signed 32-bit seeds.
    seed: seed & 0x7fff_ffff,
    learning_rate: settings.learningRate,
    num_leaves: settings.leaves,
    max_depth: settings.maxDepth === 0 ? -1 : settings.maxDepth,
    min_data_in_leaf: minRows,
    min_data_per_group: Math.max(minRows, Math.min(100, Math.floor(trainingRowCount / 50))),
    bagging_fraction: settings.rowFraction,
    bagging_freq: settings.rowFraction < 1 ? 1 : 0,
    feature_fraction: settings.featureFraction,
    lambda_l1: settings.l1,
    lambda_l2: settings.l2,
    extra_trees: settings.extraTrees,
    cat_smooth: settings.categorySmoothing,
    cat_l2: settings.categoryL2,
    ...(settings.boosting === 'dart'
      ? { drop_rate: settings.dropRate ?? DROP_RATE, skip_drop: settings.skipDrop ?? SKIP_DROP }
      : {}),
    ...linearParameters(settings),
    ...(monotone === null ? {} : { monotone_constraints: monotone.join(',') }),
  };
}

/**
 * What LightGBM minimises. It puts medians into leaves when splits are made, which linear leaves cannot be: of absolute errors
 * they minimise squares, and the error only decides where boosting stops.
 */
const engineObjective = (settings: GbmSettings, { engine, constant }: Objective): EngineParameters =>
  hasLinearLeaves(settings) && typeof constant === 'object' ? { objective: 'regression' } : engine;

const linearParameters = (settings: GbmSettings): EngineParameters =>
  hasLinearLeaves(settings) ? { linear_tree: true, linear_lambda: settings.linearPenalty ?? 0 } : {};

/** Parameters that the data set is binned with: what the booster needs to agree with. */
export function datasetParameters(
  task: Pick<TrainTask, 'seed'>,
  settings: GbmSettings,
  trainingRowCount: number,
): EngineParameters {
  return {
    max_bin: settings.maxBins,
    min_data_in_leaf: Math.max(2, Math.min(settings.minRowsPerLeaf, Math.floor(trainingRowCount / 20))),
    data_random_seed: task.seed & 0x7fff_ffff,
    ...linearParameters(settings),
  };
}

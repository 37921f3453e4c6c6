import { AppError } from '#contracts';
import { compileTreeWalk, type RowEvaluator, type TreeArrays } from '#scoring';
import { hash32, rowHash } from '#statistics';
import type { Objective } from '../../blueprints/objective.ts';
import type { XgboostSettings } from '../../blueprints/xgboost-settings.ts';
import type { BoostDataset, TreeBooster } from '../boosting.ts';
import type { RowSink } from '../engine.ts';
import { iterationsOf, sliceTrees } from '../trees.ts';
import { codesFor, encodeRows, findBins, type Bins } from './bins.ts';
import type { XgboostBooster, XgboostDataset, XgboostEngine, XgboostParameters } from './engine.ts';
import { fillGradients, POISSON_STEP_MAX, roundToGrid, type GradientRows, type Gradients } from './gradients.ts';
import { readXgboostTrees } from './read-trees.ts';

const ROWS_SALT = 0x5a17_0005;

/** What rows are to be boosted, and how. */
export interface XgboostSpec {
  readonly rowCount: number;
  /** One entry a column: how many categories it has, null for numbers. */
  readonly categoryCounts: readonly (number | null)[];
  /** Rows that bins are found from: `sampleRowCount` x columns, row-major. */
  readonly sample: Float64Array;
  readonly sampleRowCount: number;
  readonly hasWeights: boolean;
  readonly threadCount: number;
  readonly settings: XgboostSettings;
  readonly objective: Objective;
  /** The constant model's raw scores: boosting begins there. */
  readonly constants: readonly number[];
  /** What is added to each row's raw score beside them, where there is one output; null: nothing. */
  readonly offsets: Float64Array | null;
  readonly monotone: readonly number[] | null;
}

/**
 * A data set that XGBoost boosts on. Its rows become codes as they are pushed; gradients, row sampling and trees are ours.
 *
 * Memory: a byte a value (two where a category feature has more than 255 levels) until XGBoost has made its matrix, which
 * needs one a value, and four more where values are missing; then some 30 bytes a row and output.
 */
export function createXgboostDataset(engine: XgboostEngine, spec: XgboostSpec): BoostDataset & RowSink {
  const { rowCount, constants, offsets, objective, settings } = spec;
  const bins = findBins(spec.sample, spec.sampleRowCount, spec.categoryCounts, settings.maxBins);
  let codes = codesFor(bins, rowCount);
  const labels = new Float32Array(rowCount);
  const weights = spec.hasWeights || objective.engine['objective'] === 'mape' ? new Float32Array(rowCount) : null;
  let pushed = 0;
  let native: XgboostDataset | null = null;
  return {
    constants,
    push(values, count, rowLabels, rowWeights) {
      if (pushed + count > rowCount)
        throw new AppError('INTERNAL', `XGBoost: ${pushed + count} rows pushed, expected ${rowCount}`);
      encodeRows(bins, values, count, codes, pushed);
      labels.set(rowLabels.subarray(0, count), pushed);
      weights?.set(rowWeights?.subarray(0, count) ?? new Float32Array(count).fill(1), pushed);
      pushed += count;
    },
    finish() {
      if (pushed !== rowCount) throw new AppError('INTERNAL', `XGBoost: ${pushed} rows pushed, expected ${rowCount}`);
      if (weights !== null) scaleWeights(objective, labels, weights);
      native = engine.createDataset({
        rowCount,
        columnCount: bins.columns.length,
        codes,
        missingCode: bins.missingCode,
        isCategory: bins.columns.map(({ categoryCount }) => categoryCount !== null),
        binsMax: bins.binsMax,
        // Where XGBoost itself reads labels, margins have neither constant nor offset.
        labels: labels.map((label, row) => label - (constants[0] ?? 0) - (offsets?.[row] ?? 0)),
        weights,
        threadCount: spec.threadCount,
      });
      codes = codesFor(bins, 0);
      native.setMargins(new Float32Array(rowCount * constants.length), constants.length);
    },
    setInitialScores(scores) {
      native?.setMargins(rowMajor(scores, rowCount, constants.length), constants.length);
    },
    createBooster(seed, firstIteration) {
      if (native === null) throw new AppError('INTERNAL', 'XGBoost: the data set is not finished');
      const booster = native.createBooster(boosterParameters(spec, seed));
      return openBooster(booster, spec, bins, { labels, weights, constants, offsets }, seed, firstIteration);
    },
    sums: singlePrecisionSums,
    close() {
      native?.close();
    },
  };
}

/** MAPE is the absolute error with weights; weights are put on a grid, so that sums of them are exact. */
function scaleWeights(objective: Objective, labels: Float32Array, weights: Float32Array): void {
  if (objective.engine['objective'] === 'mape')
    for (let row = 0; row < labels.length; row += 1)
      weights[row] = (weights[row] ?? 0) / Math.max(1, Math.abs(labels[row] ?? 0));
  roundToGrid(weights, weights.length);
}

/** Output-major scores as float32, row-major. */
function rowMajor(scores: Float64Array, rowCount: number, outputCount: number): Float32Array {
  const out = new Float32Array(rowCount * outputCount);
  for (let output = 0; output < outputCount; output += 1)
    for (let row = 0; row < rowCount; row += 1)
      out[row * outputCount + output] = scores[output * rowCount + row] ?? NaN;
  return out;
}

/** Sums as XGBoost keeps them for its training rows: float32, tree by tree. */
function singlePrecisionSums(trees: TreeArrays, columnCount: number): RowEvaluator {
  const columns = Int32Array.from({ length: columnCount }, (_, column) => column);
  const steps = Array.from({ length: iterationsOf(trees) }, (_, index) =>
    compileTreeWalk(sliceTrees(trees, index, 1), columns),
  );
  const leaves = new Float64Array(trees.outputCount);
  return (values, base, out, at) => {
    for (let output = 0; output < leaves.length; output += 1) out[at + output] = 0;
    for (const step of steps) {
      step(values, base, leaves, 0);
      for (let output = 0; output < leaves.length; output += 1)
        out[at + output] = Math.fround((out[at + output] ?? 0) + (leaves[output] ?? 0));
    }
  };
}

function openBooster(
  booster: XgboostBooster,
  { rowCount, settings, objective }: XgboostSpec,
  bins: Bins,
  rows: GradientRows,
  seed: number,
  firstIteration: number,
): TreeBooster {
  const outputCount = rows.constants.length;
  const margins = new Float32Array(rowCount * outputCount);
  const out: Gradients = {
    gradients: new Float32Array(new ArrayBuffer(4 * margins.length)),
    hessians: new Float32Array(new ArrayBuffer(4 * margins.length)),
  };
  let made = 0;
  return {
    update() {
      booster.readMargins(margins);
      fillGradients(objective, rows, margins, out);
      if (settings.rowFraction < 1)
        dropRows(out, rowCount, outputCount, settings.rowFraction, hash32(seed, ROWS_SALT, firstIteration + made));
      roundToGrid(out.gradients, rowCount);
      roundToGrid(out.hessians, rowCount);
      booster.boost(out.gradients, out.hessians);
      made += 1;
      return readXgboostTrees(booster.model(made - 1, 1), bins, outputCount).splitFeature.length === 0;
    },
    trees: (first, count) => readXgboostTrees(booster.model(first, count), bins, outputCount),
    close: () => booster.close(),
  };
}

/** Leaves a row out of an iteration by taking its gradients away. */
function dropRows(out: Gradients, rowCount: number, outputCount: number, fraction: number, seed: number): void {
  const limit = fraction * 0x1_0000_0000;
  for (let row = 0; row < rowCount; row += 1) {
    if (rowHash(seed, row) < limit) continue;
    out.gradients.fill(0, row * outputCount, (row + 1) * outputCount);
    out.hessians.fill(0, row * outputCount, (row + 1) * outputCount);
  }
}

/** The objective is only what decides how many outputs there are and whether leaves are quantiles. */
function nativeObjective({ engine }: Objective, outputCount: number): XgboostParameters {
  if (outputCount > 1) return { objective: 'multi:softprob', num_class: outputCount };
  switch (engine['objective']) {
    case 'regression_l1':
    case 'mape':
      return { objective: 'reg:absoluteerror' };
    case 'quantile':
      return { objective: 'reg:quantileerror', quantile_alpha: Number(engine['alpha']) };
    default:
      return { objective: 'reg:squarederror' };
  }
}

function boosterParameters({ settings, objective, constants, monotone }: XgboostSpec, seed: number): XgboostParameters {
  return {
    ...nativeObjective(objective, constants.length),
    base_score: 0,
    seed: seed & 0x7fff_ffff,
    eta: settings.learningRate,
    max_depth: settings.maxDepth,
    grow_policy: settings.leaves === 0 ? 'depthwise' : 'lossguide',
    max_leaves: settings.leaves,
    min_child_weight: settings.minChildWeight,
    min_split_loss: settings.minSplitGain,
    colsample_bynode: settings.featureFraction,
    alpha: settings.l1,
    lambda: settings.l2,
    max_cat_to_onehot: settings.oneHotLevels,
    max_cat_threshold: settings.categorySetMax,
    max_delta_step: objective.engine['objective'] === 'poisson' ? POISSON_STEP_MAX : 0,
    ...(monotone === null ? {} : { monotone_constraints: `(${monotone.join(',')})` }),
  };
}

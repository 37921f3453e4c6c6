import { AppError, type TrainTask } from '#contracts';
import { compileTrees, compileTreeWalk, parseLightgbmModel, type RowEvaluator, type TreeArrays } from '#scoring';
import { hash32 } from '#statistics';
import { usesRandomness, type GbmSettings } from '../blueprints/settings.ts';
import type { Objective } from '../blueprints/objective.ts';
import { checkCancelled, type FitIo } from './clock.ts';
import type { EncodedRows } from './encoder.ts';
import type { EngineBooster, EngineDataset, EngineParameters } from './engine.ts';
import { SEGMENT_ITERATIONS, VALIDATION_STRIDE } from './limits.ts';
import { stoppingLoss, type LossTerm } from './stopping-loss.ts';
import { concatTrees, iterationsOf, sliceTrees } from './trees.ts';

const SEGMENT_SALT = 0x5a17_0003;

/** One model to be boosted on a data set that is filled. */
export interface BoostJob {
  readonly dataset: EngineDataset;
  readonly settings: GbmSettings;
  readonly objective: Objective;
  readonly outputCount: number;
  readonly trainingRowCount: number;
  /** One entry a matrix column: 1 increasing, -1 decreasing, 0 free; null without any constraint. */
  readonly monotone: readonly number[] | null;
  /** Number of the member, for its seeds. */
  readonly member: number;
  readonly seed: number;
  /** Iterations to be made exactly (refit); null: as many as early stopping finds best. */
  readonly frozenIterations: number | null;
  /** Training rows again, for the scores that a random segment starts from. */
  readonly training: EncodedRows;
  /** Null in a refit. */
  readonly validation: {
    readonly rows: EncodedRows;
    readonly labels: Float32Array;
    readonly weights: Float32Array | null;
  } | null;
  /** Time on `io.now()` at which boosting must end; Infinity without a deadline. */
  readonly stopAt: number;
  readonly onSegment: (iterations: number) => Promise<void>;
}

/** A boosted model. */
export interface Boosted {
  readonly trees: TreeArrays;
  readonly iterations: number;
  readonly stoppedByDeadline: boolean;
  /** Time spent scoring validation rows, for the estimate of what predicting will take. */
  readonly validateMs: number;
}

/**
 * Boosts in segments of {@link SEGMENT_ITERATIONS}. After each, the new trees are read back and our own evaluator adds
 * them to the validation rows' scores, which decides early stopping.
 *
 * Without random numbers one booster runs through, and segments are only places to look. With them (sampled rows or
 * columns, extra trees) each segment is a new booster with seed = hash(seed, member, segment) that starts from the scores
 * of the trees so far, so that boosting could be resumed after any segment and give the same model. (Without random numbers
 * both ways give byte-equal trees: `docs/adr/0003-lightgbm-by-koffi.md`.) A forest's trees do not depend on each other.
 *
 * @throws TASK_DEADLINE when frozen iterations cannot be made in time; TASK_CANCELLED
 */
export async function boost(job: BoostJob, io: FitIo): Promise<Boosted> {
  const { settings, frozenIterations } = job;
  const maxIterations = frozenIterations ?? settings.maxIterations;
  const segments: TreeArrays[] = [];
  const stopper =
    job.validation === null ? null : earlyStopper(job, job.validation, settings.earlyStoppingRounds, io.now);
  const startedAt = io.now();
  const runner = segmentRunner(job, io, startedAt, maxIterations);
  let done = 0;
  let end: SegmentEnd = 'full';
  try {
    while (done < maxIterations && end === 'full') {
      const wanted = Math.min(SEGMENT_ITERATIONS, maxIterations - done);
      const segment = await runner.run(wanted, segments);
      end = segment.end;
      if (segment.trees === null) break;
      segments.push(segment.trees);
      done += iterationsOf(segment.trees);
      if (stopper !== null && settings.earlyStoppingRounds > 0) {
        await stopper.add(segment.trees);
        if (stopper.shouldStop()) break;
      }
      await job.onSegment(done);
    }
  } finally {
    runner.close();
  }
  if (frozenIterations !== null && end === 'deadline') throw refitTooLate(done, maxIterations);
  const all = concatTrees(segments);
  const isStopped = stopper !== null && settings.earlyStoppingRounds > 0;
  const kept = isStopped ? stopper.bestIterations() : iterationsOf(all);
  return {
    trees: concatTrees([sliceTrees(all, 0, kept)]),
    iterations: kept,
    stoppedByDeadline: end === 'deadline',
    validateMs: stopper?.validateMs() ?? 0,
  };
}

const refitTooLate = (done: number, wanted: number): AppError =>
  new AppError(
    'TASK_DEADLINE',
    `the refit made ${done} of ${wanted} iterations before its deadline; the validated model stands`,
  );

/** Why a segment ended: it is full, nothing is left to split, or time is up. */
type SegmentEnd = 'full' | 'exhausted' | 'deadline';

interface Segment {
  /** Null when no iteration was added. */
  readonly trees: TreeArrays | null;
  readonly end: SegmentEnd;
}

/** A refit gives up when, after so many iterations, the rest cannot be made in time. */
const PROJECTION_ITERATIONS = 10;

function segmentRunner(job: BoostJob, io: FitIo, startedAt: number, maxIterations: number) {
  const { dataset, settings } = job;
  const isRandom = usesRandomness(settings);
  let booster: EngineBooster | null = null;
  let firstOfBooster = 0;
  let made = 0;
  const scores =
    isRandom && settings.boosting === 'gbdt' ? new Float64Array(job.trainingRowCount * job.outputCount) : null;
  const isTooLate = (): boolean => {
    if (job.stopAt === Infinity) return false;
    const now = io.now();
    if (now >= job.stopAt) return true;
    if (job.frozenIterations === null || made < PROJECTION_ITERATIONS) return false;
    return startedAt + ((now - startedAt) / made) * maxIterations > job.stopAt;
  };
  return {
    run: async (wanted: number, segments: readonly TreeArrays[]): Promise<Segment> => {
      const number = segments.length;
      const last = segments.at(-1);
      if (isRandom && last !== undefined) {
        booster?.close();
        booster = null;
        if (scores !== null) {
          await addScores(last, job, scores);
          dataset.setInitialScores(scores);
        }
      }
      if (booster === null) {
        booster = dataset.createBooster(engineParameters(job, hash32(job.seed, SEGMENT_SALT, job.member, number)));
        firstOfBooster = made;
      }
      const first = made - firstOfBooster;
      let end: SegmentEnd = 'full';
      let added = 0;
      while (added < wanted) {
        checkCancelled(io);
        // The first iteration is always made: there must be a model.
        if (made > 0 && isTooLate()) {
          end = 'deadline';
          break;
        }
        if (booster.update()) {
          end = 'exhausted';
          // Nothing to split at all: LightGBM keeps the first iteration as constant trees.
          if (made === 0) added = made = 1;
          break;
        }
        added += 1;
        made += 1;
      }
      return { trees: added === 0 ? null : parseLightgbmModel(booster.modelText(first, added)), end };
    },
    close: () => booster?.close(),
  };
}

/** Adds a segment's raw scores of the training rows; `scores` is output-major, as LightGBM wants initial scores. */
async function addScores(
  trees: TreeArrays,
  { training, outputCount, trainingRowCount }: BoostJob,
  scores: Float64Array,
): Promise<void> {
  const { score } = compileTrees(trees, training.columnCount);
  const raw = new Float64Array(outputCount);
  await training.forEach((values, rowCount, first) => {
    for (let row = 0; row < rowCount; row += 1) {
      score(values, row * training.columnCount, raw, 0);
      for (let output = 0; output < outputCount; output += 1) {
        const at = output * trainingRowCount + first + row;
        scores[at] = (scores[at] ?? 0) + (raw[output] ?? 0);
      }
    }
  });
}

/** LightGBM's parameters; `minRowsPerLeaf` is at most a twentieth of the training rows. */
export function engineParameters(
  {
    settings,
    objective,
    monotone,
    trainingRowCount,
  }: Pick<BoostJob, 'settings' | 'objective' | 'monotone' | 'trainingRowCount'>,
  seed: number,
): EngineParameters {
  const minRows = Math.max(2, Math.min(settings.minRowsPerLeaf, Math.floor(trainingRowCount / 20)));
  return {
    ...objective.engine,
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
    ...(monotone === null ? {} : { monotone_constraints: monotone.join(',') }),
  };
}

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
  };
}

interface EarlyStopper {
  add(trees: TreeArrays): Promise<void>;
  shouldStop(): boolean;
  bestIterations(): number;
  /** Time spent on validation rows. */
  validateMs(): number;
}

/** Groups of `stride` iterations (the last may be smaller) after which the loss is looked at. */
function looksAt(iterationCount: number, stride: number): { first: number; count: number }[] {
  return Array.from({ length: Math.ceil(iterationCount / stride) }, (_, index) => ({
    first: index * stride,
    count: Math.min(stride, iterationCount - index * stride),
  }));
}

/**
 * Follows the validation loss: after each iteration of the first segment, then every VALIDATION_STRIDE iterations. The best
 * is the first of the lowest.
 */
function earlyStopper(
  job: BoostJob,
  validation: NonNullable<BoostJob['validation']>,
  rounds: number,
  now: () => number,
): EarlyStopper {
  const { rows, labels, weights } = validation;
  const { outputCount } = job;
  const term = stoppingLoss(job.objective.stoppingMetric, labels, outputCount);
  const raw = new Float64Array(rows.rowCount * outputCount);
  let best = Infinity;
  let bestIterations = 1;
  let made = 0;
  let validateMs = 0;
  return {
    add: async (trees) => {
      const startedAt = now();
      const columns = Int32Array.from({ length: rows.columnCount }, (_, column) => column);
      const looks = looksAt(iterationsOf(trees), made === 0 ? 1 : VALIDATION_STRIDE);
      const evaluators = looks.map(({ first, count }) => compileTreeWalk(sliceTrees(trees, first, count), columns));
      const losses = new Float64Array(looks.length);
      await rows.forEach((values, rowCount, first) =>
        addLosses(
          { evaluators, values, columnCount: rows.columnCount, raw, outputCount, term, weights, losses },
          rowCount,
          first,
        ),
      );
      for (const [index, loss] of losses.entries()) {
        made += looks[index]?.count ?? 0;
        if (loss < best) [best, bestIterations] = [loss, made];
      }
      validateMs += now() - startedAt;
    },
    validateMs: () => validateMs,
    shouldStop: () => made - bestIterations >= rounds,
    bestIterations: () => bestIterations,
  };
}

interface LossPass {
  readonly evaluators: readonly RowEvaluator[];
  readonly values: Float64Array;
  readonly columnCount: number;
  readonly raw: Float64Array;
  readonly outputCount: number;
  readonly term: LossTerm;
  readonly weights: Float32Array | null;
  readonly losses: Float64Array;
}

/** Adds each group of iterations to the raw scores of some rows, and the rows' loss after it to that group's sum. */
function addLosses(pass: LossPass, rowCount: number, first: number): void {
  const { evaluators, values, columnCount, raw, outputCount, term, weights, losses } = pass;
  const added = new Float64Array(outputCount);
  for (let i = 0; i < evaluators.length; i += 1) {
    const evaluate = evaluators[i];
    if (evaluate === undefined) break;
    let loss = losses[i] ?? 0;
    for (let row = 0; row < rowCount; row += 1) {
      const at = (first + row) * outputCount;
      evaluate(values, row * columnCount, added, 0);
      for (let output = 0; output < outputCount; output += 1)
        raw[at + output] = (raw[at + output] ?? 0) + (added[output] ?? 0);
      loss += (weights === null ? 1 : (weights[first + row] ?? 0)) * term(raw, at, first + row);
    }
    losses[i] = loss;
  }
}

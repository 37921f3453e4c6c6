import { AppError } from '#contracts';
import type { TreeArrays } from '#scoring';
import { hash32 } from '#statistics';
import { averagesTrees, hasLinearLeaves, usesRandomness, type BoostedSettings } from '../blueprints/settings.ts';
import type { Objective } from '../blueprints/objective.ts';
import type { BoostDataset, TreeBooster } from './boosting.ts';
import { checkCancelled, type FitIo, type StopAt } from './clock.ts';
import type { EncodedRows } from './encoder.ts';
import { earlyStopper } from './early-stopper.ts';
import type { StopBook } from './stops.ts';
import { concatTrees, iterationsOf, sliceTrees, withConstants } from './trees.ts';

const SEGMENT_SALT = 0x5a17_0003;

/** One model to be boosted on a data set that is filled. */
export interface BoostJob {
  readonly dataset: BoostDataset;
  readonly settings: BoostedSettings;
  readonly objective: Objective;
  readonly outputCount: number;
  readonly trainingRowCount: number;
  /** Number of the member, for its seeds. */
  readonly member: number;
  readonly seed: number;
  /** See `segmentLength`. */
  readonly segmentIterations: number;
  /** Iterations to be made exactly (refit); null: as many as early stopping finds best. */
  readonly frozenIterations: number | null;
  /** Training rows again, for the scores that a random segment starts from. */
  readonly training: EncodedRows;
  /** Null in a refit. */
  readonly validation: {
    readonly rows: EncodedRows;
    readonly labels: Float32Array;
    readonly weights: Float32Array | null;
    /** What is added to each row's raw score; null: nothing. */
    readonly offsets: Float64Array | null;
  } | null;
  /**
   * What is added to the training rows' raw scores, and the constant that is best beside it; null without offsets, and where the
   * data set has them itself.
   */
  readonly offsets: { readonly training: Float64Array; readonly constant: number } | null;
  /** What is added to the raw scores of all that was boosted, one an output: validation rows are judged with it; null: nothing. */
  readonly shift: readonly number[] | null;
  /** When boosting must end. */
  readonly stopAt: StopAt;
  readonly stops: StopBook;
  /** Full segments that an earlier fit has made: boosting goes on after them and gives the same model. */
  readonly resumed: readonly TreeArrays[];
  /** Called after each iteration, between native calls. */
  readonly onIteration: (iterations: number) => void;
  /** Called after each segment that another one follows, with all so far; null where boosting cannot go on from trees. */
  readonly onSegment: (iterations: number, segments: readonly TreeArrays[] | null) => Promise<void>;
}

/** How {@link StopBook} calls the boosting of a member. */
export const boostPlace = (member: number): string => `boost-${member}`;

/** A boosted model. */
export interface Boosted {
  readonly trees: TreeArrays;
  readonly iterations: number;
  readonly stoppedByDeadline: boolean;
  /** Time spent scoring validation rows, for the estimate of what predicting will take. */
  readonly validateMs: number;
}

/**
 * Boosts in segments of `segmentIterations`. After each, the new trees are read back and our own evaluator adds
 * them to the validation rows' scores, which decides early stopping.
 *
 * Without random numbers one booster runs through, and segments are only places to look. With them (sampled rows or
 * columns, extra trees) each segment is a new booster with seed = hash(seed, member, segment) that starts from the scores
 * of the trees so far. Either way boosting can be resumed after any segment and gives the same model: without random
 * numbers a booster that starts from the scores of the trees so far makes the trees, byte for byte, that the one that
 * made them would have made (`docs/adr/0007-checkpoints.md`). A forest's trees do not depend on each other.
 *
 * With `offsets` or linear leaves every segment is a new booster, which starts from them and the trees so far. LightGBM gives the
 * first tree of a booster no linear leaves, and beside offsets finds no constant of its own: ours is in the leaves of the first tree.
 * Where trees are dropped and rescaled see `boostDart`.
 *
 * @throws TASK_DEADLINE when frozen iterations cannot be made in time; TASK_CANCELLED
 */
export async function boost(job: BoostJob, io: FitIo): Promise<Boosted> {
  const { settings, frozenIterations } = job;
  const maxIterations = frozenIterations ?? settings.maxIterations;
  const segments: TreeArrays[] = [...job.resumed];
  const rounds = settings.earlyStoppingRounds;
  const stopper =
    job.validation === null || rounds === 0 ? null : earlyStopper(job, job.validation, rounds, io.now, io.ranks);
  for (const trees of segments) await stopper?.add(trees);
  const runner = segmentRunner(job, io, maxIterations, () => stopper?.validateMs() ?? 0);
  let done = iterationsIn(segments);
  let end: SegmentEnd = 'full';
  try {
    while (done < maxIterations && end === 'full') {
      const wanted = Math.min(job.segmentIterations, maxIterations - done);
      const segment = await runner.run(wanted, segments);
      end = segment.end;
      if (segment.trees === null) break;
      segments.push(segment.trees);
      done += iterationsOf(segment.trees);
      await stopper?.add(segment.trees);
      if (stopper?.shouldStop() === true) break;
      if (end === 'full' && done < maxIterations) await job.onSegment(done, segments);
    }
  } finally {
    runner.close();
  }
  if (frozenIterations !== null && end === 'deadline') throw refitTooLate(done, maxIterations);
  const all = concatTrees(segments);
  const kept = stopper?.bestIterations() ?? iterationsOf(all);
  return {
    trees: withConstants(withConstants(concatTrees([sliceTrees(all, 0, kept)]), job.dataset.constants), job.shift),
    iterations: kept,
    stoppedByDeadline: end === 'deadline',
    validateMs: stopper?.validateMs() ?? 0,
  };
}

export const refitTooLate = (done: number, wanted: number): AppError =>
  new AppError(
    'TASK_DEADLINE',
    `the refit made ${done} of ${wanted} iterations before its deadline; the validated model stands`,
  );

const iterationsIn = (segments: readonly TreeArrays[]): number =>
  segments.reduce((sum, trees) => sum + iterationsOf(trees), 0);

/** Why a segment ended: it is full, nothing is left to split, or time is up. */
type SegmentEnd = 'full' | 'exhausted' | 'deadline';

interface Segment {
  /** Null when no iteration was added. */
  readonly trees: TreeArrays | null;
  readonly end: SegmentEnd;
}

/** A refit gives up when, after so many iterations, the rest cannot be made in time. */
const PROJECTION_ITERATIONS = 10;

/**
 * Whether boosting must end now: time is up, or what is frozen will not be made in time.
 *
 * @param made iterations since this was called; `wanted` of them are to be made
 * @param validateMs what validation has taken by now
 */
export function lateness(
  { stopAt, frozenIterations }: Pick<BoostJob, 'stopAt' | 'frozenIterations'>,
  io: FitIo,
  made: () => number,
  wanted: number,
  validateMs: () => number,
): () => boolean {
  const startedAt = io.now();
  return () => {
    const end = stopAt(validateMs());
    if (end === Infinity) return false;
    const now = io.now();
    if (now >= end) return true;
    if (frozenIterations === null || made() < PROJECTION_ITERATIONS) return false;
    return startedAt + ((now - startedAt) / made()) * wanted > end;
  };
}

/** The seed of a booster of a member. */
export const segmentSeed = ({ seed, member }: Pick<BoostJob, 'seed' | 'member'>, segment: number): number =>
  hash32(seed, SEGMENT_SALT, member, segment);

/** The raw scores that boosting beside offsets starts from. */
export const scoresOfOffsets = ({ training, constant }: NonNullable<BoostJob['offsets']>): Float64Array =>
  training.map((offset) => offset + constant);

function segmentRunner(job: BoostJob, io: FitIo, maxIterations: number, validateMs: () => number) {
  const { dataset, settings } = job;
  const isRandom = usesRandomness(settings);
  // Beside linear leaves LightGBM adds up its training scores in another order, and of float32 columns.
  const startsAnew = isRandom || job.offsets !== null || hasLinearLeaves(settings);
  const startScores = startScoresOf(job, startsAnew);
  const resumed = iterationsIn(job.resumed);
  let booster: TreeBooster | null = null;
  let firstOfBooster = 0;
  let made = resumed;
  const isTooLate = lateness(job, io, () => made - resumed, maxIterations - resumed, validateMs);
  const nextBooster = async (segments: readonly TreeArrays[]): Promise<TreeBooster> => {
    booster?.close();
    booster = null;
    const scores = await startScores(segments);
    if (scores !== null) dataset.setInitialScores(scores);
    booster = dataset.createBooster(segmentSeed(job, isRandom ? segments.length : 0), made);
    firstOfBooster = made;
    return booster;
  };
  return {
    run: async (wanted: number, segments: readonly TreeArrays[]): Promise<Segment> => {
      const current = booster === null || startsAnew ? await nextBooster(segments) : booster;
      const first = made - firstOfBooster;
      let end: SegmentEnd = 'full';
      let added = 0;
      while (added < wanted) {
        checkCancelled(io);
        // The first iteration is always made: there must be a model.
        if (made > 0 && job.stops.ends(boostPlace(job.member), made, isTooLate)) {
          end = 'deadline';
          break;
        }
        if (current.update()) {
          end = 'exhausted';
          // Nothing to split at all: the first iteration is kept as constant trees.
          if (made === 0) added = made = 1;
          break;
        }
        added += 1;
        made += 1;
        job.onIteration(made);
      }
      if (added === 0) return { trees: null, end };
      const trees = current.trees(first, added);
      const isFirst = segments.length === 0 && job.offsets !== null;
      return { trees: isFirst ? withConstants(trees, [job.offsets.constant]) : trees, end };
    },
    close: () => booster?.close(),
  };
}

/**
 * The scores that a booster after some segments starts from; null for the first one, and in a forest, unless there are
 * offsets: they are among all scores. With random numbers
 * each segment's scores are summed up by themselves, as they were when the next one began; without them the scores are
 * those of the one booster, tree by tree.
 */
function startScoresOf(job: BoostJob, startsAnew: boolean) {
  let scores = new Float64Array(0);
  let added = 0;
  return async (segments: readonly TreeArrays[]): Promise<Float64Array | null> => {
    const { offsets } = job;
    if (segments.length === 0 && offsets !== null) return scoresOfOffsets(offsets);
    if (averagesTrees(job.settings) || segments.length === 0) return null;
    if (scores.length === 0)
      scores = offsets?.training.slice() ?? new Float64Array(job.trainingRowCount * job.outputCount);
    if (!startsAnew) await addScores(concatTrees(segments), job, scores);
    else for (const trees of segments.slice(added)) await addScores(trees, job, scores);
    added = segments.length;
    return scores;
  };
}

/** Adds a segment's raw scores of the training rows, as the engine sums them; `scores` is output-major. */
async function addScores(
  trees: TreeArrays,
  { dataset, training, outputCount, trainingRowCount }: BoostJob,
  scores: Float64Array,
): Promise<void> {
  const score = dataset.sums(trees, training.columnCount);
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

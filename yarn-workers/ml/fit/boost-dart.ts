import { compileTreeWalk, type TreeArrays } from '#scoring';
import {
  boostPlace,
  lateness,
  refitTooLate,
  scoresOfOffsets,
  segmentSeed,
  type Boosted,
  type BoostJob,
} from './boost.ts';
import type { TreeBooster } from './boosting.ts';
import { checkCancelled, type FitIo } from './clock.ts';
import { addLosses } from './early-stopper.ts';
import { SEGMENT_ITERATIONS_MAX } from './limits.ts';
import { stoppingLoss } from './stopping-loss.ts';
import { concatTrees, withConstants } from './trees.ts';

/** How the model was after so many iterations. */
interface Look {
  readonly trees: TreeArrays;
  readonly iterations: number;
  readonly loss: number;
}

/**
 * Boosts with dropout: each iteration is fitted against the gradients of the model without some of its trees, which are scaled
 * down afterwards. Trees of earlier iterations change, so a model of fewer iterations is no part of one of more:
 *
 * - **Early stopping** looks at the whole model after every {@link SEGMENT_ITERATIONS_MAX}, and keeps the one of the least
 *   validation loss as it was then. Its number of iterations is what a refit makes.
 * - **One booster** makes all iterations, as which trees it drops depends on the weights of those before. Neither weights nor its
 *   generator can be put back, so boosting begins anew where a fit is resumed in the middle of a member.
 *
 * @throws TASK_DEADLINE when frozen iterations cannot be made in time; TASK_CANCELLED
 * @see Rashmi, Gilad-Bachrach 2015, "DART: Dropouts meet multiple additive regression trees"; LightGBM 4.7.0, dart.hpp
 */
export async function boostDart(job: BoostJob, io: FitIo): Promise<Boosted> {
  const { settings, frozenIterations, offsets, validation } = job;
  const maxIterations = frozenIterations ?? settings.maxIterations;
  const rounds = settings.earlyStoppingRounds;
  const lossOf = validation === null || rounds === 0 ? null : wholeLoss(job, validation);
  if (offsets !== null) job.dataset.setInitialScores(scoresOfOffsets(offsets));
  let best: Look | null = null;
  let validateMs = 0;
  const runner = dartRunner(job, io, maxIterations, () => validateMs);
  try {
    for (;;) {
      const { trees: boosted, iterations, end } = runner.run();
      const begun = withConstants(boosted, offsets === null ? null : [offsets.constant]);
      const trees = withConstants(begun, job.shift);
      const startedAt = io.now();
      const loss = lossOf === null ? 0 : await lossOf(trees);
      // Of the last look alone: the whole model once, as predicting takes.
      validateMs = io.now() - startedAt;
      if (best === null || lossOf === null || loss < best.loss) best = { trees, iterations, loss };
      const isDone = end !== 'full' || iterations >= maxIterations;
      if (isDone || (lossOf !== null && iterations - best.iterations >= rounds)) {
        if (frozenIterations !== null && end === 'deadline') throw refitTooLate(iterations, maxIterations);
        const stoppedByDeadline = end === 'deadline';
        return { trees: concatTrees([best.trees]), iterations: best.iterations, stoppedByDeadline, validateMs };
      }
      await job.onSegment(iterations, null);
    }
  } finally {
    runner.close();
  }
}

/** Why a run ended: it is full, nothing is left to split, or time is up. */
type End = 'full' | 'exhausted' | 'deadline';

function dartRunner(job: BoostJob, io: FitIo, maxIterations: number, validateMs: () => number) {
  const create = (): TreeBooster => job.dataset.createBooster(segmentSeed(job, 0), 0);
  let booster = create();
  let made = 0;
  const isLate = lateness(job, io, () => made, maxIterations, validateMs);
  /** An iteration that finds no split leaves the trees that it dropped turned round: what was there before is made again. */
  const restore = (): void => {
    booster.close();
    booster = create();
    for (let iteration = 0; iteration < made; iteration += 1) {
      checkCancelled(io);
      booster.update();
    }
  };
  const advance = (): End => {
    for (const wanted = Math.min(maxIterations, made + SEGMENT_ITERATIONS_MAX); made < wanted;) {
      checkCancelled(io);
      // The first iteration is always made: there must be a model.
      if (made > 0 && job.stops.ends(boostPlace(job.member), made, isLate)) return 'deadline';
      if (booster.update()) {
        // Nothing to split at all: the first iteration is kept as constant trees.
        if (made === 0) made = 1;
        else restore();
        return 'exhausted';
      }
      made += 1;
      job.onIteration(made);
    }
    return 'full';
  };
  return {
    /** Up to a segment more, and the whole model after it. */
    run: (): { trees: TreeArrays; iterations: number; end: End } => {
      const end = advance();
      return { trees: booster.trees(0, made), iterations: made, end };
    },
    close: () => booster.close(),
  };
}

/** Sum of the validation rows' losses under all trees of a model. */
function wholeLoss(
  { objective, outputCount }: BoostJob,
  { rows, labels, weights, offsets }: NonNullable<BoostJob['validation']>,
): (trees: TreeArrays) => Promise<number> {
  const term = stoppingLoss(objective, labels, outputCount);
  const columns = Int32Array.from({ length: rows.columnCount }, (_, column) => column);
  return async (trees) => {
    const raw = offsets?.slice() ?? new Float64Array(rows.rowCount * outputCount);
    const losses = new Float64Array(1);
    const evaluators = [compileTreeWalk(trees, columns)];
    await rows.forEach((values, rowCount, first) =>
      addLosses(
        { evaluators, values, columnCount: rows.columnCount, raw, outputCount, term, weights, losses },
        rowCount,
        first,
      ),
    );
    return losses[0] ?? NaN;
  };
}

import { compileTreeWalk, type RowEvaluator, type TreeArrays } from '#scoring';
import type { BoostJob } from './boost.ts';
import { SEGMENT_ITERATIONS_MAX, VALIDATION_STRIDE } from './limits.ts';
import { sumOverRanks, type Ranks } from './rank-group.ts';
import { stoppingLoss, type LossTerm } from './stopping-loss.ts';
import { iterationsOf, sliceTrees } from './trees.ts';

/** Follows the validation loss of one member. */
export interface EarlyStopper {
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
 * Follows the validation loss: after each of the first SEGMENT_ITERATIONS_MAX iterations, then every VALIDATION_STRIDE iterations. The best
 * is the first of the lowest.
 *
 * @param ranks each of which has a part of the validation rows
 */
export function earlyStopper(
  job: Pick<BoostJob, 'objective' | 'outputCount' | 'dataset' | 'shift'>,
  validation: NonNullable<BoostJob['validation']>,
  rounds: number,
  now: () => number,
  ranks: Ranks = null,
): EarlyStopper {
  const { rows, labels, weights, offsets } = validation;
  const { outputCount } = job;
  const term = stoppingLoss(job.objective, labels, outputCount);
  const { constants } = job.dataset;
  const begin = Array.from(
    { length: outputCount },
    (_, output) => (constants?.[output] ?? 0) + (job.shift?.[output] ?? 0),
  );
  const raw = Float64Array.from(
    { length: rows.rowCount * outputCount },
    (_, at) => (offsets?.[at] ?? 0) + (begin[at % outputCount] ?? 0),
  );
  let best = Infinity;
  let bestIterations = 1;
  let made = 0;
  let validateMs = 0;
  return {
    add: async (trees) => {
      const startedAt = now();
      const columns = Int32Array.from({ length: rows.columnCount }, (_, column) => column);
      const looks = looksAt(iterationsOf(trees), made < SEGMENT_ITERATIONS_MAX ? 1 : VALIDATION_STRIDE);
      const evaluators = looks.map(({ first, count }) => compileTreeWalk(sliceTrees(trees, first, count), columns));
      const losses = new Float64Array(looks.length);
      await rows.forEach((values, rowCount, first) =>
        addLosses(
          { evaluators, values, columnCount: rows.columnCount, raw, outputCount, term, weights, losses },
          rowCount,
          first,
        ),
      );
      sumOverRanks(ranks, losses);
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

/** Some rows whose raw scores and losses are to be brought up to date. */
export interface LossPass {
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
export function addLosses(pass: LossPass, rowCount: number, first: number): void {
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

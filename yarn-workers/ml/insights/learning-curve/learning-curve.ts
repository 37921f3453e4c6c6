import { AppError, type BatchSource, type InsightOf, type InsightTask, type TrainTask } from '#contracts';
import { compareSources } from '../../ensemble/compare-scores.ts';
import type { FitIo } from '../../fit/clock.ts';
import type { BoostingEngine } from '../../fit/engine.ts';
import { fitModel } from '../../fit/fit-model.ts';
import { GroupedScores } from '../../fit/grouped-scores.ts';
import { isSmall, type OutOfFoldSource } from '../../fit/out-of-fold-source.ts';
import { metricOf } from '../../fit/out-of-fold.ts';
import { HOLDOUT } from '../../partition/types.ts';

type LearningCurve = InsightOf<'learning-curve'>;
type Point = LearningCurve['points'][number];

/** Parts of the model's rows that it is fitted on again, each half of the next. */
const PARTS = [1 / 8, 1 / 4, 1 / 2] as const;
/** Rows of each class, or of all where the target is a number, that a fit has on average at least. */
const CLASS_ROWS_MIN = 10;
const ROWS_MIN = 50;

/** What a curve is made from. */
export interface CurveInput {
  readonly outOfFold: OutOfFoldSource;
  readonly source: BatchSource;
  readonly engine: BoostingEngine;
}

/**
 * How the model was trained: its task without what a fit does besides, and without the places where a replay was to end, as no fit of a
 * curve has a deadline.
 *
 * @throws INTERNAL for a task without it
 */
export function trainingOf({ train }: InsightTask): TrainTask {
  if (train === undefined || train.refit !== null)
    throw new AppError('INTERNAL', 'a learning curve needs the task that trained the model on its partitions');
  const { findsLeakage: _, leakageSearch: __, stops: ___, ...training } = train;
  return training;
}

/** The parts that are large enough to be fitted, ascending, and the whole. */
export function curveParts({ target, table, partitioning, sampleFraction }: TrainTask): number[] {
  const share = (1 - partitioning.holdoutFraction) * sampleFraction;
  const least =
    target.targetType === 'regression'
      ? (share * table.rowCount) / ROWS_MIN
      : (share * Math.min(...target.classes.map(({ rowCount }) => rowCount))) / CLASS_ROWS_MIN;
  return [...PARTS.filter((part) => part * least >= 1), 1];
}

/**
 * What the model would be with fewer rows: its blueprint fitted again on growing parts of the training rows of its folds, chosen by
 * hash(seed, row), so that each part holds the one before; all are scored on the same held-back rows as the model. The last point is the
 * model itself. A fit has no deadline; together they take less than the model did, where that had none either.
 *
 * @throws what fitting throws
 */
export async function learningCurve(
  task: InsightTask,
  { outOfFold, source, engine }: CurveInput,
  io: FitIo,
): Promise<LearningCurve> {
  const train = trainingOf(task);
  const { target, metric, seed } = task;
  const parts = curveParts(train);
  const points: Point[] = [];
  for (const [index, part] of parts.entries()) {
    if (part === 1) continue;
    const sampleFraction = part * train.sampleFraction;
    io.log?.(`a share of ${sampleFraction} of the training rows`);
    const fit = await fitModel({ ...train, sampleFraction }, source, engine, within(io, index, parts.length - 1));
    if (fit.outOfFold === null) throw new AppError('INTERNAL', 'a fit on partitions has no predictions');
    const { gain, noise } = await compareSources(outOfFold, fit.outOfFold, { target, metric, seed });
    points.push({ part, rowCount: fit.rowCount, score: await curveScore(task, fit.outOfFold), gain, noise });
  }
  points.push({ part: 1, rowCount: null, score: await curveScore(task, outOfFold), gain: null, noise: null });
  return { kind: 'learning-curve', metric, points };
}

/** The score of the rows that rank models. */
export async function curveScore(
  { target, metric, seed }: InsightTask,
  source: OutOfFoldSource,
): Promise<number | null> {
  if (isSmall(source.facts))
    return metricOf(metric, await source.whole(), target, (partition) => partition !== HOLDOUT);
  const scores = new GroupedScores(source.facts, target, metric, seed);
  for await (const block of source.blocks()) scores.add(block);
  return scores.ranked(null);
}

/** Progress of one fit as a part of that of all. Checkpoints are of the task that trains, not of this one. */
function within({ onProgress, sha256, now, log, signal }: FitIo, index: number, count: number): FitIo {
  return {
    ...{ sha256, now, remainingMs: () => null },
    ...(log === undefined ? {} : { log }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: async (progress) =>
      onProgress?.({
        ...progress,
        fraction: (index + progress.fraction) / count,
        message: `fit ${index + 1} of ${count}: ${progress.message}`,
      }),
  };
}

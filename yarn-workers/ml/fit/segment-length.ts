import type { TrainTask } from '#contracts';
import { averagesTrees, hasLinearLeaves, usesRandomness, type BoostedSettings } from '../blueprints/settings.ts';
import { SEGMENT_ITERATIONS_MAX } from './limits.ts';

/**
 * Values that a segment of boosting looks at where one booster runs through and a segment costs a look at the new trees: about a quarter of a minute of
 * one thread (8.5 s a tree of 63 leaves, 50 million rows x 40, two parts of ten held back). What is lost more often than that makes no progress.
 */
const SEGMENT_CELLS = 3e9;
/** The same where each segment is a new booster. */
const NEW_BOOSTER_CELLS = 12e9;
/** Lengths are multiples of it: validation losses are looked at as often. */
const STEP = 5;
/** The fewest where each segment is a new booster, for which the scores of all training rows are computed anew: some three iterations' time. */
const NEW_BOOSTER_MIN = 25;

/**
 * Iterations of a segment of a fit: what is lost with its worker, at most. A function of the task and of the number of ranks, so that every
 * attempt has the same segments, and makes the same model.
 *
 * @param hasOffsets whether boosting begins from offsets
 * @param rankCount processes that fit the model together
 */
export function segmentLength(
  { table, features, target, sampleFraction }: Pick<TrainTask, 'table' | 'features' | 'target' | 'sampleFraction'>,
  settings: BoostedSettings,
  hasOffsets: boolean,
  rankCount: number,
  segmentCells?: number,
): number {
  const outputs = target.targetType === 'multiclass' ? target.classes.length : 1;
  const cells = (table.rowCount * sampleFraction * Math.max(1, features.length) * outputs) / rankCount;
  const isNewEachTime =
    !averagesTrees(settings) && (usesRandomness(settings) || hasLinearLeaves(settings) || hasOffsets);
  const least = isNewEachTime ? NEW_BOOSTER_MIN : STEP;
  const most = segmentCells ?? (isNewEachTime ? NEW_BOOSTER_CELLS : SEGMENT_CELLS);
  const affordable = Math.floor(most / cells / STEP) * STEP;
  return Math.min(SEGMENT_ITERATIONS_MAX, Math.max(least, affordable));
}

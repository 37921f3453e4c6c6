import type { TargetSpec } from '#contracts';
import { addTerm, ascendingOrder, emptySum, sumOf } from '#statistics';
import type { Objective } from '../blueprints/objective.ts';
import type { TargetRows } from './target-rows.ts';

/** Class shares are kept this far from 0 and 1, so that their logarithms are finite. */
const SHARE_MIN = 1e-15;

/**
 * The raw scores of the constant model over the rows that `trains` names: log odds, log shares, mean, median or log mean,
 * weighted.
 */
export function constantScores(
  target: TargetSpec,
  objective: Objective,
  rows: TargetRows,
  trains: (row: number) => boolean,
): number[] {
  const weightOf = (row: number): number => rows.weights?.[row] ?? 1;
  if (rows.classes !== null) return classScores(target, rows.classes, trains, weightOf);
  const values = rows.values ?? new Float64Array(0);
  if (objective.constant === 'median') return [weightedMedian(values, trains, weightOf)];
  const total = emptySum();
  const weight = emptySum();
  for (let row = 0; row < values.length; row += 1) {
    if (!trains(row)) continue;
    addTerm(total, weightOf(row) * (values[row] ?? 0));
    addTerm(weight, weightOf(row));
  }
  const mean = sumOf(total) / sumOf(weight);
  return [objective.link === 'log' ? Math.log(Math.max(mean, Number.MIN_VALUE)) : mean];
}

function classScores(
  target: TargetSpec,
  classes: Int32Array,
  trains: (row: number) => boolean,
  weightOf: (row: number) => number,
): number[] {
  const sums = target.classes.map(() => emptySum());
  for (let row = 0; row < classes.length; row += 1) {
    const sum = sums[classes[row] ?? -1];
    if (sum !== undefined && trains(row)) addTerm(sum, weightOf(row));
  }
  const counts = sums.map(sumOf);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shares = counts.map((count) => Math.min(Math.max(count / total, SHARE_MIN), 1 - SHARE_MIN));
  if (target.targetType === 'multiclass') return shares.map(Math.log);
  const positive = shares[target.positiveClass ?? 1] ?? 0.5;
  return [Math.log(positive / (1 - positive))];
}

/** The least value at which half of the weight is reached. */
function weightedMedian(
  values: Float64Array,
  trains: (row: number) => boolean,
  weightOf: (row: number) => number,
): number {
  const rows = Uint32Array.from(values.keys()).filter((row) => trains(row));
  const sorted = ascendingOrder(Float64Array.from(rows, (row) => values[row] ?? 0));
  const total = emptySum();
  for (const row of rows) addTerm(total, weightOf(row));
  const half = sumOf(total) / 2;
  const reached = emptySum();
  let median = 0;
  for (const index of sorted) {
    const row = rows[index] ?? 0;
    median = values[row] ?? 0;
    addTerm(reached, weightOf(row));
    if (sumOf(reached) >= half) break;
  }
  return median;
}

import { AppError, type TargetSpec } from '#contracts';
import { addTerm, ascendingOrder, emptySum, indicesWhere, sumOf } from '#statistics';
import type { Objective } from '../blueprints/objective.ts';
import type { ClassIndices } from '../partition/types.ts';
import { interceptBeside } from './intercept.ts';
import { offsetsOf, type TargetRows } from './target-rows.ts';

/** Class shares are kept this far from 0 and 1, so that their logarithms are finite. */
const SHARE_MIN = 1e-15;

/**
 * The raw scores of the constant model over the rows that `trains` names: log odds, log shares, mean, quantile or log mean,
 * weighted; beside offsets what is best with them.
 */
export function constantScores(
  target: TargetSpec,
  objective: Objective,
  rows: TargetRows,
  trains: (row: number) => boolean,
): number[] {
  const weightOf = (row: number): number => rows.weights?.[row] ?? 1;
  if (rows.offsets.length > 0) return [scoreBeside(target, objective, rows, trains, weightOf)];
  if (rows.classes !== null) return classScores(target, rows.classes, trains, weightOf);
  const values = rows.values ?? new Float64Array(0);
  if (typeof objective.constant === 'object')
    return [weightedQuantile(values, trains, weightOf, objective.constant.quantile)];
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
  classes: ClassIndices,
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

/** The constant where rows have offsets: of a quantile that of what the offsets leave, else the best for the loss. */
function scoreBeside(
  target: TargetSpec,
  objective: Objective,
  rows: TargetRows,
  trains: (row: number) => boolean,
  weightOf: (row: number) => number,
): number {
  const { classes, values } = rows;
  const labelOf = (row: number): number =>
    classes === null ? (values?.[row] ?? NaN) : Number(classes[row] === target.positiveClass);
  const offsets = offsetsOf(rows, () => true) ?? new Float64Array(rows.rowCount);
  if (typeof objective.constant === 'object') {
    const left = offsets.map((offset, row) => labelOf(row) - offset);
    return weightedQuantile(left, trains, weightOf, objective.constant.quantile);
  }
  if (objective.glm === 'multinomial') throw new AppError('INTERNAL', 'a multiclass target has no offsets');
  const chosen = indicesWhere(offsets.length, trains);
  const of = (value: (row: number) => number): Float64Array => Float64Array.from(chosen, value);
  return interceptBeside(
    objective.glm,
    of(labelOf),
    of(weightOf),
    of((row) => offsets[row] ?? NaN),
  );
}

/** The least value at which this part of the weight is reached. */
function weightedQuantile(
  values: Float64Array,
  trains: (row: number) => boolean,
  weightOf: (row: number) => number,
  level: number,
): number {
  const rows = indicesWhere(values.length, trains);
  const sorted = ascendingOrder(Float64Array.from(rows, (row) => values[row] ?? 0));
  const total = emptySum();
  for (const row of rows) addTerm(total, weightOf(row));
  const wanted = sumOf(total) * level;
  const reached = emptySum();
  let quantile = 0;
  for (const index of sorted) {
    const row = rows[index] ?? 0;
    quantile = values[row] ?? 0;
    addTerm(reached, weightOf(row));
    if (sumOf(reached) >= wanted) break;
  }
  return quantile;
}

import type { TargetSpec, TrainTask } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import { baggedRows, trainingRows, type Member, type RowRoles } from './row-roles.ts';
import type { TargetRows } from './target-rows.ts';

/** What of a task decides about classes of different size. */
type BalancedTask = Pick<TrainTask, 'imbalance' | 'seed' | 'target'>;

/** Class weights of a task, in class order; null: none. */
const classWeightsOf = ({ imbalance }: BalancedTask): readonly number[] | null =>
  imbalance?.method === 'weights' ? imbalance.factors : null;

/** What members train by, judge by, and are corrected by; see `MemberContext`. */
export const balanced = (task: BalancedTask, rows: TargetRows, roles: RowRoles) => ({
  rows: learningRows(task, rows),
  heldWeights: rows.weights,
  shiftOf: (member: Member): number[] | null => priorShift(task, rows, roles, member),
});

/** The rows with the weights by which they train: those of the weight column times those of their classes. */
function learningRows(task: BalancedTask, rows: TargetRows): TargetRows {
  const factors = classWeightsOf(task);
  const { classes } = rows;
  if (factors === null || classes === null) return rows;
  const weights = Float64Array.from(classes, (index, row) => (rows.weights?.[row] ?? 1) * (factors[index] ?? 1));
  return { ...rows, weights };
}

/**
 * What takes the raw scores of a member to those of all rows, one an output; null: nothing. Where class c has f times the weight that
 * it has among all rows, a model learns odds that are f times too high, whatever the features say: less ln f, and by two
 * classes less the difference. Of a draw f is what was drawn of the member's rows by weight, not what was to be, so that a constant
 * model is corrected to the shares of all of them exactly.
 *
 * @param rows with the weights of the weight column alone
 * @see Elkan 2001, "The foundations of cost-sensitive learning", theorem 2; King, Zeng 2001, "Logistic regression in rare events
 * data", section 4.1; Dal Pozzolo, Caelen, Johnson, Bontempi 2015, "Calibrating probability with undersampling for unbalanced
 * classification", equation 4
 */
function priorShift(task: BalancedTask, rows: TargetRows, roles: RowRoles, member: Member): number[] | null {
  const factors =
    task.imbalance?.method === 'downsampling' ? drawnFactors(task, rows, roles, member) : classWeightsOf(task);
  return factors === null ? null : shiftOf(task.target, factors);
}

function shiftOf({ targetType, positiveClass }: TargetSpec, factors: readonly number[]): number[] {
  // A difference, so that the logarithm of 1 is not -0.
  const logs = factors.map((factor) => 0 - Math.log(factor));
  if (targetType !== 'binary') return logs;
  const positive = positiveClass ?? 1;
  return [(logs[positive] ?? 0) - (logs[1 - positive] ?? 0)];
}

/** By class the weight of a member's drawn rows over that of all its training rows. */
function drawnFactors({ imbalance, seed }: BalancedTask, rows: TargetRows, roles: RowRoles, member: Member): number[] {
  const { classes, weights, rowCount } = rows;
  const isTraining = trainingRows({ ...roles, drawn: null }, member);
  const isInBag = baggedRows(member, seed);
  const planned = imbalance?.factors ?? [];
  const drawn = planned.map(emptySum);
  const all = planned.map(emptySum);
  for (let row = 0; row < rowCount; row += 1) {
    const index = classes?.[row] ?? 0;
    const [ofDrawn, ofAll] = [drawn[index], all[index]];
    if (ofDrawn === undefined || ofAll === undefined || !isTraining(row) || !isInBag(row)) continue;
    addTerm(ofAll, weights?.[row] ?? 1);
    if (roles.drawn === null || roles.drawn[row] === 1) addTerm(ofDrawn, weights?.[row] ?? 1);
  }
  return planned.map((factor, index) => {
    const found = sumOf(drawn[index] ?? emptySum()) / sumOf(all[index] ?? emptySum());
    // A class without any weight is unknown to the model, and what is planned is as good as anything.
    return found > 0 ? found : factor;
  });
}

/**
 * By label of a forest what undoes a class's weight in a leaf: weights choose its splits, and its leaves hold the shares of all rows.
 * Trees are grown until leaves are pure or nearly so, and no weight changes the share of a pure leaf: taken off the average, as
 * in a boosted model, the weights would be taken off where they have changed nothing. Null: there are none.
 */
export function leafScales(task: BalancedTask): Float64Array | null {
  const factors = classWeightsOf(task);
  if (factors === null) return null;
  const { targetType, positiveClass } = task.target;
  const scales = factors.map((factor) => 1 / factor);
  return Float64Array.from(targetType === 'binary' && positiveClass === 0 ? scales.toReversed() : scales);
}

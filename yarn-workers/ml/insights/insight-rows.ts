import { AppError, type InsightPartition, type TargetSpec } from '#contracts';
import { addTerm, ascendingOrder, emptySum, indicesBelow, indicesWhere, sumOf } from '#statistics';
import { takeRows, type OutOfFoldSource } from '../fit/out-of-fold-source.ts';
import { checkFitsTarget, checkOutputs, validationFold, type OutOfFold } from '../fit/out-of-fold.ts';
import { HOLDOUT } from '../partition/types.ts';
import { evenlySpaced } from '../evenly-spaced.ts';

/** Rows used at most: whoever computes the insight does nothing else for some tenths of a second then. */
export const INSIGHT_ROWS_MAX = 1_000_000;

/** Rows that an insight is computed from: those of a partition whose weight is above 0. */
export interface InsightRows {
  readonly partition: InsightPartition;
  readonly data: OutOfFold;
  readonly target: TargetSpec;
  /** Indices into the arrays of `data`, ascending. */
  readonly chosen: Uint32Array;
}

/**
 * Chooses rows: by default the ones that rank models, all folds where there are several. Of more than `most` rows evenly spaced ones.
 *
 * @throws VALIDATION_FAILED where the model has no such rows; RESULT_MISMATCH where the data does not fit the target
 */
export function insightRows(
  data: OutOfFold,
  target: TargetSpec,
  asked: InsightPartition | undefined,
  most = INSIGHT_ROWS_MAX,
): InsightRows {
  checkFitsTarget(data, target);
  const partition = partitionOf(data, asked);
  const wanted = wantedPlaces(data, partition);
  if (wanted.length === 0) throw noRows(partition);
  const chosen = evenlySpaced(wanted.length, most).map((index) => wanted[index] ?? 0);
  return { partition, data, target, chosen };
}

/**
 * The same rows of predictions that are read in blocks: once to count them, once to take those that are chosen, which alone are held.
 *
 * @throws see {@link insightRows}; what reading throws
 */
export async function readInsightRows(
  source: OutOfFoldSource,
  target: TargetSpec,
  asked: InsightPartition | undefined,
  most = INSIGHT_ROWS_MAX,
): Promise<InsightRows> {
  checkOutputs(source.facts.outputCount, source.facts.isRegression, target);
  const partition = partitionOf(source.facts, asked);
  let wantedCount = 0;
  for await (const block of source.blocks()) wantedCount += wantedPlaces(block, partition).length;
  if (wantedCount === 0) throw noRows(partition);
  const spaced = evenlySpaced(wantedCount, most);
  let passed = 0;
  let next = 0;
  const data = await takeRows(source, (block) => {
    const wanted = wantedPlaces(block, partition);
    const first = next;
    while (next < spaced.length && (spaced[next] ?? 0) < passed + wanted.length) next += 1;
    const before = passed;
    passed += wanted.length;
    return spaced.subarray(first, next).map((ordinal) => wanted[ordinal - before] ?? 0);
  });
  return { partition, data, target, chosen: indicesBelow(data.rows.length) };
}

/** By default the rows that rank models. @throws VALIDATION_FAILED for folds where there is one */
function partitionOf(facts: Pick<OutOfFold, 'foldCount'>, asked: InsightPartition | undefined): InsightPartition {
  const partition = asked ?? rankedPartition(facts);
  if (partition === 'crossValidation' && facts.foldCount === 1) throw noRows(partition);
  return partition;
}

/** Places of the rows of a partition whose weight is above 0. */
function wantedPlaces(data: OutOfFold, partition: InsightPartition): Uint32Array {
  return indicesWhere(data.rows.length, (place) => {
    const fold = data.partitions[place] ?? HOLDOUT;
    if (data.weights !== null && !((data.weights[place] ?? 0) > 0)) return false;
    return partition === 'holdout'
      ? fold === HOLDOUT
      : partition === 'validation'
        ? fold === validationFold(data)
        : fold !== HOLDOUT;
  });
}

/** The rows that rank models: all folds where there are several. */
export const rankedPartition = ({ foldCount }: Pick<OutOfFold, 'foldCount'>): 'crossValidation' | 'validation' =>
  foldCount > 1 ? 'crossValidation' : 'validation';

function noRows(partition: InsightPartition): AppError {
  const message = `the model has no rows of ${partition}`;
  return new AppError('VALIDATION_FAILED', `query: /partition: ${message}`, {
    errors: [{ path: '/partition', message }],
  });
}

/** What is predicted and what was true, row by row: for classes the probability of one and whether it is the one. */
export interface Outcomes {
  readonly predicted: Float64Array;
  readonly actual: Float64Array;
  readonly weights: Float64Array;
}

/** @param classIndex the class that is held against all others; null for regression */
export function outcomesOf({ data, target, chosen }: InsightRows, classIndex: number | null): Outcomes {
  const { predictions, outputCount } = data;
  const isBinary = target.targetType === 'binary';
  const predictedAt = (place: number): number => {
    if (classIndex === null) return predictions[place] ?? NaN;
    if (!isBinary) return predictions[place * outputCount + classIndex] ?? NaN;
    const positive = predictions[place] ?? NaN;
    return classIndex === (target.positiveClass ?? 1) ? positive : 1 - positive;
  };
  const actualAt = (place: number): number =>
    classIndex === null ? (data.values?.[place] ?? NaN) : Number(data.classes?.[place] === classIndex);
  // By index: an answer about every class comes by here up to a thousand times, and iterators took most of its time.
  const predicted = new Float64Array(chosen.length);
  const actual = new Float64Array(chosen.length);
  const weights = new Float64Array(chosen.length);
  for (let row = 0; row < chosen.length; row += 1) {
    const place = chosen[row] ?? 0;
    predicted[row] = predictedAt(place);
    actual[row] = actualAt(place);
    weights[row] = data.weights?.[place] ?? 1;
  }
  return { predicted, actual, weights };
}

/** Rows by falling prediction, of equal ones in row order. */
export function fallingOrder({ predicted }: Pick<Outcomes, 'predicted'>): Uint32Array {
  return ascendingOrder(predicted.map((value) => -value));
}

/** Weight of the rows of each class, in class order. */
export function classWeights({ data, target, chosen }: InsightRows): number[] {
  const sums = target.classes.map(() => emptySum());
  for (const place of chosen) {
    const sum = sums[data.classes?.[place] ?? -1];
    if (sum !== undefined) addTerm(sum, data.weights?.[place] ?? 1);
  }
  return sums.map(sumOf);
}

/** Classes by falling weight, of equal ones in class order. */
export const largestFirst = (weights: readonly number[]): number[] =>
  Array.from(weights.keys()).sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b);

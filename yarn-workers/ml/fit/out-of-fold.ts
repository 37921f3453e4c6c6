import { AppError, type MetricName, type TargetSpec } from '#contracts';
import { DEFAULT_THRESHOLD, outputCountOf } from '#scoring';
import { computeMetrics, indicesWhere, type MetricInput } from '#statistics';
import { HOLDOUT } from '../partition/types.ts';

/**
 * Predictions for rows that the predicting model had not seen: each row of fold k by the member that left fold k out, each
 * holdout row by the whole model. What all scores are computed from, by the worker and again by the app server.
 */
export interface OutOfFold {
  /** Row numbers, ascending. */
  readonly rows: Uint32Array;
  /** Fold of each row, or HOLDOUT. */
  readonly partitions: Int8Array;
  readonly foldCount: number;
  /** The folds are backtests in the order of time: each is scored by itself. */
  readonly isByDate?: true;
  /** Class index of each row; null for regression. */
  readonly classes: Int32Array | null;
  /** Value of each row; null for classification. */
  readonly values: Float64Array | null;
  readonly weights: Float64Array | null;
  /** Numbers a row: classes of a multiclass target, else 1. */
  readonly outputCount: number;
  /** rows x outputs, row-major: probability of the positive class, of each class, or the value. */
  readonly predictions: Float64Array;
}

/** Some of the rows, in the order of `places`. */
export function rowsAt(data: OutOfFold, places: Uint32Array): OutOfFold {
  const { outputCount } = data;
  const predictions = new Float64Array(places.length * outputCount);
  for (const [index, place] of places.entries())
    predictions.set(data.predictions.subarray(place * outputCount, (place + 1) * outputCount), index * outputCount);
  const { classes, values, weights } = data;
  return {
    rows: places.map((place) => data.rows[place] ?? 0),
    partitions: Int8Array.from(places, (place) => data.partitions[place] ?? 0),
    foldCount: data.foldCount,
    ...(data.isByDate === undefined ? {} : { isByDate: data.isByDate }),
    classes: classes === null ? null : Int32Array.from(places, (place) => classes[place] ?? -1),
    values: values === null ? null : Float64Array.from(places, (place) => values[place] ?? NaN),
    weights: weights === null ? null : Float64Array.from(places, (place) => weights[place] ?? NaN),
    outputCount,
    predictions,
  };
}

/** The fold whose rows are called validation: the first, of backtests the last. */
export const validationFold = ({ isByDate, foldCount }: Pick<OutOfFold, 'isByDate' | 'foldCount'>): number =>
  isByDate === true ? foldCount - 1 : 0;

/**
 * The value of a metric on held-back rows as the leaderboard has it: of all together, of backtests the mean. Null where it is undefined,
 * there in one of them; a backtest without a wanted row does not count.
 */
export function metricOf(
  metric: MetricName,
  data: OutOfFold,
  target: TargetSpec,
  wanted: (partition: number, place: number) => boolean,
): number | null {
  const valueOf = (isPart: (partition: number) => boolean): number | null | undefined => {
    const input = metricInput(data, target, (partition, place) => isPart(partition) && wanted(partition, place));
    return input.actual.length === 0 ? undefined : (computeMetrics([metric], input)[metric] ?? null);
  };
  if (data.isByDate !== true) return valueOf(() => true) ?? null;
  const values = Array.from({ length: data.foldCount }, (_, fold) => valueOf((partition) => partition === fold));
  const found = values.filter((value) => value !== undefined);
  if (found.length === 0 || found.includes(null)) return null;
  return found.reduce<number>((sum, value) => sum + (value ?? NaN), 0) / found.length;
}

/** @throws RESULT_MISMATCH when there are not as many numbers a row as the target has, or of the other kind */
export function checkFitsTarget(data: OutOfFold, target: TargetSpec): void {
  checkOutputs(data.outputCount, data.values !== null, target);
}

/** The same of what the head of a file says. @throws RESULT_MISMATCH */
export function checkOutputs(outputCount: number, isRegression: boolean, target: TargetSpec): void {
  if (outputCount === outputCountOf(target) && isRegression === (target.targetType === 'regression')) return;
  throw new AppError(
    'RESULT_MISMATCH',
    `out-of-fold predictions: ${outputCount} numbers a row do not fit a ${target.targetType} target`,
  );
}

/** The rows whose partition and place (in `rows`) are wanted, as metrics take them. */
export function metricInput(
  data: OutOfFold,
  target: TargetSpec,
  wanted: (partition: number, place: number) => boolean,
): MetricInput {
  return metricInputAt(
    data,
    target,
    indicesWhere(data.rows.length, (place) => wanted(data.partitions[place] ?? HOLDOUT, place)),
  );
}

/** The rows at some places, as metrics take them. */
export function metricInputAt(data: OutOfFold, target: TargetSpec, chosen: Uint32Array): MetricInput {
  const numbers = (values: Float64Array): Float64Array => {
    const taken = new Float64Array(chosen.length);
    for (let place = 0; place < taken.length; place += 1) taken[place] = values[chosen[place] ?? 0] ?? NaN;
    return taken;
  };
  const weight = data.weights === null ? {} : { weight: numbers(data.weights) };
  const { targetType } = target;
  if (targetType === 'regression') {
    return {
      targetType,
      actual: numbers(data.values ?? new Float64Array(0)),
      predicted: numbers(data.predictions),
      ...(target.quantile === undefined ? {} : { quantile: target.quantile }),
      ...weight,
    };
  }
  const actual = Int32Array.from(chosen, (index) => data.classes?.[index] ?? -1);
  if (targetType === 'binary') {
    const probability = numbers(data.predictions);
    return {
      targetType,
      actual,
      positiveClass: target.positiveClass ?? 1,
      probability,
      threshold: DEFAULT_THRESHOLD,
      ...weight,
    };
  }
  const { outputCount } = data;
  const probabilities = new Float64Array(chosen.length * outputCount);
  for (const [place, index] of chosen.entries()) {
    probabilities.set(data.predictions.subarray(index * outputCount, (index + 1) * outputCount), place * outputCount);
  }
  return { targetType, actual, classCount: outputCount, probabilities, ...weight };
}

import { AppError, type MetricName, type MetricValues, type ModelScores, type TargetSpec } from '#contracts';
import { DEFAULT_THRESHOLD, outputCountOf } from '#scoring';
import { computeMetrics, indicesWhere, metricsFor, type MetricInput } from '#statistics';
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

/** First bytes of the file: format and version. */
const MAGIC = 'TYOOF001';
export const HEADER_BYTES = 32;
const FLAG_REGRESSION = 1;
const FLAG_WEIGHTS = 2;
const FLAG_BY_DATE = 4;

const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;

interface Layout {
  readonly rows: number;
  readonly partitions: number;
  readonly actual: number;
  readonly weights: number;
  readonly predictions: number;
  readonly size: number;
}

function layoutOf(rowCount: number, outputCount: number, flags: number): Layout {
  const rows = HEADER_BYTES;
  const partitions = rows + aligned(4 * rowCount);
  const actual = partitions + aligned(rowCount);
  const weights = actual + ((flags & FLAG_REGRESSION) !== 0 ? 8 * rowCount : aligned(4 * rowCount));
  const predictions = weights + ((flags & FLAG_WEIGHTS) !== 0 ? 8 * rowCount : 0);
  return { rows, partitions, actual, weights, predictions, size: predictions + 8 * rowCount * outputCount };
}

/**
 * The file `out-of-fold.bin`, little endian, every section at a multiple of 8 bytes:
 *
 *     file   = magic(8) rowCount:float64 outputCount:uint32 foldCount:uint32 flags:uint32 zero:uint32
 *              rows:uint32* partitions:int8* actual:(int32* | float64*) weights:float64*? predictions:float64*
 *     flags  = 1 regression (actual is float64) | 2 weights are there | 4 folds are backtests
 */
export function encodeOutOfFold(data: OutOfFold): Uint8Array {
  const rowCount = data.rows.length;
  const flags =
    (data.values === null ? 0 : FLAG_REGRESSION) |
    (data.weights === null ? 0 : FLAG_WEIGHTS) |
    (data.isByDate === true ? FLAG_BY_DATE : 0);
  const layout = layoutOf(rowCount, data.outputCount, flags);
  const bytes = new Uint8Array(layout.size);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < MAGIC.length; i += 1) bytes[i] = MAGIC.charCodeAt(i);
  view.setFloat64(8, rowCount, true);
  view.setUint32(16, data.outputCount, true);
  view.setUint32(20, data.foldCount, true);
  view.setUint32(24, flags, true);
  for (let row = 0; row < rowCount; row += 1) {
    view.setUint32(layout.rows + 4 * row, data.rows[row] ?? 0, true);
    view.setInt8(layout.partitions + row, data.partitions[row] ?? 0);
    if (data.values !== null) view.setFloat64(layout.actual + 8 * row, data.values[row] ?? NaN, true);
    else view.setInt32(layout.actual + 4 * row, data.classes?.[row] ?? -1, true);
    if (data.weights !== null) view.setFloat64(layout.weights + 8 * row, data.weights[row] ?? NaN, true);
  }
  for (let i = 0; i < data.predictions.length; i += 1)
    view.setFloat64(layout.predictions + 8 * i, data.predictions[i] ?? NaN, true);
  return bytes;
}

/** What the head of a file says, with the places of its sections. */
interface Head {
  readonly rowCount: number;
  readonly outputCount: number;
  readonly foldCount: number;
  readonly flags: number;
  readonly layout: Layout;
}

const notSuchAFile = (what: string): AppError => new AppError('RESULT_MISMATCH', `out-of-fold predictions: ${what}`);

/**
 * @param bytes the first {@link HEADER_BYTES} of a file, or more
 * @param sizeBytes of the whole file
 * @throws RESULT_MISMATCH where it is not such a file
 */
export function headOf(bytes: Uint8Array, sizeBytes: number): Head {
  if (bytes.length < HEADER_BYTES) throw notSuchAFile(`${bytes.length} bytes, expected at least ${HEADER_BYTES}`);
  if (bytes.subarray(0, MAGIC.length).some((byte, i) => byte !== MAGIC.charCodeAt(i)))
    throw notSuchAFile('not a file of this format and version');
  const view = viewOf(bytes);
  const rowCount = view.getFloat64(8, true);
  const outputCount = view.getUint32(16, true);
  const foldCount = view.getUint32(20, true);
  const flags = view.getUint32(24, true);
  if (!Number.isSafeInteger(rowCount) || rowCount < 0 || outputCount < 1)
    throw notSuchAFile(`${rowCount} rows of ${outputCount} numbers`);
  const layout = layoutOf(rowCount, outputCount, flags);
  if (sizeBytes !== layout.size) throw notSuchAFile(`${sizeBytes} bytes, expected ${layout.size}`);
  return { rowCount, outputCount, foldCount, flags, layout };
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

/** The sections of a file, or of consecutive rows of it. */
export const rowNumbersIn = (bytes: Uint8Array): Uint32Array => {
  const view = viewOf(bytes);
  return new Uint32Array(bytes.length / 4).map((_, i) => view.getUint32(4 * i, true));
};
export const numbersIn = (bytes: Uint8Array): Float64Array => {
  const view = viewOf(bytes);
  return new Float64Array(bytes.length / 8).map((_, i) => view.getFloat64(8 * i, true));
};
const classesIn = (bytes: Uint8Array): Int32Array => {
  const view = viewOf(bytes);
  return new Int32Array(bytes.length / 4).map((_, i) => view.getInt32(4 * i, true));
};
/** @throws RESULT_MISMATCH where there is no such fold */
export const partitionsIn = (bytes: Uint8Array, foldCount: number): Int8Array => {
  const partitions = Int8Array.from(bytes);
  if (partitions.some((partition) => partition < HOLDOUT || partition >= foldCount))
    throw notSuchAFile(`a partition is not one of ${foldCount} folds`);
  return partitions;
};

/** @throws RESULT_MISMATCH where the bytes are not such a file */
export function decodeOutOfFold(bytes: Uint8Array): OutOfFold {
  const { rowCount, outputCount, foldCount, flags, layout } = headOf(bytes, bytes.length);
  const section = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length);
  const isRegression = (flags & FLAG_REGRESSION) !== 0;
  return {
    rows: rowNumbersIn(section(layout.rows, 4 * rowCount)),
    partitions: partitionsIn(section(layout.partitions, rowCount), foldCount),
    foldCount,
    ...((flags & FLAG_BY_DATE) === 0 ? {} : { isByDate: true }),
    classes: isRegression ? null : classesIn(section(layout.actual, 4 * rowCount)),
    values: isRegression ? numbersIn(section(layout.actual, 8 * rowCount)) : null,
    weights: (flags & FLAG_WEIGHTS) === 0 ? null : numbersIn(section(layout.weights, 8 * rowCount)),
    outputCount,
    predictions: numbersIn(section(layout.predictions, 8 * rowCount * outputCount)),
  };
}

/**
 * All metrics that have a meaning, of each partition. `validation` is fold 0 (of a training/validation/holdout split: its
 * validation rows), `crossValidation` all folds pooled, null unless there are several; `holdout` null where there is none. By date
 * `backtests` has each fold, `validation` is the last of them, and `crossValidation` the mean of those metrics that all of them have.
 *
 * @throws RESULT_MISMATCH when the data does not fit the target
 */
export function scoresFromOutOfFold(data: OutOfFold, target: TargetSpec): ModelScores {
  checkFitsTarget(data, target);
  const names = metricsFor(target.targetType);
  const scores = (wanted: (partition: number) => boolean): Record<string, number> | null => {
    const input = metricInput(data, target, wanted);
    return input.actual.length === 0 ? null : computeMetrics(names, input);
  };
  const holdout = scores((partition) => partition === HOLDOUT);
  if (data.isByDate === true) {
    const backtests = Array.from(
      { length: data.foldCount },
      (_, fold) => scores((partition) => partition === fold) ?? {},
    );
    const crossValidation = data.foldCount > 1 ? meanOfEach(backtests) : null;
    return { validation: backtests.at(-1) ?? null, crossValidation, holdout, backtests };
  }
  return {
    validation: scores((partition) => partition === 0),
    crossValidation: data.foldCount > 1 ? scores((partition) => partition !== HOLDOUT) : null,
    holdout,
  };
}

/** Of the metrics that all have, the mean: a metric that is undefined in one backtest has none. */
function meanOfEach(backtests: readonly MetricValues[]): MetricValues {
  const names = Object.keys(backtests[0] ?? {}).filter((name) => backtests.every((one) => one[name] !== undefined));
  return Object.fromEntries(
    names.map((name) => [name, backtests.reduce((sum, one) => sum + (one[name] ?? NaN), 0) / backtests.length]),
  );
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
  const expected = outputCountOf(target);
  if (data.outputCount !== expected || (data.values !== null) !== (target.targetType === 'regression')) {
    throw new AppError(
      'RESULT_MISMATCH',
      `out-of-fold predictions: ${data.outputCount} numbers a row do not fit a ${target.targetType} target`,
    );
  }
}

/** The value that ranks a model: cross-validation where there is one, else validation; null where it is undefined. */
export function rankingScore(scores: ModelScores, metric: MetricName): number | null {
  return (scores.crossValidation ?? scores.validation)?.[metric] ?? null;
}

/** The rows whose partition and place (in `rows`) are wanted, as metrics take them. */
export function metricInput(
  data: OutOfFold,
  target: TargetSpec,
  wanted: (partition: number, place: number) => boolean,
): MetricInput {
  const chosen = indicesWhere(data.rows.length, (place) => wanted(data.partitions[place] ?? HOLDOUT, place));
  const numbers = (values: Float64Array): Float64Array => Float64Array.from(chosen, (index) => values[index] ?? NaN);
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

import { AppError } from '#contracts';
import { DEFAULT_THRESHOLD, type Scorer } from '#scoring';
import type { ParityRows } from './parity-rows.ts';

/** What a home has predicted for a row. */
export interface MeasuredRow {
  /** The label, or the value as text. */
  readonly prediction: string;
  /** In class order; empty for regression. */
  readonly probabilities: readonly number[];
}

/** How far predictions at a new home are from the model's. */
export interface ParityFacts {
  readonly rowCount: number;
  /** Of these, rows of the dataset; the others were made to be odd. */
  readonly dataRowCount: number;
  /** Values or probabilities compared. */
  readonly valueCount: number;
  /** Those that are the same to the last bit. */
  readonly equalCount: number;
  readonly absoluteDifferenceMax: number;
  /** Of the larger magnitude of the two. */
  readonly relativeDifferenceMax: number;
  /** Labels that differ, in rows whose probabilities lie within the bound of where labels change. */
  readonly labelDifferenceCount: number;
}

/** Largest difference that is accepted: of a value's magnitude, or of 1 where that is smaller. */
export const PARITY_BOUND = 1e-9;

/**
 * Compares what a home has predicted with what the model predicts.
 *
 * @param measured as many as `rows` has
 * @throws EXPORT_DIFFERS naming the first row beyond the bound, with both predictions
 */
export function compareParity(
  scorer: Scorer,
  { rows, dataPlaces }: ParityRows,
  measured: readonly MeasuredRow[],
): ParityFacts {
  if (measured.length !== rows.length)
    throw differs(`the home has predicted ${measured.length} rows, expected ${rows.length}`);
  const { content } = scorer.manifest;
  const out = scorer.createPrediction();
  let [valueCount, equalCount, labelDifferenceCount] = [0, 0, 0];
  let [absoluteDifferenceMax, relativeDifferenceMax] = [0, 0];
  for (const [at, row] of rows.entries()) {
    scorer.scoreRow(row, out, at);
    const found = measured[at] ?? { prediction: '', probabilities: [] };
    const isRegression = content.targetType === 'regression';
    const expected = isRegression ? [Number(out.prediction)] : [...out.probabilities];
    const values = isRegression ? [numberOf(found.prediction)] : found.probabilities;
    for (const [index, value] of expected.entries()) {
      const other = values[index] ?? NaN;
      const absolute = value === other ? 0 : Math.abs(value - other);
      if (!(absolute <= PARITY_BOUND * Math.max(1, Math.abs(value))))
        throw differs(`row ${at}: the home has predicted ${other}, the model ${value}`);
      valueCount += 1;
      if (absolute === 0) equalCount += 1;
      absoluteDifferenceMax = Math.max(absoluteDifferenceMax, absolute);
      const relative = absolute / Math.max(Math.abs(value), Math.abs(other), Number.MIN_VALUE);
      relativeDifferenceMax = Math.max(relativeDifferenceMax, relative);
    }
    if (isRegression || found.prediction === out.prediction) continue;
    if (marginOf(content, expected) > PARITY_BOUND)
      throw differs(
        `row ${at}: the home has predicted class ${JSON.stringify(found.prediction)}, the model ${JSON.stringify(out.prediction)}`,
      );
    labelDifferenceCount += 1;
  }
  return {
    rowCount: rows.length,
    dataRowCount: dataPlaces.length,
    ...{ valueCount, equalCount, absoluteDifferenceMax, relativeDifferenceMax, labelDifferenceCount },
  };
}

/** How far probabilities are from where the label changes. */
function marginOf(
  { targetType, threshold, positiveClass }: Scorer['manifest']['content'],
  probabilities: readonly number[],
): number {
  if (targetType === 'binary')
    return Math.abs((probabilities[positiveClass ?? 1] ?? NaN) - (threshold ?? DEFAULT_THRESHOLD));
  const [first = NaN, second = NaN] = [...probabilities].sort((a, b) => b - a);
  return first - second;
}

const numberOf = (text: string): number => (text.trim() === '' ? NaN : Number(text));

const differs = (what: string): AppError =>
  new AppError('EXPORT_DIFFERS', what, { errors: [{ path: '/measured', message: what }] });

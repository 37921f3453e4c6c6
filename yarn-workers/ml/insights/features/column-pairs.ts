import type { ManifestContent } from '#contracts';
import {
  datePart,
  firstColumnsOf,
  isPairStep,
  stepInputs,
  writePair,
  type FeatureValues,
  type PairStep,
  type PlacePairStep,
} from '#scoring';

export interface ColumnDifference {
  readonly column: number;
  /** Columns of days. */
  readonly of: number;
  readonly minus: number;
}

export interface ColumnPlace {
  readonly step: PlacePairStep;
  /** The first of the step's. */
  readonly column: number;
  readonly latitude: number;
  readonly longitude: number;
}

/** Columns that are made of two others, each the number of a feature, or its days since 1970. */
export interface ColumnPairs {
  readonly differences: readonly ColumnDifference[];
  readonly places: readonly ColumnPlace[];
}

/** The column of a feature that no step but pairs reads. */
export interface PairedFeature {
  readonly feature: number;
  readonly column: number;
  /** Fills the column from the decoded feature. */
  writeKeys(decoded: ReadonlyMap<number, FeatureValues>, values: Float64Array, columnCount: number): void;
}

/**
 * The pairs of some steps by columns: those of the steps that read a feature by itself, and one beyond them for each feature without
 * such a step.
 *
 * @param firstOwn column from which on these come
 */
export function placePairs(
  steps: ManifestContent['steps'],
  firstOwn: number,
): ColumnPairs & { readonly paired: readonly PairedFeature[] } {
  const { days, numbers } = singleColumns(steps);
  const paired: PairedFeature[] = [];
  const columnOf = (step: PairStep, feature: number): number => {
    const columns = step.kind === 'date-difference' ? days : numbers;
    const known = columns.get(feature);
    if (known !== undefined) return known;
    const column = firstOwn + paired.length;
    columns.set(feature, column);
    paired.push(pairedFeature(feature, column, columns === days));
    return column;
  };
  const differences: ColumnDifference[] = [];
  const places: ColumnPlace[] = [];
  const firstColumns = firstColumnsOf(steps);
  for (const [index, step] of steps.entries()) {
    if (!isPairStep(step)) continue;
    const column = firstColumns[index] ?? 0;
    const [own = 0, other = 0] = stepInputs(step).map((feature) => columnOf(step, feature));
    if (step.kind === 'date-difference') differences.push({ column, of: own, minus: other });
    else places.push({ step, column, latitude: own, longitude: other });
  }
  return { differences, places, paired };
}

/** The columns of features that steps write as they are: days since 1970, and numbers. */
function singleColumns(steps: ManifestContent['steps']) {
  const days = new Map<number, number>();
  const numbers = new Map<number, number>();
  const firstColumns = firstColumnsOf(steps);
  for (const [index, step] of steps.entries()) {
    const first = firstColumns[index] ?? 0;
    if (step.kind === 'numeric') numbers.set(step.feature, first);
    if (step.kind === 'date-parts' && step.parts.includes('epochDays'))
      days.set(step.feature, first + step.parts.indexOf('epochDays'));
  }
  return { days, numbers };
}

const pairedFeature = (feature: number, column: number, isDate: boolean): PairedFeature => ({
  feature,
  column,
  writeKeys: (decoded, values, columnCount) => {
    const found = decoded.get(feature);
    if (found?.kind !== 'number') return;
    for (let row = 0, at = column; at < values.length; row += 1, at += columnCount) {
      const value = found.values[row] ?? NaN;
      values[at] = isDate ? datePart(value, 'epochDays') : value;
    }
  },
});

/** Makes pairs anew of the columns as they are now. */
export function followNumberPairs(
  { differences, places }: ColumnPairs,
  values: Float64Array,
  columnCount: number,
): void {
  for (const { step, column, latitude, longitude } of places)
    for (let start = 0; start < values.length; start += columnCount)
      writePair(step, values[start + latitude] ?? NaN, values[start + longitude] ?? NaN, values, start + column);
  for (const { column, of, minus } of differences)
    for (let start = 0; start < values.length; start += columnCount)
      values[start + column] = (values[start + of] ?? NaN) - (values[start + minus] ?? NaN);
}

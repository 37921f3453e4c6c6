import { AppError, type ManifestContent, type OffsetKind } from '#contracts';
import { SCORE_MAX } from '../models/tree-arrays.ts';
import { firstColumnsOf } from '../steps/steps.ts';

/** Offsets and exposures of a model: what rows bring along to their raw score. */
export interface RowOffsets {
  /** Of each: where it stands, and what it is on average. */
  readonly columns: readonly OffsetColumn[];
  /** Adds them to the raw score at `out[at]` of the matrix row that begins at `base`, in their order; NaN where one is invalid. */
  addTo(values: Float64Array, base: number, out: Float64Array, at: number): void;
  /**
   * Checks rows of a row-major matrix, the first of them called `firstRow`.
   * @throws OFFSET_INVALID naming row and column
   */
  check(values: Float64Array, columnCount: number, rowCount: number, firstRow: number): void;
}

export interface OffsetColumn {
  readonly kind: OffsetKind;
  /** Of the feature. */
  readonly name: string;
  /** Index into the content's features. */
  readonly feature: number;
  /** Column of the matrix of all steps. */
  readonly column: number;
  readonly mean: number;
}

/** What an offset or exposure adds to a raw score; NaN where it is missing, too large or, as an exposure, not above 0. */
export function offsetOf(kind: OffsetKind, value: number): number {
  if (kind === 'exposure') return value > 0 && value <= SCORE_MAX ? Math.log(value) : NaN;
  return Math.abs(value) <= SCORE_MAX ? value : NaN;
}

/** What is asked of an offset or exposure. */
export const OFFSET_NEEDS: Readonly<Record<OffsetKind, string>> = {
  offset: `a number, of magnitude ${SCORE_MAX} at most`,
  exposure: `a number above 0, ${SCORE_MAX} at most`,
};

/** Null for a model without. Its raw scores are one a row: others have no offsets. */
export function compileOffsets({
  offsets = [],
  steps,
  features,
}: Pick<ManifestContent, 'offsets' | 'steps' | 'features'>): RowOffsets | null {
  if (offsets.length === 0) return null;
  const firstColumns = firstColumnsOf(steps);
  const columns = offsets.map(({ kind, step, mean }): OffsetColumn => {
    const feature = steps[step]?.feature ?? -1;
    return { kind, name: features[feature]?.name ?? '', feature, column: firstColumns[step] ?? 0, mean };
  });
  return {
    columns,
    addTo: (values, base, out, at) => {
      for (const { kind, column } of columns) out[at] = (out[at] ?? NaN) + offsetOf(kind, values[base + column] ?? NaN);
    },
    check: (values, columnCount, rowCount, firstRow) => {
      for (let row = 0; row < rowCount; row += 1)
        for (const { kind, column, name } of columns) {
          const value = values[row * columnCount + column] ?? NaN;
          if (Number.isNaN(offsetOf(kind, value))) throw invalid(kind, name, value, firstRow + row);
        }
    },
  };
}

function invalid(kind: OffsetKind, name: string, value: number, row: number): AppError {
  const place = `row ${row}, column ${JSON.stringify(name)}`;
  const message = `expected ${OFFSET_NEEDS[kind]}, the ${kind} that the model needs of each row; found ${Number.isNaN(value) ? 'no value' : value}`;
  return new AppError('OFFSET_INVALID', `${place}: ${message}`, {
    errors: [{ path: place, message }],
    details: { row, column: name },
  });
}

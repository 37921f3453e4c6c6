import type { RowSpan } from '#contracts';

/** Which rows are put into bins, and what for: of this rank, where several fit the model, or of all of them. */
export interface RowUses {
  readonly trains: (row: number) => boolean;
  readonly validates: (row: number) => boolean;
  readonly isHeldOut: (row: number) => boolean;
}

/** What rows are put into bins for. */
export const BIN_PARTS = ['training', 'validation', 'holdout'] as const;
export type BinPart = (typeof BIN_PARTS)[number];

/** Something of each part. */
export type OfParts<T> = Readonly<Record<BinPart, T>>;

export const ofParts = <T>(of: (part: BinPart) => T): OfParts<T> => ({
  training: of('training'),
  validation: of('validation'),
  holdout: of('holdout'),
});

/** The part that a row is of; null: it is put into no bins. */
export const partOf =
  ({ trains, validates, isHeldOut }: RowUses) =>
  (row: number): BinPart | null =>
    trains(row) ? 'training' : validates(row) ? 'validation' : isHeldOut(row) ? 'holdout' : null;

/** How many rows of a span each part has. */
export function partCounts(uses: RowUses, { from, to }: RowSpan): OfParts<number> {
  const counts = { training: 0, validation: 0, holdout: 0 };
  const part = partOf(uses);
  for (let row = from; row < to; row += 1) {
    const found = part(row);
    if (found !== null) counts[found] += 1;
  }
  return counts;
}

/** So many spans of a table that meet, of about the same number of rows. */
export const rowSpans = (rowCount: number, count: number): RowSpan[] =>
  Array.from({ length: count }, (_, index) => ({
    from: Math.floor((index * rowCount) / count),
    to: Math.floor(((index + 1) * rowCount) / count),
  }));

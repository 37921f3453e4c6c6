import { AppError, parse, type BatchSource, type DatasetProfile, type StoredTable } from '#contracts';
import { SAMPLE_CHARS_MAX } from './limits.ts';
import { rowComparison } from './near-duplicates.ts';
import {
  finishedProfile,
  firstLook,
  newProfilers,
  sampleRowsMax,
  secondLook,
  type FirstLook,
  type ProfileOptions,
} from './profile-table.ts';
import { FirstPart, PROFILE_PART_VERSION, SecondPart, type FirstState } from './states.ts';

/**
 * The profile of a table by parts, each of which may be another process's work: all parts' first passes, which are put together; all
 * parts' second passes, by what the first ones found together; the profile. Counts, extremes, histograms, texts and times are those of
 * `profileTable`; mean and standard deviation to twelve digits. Quantiles, with the fences of outliers, and distinct counts beyond what is exact have the
 * error of their sketches, and a category that some part had to read as texts is one of texts. What passes between the parts is JSON whose
 * size does not depend on the rows.
 *
 * @param table whole
 * @param part rows of the part; its batches are numbered by the rows of the table
 */
export async function profileFirst(
  table: StoredTable,
  part: BatchSource,
  options: ProfileOptions = {},
): Promise<FirstPart> {
  return toData(part.rowCount, await firstLook(table, part, options));
}

/** Puts the first passes over all parts together. @param parts in the order of their rows; @throws VALIDATION_FAILED, INTERNAL */
export function mergeFirst(table: StoredTable, parts: readonly FirstPart[]): FirstPart {
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  return toData(rowCount, merged(table, parts));
}

/** The second pass over a part. @param first of all parts */
export async function profileSecond(
  table: StoredTable,
  part: BatchSource,
  first: FirstPart,
  options: ProfileOptions = {},
): Promise<SecondPart> {
  const { profilers } = merged(table, [first]);
  await secondLook(profilers, part, options);
  return { version: PROFILE_PART_VERSION, columns: profilers.map((profiler) => profiler.secondState()) };
}

/** The profile. @param first of all parts; @param seconds in the order of their rows */
export function finishParts(
  table: StoredTable,
  first: FirstPart,
  seconds: readonly SecondPart[],
  options: ProfileOptions = {},
): DatasetProfile {
  if (first.rowCount !== table.rowCount)
    throw new AppError('INTERNAL', `the parts have ${first.rowCount} rows, the table ${table.rowCount}`);
  const found = merged(table, [first], options);
  for (const profiler of found.profilers) profiler.secondRequest();
  for (const second of seconds.map((part) => parse(SecondPart, part, 'second part')))
    for (const [position, profiler] of found.profilers.entries()) {
      const state = second.columns[position];
      if (state !== undefined && state !== null) profiler.mergeSecond(state);
    }
  return finishedProfile(table.rowCount, found);
}

const toData = (rowCount: number, { profilers, comparison, sampleRows }: FirstLook): FirstPart => ({
  version: PROFILE_PART_VERSION,
  rowCount,
  columns: profilers.map((profiler) => profiler.firstState()),
  compared: comparison.toData(),
  sampleRows: sampleRows.map((row) => [...row]),
});

function merged(table: StoredTable, parts: readonly FirstPart[], options: ProfileOptions = {}): FirstLook {
  const checked = parts.filter(({ rowCount }) => rowCount > 0).map((part) => parse(FirstPart, part, 'first part'));
  const statesOf = (position: number): FirstState[] =>
    checked.map(({ columns }) => {
      const state = columns[position];
      if (state === undefined)
        throw new AppError(
          'VALIDATION_FAILED',
          `a part has ${columns.length} columns, expected ${table.columns.length}`,
        );
      return state;
    });
  const asTexts = new Set(table.columns.keys().filter((at) => statesOf(at).some(({ kind }) => kind === 'text')));
  const byDictionaries = newProfilers(table, (position) => asTexts.has(position), options);
  const byTexts = newProfilers(table, () => true, options);
  const profilers = byDictionaries.map((profiler, position) => {
    const states = statesOf(position);
    if (states.every((state) => profiler.mergeFirst(state))) return profiler;
    // Dictionaries that are too large together.
    const texts = byTexts[position];
    if (texts === undefined || !states.every((state) => texts.mergeFirst(state)))
      throw new AppError('VALIDATION_FAILED', `column ${position} of a part is of another kind than the table's`);
    return texts;
  });
  const comparison = rowComparison(table.columns, table.rowCount);
  for (const { compared } of checked) comparison.merge(compared);
  return { profilers, comparison, sampleRows: firstRows(table, checked) };
}

/** The first rows of the table, by the limits of one part. */
function firstRows(table: StoredTable, parts: readonly FirstPart[]): (string | null)[][] {
  const rows: (string | null)[][] = [];
  const wanted = sampleRowsMax(table);
  let chars = 0;
  for (const row of parts.flatMap(({ sampleRows }) => sampleRows)) {
    chars += row.reduce((sum, cell) => sum + (cell?.length ?? 0), 0);
    if (rows.length >= wanted || (rows.length > 0 && chars > SAMPLE_CHARS_MAX)) break;
    rows.push(row);
  }
  return rows;
}

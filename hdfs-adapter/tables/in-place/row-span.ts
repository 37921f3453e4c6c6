import type { InPlaceFile, RowSpan, StoredTable } from '#contracts';
import { readLayout, type ParquetLayout } from '../parquet/layout.ts';
import type { InPlaceFiles } from './in-place-files.ts';
import { notRegistered } from './not-registered.ts';

/** Files that have rows, each with the number of its first one. */
export function* placedFiles({ inPlaceFiles = [] }: Pick<StoredTable, 'inPlaceFiles'>): Generator<{
  readonly registered: InPlaceFile;
  readonly firstRow: number;
}> {
  let firstRow = 0;
  for (const registered of inPlaceFiles) {
    if (registered.rowCount > 0) yield { registered, firstRow };
    firstRow += registered.rowCount;
  }
}

/**
 * The rows of all units that begin in a span. A unit is what is read by itself: a row group of Parquet, a whole file of text. So
 * spans that meet without a gap have units that do, whatever the sizes of units; what has none is empty. Only the footers of the
 * files that the ends of the span lie in are read.
 *
 * @throws DATASET_CHANGED; as `readLayout`
 */
export async function spanOfUnits(
  table: StoredTable,
  { from, to }: RowSpan,
  files: InPlaceFiles,
  signal?: AbortSignal,
): Promise<RowSpan> {
  const begin = await firstUnitFrom(table, from, files, signal);
  return { from: begin, to: Math.max(begin, await firstUnitFrom(table, to, files, signal)) };
}

/**
 * The rows of all units that have rows of a span: what is to be read for these.
 *
 * @throws DATASET_CHANGED; as `readLayout`
 */
export async function unitsOver(
  table: StoredTable,
  { from, to }: RowSpan,
  files: InPlaceFiles,
  signal?: AbortSignal,
): Promise<RowSpan> {
  if (from >= to) return { from, to: from };
  return { from: await unitOf(table, from, files, signal), to: await firstUnitFrom(table, to, files, signal) };
}

/** Where the unit begins that has a row. */
async function unitOf(
  table: StoredTable,
  row: number,
  files: InPlaceFiles,
  signal: AbortSignal | undefined,
): Promise<number> {
  for (const { registered, firstRow } of placedFiles(table)) {
    if (firstRow + registered.rowCount <= row) continue;
    if (table.inPlaceText !== undefined) return firstRow;
    const layout = await registeredLayout(registered, files, signal);
    return unitStarts(layout, firstRow).findLast((start) => start <= row) ?? firstRow;
  }
  return table.rowCount;
}

/** Where the first unit begins that begins at a row or after it; the number of rows where none does. */
async function firstUnitFrom(
  table: StoredTable,
  row: number,
  files: InPlaceFiles,
  signal: AbortSignal | undefined,
): Promise<number> {
  for (const { registered, firstRow } of placedFiles(table)) {
    if (firstRow >= row) return firstRow;
    const end = firstRow + registered.rowCount;
    if (end <= row || table.inPlaceText !== undefined) continue;
    const layout = await registeredLayout(registered, files, signal);
    return unitStarts(layout, firstRow).find((start) => start >= row) ?? end;
  }
  return table.rowCount;
}

/** The footer of a file of which the rows are known. @throws DATASET_CHANGED where it says others */
async function registeredLayout(
  registered: InPlaceFile,
  files: InPlaceFiles,
  signal: AbortSignal | undefined,
): Promise<ParquetLayout> {
  const layout = await readLayout(await files.open(registered, signal), signal);
  requireRows(registered, layout);
  return layout;
}

/** @throws DATASET_CHANGED */
export function requireRows({ path, rowCount }: InPlaceFile, layout: ParquetLayout): void {
  if (layout.rowCount !== rowCount) throw notRegistered(path, `${rowCount} rows`, String(layout.rowCount));
}

/** The first row of each row group with rows. */
function unitStarts({ groups }: ParquetLayout, firstRow: number): number[] {
  const starts: number[] = [];
  let at = firstRow;
  for (const { rowCount } of groups) {
    if (rowCount > 0) starts.push(at);
    at += rowCount;
  }
  return starts;
}

/** Row groups with rows that begin in a span, by index. */
export function groupsIn({ groups }: ParquetLayout, firstRow: number, { from, to }: RowSpan): number[] {
  const chosen: number[] = [];
  let at = firstRow;
  for (const [index, { rowCount }] of groups.entries()) {
    if (rowCount > 0 && at >= from && at < to) chosen.push(index);
    at += rowCount;
  }
  return chosen;
}

import { isDeepStrictEqual } from 'node:util';
import { AppError, DatasetProfile, isInPlaceInput, parse, type IngestTask, type StoredTable } from '#contracts';
import type { SealedAttempt } from '../queue/index.ts';

/** Of files whose sizes were read, whatever the worker says of their sum. */
export const sizeOf = (files: readonly { readonly sizeBytes: number }[]): number =>
  files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/** Bytes of a table's rows, in the object store or where they lie. */
export const tableBytes = ({ inPlaceFiles, files }: StoredTable): number => sizeOf(inPlaceFiles ?? files);

/** Every file of the table is one that was sealed, with the same size and hash; row counts add up. @throws RESULT_MISMATCH */
export function checkFiles(table: StoredTable, sealed: SealedAttempt<'ingest'>): void {
  const files = new Map(sealed.files.map((file) => [`${sealed.attemptPath}/${file.name}`, file]));
  let rowCount = 0;
  for (const { rowCount: count } of table.inPlaceFiles ?? []) rowCount += count;
  for (const { path: object, sizeBytes, sha256, rowCount: count } of table.files) {
    const file = files.get(object);
    if (file?.sizeBytes !== sizeBytes || file.sha256 !== sha256)
      throw new AppError('RESULT_MISMATCH', `table: ${object} is not a file that was sealed`);
    rowCount += count;
  }
  if (rowCount !== table.rowCount)
    throw new AppError('RESULT_MISMATCH', `table: expected ${table.rowCount} rows; its files have ${rowCount}`);
}

/** What is read in place is what the task was given, all of it and nothing else. @throws RESULT_MISMATCH */
export function checkInPlace({ files, inPlaceFiles, inPlaceText }: StoredTable, input: IngestTask['input']): void {
  const expected = isInPlaceInput(input) ? input : undefined;
  const found = inPlaceFiles?.map(({ rowCount: _, crc32: __, ...registered }) => registered);
  const isText = expected !== undefined && expected.format !== 'parquet';
  const areAlike = isDeepStrictEqual(found, expected?.files) && (inPlaceText !== undefined) === isText;
  if (!areAlike || (found !== undefined && files.length > 0))
    throw new AppError('RESULT_MISMATCH', 'table: its files are not those that were registered');
}

/** The profile is one of the table's columns. @throws RESULT_MISMATCH */
export function checkProfile({ columns }: Pick<StoredTable, 'columns'>, profile: DatasetProfile): void {
  parse(DatasetProfile, profile, 'profile', 'RESULT_MISMATCH');
  const { features } = profile;
  if (features.length !== columns.length || features.some(({ name }, at) => name !== columns[at]?.name))
    throw new AppError('RESULT_MISMATCH', 'profile: its features are not the columns of the table');
}

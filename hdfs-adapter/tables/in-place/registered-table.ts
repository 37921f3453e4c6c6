import { AppError, type InPlaceFile, type StoredColumn, type StoredTable, type ColumnWarning } from '#contracts';
import { columnForm } from '../parquet/column-types.ts';
import { partitionColumns } from './partition-columns.ts';

export interface RegisteredTable {
  readonly table: StoredTable;
  readonly warnings: readonly ColumnWarning[];
}

/** What registering found in files. */
export interface FoundInFiles {
  /** By position. */
  readonly columns: readonly StoredColumn[];
  readonly files: readonly InPlaceFile[];
  readonly nullMarkers: readonly string[];
  readonly columnsMax: number;
}

/**
 * The table of files that stay where they are: their columns, then those of their partition folders.
 *
 * @throws DATASET_NO_ROWS; DATASET_SCHEMAS_DIFFER for a column that is a key, too; DATASET_TOO_WIDE
 */
export function registeredTable({ columns, files, nullMarkers, columnsMax }: FoundInFiles): StoredTable {
  const path = files[0]?.path ?? '';
  const rowCount = files.reduce((sum, file) => sum + file.rowCount, 0);
  if (rowCount === 0)
    throw new AppError('DATASET_NO_ROWS', `File ${path}: expected rows, found none in ${files.length} files`);
  const names = new Set(columns.map(({ name }) => name));
  const keys = partitionColumns(files).map(({ name, type }, index): StoredColumn => {
    if (names.has(name))
      throw new AppError(
        'DATASET_SCHEMAS_DIFFER',
        `File ${path}: column ${JSON.stringify(name)} is the key of a partition folder, too; write the file without it`,
        { details: { path, first: path } },
      );
    const position = columns.length + index;
    const { storage, parse } = columnForm(type, `c${position}`, nullMarkers);
    return { name, position, storage, hasTwin: false, parse, isPartition: true };
  });
  requireColumnCount(columns.length + keys.length, path, columnsMax);
  return { rowCount, columns: [...columns, ...keys], files: [], inPlaceFiles: [...files] };
}

/** @throws DATASET_TOO_WIDE */
export function requireColumnCount(found: number, file: string, limit: number): void {
  if (found <= limit) return;
  throw new AppError('DATASET_TOO_WIDE', `File ${file}: expected at most ${limit} columns, found ${found}`, {
    details: { limit, found },
  });
}

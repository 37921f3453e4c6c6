import { row, type ErrorRow } from './error-row.ts';

/** Rows of {@link ERROR_TABLE} about datasets and their sources. */
export const DATASET_ERRORS = {
  UNSUPPORTED_FORMAT: row(
    'invalid',
    422,
    'The file format is not supported',
    'Send csv, tsv, json lines or parquet, plain or gzipped text.',
  ),
  DATASET_EMPTY: row('invalid', 422, 'The file is empty', 'Send a file with a header and rows.'),
  DATASET_NO_ROWS: row('invalid', 422, 'The file has a header but no rows', 'Send at least one row.'),
  DATASET_RAGGED: row(
    'invalid',
    422,
    'A row has another number of cells than the header',
    'Mend the row named, or set options.delimiter or quote.',
  ),
  DATASET_ENCODING: row(
    'invalid',
    422,
    'The file is not in the stated encoding',
    'Set options.encoding, or save the file as UTF-8.',
  ),
  DATASET_UNREADABLE: row(
    'invalid',
    422,
    'The file cannot be read',
    'Check that the file is whole and of the format its name says.',
  ),
  DATASET_TRUNCATED: row('invalid', 422, 'The file ends too early', 'Send the whole file again.'),
  DATASET_TOO_WIDE: row(
    'invalid',
    422,
    'The file has too many columns',
    'Send fewer columns, or raise the limit named.',
  ),
  DATASET_CELL_TOO_LARGE: row(
    'invalid',
    422,
    'A cell is too large',
    'Shorten the cell named, or raise the limit named.',
  ),
  DATASET_SCHEMAS_DIFFER: row(
    'invalid',
    422,
    'Files with different columns',
    'Write them alike, or register them apart.',
  ),
  DATASET_SUBFOLDERS: row(
    'invalid',
    422,
    'The folder holds folders that are no partitions',
    'Give a pattern such as /path/*/*.parquet.',
  ),
  DATASET_TOO_MANY_FILES: row('invalid', 422, 'Too many files', 'Write fewer and larger files, or register a part.'),
  FEATURE_TYPE_REFUSED: row(
    'invalid',
    422,
    'The feature cannot be of this type',
    'Give it one of the types named, or mend its values and add the dataset again.',
  ),
  DATASET_NOT_READY: row('conflict', 409, 'The dataset is not ready', 'Wait until its job has succeeded.'),
  DATASET_IN_USE: row('conflict', 409, 'The dataset is in use', 'Delete the projects that use it first.'),
  DATASET_CHANGED: row('conflict', 409, 'The data changed after registration', 'Register it again as a new version.'),
  SOURCE_NOT_ALLOWED: row(
    'forbidden',
    403,
    'The source is not on the allow-list',
    'Ask an administrator to allow the host or folder named.',
  ),
  SOURCE_NOT_FOUND: row('invalid', 422, 'The source does not exist', 'Check the address or path.'),
  SOURCE_UNAVAILABLE: row(
    'unavailable',
    503,
    'The source does not answer',
    'Try again later; the dependency is named.',
  ),
  CELL_UNREADABLE: row(
    'invalid',
    422,
    'A cell cannot be read as its feature’s type',
    'Correct the row and column named.',
  ),
  OFFSET_INVALID: row(
    'invalid',
    422,
    'A row has no valid offset or exposure, without which its model predicts nothing',
    'Give the column named a finite number in the row named, above 0 for an exposure.',
  ),
  DATA_READ_TRUNCATED: row(
    'bug',
    500,
    'A read ended before the last row',
    'The stored data is damaged; restore it from backup.',
  ),
} as const satisfies Record<string, ErrorRow>;

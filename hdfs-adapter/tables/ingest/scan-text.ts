import { AppError, type DatasetOptions } from '#contracts';
import type { ColumnNames } from './column-names.ts';
import { namesOf, readHead } from './csv-head.ts';
import type { IngestLimits } from './limits.ts';
import { GroupFiles } from './record-sink.ts';
import { scanPieces } from './scan-pieces.ts';
import { columnGroups, type ColumnGroup } from './scratch.ts';

/** Text that was checked and lies in scratch files, one a column group, in a CSV form that leaves nothing to guess. */
export interface ScannedText extends ColumnNames {
  readonly rowCount: number;
  readonly nullCount: number;
  readonly groups: readonly ColumnGroup[];
  readonly files: readonly string[];
  readonly delimiter: string;
  readonly rowBytesMax: number;
  /** A reader that starts in the middle of the file cannot know whether it is inside quotes. */
  readonly hasQuotedNewline: boolean;
}

export interface ScanOptions {
  readonly fileName: string;
  readonly options: DatasetOptions;
  readonly limits: IngestLimits;
  readonly scratchDirectory: string;
}

/**
 * Reads all of a CSV text once: finds delimiter and header, checks every record, copies the records to scratch files.
 *
 * @throws DATASET_EMPTY, DATASET_NO_ROWS, DATASET_TOO_WIDE and what {@link scanPieces} throws
 */
export async function scanCsv(
  text: AsyncIterator<Buffer>,
  isTabbed: boolean,
  options: ScanOptions,
): Promise<ScannedText> {
  const head = await readHead(text, isTabbed, options);
  if (head === null)
    throw new AppError('DATASET_EMPTY', `File ${options.fileName}: expected a header and rows, found no text`);
  const hasHeader = options.options.header ?? true;
  const named = namesOf(head, hasHeader);
  const columnCount = named.names.length;
  refuseTooWide(columnCount, options);
  const groups = columnGroups(columnCount);
  const { fileName, limits, scratchDirectory: folder } = options;
  const { delimiter } = head;
  const pieces = scanPieces(head, hasHeader, text, {
    ...{ fileName, limits, columnNames: named.names },
    newSink: () => GroupFiles.create({ groups, folder, delimiter }),
  });
  // Without a limit of its size, all is in one.
  const whole = await pieces.next();
  await pieces.return(undefined);
  if (whole.done === true) throw noRows(options.fileName);
  const { sink, ...counts } = whole.value;
  return { ...named, ...counts, groups, files: sink.paths, delimiter: head.delimiter };
}

/** @throws DATASET_TOO_WIDE */
export function refuseTooWide(columnCount: number, options: Pick<ScanOptions, 'fileName' | 'limits'>): void {
  const limit = options.limits.columnsMax;
  if (columnCount <= limit) return;
  throw new AppError(
    'DATASET_TOO_WIDE',
    `File ${options.fileName}: expected at most ${limit} columns, found ${columnCount}`,
    {
      details: { limit, found: columnCount },
    },
  );
}

/** @throws DATASET_NO_ROWS */
export function refuseNoRows(rowCount: number, fileName: string): void {
  if (rowCount === 0) throw noRows(fileName);
}

function noRows(fileName: string): AppError {
  return new AppError('DATASET_NO_ROWS', `File ${fileName}: expected rows, found none`);
}

import { AppError, type DatasetOptions } from '#contracts';
import { columnNames, type ColumnNames } from './column-names.ts';
import { readRecord, sniffDelimiter, type CsvRecord } from './csv-record.ts';
import { HEAD_BYTES, type IngestLimits } from './limits.ts';
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
  const hasHeader = options.options.header ?? true;
  const columnCount = head.record.cells.length;
  refuseTooWide(columnCount, options);
  const named = columnNames(hasHeader ? head.record.cells : head.record.cells.map(() => ''));
  const groups = columnGroups(columnCount);
  const pieces = scanPieces(head.bytes.subarray(hasHeader ? head.bytesAfter : head.bytesBefore), text, {
    fileName: options.fileName,
    delimiter: head.delimiter,
    columnNames: named.names,
    limits: options.limits,
    firstLine: hasHeader ? head.lineAfter : head.lineBefore,
    newSink: () => GroupFiles.create({ groups, folder: options.scratchDirectory, delimiter: head.delimiter }),
  });
  // Without a limit of its size, all is in one.
  const whole = await pieces.next();
  await pieces.return(undefined);
  if (whole.done === true) throw noRows(options.fileName);
  const { sink, ...counts } = whole.value;
  return { ...named, ...counts, groups, files: sink.paths, delimiter: head.delimiter };
}

/** How a text begins. */
export interface CsvHead {
  /** As far as it was read. */
  readonly bytes: Buffer;
  readonly delimiter: string;
  /** The first record, which has the names unless there are none. */
  readonly record: CsvRecord;
  /** Where it begins and ends. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly lineBefore: number;
  readonly lineAfter: number;
}

/**
 * The text up to the end of its first record at least, leading blank lines skipped.
 *
 * @throws DATASET_EMPTY without a record; DATASET_CELL_TOO_LARGE; VALIDATION_FAILED for a delimiter that is none
 */
export async function readHead(
  text: AsyncIterator<Buffer>,
  isTabbed: boolean,
  { fileName, limits, options }: Pick<ScanOptions, 'fileName' | 'limits' | 'options'>,
): Promise<CsvHead> {
  const stated = statedDelimiter(options.delimiter, isTabbed);
  let bytes: Buffer = Buffer.alloc(0);
  let isWhole = false;
  for (let wanted = HEAD_BYTES; ; wanted *= 4) {
    const parts = [bytes];
    let size = bytes.length;
    while (size < wanted && !isWhole) {
      const next = await text.next();
      if (next.done === true) isWhole = true;
      else {
        parts.push(next.value);
        size += next.value.length;
      }
    }
    bytes = Buffer.concat(parts);
    const decoded = bytes.toString('utf8');
    const start = decoded.length - decoded.replace(/^[\r\n]+/, '').length;
    if (start < decoded.length) {
      const delimiter = stated ?? sniffDelimiter(decoded.slice(start));
      const record = readRecord(decoded, start, delimiter);
      if (record.end >= 0 || isWhole) {
        const end = record.end < 0 ? decoded.length : record.end;
        const lineBefore = linesIn(decoded.slice(0, start)) + 1;
        return {
          bytes,
          delimiter,
          record,
          bytesBefore: Buffer.byteLength(decoded.slice(0, start)),
          bytesAfter: Buffer.byteLength(decoded.slice(0, end)),
          lineBefore,
          lineAfter: lineBefore + linesIn(decoded.slice(start, end)),
        };
      }
    }
    if (isWhole) throw new AppError('DATASET_EMPTY', `File ${fileName}: expected a header and rows, found no text`);
    if (bytes.length > limits.rowBytesMax) {
      throw new AppError(
        'DATASET_CELL_TOO_LARGE',
        `File ${fileName}: expected a first row of at most ${limits.rowBytesMax} bytes, found no end of it`,
      );
    }
  }
}

function statedDelimiter(delimiter: string | undefined, isTabbed: boolean): string | undefined {
  if (delimiter === undefined) return isTabbed ? '\t' : undefined;
  if (!/^[\t\x20-\x7e]$/.test(delimiter) || delimiter === '"') {
    throw new AppError('VALIDATION_FAILED', 'options.delimiter: expected one ASCII character other than a quote');
  }
  return delimiter;
}

function linesIn(text: string): number {
  return text.match(/\r\n|\r|\n/g)?.length ?? 0;
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

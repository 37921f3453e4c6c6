import path from 'node:path';
import { AppError, type DatasetOptions } from '#contracts';
import { columnNames, type ColumnNames } from './column-names.ts';
import { readRecord, sniffDelimiter, type CsvRecord } from './csv-record.ts';
import { CsvScanner } from './csv-scanner.ts';
import { HEAD_BYTES, type IngestLimits } from './limits.ts';
import { ScratchFile, columnGroups, type ColumnGroup } from './scratch.ts';

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
 * @throws DATASET_EMPTY, DATASET_NO_ROWS, DATASET_TOO_WIDE and what {@link CsvScanner} throws
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
  const files = await createFiles(groups, options.scratchDirectory);
  const scanner = new CsvScanner({
    fileName: options.fileName,
    delimiter: head.delimiter,
    columnNames: named.names,
    limits: options.limits,
    firstLine: hasHeader ? head.lineAfter : head.lineBefore,
    groups,
    files,
  });
  try {
    const from = hasHeader ? head.bytesAfter : head.bytesBefore;
    for (let chunk: Buffer | undefined = head.bytes.subarray(from); chunk !== undefined;) {
      scanner.push(chunk);
      for (const file of files) await file.drain();
      const next = await text.next();
      chunk = next.done === true ? undefined : next.value;
    }
    scanner.finish();
    for (const file of files) await file.close();
  } finally {
    for (const file of files) await file.discard();
  }
  refuseNoRows(scanner.rowCount, options.fileName);
  const { rowCount, nullCount, rowBytesMax, hasQuotedNewline } = scanner;
  const paths = files.map((file) => file.path);
  return {
    ...named,
    rowCount,
    nullCount,
    rowBytesMax,
    hasQuotedNewline,
    groups,
    files: paths,
    delimiter: head.delimiter,
  };
}

interface Head {
  readonly bytes: Buffer;
  readonly delimiter: string;
  readonly record: CsvRecord;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly lineBefore: number;
  readonly lineAfter: number;
}

/** The text up to the end of its first record at least, leading blank lines skipped. */
async function readHead(text: AsyncIterator<Buffer>, isTabbed: boolean, options: ScanOptions): Promise<Head> {
  const { fileName, limits } = options;
  const stated = statedDelimiter(options.options.delimiter, isTabbed);
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

export async function createFiles(groups: readonly ColumnGroup[], folder: string): Promise<ScratchFile[]> {
  const files: ScratchFile[] = [];
  for (const group of groups) files.push(await ScratchFile.create(path.join(folder, `text-${group.from}.csv`)));
  return files;
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
  if (rowCount === 0) throw new AppError('DATASET_NO_ROWS', `File ${fileName}: expected rows, found none`);
}

import { AppError, type DatasetOptions } from '#contracts';
import { columnNames, type ColumnNames } from './column-names.ts';
import { readRecord, sniffDelimiter, type CsvRecord } from './csv-record.ts';
import { HEAD_BYTES, type IngestLimits } from './limits.ts';

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

export interface ReadHeadOptions {
  readonly fileName: string;
  readonly options: DatasetOptions;
  readonly limits: IngestLimits;
}

/**
 * The text up to the end of its first record at least, leading blank lines skipped; null without a record.
 *
 * @throws DATASET_CELL_TOO_LARGE; VALIDATION_FAILED for a delimiter that is none
 */
export async function readHead(
  text: AsyncIterator<Buffer>,
  isTabbed: boolean,
  { fileName, limits, options }: ReadHeadOptions,
): Promise<CsvHead | null> {
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
    if (isWhole) return null;
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

/** Names of the columns by the first record, or those of columns without names. */
export function namesOf({ record }: CsvHead, hasHeader: boolean): ColumnNames {
  return columnNames(hasHeader ? record.cells : record.cells.map(() => ''));
}

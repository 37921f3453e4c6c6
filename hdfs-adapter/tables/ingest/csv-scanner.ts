import { AppError } from '#contracts';
import type { IngestLimits } from './limits.ts';
import type { RecordSink } from './record-sink.ts';

const LF = 10;
const CR = 13;
const QUOTE = 34;

/** Where the scanner stands. `closing` is after a quote inside a quoted cell: its end or half of an escaped quote. */
type State = 'cellStart' | 'plain' | 'quoted' | 'closing';

export interface CsvScannerOptions {
  readonly fileName: string;
  readonly delimiter: string;
  readonly columnNames: readonly string[];
  readonly limits: IngestLimits;
  /** Line number of the first line scanned. */
  readonly firstLine: number;
  /** Takes the records, from the first one on. */
  readonly sink: RecordSink;
}

/**
 * Checks CSV in UTF-8 and copies its records to a sink, cut into runs of columns:
 *
 *     file   = record* ; every record has as many cells as there are columns
 *     record = cell ( delimiter cell )* ( LF | CR LF | CR )
 *     cell   = '"' ( any but '"' | '""' )* '"' | ( any but delimiter, LF, CR; not starting with '"' )*
 *
 * Blank lines are dropped, but for one column, where a blank line that is not at the end is a null.
 *
 * @see RFC 4180, taken strictly but for line ends, quotes inside unquoted cells (kept as text) and blank lines
 */
export class CsvScanner {
  rowCount = 0;
  /** Empty cells without quotes. */
  nullCount = 0;
  rowBytesMax = 0;
  hasQuotedNewline = false;

  readonly #options: CsvScannerOptions;
  readonly #delimiter: number;
  readonly #columnCount: number;
  /** By byte: 1 ends a run of plain text. */
  readonly #special = new Uint8Array(256);
  #state: State = 'cellStart';
  #line: number;
  #sink: RecordSink;
  #cell = 0;
  #run = 0;
  #cellIsQuoted = false;
  #escapedCount = 0;
  /** Bytes scanned in earlier chunks; the other offsets count from the first chunk too. */
  #offset = 0;
  #cellStart = 0;
  #rowStart = 0;
  #skipLf = false;
  #pendingNulls = 0;
  #spanStart = 0;

  constructor(options: CsvScannerOptions) {
    this.#options = options;
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#columnCount = options.columnNames.length;
    this.#line = options.firstLine;
    this.#sink = options.sink;
    for (const byte of [this.#delimiter, LF, CR]) this.#special[byte] = 1;
  }

  /**
   * Scans up to the end of the chunk or, where the sink is full, of a record.
   *
   * @returns bytes of the chunk that are done with
   * @throws DATASET_RAGGED, DATASET_CELL_TOO_LARGE, DATASET_UNREADABLE, each with its row and line
   */
  push(chunk: Uint8Array): number {
    const length = chunk.length;
    const delimiter = this.#delimiter;
    const special = this.#special;
    let at = 0;
    this.#spanStart = 0;
    while (at < length) {
      if (this.#state === 'quoted') {
        at = this.#scanQuoted(chunk, at);
        continue;
      }
      const byte = chunk[at] ?? 0;
      if (this.#skipLf) {
        this.#skipLf = false;
        if (byte === LF) {
          at += 1;
          this.#spanStart = at;
          this.#cellStart = this.#rowStart = this.#offset + at;
          continue;
        }
      }
      if (byte === delimiter) {
        this.#endCell(chunk, at);
        at += 1;
      } else if (byte === LF || byte === CR) {
        this.#endRow(chunk, at, byte);
        at += 1;
        if (this.#sink.isFull) break;
      } else if (this.#state === 'closing') {
        if (byte !== QUOTE) throw this.#textAfterQuote();
        this.#state = 'quoted';
        this.#escapedCount += 1;
        at += 1;
      } else {
        if (this.#pendingNulls > 0 && this.#state === 'cellStart') this.#emitPendingNulls();
        if (byte === QUOTE && this.#state === 'cellStart') {
          this.#state = 'quoted';
          this.#cellIsQuoted = true;
          at += 1;
        } else {
          this.#state = 'plain';
          while (at < length && special[chunk[at] ?? 0] === 0) at += 1;
        }
      }
    }
    this.#checkCellSize(this.#offset + at);
    this.#flush(chunk, at);
    this.#offset += at;
    return at;
  }

  /** The records that follow go there; only between two records. */
  turnTo(sink: RecordSink): void {
    this.#sink = sink;
  }

  /** Ends the last record. @throws DATASET_TRUNCATED inside quotes; as `push` */
  finish(): void {
    if (this.#state === 'quoted') {
      const cell = this.#cell;
      throw this.#fail('DATASET_TRUNCATED', `the file ends inside quotes that were opened in ${this.#columnOf(cell)}`);
    }
    const isBlank = this.#cell === 0 && this.#state === 'cellStart';
    if (!isBlank) this.#endRow(new Uint8Array(), 0, LF);
  }

  #scanQuoted(chunk: Uint8Array, from: number): number {
    const length = chunk.length;
    let at = from;
    while (at < length) {
      const byte = chunk[at];
      if (byte === QUOTE) {
        this.#state = 'closing';
        return at + 1;
      }
      if (byte === LF) {
        this.#line += 1;
        this.hasQuotedNewline = true;
      } else if (byte === CR) this.hasQuotedNewline = true;
      at += 1;
    }
    return at;
  }

  #endCell(chunk: Uint8Array, at: number): void {
    if (this.#pendingNulls > 0) this.#emitPendingNulls();
    this.#closeCell(this.#offset + at);
    const run = this.#sink.runs[this.#run];
    if (run !== undefined && this.#cell === run.to && this.#cell < this.#columnCount) {
      this.#flush(chunk, at);
      this.#sink.endRun(this.#run);
      this.#spanStart = at + 1;
      this.#run += 1;
    }
    this.#cellStart = this.#offset + at + 1;
  }

  #endRow(chunk: Uint8Array, at: number, byte: number): void {
    this.#line += 1;
    const end = this.#offset + at;
    const next = end + 1;
    if (this.#cell === 0 && this.#state === 'cellStart') {
      if (this.#columnCount === 1) this.#pendingNulls += 1;
      this.#flush(chunk, at);
      this.#spanStart = at + 1;
    } else {
      this.#closeCell(end);
      this.rowCount += 1;
      if (this.#cell !== this.#columnCount) throw this.#ragged();
      this.#checkRowSize(end - this.#rowStart);
      // The line feed that ends the text for `finish` is in no chunk.
      const isPlainCopy = byte === LF && this.#sink.keepsLineFeeds && at < chunk.length;
      if (!isPlainCopy) {
        this.#flush(chunk, at);
        this.#sink.endRun(this.#run);
        this.#spanStart = at + 1;
      }
    }
    this.#cell = 0;
    this.#run = 0;
    this.#cellStart = this.#rowStart = next;
    this.#skipLf = byte === CR;
  }

  #closeCell(end: number): void {
    this.#checkCellSize(end);
    if (end === this.#cellStart) this.nullCount += 1;
    this.#cell += 1;
    this.#state = 'cellStart';
    this.#cellIsQuoted = false;
    this.#escapedCount = 0;
  }

  #emitPendingNulls(): void {
    for (; this.#pendingNulls > 0; this.#pendingNulls -= 1) {
      this.#sink.endRun(0);
      this.rowCount += 1;
      this.nullCount += 1;
    }
  }

  #flush(chunk: Uint8Array, to: number): void {
    if (to > this.#spanStart) this.#sink.append(this.#run, chunk, this.#spanStart, to);
    this.#spanStart = to;
  }

  #checkCellSize(end: number): void {
    const size = end - this.#cellStart - (this.#cellIsQuoted ? 2 : 0) - this.#escapedCount;
    const limit = this.#options.limits.cellBytesMax;
    if (size <= limit) return;
    const hint = this.#cellIsQuoted ? ' (is a closing quote missing?)' : '';
    const found = `found ${size} or more in ${this.#columnOf(this.#cell)}${hint}`;
    throw this.#fail('DATASET_CELL_TOO_LARGE', `expected cells of at most ${limit} bytes, ${found}`);
  }

  #checkRowSize(size: number): void {
    if (size <= this.rowBytesMax) return;
    const limit = this.#options.limits.rowBytesMax;
    if (size > limit) {
      this.rowCount -= 1;
      throw this.#fail('DATASET_CELL_TOO_LARGE', `expected rows of at most ${limit} bytes, found ${size}`);
    }
    this.rowBytesMax = size;
  }

  #ragged(): AppError {
    this.rowCount -= 1;
    const { delimiter } = this.#options;
    const message = `expected ${this.#columnCount} cells as in the header, found ${this.#cell}`;
    return this.#fail('DATASET_RAGGED', `${message} (delimiter ${JSON.stringify(delimiter)})`, {
      expected: this.#columnCount,
      found: this.#cell,
    });
  }

  #textAfterQuote(): AppError {
    const place = this.#columnOf(this.#cell);
    const remedy = 'Quotes inside a quoted cell are doubled.';
    return this.#fail(
      'DATASET_UNREADABLE',
      `expected a delimiter after the closing quote in ${place}, found text. ${remedy}`,
    );
  }

  #columnOf(cell: number): string {
    const name = this.#options.columnNames[cell];
    return name === undefined ? `cell ${cell + 1}` : `column ${JSON.stringify(name)}`;
  }

  #fail(
    code: 'DATASET_RAGGED' | 'DATASET_CELL_TOO_LARGE' | 'DATASET_UNREADABLE' | 'DATASET_TRUNCATED',
    message: string,
    facts: Readonly<Record<string, unknown>> = {},
  ): AppError {
    const row = this.rowCount + this.#pendingNulls + 1;
    // A record's last line end is counted before the record is judged.
    const line = code === 'DATASET_RAGGED' ? this.#line - 1 : this.#line;
    const place = `File ${this.#options.fileName}, row ${row} (line ${line})`;
    return new AppError(code, `${place}: ${message}`, { details: { ...facts, row, line } });
  }
}

import path from 'node:path';
import type { ScratchSink } from '../ingest/record-sink.ts';
import { ScratchFile, type ColumnGroup } from '../ingest/scratch.ts';

const LF = 10;
const ZERO = 48;
/** Digits of the largest safe integer. */
const DIGITS_MAX = 16;

/** A run of columns, all of which are wanted or none. */
export interface ChosenRun extends ColumnGroup {
  readonly isWanted: boolean;
}

/** Cuts a table's columns where wanted ones begin and end. @param positions wanted ones */
export function chosenRuns(columnCount: number, positions: ReadonlySet<number>): ChosenRun[] {
  const runs: ChosenRun[] = [];
  let from = 0;
  for (let at = 1; at <= columnCount; at += 1) {
    const isWanted = positions.has(from);
    if (at < columnCount && positions.has(at) === isWanted) continue;
    runs.push({ from, to: at, isWanted });
    from = at;
  }
  return runs;
}

export interface ChosenCellsOptions {
  readonly runs: readonly ChosenRun[];
  /** New file. */
  readonly file: string;
  readonly delimiter: string;
  /** As far as whole records allow. */
  readonly bytesMax: number;
}

/**
 * One scratch file with the wanted cells of records as they are written, and behind them, as one more cell, the record's
 * number from 0. Records end in LF. Whoever reads it can tell that each record is there, once, and in its place.
 */
export class ChosenCells implements ScratchSink {
  readonly runs: readonly ChosenRun[];
  readonly keepsLineFeeds = false;
  readonly #file: ScratchFile;
  readonly #delimiter: number;
  readonly #bytesMax: number;
  readonly #digits = new Uint8Array(DIGITS_MAX);
  #bytes = 0;
  #recordCount = 0;

  private constructor(file: ScratchFile, { runs, delimiter, bytesMax }: ChosenCellsOptions) {
    this.runs = runs;
    this.#file = file;
    this.#delimiter = delimiter.charCodeAt(0);
    this.#bytesMax = bytesMax;
  }

  static async create(options: ChosenCellsOptions): Promise<ChosenCells> {
    return new ChosenCells(await ScratchFile.create(path.resolve(options.file)), options);
  }

  get path(): string {
    return this.#file.path;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  append(run: number, source: Uint8Array, from: number, to: number): void {
    if (this.runs[run]?.isWanted !== true) return;
    this.#file.append(source, from, to);
    this.#bytes += to - from;
  }

  endRun(run: number): void {
    if (this.runs[run]?.isWanted === true) {
      this.#file.appendByte(this.#delimiter);
      this.#bytes += 1;
    }
    if (run === this.runs.length - 1) this.#endRecord();
  }

  async drain(): Promise<void> {
    await this.#file.drain();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async discard(): Promise<void> {
    await this.#file.discard();
  }

  #endRecord(): void {
    const digits = this.#digits;
    let at = DIGITS_MAX;
    let left = this.#recordCount;
    do {
      at -= 1;
      digits[at] = ZERO + (left % 10);
      left = Math.floor(left / 10);
    } while (left > 0);
    this.#file.append(digits, at, DIGITS_MAX);
    this.#file.appendByte(LF);
    this.#bytes += DIGITS_MAX - at + 1;
    this.#recordCount += 1;
  }
}

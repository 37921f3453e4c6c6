import { HOLDOUT, isHeldBack } from '../partition/types.ts';
import { bytesOf, headerBytes, paddingAfter, type OutOfFoldFacts } from './out-of-fold-file.ts';
import { blockRowsOf, Collected, type OutOfFoldSource } from './out-of-fold-source.ts';
import type { OutOfFold } from './out-of-fold.ts';
import type { RowRoles } from './row-roles.ts';
import type { TargetRows } from './target-rows.ts';

/** What a fit knows of every row of the table anyway. */
export interface KnownRows {
  readonly roles: Pick<RowRoles, 'of' | 'members' | 'spans'>;
  readonly rows: Pick<TargetRows, 'classes' | 'values' | 'weights'>;
}

/** Rows of a section of a file, or numbers of rows, that are told at once. */
const ROWS_AT_ONCE = 65_536;

/**
 * Predictions of the rows that a fit holds back, beside what it knows of these rows anyway: which they are, their parts and what is true of
 * them is made from that, a block at a time.
 *
 * Memory: 8 bytes a row and output.
 */
export class HeldBackScores implements OutOfFoldSource {
  readonly facts: OutOfFoldFacts;
  /** rows x outputs, row-major, in the order of the table: raw scores, then predictions. */
  readonly predictions: Float64Array;
  readonly #known: KnownRows;

  constructor(known: KnownRows, outputCount: number) {
    const { roles, rows } = known;
    this.#known = known;
    this.facts = {
      rowCount: roles.of.reduce((count, partition) => count + Number(isHeldBack(partition)), 0),
      outputCount,
      foldCount: roles.members.length,
      ...(roles.spans === null ? {} : { isByDate: true as const }),
      isRegression: rows.values !== null,
      isWeighted: rows.weights !== null,
    };
    this.predictions = new Float64Array(this.facts.rowCount * outputCount);
  }

  /** Numbers of the rows, in order, so many at a time. */
  *rowNumbers(most = ROWS_AT_ONCE): Generator<Uint32Array> {
    const { of } = this.#known.roles;
    let found = new Uint32Array(most);
    let count = 0;
    for (let row = 0; row < of.length; row += 1) {
      if (!isHeldBack(of[row] ?? HOLDOUT)) continue;
      found[count] = row;
      count += 1;
      if (count < most) continue;
      yield found;
      found = new Uint32Array(most);
      count = 0;
    }
    if (count > 0) yield found.subarray(0, count);
  }

  async *blocks(): AsyncGenerator<OutOfFold> {
    const { foldCount, outputCount, isByDate } = this.facts;
    const { roles, rows: known } = this.#known;
    let from = 0;
    for (const rows of this.rowNumbers(blockRowsOf(this.facts))) {
      const to = from + rows.length;
      yield await Promise.resolve({
        rows,
        partitions: partitionsOf(rows, roles),
        foldCount,
        ...(isByDate === undefined ? {} : { isByDate }),
        classes: known.classes === null ? null : classesOf(rows, known.classes),
        values: known.values === null ? null : numbersOf(rows, known.values),
        weights: known.weights === null ? null : numbersOf(rows, known.weights),
        outputCount,
        predictions: this.predictions.subarray(from * outputCount, to * outputCount),
      });
      from = to;
    }
  }

  *rowBytes(): Generator<Uint8Array> {
    const { roles, rows: known } = this.#known;
    const { classes, values, weights } = known;
    yield headerBytes(this.facts);
    yield* this.#section((rows) => bytesOf(rows));
    yield* this.#section((rows) => new Uint8Array(partitionsOf(rows, roles).buffer));
    if (classes !== null) yield* this.#section((rows) => bytesOf(classesOf(rows, classes)));
    for (const numbers of [values, weights])
      if (numbers !== null) yield* this.#section((rows) => bytesOf(numbersOf(rows, numbers)));
  }

  *#section(bytesOfRows: (rows: Uint32Array) => Uint8Array): Generator<Uint8Array> {
    let length = 0;
    for (const rows of this.rowNumbers()) {
      const bytes = bytesOfRows(rows);
      length += bytes.length;
      yield bytes;
    }
    const padding = paddingAfter(length);
    if (padding > 0) yield new Uint8Array(padding);
  }

  async whole(): Promise<OutOfFold> {
    const collected = new Collected(this.facts);
    for await (const block of this.blocks()) collected.add(block);
    return collected.data;
  }
}

const partitionsOf = (rows: Uint32Array, { of }: Pick<RowRoles, 'of'>): Int8Array =>
  Int8Array.from(rows, (row) => of[row] ?? HOLDOUT);

const classesOf = (rows: Uint32Array, classes: ArrayLike<number>): Int32Array =>
  Int32Array.from(rows, (row) => classes[row] ?? -1);

const numbersOf = (rows: Uint32Array, values: Float64Array): Float64Array =>
  Float64Array.from(rows, (row) => values[row] ?? NaN);

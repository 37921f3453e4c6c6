import type { Column, ColumnRequest, StoredColumn } from '#contracts';
import { AppError } from '#contracts';
import type { NativeColumn } from '../duckdb.ts';
import { numberSql, textSql } from './column-sql.ts';
import { DictionaryBuilder } from './dictionary.ts';
import { TextCache } from './text-cache.ts';

/** Reads one requested column of a stream of chunks into batches. */
export interface ColumnReader {
  /** SQL of what the stream has to give: DOUBLE or VARCHAR. */
  readonly sql: string;
  /** Called once for each chunk, before its rows are read. */
  startChunk(column: NativeColumn): void;
  /** Rows [from, from + count) of the chunk become batch rows [at, at + count). */
  read(from: number, count: number, at: number): void;
  /** The first `rowCount` rows of the batch. Its arrays are used again for the next one. */
  batch(rowCount: number): Column;
}

/** @throws INTERNAL for the number view of a category of texts */
export function columnReader(stored: StoredColumn, request: ColumnRequest, batchRows: number): ColumnReader {
  const { name, storage, position } = stored;
  switch (request.view) {
    case 'number':
      return numberReader(name, numberSql(stored), batchRows);
    case 'dictionary':
      if (storage === 'float64') return doubleDictionaryReader(name, `c${position}`, batchRows);
      return dictionaryReader(name, textSql(stored), batchRows);
    case 'text':
      if (storage === 'float64') return doubleTextReader(name, `c${position}`, batchRows);
      return textReader(name, textSql(stored), batchRows);
  }
}

function numberReader(name: string, sql: string, batchRows: number): ColumnReader {
  const values = new Float64Array(batchRows);
  let column: NativeColumn | null = null;
  return {
    sql,
    startChunk: (next) => {
      column = next;
    },
    read: (from, count, at) => {
      if (column === null) return;
      const { validity } = column;
      const doubles = doublesOf(column);
      values.set(from === 0 && count === doubles.length ? doubles : doubles.subarray(from, from + count), at);
      if (validity !== null) fillMissing(validity, from, count, values, at);
    },
    batch: (rowCount) => ({ view: 'number', name, values: values.subarray(0, rowCount) }),
  };
}

/** NaN where the validity bit is 0; whole words of valid rows are skipped. */
function fillMissing(validity: Uint32Array, from: number, count: number, values: Float64Array, at: number): void {
  const end = from + count;
  for (let row = from; row < end;) {
    const word = validity[row >>> 5] ?? 0;
    if ((row & 31) === 0 && word === 0xffffffff) {
      row += 32;
      continue;
    }
    if ((word & (1 << (row & 31))) === 0) values[at + row - from] = NaN;
    row += 1;
  }
}

function dictionaryReader(name: string, sql: string, batchRows: number): ColumnReader {
  const codes = new Int32Array(batchRows);
  const builder = new DictionaryBuilder();
  let column: NativeColumn | null = null;
  return {
    sql,
    startChunk: (next) => {
      column = next;
    },
    read: (from, count, at) => {
      if (column !== null) builder.encode(column, from, count, codes, at);
    },
    batch: (rowCount) => ({
      view: 'dictionary',
      name,
      codes: codes.subarray(0, rowCount),
      dictionary: builder.dictionary,
    }),
  };
}

function doubleDictionaryReader(name: string, sql: string, batchRows: number): ColumnReader {
  const codes = new Int32Array(batchRows);
  const dictionary: string[] = [];
  // A Map takes 0 and -0 for one key and finds NaN: their texts are 0, 0 and NaN too.
  const known = new Map<number, number>();
  let column: NativeColumn | null = null;
  return {
    sql,
    startChunk: (next) => {
      column = next;
    },
    read: (from, count, at) => {
      if (column === null) return;
      const doubles = doublesOf(column);
      for (let i = 0; i < count; i += 1) {
        if (!isValid(column.validity, from + i)) {
          codes[at + i] = -1;
          continue;
        }
        const value = doubles[from + i] ?? NaN;
        let code = known.get(value);
        if (code === undefined) {
          code = dictionary.length;
          dictionary.push(String(value));
          known.set(value, code);
        }
        codes[at + i] = code;
      }
    },
    batch: (rowCount) => ({ view: 'dictionary', name, codes: codes.subarray(0, rowCount), dictionary }),
  };
}

function textReader(name: string, sql: string, batchRows: number): ColumnReader {
  const cache = new TextCache();
  return textReaderOf(name, sql, batchRows, (column, row) => cache.text(column, row));
}

function doubleTextReader(name: string, sql: string, batchRows: number): ColumnReader {
  return textReaderOf(name, sql, batchRows, (column, row) =>
    isValid(column.validity, row) ? String(doublesOf(column)[row]) : null,
  );
}

function textReaderOf(
  name: string,
  sql: string,
  batchRows: number,
  textOf: (column: NativeColumn, row: number) => string | null,
): ColumnReader {
  const values: (string | null)[] = new Array<string | null>(batchRows).fill(null);
  let column: NativeColumn | null = null;
  return {
    sql,
    startChunk: (next) => {
      column = next;
    },
    read: (from, count, at) => {
      if (column === null) return;
      for (let i = 0; i < count; i += 1) values[at + i] = textOf(column, from + i);
    },
    batch: (rowCount) => ({ view: 'text', name, values: rowCount === batchRows ? values : values.slice(0, rowCount) }),
  };
}

function isValid(validity: Uint32Array | null, row: number): boolean {
  return validity === null || ((validity[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0;
}

function doublesOf(column: NativeColumn): Float64Array {
  if (column.doubles === null) throw new AppError('INTERNAL', 'Numbers were asked for of a column that has none');
  return column.doubles;
}

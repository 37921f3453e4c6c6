import type { BatchSource, Column, ColumnBatch, ColumnRequest, RowSpan } from '#contracts';

export interface CachedSourceOptions {
  /** Of all kept columns together; a column that would go above it is streamed each time. */
  readonly bytesMax: number;
  /** Rows of the batches given from memory. @default 65,536 */
  readonly batchRows?: number;
}

const BATCH_ROWS = 65_536;
const LOADED_COLUMNS = 256;
/** A JavaScript string beside its characters, and its place in an array. */
const STRING_BYTES = 32;

/** A source that remembers what was read. */
export interface CachedSource extends BatchSource {
  /** Bytes held, as counted (typed arrays exactly, strings by length). */
  readonly cachedBytes: number;
  /** Forgets all. */
  close(): void;
}

/**
 * Decodes each requested column once and gives it from memory afterwards, so that many tasks on one dataset do not
 * decode it again. When the requested columns do not fit beside what is kept, the least recently used columns make
 * room; a request that cannot fit at all is streamed from the source and nothing of it is kept.
 *
 * Unlike those of a stream, the arrays given are views of what is kept: they must not be written to.
 */
export function cachedSource(source: BatchSource, options: CachedSourceOptions): CachedSource {
  const kept = new Map<string, Kept>();
  let cachedBytes = 0;
  let loading: Promise<unknown> = Promise.resolve();
  const drop = (key: string): void => {
    cachedBytes -= kept.get(key)?.bytes ?? 0;
    kept.delete(key);
  };

  /** The requested columns from memory, or null when they do not fit. */
  const load = async (
    request: readonly ColumnRequest[],
    signal: AbortSignal | undefined,
  ): Promise<readonly Kept[] | null> => {
    const found = (): readonly Kept[] =>
      request.map((column) => kept.get(keyOf(column))).filter((column) => column !== undefined);
    const wanted = new Map(request.map((column) => [keyOf(column), column]));
    // Used columns move to the end: the map's order is the order of use.
    for (const key of wanted.keys()) {
      const used = kept.get(key);
      if (used === undefined) continue;
      kept.delete(key);
      kept.set(key, used);
    }
    const missing = [...wanted].filter(([key]) => !kept.has(key));
    if (missing.length === 0) return found();
    const held = [...wanted.keys()].reduce((sum, key) => sum + (kept.get(key)?.bytes ?? 0), 0);
    const read: Kept[] = [];
    let added = 0;
    // Some columns at a time: native memory grows with the width of a read.
    for (let from = 0; from < missing.length; from += LOADED_COLUMNS) {
      const some = missing.slice(from, from + LOADED_COLUMNS).map(([, column]) => column);
      const columns = await collect(source, some, options.bytesMax - held - added, signal);
      if (columns === null) return null;
      read.push(...columns);
      added += columns.reduce((sum, column) => sum + column.bytes, 0);
    }
    for (const key of [...kept.keys()]) {
      if (cachedBytes + added <= options.bytesMax) break;
      if (!wanted.has(key)) drop(key);
    }
    missing.forEach(([key], index) => {
      const column = read[index];
      if (column !== undefined) kept.set(key, column);
    });
    cachedBytes += added;
    return found();
  };

  return {
    rowCount: source.rowCount,
    get cachedBytes() {
      return cachedBytes;
    },
    close: () => {
      kept.clear();
      cachedBytes = 0;
    },
    batches: async function* (request, signal, wanted) {
      // One load at a time: two tasks that ask for the same columns decode them once.
      const turn = loading.then(() => load(request, signal));
      loading = turn.catch(() => undefined);
      const columns = await turn;
      if (columns === null) yield* source.batches(request, signal, wanted);
      else yield* slices(columns, wanted ?? { from: 0, to: source.rowCount }, options.batchRows ?? BATCH_ROWS, signal);
    },
  };
}

interface Kept {
  readonly bytes: number;
  slice(from: number, to: number): Column;
}

function keyOf(column: ColumnRequest): string {
  return `${column.view} ${column.name}`;
}

function* slices(
  columns: readonly Kept[],
  { from, to }: RowSpan,
  batchRows: number,
  signal: AbortSignal | undefined,
): Generator<ColumnBatch> {
  for (let firstRow = from; firstRow < to; firstRow += batchRows) {
    signal?.throwIfAborted();
    const end = Math.min(firstRow + batchRows, to);
    yield { firstRow, rowCount: end - firstRow, columns: columns.map((column) => column.slice(firstRow, end)) };
  }
}

/** Of a text, beside the text: its place in the list. */
const TEXT_CELL_BYTES = 8;

/** Rows after which it is told from their texts whether those of all rows fit. */
const PROJECTED_ROWS = 10_000;

/** Reads columns whole; null as soon as they are known not to fit into `bytesMax`, or must be expected not to. */
async function collect(
  source: BatchSource,
  request: readonly ColumnRequest[],
  bytesMax: number,
  signal: AbortSignal | undefined,
): Promise<readonly Kept[] | null> {
  const rows = source.rowCount;
  const fixed = request.reduce((sum, { view }) => sum + rows * (view === 'dictionary' ? 4 : 8), 0);
  if (fixed > bytesMax) return null;
  const collectors = request.map((column) => collector(column, rows));
  for await (const batch of source.batches(request, signal)) {
    batch.columns.forEach((column, index) => collectors[index]?.add(column, batch.firstRow));
    const seen = batch.firstRow + batch.rowCount;
    const left = seen < PROJECTED_ROWS ? 0 : rows / seen - 1;
    // What is collected in vain is garbage of that size, and the table is read once more. Dictionaries grow less and less.
    const bytes = collectors.reduce((sum, one, index) => {
      const isText = request[index]?.view === 'text';
      return sum + one.bytes + (isText ? left * (one.bytes - rows * TEXT_CELL_BYTES) : 0);
    }, 0);
    if (bytes > bytesMax) return null;
  }
  return collectors;
}

interface Collector extends Kept {
  add(column: Column, firstRow: number): void;
}

function collector({ name, view }: ColumnRequest, rows: number): Collector {
  switch (view) {
    case 'number': {
      const values = new Float64Array(rows);
      return {
        bytes: values.byteLength,
        add: (column, firstRow) => {
          if (column.view === 'number') values.set(column.values, firstRow);
        },
        slice: (from, to) => ({ view, name, values: values.subarray(from, to) }),
      };
    }
    case 'dictionary': {
      const codes = new Int32Array(rows);
      let dictionary: readonly string[] = [];
      let counted = 0;
      let textBytes = 0;
      return {
        get bytes() {
          return codes.byteLength + textBytes;
        },
        add: (column, firstRow) => {
          if (column.view !== 'dictionary') return;
          codes.set(column.codes, firstRow);
          dictionary = column.dictionary;
          for (; counted < dictionary.length; counted += 1) textBytes += stringBytes(dictionary[counted]);
        },
        slice: (from, to) => ({ view, name, codes: codes.subarray(from, to), dictionary }),
      };
    }
    case 'text': {
      const values: (string | null)[] = [];
      let bytes = rows * TEXT_CELL_BYTES;
      return {
        get bytes() {
          return bytes;
        },
        add: (column) => {
          if (column.view !== 'text') return;
          for (const text of column.values) {
            values.push(text);
            bytes += stringBytes(text);
          }
        },
        slice: (from, to) => ({ view, name, values: values.slice(from, to) }),
      };
    }
  }
}

function stringBytes(text: string | null | undefined): number {
  return typeof text === 'string' ? STRING_BYTES + text.length * 2 : 0;
}

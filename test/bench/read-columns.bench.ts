/**
 * What it costs to get columns out of a snapshot: `node --expose-gc test/bench/read-columns.bench.ts [rows]`.
 * Prints CPU time of the whole process (all threads) a value, the median of the rounds; exits 1 where a budget is
 * missed. Figures and what follows from them: `docs/adr/0002-duckdb-columns.md`.
 */
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { once } from 'node:events';
import { cpus } from 'node:os';
import type { BatchSource, ColumnRequest, StoredTable } from '#contracts';
import { cachedSource } from '#tables';
import { TableLab } from '../support/tables.ts';

const ROWS = Number(process.argv[2] ?? 400_000);
const ROUNDS = 5;
const NUMBERS = 10;
/** A column is read so many times at once: the cost of a chunk (a promise, some objects) is not a column's. */
const COPIES = 4;
/** The dictionary view of 30 short texts, against native vectors of the same columns that nobody looks at. */
const DICTIONARY_RATIO_MAX = 2.5;
/** Batches of checked, copied values, against native vectors of the same columns that nobody looks at. */
const GUARD_RATIO_MAX = 2;

const TEXTS: Readonly<Record<string, (row: number) => string>> = {
  short30: (row) => `k${(row * 7919) % 30}`,
  short2000: (row) => `code ${(row * 7919) % 2_000}`,
  shortUnique: (row) => `id${row}`,
  long30: (row) => `a category with a long name ${(row * 7919) % 30}`,
  long2000: (row) => `a category with a long name ${(row * 7919) % 2_000}`,
  longUnique: (row) => `a unique text of some length ${row}`,
};

const lab = await TableLab.open(1_000_000_000, 1);
try {
  await main();
} finally {
  await lab.close();
}

async function main(): Promise<void> {
  console.log(`${ROWS} rows, DuckDB on one thread, Node ${process.version}, ${cpus().length} cores; CPU of the process, median of ${ROUNDS}`); // prettier-ignore
  const csv = lab.at('in', 'bench.csv');
  await writeCsv(csv);
  const csvBytes = (await stat(csv)).size;
  const [table, ingestSeconds] = await timed(async () => (await lab.ingestFile(csv, 'bench.csv')).table);
  const columnCount = table.columns.length;
  line('ingest (scan, infer, write, compare, hash)', (ingestSeconds * 1e9) / (ROWS * columnCount), `${(csvBytes / 1e6 / ingestSeconds).toFixed(0)} MB csv per CPU second`); // prettier-ignore

  const numbers = Array.from({ length: NUMBERS }, (_, i) => `n${i}`);
  const source = lab.source(table);
  await drain(source, request(numbers, 'number'));
  const guarded = await measure(`${NUMBERS} number columns (twins)`, NUMBERS, () => drain(source, request(numbers, 'number'))); // prettier-ignore
  const bare = await measure('  unguarded, vectors fetched and left', NUMBERS, () => stream(table, numbers.map((name) => `v${positionOf(table, name)}`))); // prettier-ignore
  await measure('  integers', NUMBERS, () => drain(source, request(numbers.map((_, i) => `i${i}`), 'number'))); // prettier-ignore
  const cached = cachedSource(source, { bytesMax: 1e9 });
  await drain(cached, request(numbers, 'number'));
  await measure('  from a cached source', NUMBERS, () => drain(cached, request(numbers, 'number')));

  let ratio = 0;
  for (const name of Object.keys(TEXTS)) {
    const dictionary = await measure(`${name}: dictionary view`, COPIES, () =>
      drain(source, request(copies(name), 'dictionary')),
    );
    await measure('  text view and a Map', COPIES, () => lookUp(source, name));
    await measure('  text view', COPIES, () => drain(source, request(copies(name), 'text')));
    const column = `c${positionOf(table, name)}`;
    await measure('  enum made by SQL (once), enum_code', COPIES, () => enumCodes(table, column));
    const decoded = await measure('  decoded, not looked at', COPIES, () => stream(table, copies(column)));
    if (name === 'short30') ratio = dictionary / decoded;
  }

  const tooSlow = [
    ratio > DICTIONARY_RATIO_MAX ? `dictionary view takes ${ratio.toFixed(2)} of bare decoding, budget ${DICTIONARY_RATIO_MAX}` : '', // prettier-ignore
    guarded / bare > GUARD_RATIO_MAX ? `guarded numbers take ${(guarded / bare).toFixed(2)} of bare ones` : '',
  ].filter((text) => text !== '');
  for (const text of tooSlow) console.error(text);
  if (tooSlow.length > 0) process.exitCode = 1;
}

async function writeCsv(file: string): Promise<void> {
  const out = createWriteStream(file);
  const numbers = Array.from({ length: NUMBERS }, (_, i) => i);
  const names = [...numbers.map((i) => `n${i}`), ...numbers.map((i) => `i${i}`), ...Object.keys(TEXTS)];
  out.write(`${names.join(',')}\n`);
  for (let row = 0; row < ROWS; row += 1) {
    const cells = [
      ...numbers.map((i) => ((row * (i + 3) * 0.618) % 1000).toFixed(4)),
      ...numbers.map((i) => String((row * (2 * i + 1)) % 100_003)),
      ...Object.values(TEXTS).map((text) => text(row)),
    ];
    if (!out.write(`${cells.join(',')}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
}

function copies(name: string): string[] {
  return new Array<string>(COPIES).fill(name);
}

function request(names: readonly string[], view: ColumnRequest['view']): ColumnRequest[] {
  return names.map((name) => ({ name, view }));
}

function positionOf(table: StoredTable, name: string): number {
  return table.columns.findIndex((column) => column.name === name);
}

async function drain(source: BatchSource, columns: readonly ColumnRequest[]): Promise<void> {
  let seen = 0;
  for await (const batch of source.batches(columns)) seen += batch.rowCount;
  if (seen !== ROWS) throw new Error(`read ${seen} rows`);
}

async function lookUp(source: BatchSource, name: string): Promise<void> {
  const codes = new Map<string | null, number>();
  const out = new Int32Array(ROWS);
  for await (const { columns, firstRow } of source.batches(request(copies(name), 'text'))) {
    for (const column of columns) {
      if (column.view !== 'text') throw new Error('not a text');
      column.values.forEach((text, i) => {
        let code = codes.get(text);
        if (code === undefined) codes.set(text, (code = codes.size));
        out[firstRow + i] = code;
      });
    }
  }
}

function fileOf(table: StoredTable): string {
  return `'${lab.at('store', table.files[0]?.path ?? '')}'`;
}

async function stream(table: StoredTable, columns: readonly string[]): Promise<void> {
  for await (const chunk of lab.duckdb.stream(`SELECT ${columns.join(', ')} FROM read_parquet(${fileOf(table)})`)) {
    columns.forEach((_, index) => chunk.column(index));
  }
}

async function enumCodes(table: StoredTable, column: string): Promise<void> {
  const from = `FROM read_parquet(${fileOf(table)})`;
  await lab.duckdb.execute(`CREATE TYPE e AS ENUM (SELECT DISTINCT ${column} ${from})`);
  const codes = copies(column).map((name) => `enum_code(TRY_CAST(${name} AS e))::DOUBLE`);
  for await (const chunk of lab.duckdb.stream(`SELECT ${codes.join(', ')} ${from}`)) {
    codes.forEach((_, index) => chunk.column(index));
  }
  await lab.duckdb.execute('DROP TYPE e');
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return [result, (user + system) / 1e6];
}

/** CPU nanoseconds a value. */
async function measure(label: string, columns: number, work: () => Promise<void>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    globalThis.gc?.();
    rounds.push((await timed(work))[1]);
  }
  rounds.sort((a, b) => a - b);
  const nanos = ((rounds[ROUNDS >> 1] ?? NaN) * 1e9) / (ROWS * columns);
  line(label, nanos, '');
  return nanos;
}

function line(label: string, nanos: number, more: string): void {
  console.log(`${label.padEnd(48)} ${nanos.toFixed(1).padStart(8)} ns/value  ${more}`);
}

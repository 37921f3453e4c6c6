import { AppError } from '#contracts';
import { insertRows, type Queryable } from './dialect.ts';
import type { Transaction } from './database.ts';
import { rowsOf } from './records.ts';
import { inReferenceOrder, readTables, type TableFacts } from './schema-facts.ts';

/**
 * What says who is alive and logged in now; it means nothing in another life of the installation. `schema_version` is a
 * fact of the database that is written to.
 */
const LEFT_OUT: readonly string[] = [
  ...['schema_version', 'simulated_clock'],
  ...['sessions', 'idempotency_keys', 'leader', 'worker', 'prediction_servers'],
  ...['yarn_application', 'yarn_container', 'yarn_node'],
];

/** Rows as the databases agree on them: integers and doubles are JSON numbers, everything else is text. */
export type DumpRow = Readonly<Record<string, string | number | null>>;

/** A page of a table: one JSON object a line, each line ended. */
export interface DumpPage {
  readonly text: string;
  readonly rowCount: number;
}

/** Rows of the first page, and of the largest. */
const PAGE_ROWS = 50;
const PAGE_ROWS_MAX = 1_000;
/** A page above this many characters is followed by smaller ones, one below a quarter by larger ones. */
const PAGE_CHARS = 4 * 1024 * 1024;
/** Rows are written in statements of about this many characters at most. */
const STATEMENT_CHARS = 4 * 1024 * 1024;

/** The tables that a dump holds, each after those that it refers to; taken from the database, not from a list. */
export async function dumpedTables(db: Queryable): Promise<TableFacts[]> {
  return inReferenceOrder(await readTables(db)).filter(({ name }) => !LEFT_OUT.includes(name));
}

/** All rows of a table by its primary key, in pages of bounded size. In a snapshot, so that all pages fit together. */
export async function* dumpTable(db: Queryable, table: TableFacts): AsyncGenerator<DumpPage> {
  let after: readonly (string | number)[] | null = null;
  for (let limit = PAGE_ROWS; ;) {
    const rows: DumpRow[] = await rowsOf<DumpRow>(pageQuery(db, table, after, limit));
    const last = rows.at(-1);
    if (last === undefined) return;
    const text = rows.map((row) => lineOf(table, row)).join('');
    yield { text, rowCount: rows.length };
    if (rows.length < limit) return;
    after = table.primaryKey.map((name) => last[name] ?? '');
    if (text.length > PAGE_CHARS) limit = Math.max(1, Math.floor(limit / 2));
    else if (text.length < PAGE_CHARS / 4) limit = Math.min(PAGE_ROWS_MAX, limit * 2);
  }
}

function pageQuery(
  { knex }: Queryable,
  { name, primaryKey }: TableFacts,
  after: readonly (string | number)[] | null,
  limit: number,
) {
  const query = knex(name)
    .orderBy([...primaryKey])
    .limit(limit);
  if (after === null) return query;
  const names = primaryKey.map(() => '??').join(', ');
  const values = primaryKey.map(() => '?').join(', ');
  return query.whereRaw(`(${names}) > (${values})`, [...primaryKey, ...after]);
}

/** @throws INTERNAL for a value that would not come back as it is */
function lineOf(table: TableFacts, row: DumpRow): string {
  for (const [name, value] of Object.entries<unknown>(row)) {
    const isPlain = value === null || typeof value === 'string' || Number.isFinite(value);
    if (!isPlain) throw new AppError('INTERNAL', `${table.name}.${name} holds a value that a dump cannot carry`);
  }
  return `${JSON.stringify(row)}\n`;
}

/** Deletes what is in a table and writes `lines` of a dump. @throws BACKUP_INVALID for a line that is no row of it */
export async function loadTable(trx: Transaction, table: TableFacts, lines: AsyncIterable<string>): Promise<number> {
  await trx.knex(table.name).delete();
  const names = new Set(table.columns.map(({ name }) => name));
  let rows: DumpRow[] = [];
  let chars = 0;
  let rowCount = 0;
  const flush = async () => {
    await insertRows(trx, table.name, rows);
    rows = [];
    chars = 0;
  };
  for await (const line of lines) {
    rowCount += 1;
    rows.push(rowOf(table.name, names, line, rowCount));
    chars += line.length;
    if (rows.length >= trx.dialect.insertRowsMax || chars >= STATEMENT_CHARS) await flush();
  }
  await flush();
  return rowCount;
}

function rowOf(table: string, names: ReadonlySet<string>, line: string, lineNumber: number): DumpRow {
  const invalid = (what: string, cause?: unknown) =>
    new AppError('BACKUP_INVALID', `table ${table}, line ${lineNumber}: ${what}`, { cause });
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (err) {
    throw invalid('expected a JSON object', err);
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw invalid('expected a JSON object');
  for (const [name, value] of Object.entries(row)) {
    if (!names.has(name)) throw invalid(`the schema has no column ${JSON.stringify(name)}`);
    if (value !== null && typeof value !== 'string' && typeof value !== 'number')
      throw invalid(`${name}: expected text, a number or null`);
  }
  return row as DumpRow; // each of its values has just been looked at
}

import type { Knex } from 'knex';

/** The databases that the store speaks. */
export const DIALECT_NAMES = ['sqlite', 'postgres'] as const;
export type DialectName = (typeof DIALECT_NAMES)[number];

/** Where the store's time comes from: the database's clock, or the row of `simulated_clock` that a simulator moves. */
export type ClockSource = 'system' | 'simulated';

/**
 * Everything in which the databases differ. Common rules: times are integer milliseconds since 1970 in columns of
 * `bigInteger`, JSON is text, booleans are the integers 0 and 1, ids are text compared byte by byte.
 */
export interface Dialect {
  readonly name: DialectName;
  /** SQL of the database's time now, an integer; one value per statement, and usable in index conditions. */
  readonly now: string;
  /** Ends a `select` whose rows this transaction will change; other transactions pass over them. '' where one writes at a time. */
  readonly forUpdateSkipLocked: string;
  /** Ends a `select` whose rows this transaction will change; other transactions wait for it. */
  readonly forUpdate: string;
  /** Rows that one insert statement may carry. */
  readonly insertRowsMax: number;
  /** SQL that makes this transaction the only one that migrates, or null where a transaction is alone anyway. */
  readonly migrationLock: string | null;
  /** The same without waiting: `locked` says whether it is so now. */
  readonly tryMigrationLock: string | null;
  /** SQL that makes this transaction the only one that begins a group of tasks, without waiting: `locked` says whether it is. */
  readonly tryGroupLock: string | null;
  /** Rows of a raw statement's answer. */
  rowsOf(answer: unknown): Record<string, unknown>[];
}

const SIMULATED_NOW = '(select now_ms from simulated_clock)';

/** Any numbers; the same in every version, so that old and new replicas exclude each other. */
const MIGRATION_LOCK_KEY = 7_218_410;
const GROUP_LOCK_KEY = 7_218_411;

const sqlite = (clock: ClockSource): Dialect => ({
  name: 'sqlite',
  now: clock === 'simulated' ? SIMULATED_NOW : `cast(unixepoch('now', 'subsec') * 1000 as integer)`,
  forUpdateSkipLocked: '',
  forUpdate: '',
  insertRowsMax: 200,
  migrationLock: null,
  tryMigrationLock: null,
  tryGroupLock: null,
  rowsOf: (answer) => answer as Record<string, unknown>[], // better-sqlite3 answers a reading statement with its rows
});

const postgres = (clock: ClockSource): Dialect => ({
  name: 'postgres',
  // As a sub-query the volatile clock is read once per statement, and its value may be looked up in an index.
  now: clock === 'simulated' ? SIMULATED_NOW : '(select floor(extract(epoch from clock_timestamp()) * 1000)::bigint)',
  forUpdateSkipLocked: 'for update skip locked',
  forUpdate: 'for update',
  insertRowsMax: 1000,
  migrationLock: `select pg_advisory_xact_lock(${MIGRATION_LOCK_KEY})`,
  tryMigrationLock: `select pg_try_advisory_xact_lock(${MIGRATION_LOCK_KEY}) as locked`,
  tryGroupLock: `select pg_try_advisory_xact_lock(${GROUP_LOCK_KEY}) as locked`,
  rowsOf: (answer) => (answer as { rows: Record<string, unknown>[] }).rows, // pg answers with a result object
});

/** The dialect of a name. */
export function dialectOf(name: DialectName, clock: ClockSource): Dialect {
  return name === 'sqlite' ? sqlite(clock) : postgres(clock);
}

/** A knex connection or transaction with its dialect: what every function of the store takes first. */
export interface Queryable {
  readonly knex: Knex;
  readonly dialect: Dialect;
}

/** The database's clock as an expression of a statement: milliseconds since 1970. */
export function now({ knex, dialect }: Queryable, plusMs = 0): Knex.Raw {
  return plusMs === 0 ? knex.raw(dialect.now) : knex.raw(`(${dialect.now} + ?)`, [Math.round(plusMs)]);
}

/** Reads the database's clock, milliseconds since 1970. */
export async function readClock(db: Queryable): Promise<number> {
  const rows = await rawRows(db, `select ${db.dialect.now} as now_ms`);
  return Number(rows[0]?.['now_ms']);
}

/** Rows of a raw statement whose columns are those of R. */
export async function rawRows<R = Record<string, unknown>>(
  { knex, dialect }: Queryable,
  sql: string,
  bindings: readonly (string | number | null)[] = [],
): Promise<R[]> {
  return dialect.rowsOf(await knex.raw(sql, [...bindings])) as R[]; // the columns that the caller's statement names
}

/** Inserts rows in statements of the dialect's size, in order. */
export async function insertRows(
  { knex, dialect }: Queryable,
  table: string,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  for (let start = 0; start < rows.length; start += dialect.insertRowsMax) {
    await knex(table).insert(rows.slice(start, start + dialect.insertRowsMax));
  }
}

/** Inserts a row unless one with the same unique key is there; true when it was inserted. */
export async function insertOrIgnore(
  { knex }: Queryable,
  table: string,
  row: Readonly<Record<string, unknown>>,
  conflictColumns: readonly string[],
): Promise<boolean> {
  const inserted: unknown[] = await knex(table)
    .insert(row)
    .onConflict([...conflictColumns])
    .ignore()
    .returning([...conflictColumns]);
  return inserted.length === 1;
}

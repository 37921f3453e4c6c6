import { EventEmitter } from 'node:events';
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type SqliteDatabase from 'better-sqlite3';
import createKnex, { type Knex } from 'knex';
import { TypeOverrides } from 'pg';
import { AppError, isAppError, toAppError } from '#contracts';
import type { Logger } from '#runtime';
import { PostgresClient, SqliteClient, transactionScope, type TransactionScope } from './clients.ts';
import { databaseCode, isTransactionConflict, translateDatabaseError } from './database-errors.ts';
import { dialectOf, rawRows, type ClockSource, type Dialect, type DialectName, type Queryable } from './dialect.ts';

/** `config.database` of the configuration fits. */
export interface DatabaseOptions {
  readonly client: DialectName;
  /** SQLite file, or `:memory:`. */
  readonly file: string;
  /** `postgres://user:password@host:port/name`. */
  readonly url: string;
  readonly poolMax: number;
  readonly statementTimeoutMs: number;
  /** How long an unreachable database is tried for at the start. @default 30_000 */
  readonly startTimeoutMs?: number;
  /** @default 'system' */
  readonly clock?: ClockSource;
  /**
   * Nothing can be written, and each transaction sees the database as of one moment without holding up anybody who
   * writes. An SQLite file must exist. @default false
   */
  readonly readOnly?: boolean;
  readonly logger?: Logger;
}

/** An open transaction. Every statement in it must go through this value, never through the database. */
export interface Transaction extends Queryable {
  readonly knex: Knex.Transaction;
  /** Tells the listeners of this process once the transaction is durable; nobody when it is rolled back. */
  signal(name: SignalName, key: string): void;
}

/** News among the parts of one process. Other replicas see the same by looking at the database now and then. */
export const SIGNAL_NAMES = ['task-ready', 'job-ended'] as const;
export type SignalName = (typeof SIGNAL_NAMES)[number];

export interface TransactionOptions {
  /**
   * What it reads stays true until it ends: when another transaction has changed a row that this one changes, `fn` runs
   * again and reads anew. On SQLite that is always so. @default false
   */
  readonly snapshot?: boolean;
}

/** A database: statements outside of transactions go through `knex`, each is its own transaction. */
export interface Database extends Queryable {
  readonly dialect: Dialect;
  /**
   * Runs `fn` in one transaction: committed when its promise resolves, rolled back when it rejects. After a deadlock
   * or a serialisation failure `fn` runs again, so it must have no effects but statements. Calling it, or using
   * `knex` of the database, inside of `fn` is refused: on SQLite it would wait for itself for ever.
   *
   * @throws DATABASE_UNAVAILABLE when nobody answers; the commit may then have happened or not
   */
  transaction<T>(fn: (trx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Calls `listener` with the key of each signal; returns what ends that. `listener` must not throw. */
  listen(name: SignalName, listener: (key: string) => void): () => void;
  /** Waits for open statements and closes all connections. */
  close(): Promise<void>;
}

const TRANSACTION_TRIES_MAX = 5;
const START_POLL_MS = 200;
const CONNECT_TIMEOUT_MS = 5_000;
/** A client-side limit a little beyond the server's, for peers that vanished without a word. */
const ANSWER_GRACE_MS = 5_000;
const SILENT = { warn: ignore, error: ignore, deprecate: ignore, debug: ignore };

function ignore(): void {
  // Knex logs what it also throws; the thrower's caller logs it once.
}

/**
 * Opens a database and waits until it answers. The schema is `migrate`'s business.
 *
 * @throws DATABASE_UNAVAILABLE when it does not answer within `startTimeoutMs`, CONFIG_INVALID for a URL or credentials that are refused
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const identity = Symbol('database');
  const dialect = dialectOf(options.client, options.clock ?? 'system');
  const knex = createKnex({
    ...(options.client === 'sqlite' ? sqliteConfig(options) : postgresConfig(options)),
    // Never the values of a statement in an error's text.
    compileSqlOnError: false,
    asyncStackTraces: false,
    log: SILENT,
    identity,
  } as Knex.Config); // `identity` is ours: `clients.ts` reads it back from the configuration
  const signals = new EventEmitter();
  // One listener for each held request and claim; both are bounded where they are made.
  signals.setMaxListeners(0);
  const database: Database = {
    knex,
    dialect,
    transaction: (fn, { snapshot = false } = {}) =>
      runTransaction({ knex, dialect, identity, signals, readOnly: options.readOnly === true, snapshot }, fn),
    listen(name, listener) {
      signals.on(name, listener);
      return () => void signals.off(name, listener);
    },
    close: () => knex.destroy(),
  };
  try {
    await waitUntilItAnswers(database, options);
    if (options.clock === 'simulated') await installSimulatedClock(database);
  } catch (err) {
    await knex.destroy();
    throw err;
  }
  return database;
}

/**
 * SQLite has one connection: better-sqlite3 is synchronous, so a second one in this process could only wait for the
 * first. `synchronous=FULL`: a commit that was answered survives a power cut. NORMAL is several times faster, but it
 * may lose the last commits, and with them a fence that a worker already holds: the next claim would give it twice.
 */
function sqliteConfig({ file, readOnly = false }: DatabaseOptions): Knex.Config {
  if (file !== ':memory:' && !readOnly) makePrivateFile(file);
  return {
    client: SqliteClient,
    connection: { filename: file, options: { readonly: readOnly } },
    useNullAsDefault: true,
    acquireConnectionTimeout: 60_000,
    pool: {
      min: 1,
      max: 1,
      idleTimeoutMillis: 2 ** 31 - 1,
      afterCreate: (connection: SqliteDatabase.Database, done: (err: Error | null) => void) => {
        if (!readOnly) {
          connection.pragma('journal_mode = WAL');
          connection.pragma('synchronous = FULL');
        }
        connection.pragma('foreign_keys = ON');
        // Other processes are waited for in `clients.ts`, which does not block the event loop.
        connection.pragma('busy_timeout = 20');
        connection.pragma('temp_store = MEMORY');
        done(null);
      },
    },
  };
}

/** The file holds secrets' hashes and users' data: nobody else reads it. SQLite gives its -wal and -shm the same mode. */
function makePrivateFile(file: string): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

const INT8_OID = 20;

function postgresConfig({ url, poolMax, statementTimeoutMs }: DatabaseOptions): Knex.Config {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new AppError('CONFIG_INVALID', 'database.url must begin with postgres:// when database.client is postgres');
  }
  const types = new TypeOverrides();
  types.setTypeParser(INT8_OID, parseSafeInteger);
  return {
    client: PostgresClient,
    connection: {
      connectionString: url,
      statement_timeout: statementTimeoutMs,
      // A frozen app server must not keep its locks.
      idle_in_transaction_session_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'trainyard',
      types,
    } as Knex.PgConnectionConfig, // knex's type lacks `types`, which it hands on to pg
    acquireConnectionTimeout: statementTimeoutMs,
    pool: { min: 0, max: poolMax },
  };
}

/** Counts and times are below 2^53; a value beyond would be altered silently. */
function parseSafeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new AppError('INTERNAL', 'an integer of the database exceeds 2^53');
  return value;
}

interface Parts {
  readonly knex: Knex;
  readonly dialect: Dialect;
  readonly identity: symbol;
  readonly signals: EventEmitter;
  readonly readOnly: boolean;
  readonly snapshot: boolean;
}

/** What transactions ask of PostgreSQL; SQLite has no other isolation, and nobody else writes meanwhile. */
const SNAPSHOT = { isolationLevel: 'repeatable read' } as const;
const READ_ONLY = { ...SNAPSHOT, readOnly: true } as const;

async function runTransaction<T>(
  { knex, dialect, identity, signals, readOnly, snapshot }: Parts,
  fn: (trx: Transaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const scope: TransactionScope = { database: identity, open: true };
    const news: [SignalName, string][] = [];
    try {
      const result = await knex.transaction(
        (trx) =>
          transactionScope.run(scope, () =>
            fn({ knex: trx, dialect, signal: (name, key) => void news.push([name, key]) }),
          ),
        readOnly ? READ_ONLY : snapshot && dialect.name === 'postgres' ? SNAPSHOT : undefined,
      );
      scope.open = false;
      for (const [name, key] of news) signals.emit(name, key);
      return result;
    } catch (err) {
      scope.open = false;
      if (!isTransactionConflict(err) || attempt >= TRANSACTION_TRIES_MAX) throw translateDatabaseError(err);
      await delay(2 ** attempt * 5);
    }
  }
}

async function waitUntilItAnswers(database: Database, options: DatabaseOptions): Promise<void> {
  const deadline = performance.now() + (options.startTimeoutMs ?? 30_000);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await rawRows(database, 'select 1 as one');
      return;
    } catch (err) {
      const unavailable = isAppError(err, 'DATABASE_UNAVAILABLE');
      if (!unavailable) throw startError(err, options);
      if (performance.now() > deadline) throw err;
      if (attempt === 1) options.logger?.warn('database_wait', 'the database does not answer yet', { err });
      await delay(START_POLL_MS);
    }
  }
}

/** Class 28: wrong credentials; class 3D: no such database. */
function startError(err: unknown, { client, file }: DatabaseOptions): AppError {
  const code = databaseCode(err);
  if (client === 'postgres' && /^(28|3D)/.test(code)) {
    return new AppError('CONFIG_INVALID', `database.url: PostgreSQL refuses the connection (${code})`, { cause: err });
  }
  if (client === 'sqlite' && code.startsWith('SQLITE_')) {
    return new AppError('CONFIG_INVALID', `database.file: ${file} cannot be opened as an SQLite database (${code})`, {
      cause: err,
    });
  }
  return toAppError(err);
}

async function installSimulatedClock({ knex }: Database): Promise<void> {
  await knex.raw('create table if not exists simulated_clock (id integer primary key, now_ms bigint not null)');
  await knex('simulated_clock').insert({ id: 1, now_ms: 1_000_000_000_000 }).onConflict(['id']).ignore();
}

/** Moves the simulated clock. Only with `clock: 'simulated'`. */
export async function advanceClock({ knex }: Queryable, byMs: number): Promise<void> {
  await knex('simulated_clock').increment('now_ms', Math.round(byMs));
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type SqliteDatabase from 'better-sqlite3';
import BetterSqlite3Client from 'knex/lib/dialects/better-sqlite3/index.js';
import KnexPostgresClient from 'knex/lib/dialects/postgres/index.js';
import { AppError } from '#contracts';
import { isTransactionConflict, translateDatabaseError } from './database-errors.ts';

/** The transaction that the running asynchronous call chain is in. */
export interface TransactionScope {
  readonly database: symbol;
  open: boolean;
}
export const transactionScope = new AsyncLocalStorage<TransactionScope>();

/** Compiled statements kept per SQLite connection. */
const STATEMENTS_MAX = 500;
/** Longest wait for another process that writes the same SQLite file. */
const BUSY_LIMIT_MS = 10_000;
const BUSY_POLL_MS = 5;
const SCHEMA_CHANGE = /^\s*(create|alter|drop|pragma|vacuum)\b/i;

interface QueryObject {
  sql: string;
  bindings?: readonly unknown[];
  response?: unknown;
  context?: unknown;
}

/**
 * A statement outside of the transaction that its own call chain has open would wait for that transaction's
 * connection for ever (SQLite has one), or silently not be part of it (PostgreSQL). Both are faults of ours.
 */
function refuseInsideTransaction(database: symbol): void {
  const scope = transactionScope.getStore();
  if (scope?.open === true && scope.database === database) {
    throw new AppError('INTERNAL', 'a statement was sent past the open transaction: pass the transaction on');
  }
}

/** Identity of the database that a client belongs to: set by `openDatabase` in knex's configuration. */
function identityOf(client: { config?: unknown }): symbol {
  const { identity } = (client.config ?? {}) as { identity?: symbol }; // `openDatabase` puts it there
  return identity ?? Symbol('unknown');
}

/** Whether a client's connections only read: their transactions take no lock. */
function isReadOnly(client: { config?: unknown }): boolean {
  const { connection } = (client.config ?? {}) as { connection?: { options?: { readonly?: boolean } } }; // `openDatabase` puts it there
  return connection?.options?.readonly === true;
}

/** Knex makes the client of a transaction by `Object.create`, so that state cannot live in private fields. */
const statements = new WeakMap<SqliteDatabase.Database, Map<string, SqliteDatabase.Statement>>();

function compiled(database: SqliteDatabase.Database, sql: string): SqliteDatabase.Statement {
  let known = statements.get(database);
  if (known === undefined) {
    known = new Map();
    statements.set(database, known);
  }
  if (SCHEMA_CHANGE.test(sql)) {
    known.clear();
    return database.prepare(sql);
  }
  let statement = known.get(sql);
  if (statement === undefined) {
    if (known.size >= STATEMENTS_MAX) known.clear();
    statement = database.prepare(sql);
    known.set(sql, statement);
  }
  return statement;
}

/**
 * better-sqlite3 with statements compiled once, write transactions that take their lock at the start (a reader that
 * becomes a writer cannot fail midway), and waiting for other processes without blocking the event loop.
 */
export class SqliteClient extends BetterSqlite3Client {
  override async query(connection: unknown, query: unknown): Promise<unknown> {
    const sql = typeof query === 'string' ? query : (query as QueryObject).sql;
    const begins = sql === 'BEGIN;' && !isReadOnly(this);
    const started = performance.now();
    for (;;) {
      try {
        return await super.query(connection, begins ? 'BEGIN IMMEDIATE;' : query);
      } catch (err) {
        const mayWait = begins || this.transacting !== true;
        if (!mayWait || !isTransactionConflict(err)) throw translateDatabaseError(err);
        if (performance.now() - started > BUSY_LIMIT_MS) {
          throw new AppError('DATABASE_UNAVAILABLE', 'another process holds the SQLite file', { cause: err });
        }
        await delay(BUSY_POLL_MS);
      }
    }
  }

  override async _query(connection: unknown, query: unknown): Promise<unknown> {
    // Knex hands on what `acquireRawConnection` made and the query it has just prepared.
    const database = connection as SqliteDatabase.Database;
    const prepared = query as QueryObject;
    const statement = compiled(database, prepared.sql);
    const bindings = this._formatBindings(prepared.bindings);
    if (statement.reader) {
      prepared.response = statement.all(bindings);
    } else {
      const response = statement.run(bindings);
      prepared.response = response;
      prepared.context = { lastID: response.lastInsertRowid, changes: response.changes };
    }
    return prepared;
  }

  override async acquireConnection(): Promise<unknown> {
    refuseInsideTransaction(identityOf(this));
    try {
      return await super.acquireConnection();
    } catch (err) {
      throw translateDatabaseError(err);
    }
  }
}

/** PostgreSQL with the drivers' errors translated. */
export class PostgresClient extends KnexPostgresClient {
  override async query(connection: unknown, query: unknown): Promise<unknown> {
    try {
      return await super.query(connection, query);
    } catch (err) {
      if (err instanceof Error && err.message.endsWith('Query read timeout')) {
        // The answer may still arrive: this connection must not serve another query. Knex closes disposed ones.
        (connection as { __knex__disposed?: unknown }).__knex__disposed = err;
      }
      throw translateDatabaseError(err);
    }
  }

  override async acquireConnection(): Promise<unknown> {
    refuseInsideTransaction(identityOf(this));
    try {
      return await super.acquireConnection();
    } catch (err) {
      throw translateDatabaseError(err);
    }
  }
}

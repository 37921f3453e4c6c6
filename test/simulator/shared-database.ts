import { AsyncLocalStorage } from 'node:async_hooks';
import type SqliteDatabase from 'better-sqlite3';
import type { Knex } from 'knex';
import { AppError } from '#contracts';
import { migrate, openDatabase, rawRows, SIGNAL_NAMES, type Database, type SignalName } from '#store';
import type { SimulatedProcess } from './process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Where the simulated tables lie. */
export type DatabaseSource = { readonly client: 'sqlite' } | { readonly client: 'postgres'; readonly url: string };

/** What can happen to a statement on its way; asked once before and once after it. */
export interface DatabaseFaults {
  /** Virtual milliseconds until it arrives, or until its answer does. */
  delayMs(): number;
  isAvailable(): boolean;
  /** Whether the answer of a commit that took place is lost. */
  losesAnswer(): boolean;
}

/** Beginning of the simulated clock, milliseconds since 1970; `openDatabase` puts it there. */
export const EPOCH_MS = 1_000_000_000_000;

const insideTransaction = new AsyncLocalStorage<boolean>();

/** Whether the running code has a transaction open, which takes no virtual time. */
export const isInTransaction = (): boolean => insideTransaction.getStore() === true;

/** The parts of a knex client that are wrapped; knex declares them as `any`. */
interface WrappedClient {
  acquireConnection(): Promise<unknown>;
  releaseConnection(connection: unknown): Promise<unknown>;
}

/**
 * One real database that all simulated app servers use, each through a connection of its own that can break. Its clock
 * is the virtual time. A transaction takes no virtual time from its first statement to its commit.
 */
export class SharedDatabase {
  readonly base: Database;
  readonly #time: () => VirtualTime;
  readonly #showTimeInSqlite: SqliteDatabase.Statement | null;
  /** Statements under way. */
  #busy = 0;
  #idle: PromiseWithResolvers<void> | null = null;
  #shownMs = -1;
  #showing: Promise<unknown> = Promise.resolve();

  private constructor(base: Database, sqlite: SqliteDatabase.Database | null, time: () => VirtualTime) {
    this.base = base;
    this.#showTimeInSqlite = sqlite?.prepare('update simulated_clock set now_ms = ?') ?? null;
    this.#time = time;
  }

  /** @param prepare called with the raw SQLite connection before its first use */
  static async open(
    source: DatabaseSource,
    time: () => VirtualTime,
    prepare: (connection: SqliteDatabase.Database) => void,
  ): Promise<SharedDatabase> {
    const base = await openDatabase({
      client: source.client,
      file: ':memory:',
      url: source.client === 'postgres' ? source.url : '',
      poolMax: 10,
      statementTimeoutMs: 30_000,
      clock: 'simulated',
    });
    await migrate(base);
    const sqlite = source.client === 'sqlite' ? await rawConnection(base) : null;
    if (sqlite !== null) prepare(sqlite);
    return new SharedDatabase(base, sqlite, time);
  }

  /** Settled when no statement is under way any more; null: none is. */
  get busy(): Promise<void> | null {
    if (this.#busy === 0) return null;
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** Rows of a statement past all faults, at the present virtual time. */
  async rows<R>(sql: string): Promise<R[]> {
    return this.#counted(async () => {
      await this.#showTime();
      return rawRows<R>(this.base, sql);
    });
  }

  /** The database as one app server sees it. */
  connect(process: SimulatedProcess, faults: DatabaseFaults): Database {
    const { base } = this;
    const listeners = new Map<SignalName, Set<(key: string) => void>>(SIGNAL_NAMES.map((name) => [name, new Set()]));
    const arrive = async () => {
      await process.pass();
      await process.wait(faults.delayMs());
      if (!faults.isAvailable()) throw new AppError('DATABASE_UNAVAILABLE', 'the simulated database is away');
    };
    return {
      knex: this.#knexOf(arrive),
      dialect: base.dialect,
      transaction: async (fn) => {
        await arrive();
        let news: [SignalName, string][] = [];
        const result = await this.#counted(async () => {
          await this.#showTime();
          return base.transaction((trx) => {
            news = [];
            return insideTransaction.run(true, () =>
              fn({ ...trx, signal: (name, key) => void news.push([name, key]) }),
            );
          });
        });
        await process.wait(faults.delayMs());
        if (faults.losesAnswer()) throw new AppError('DATABASE_UNAVAILABLE', 'the answer of a commit was lost');
        for (const [name, key] of news) for (const listener of [...(listeners.get(name) ?? [])]) listener(key);
        return result;
      },
      listen(name, listener) {
        listeners.get(name)?.add(listener);
        return () => void listeners.get(name)?.delete(listener);
      },
      close: async () => undefined,
    };
  }

  async close(): Promise<void> {
    await this.base.close();
  }

  /** Statements outside of transactions, each with its own way to the database. */
  #knexOf(arrive: () => Promise<void>): Knex {
    const knex = this.base.knex.withUserParams({});
    const client = knex.client as WrappedClient; // knex declares it as `any`
    const acquire = client.acquireConnection.bind(client);
    const release = client.releaseConnection.bind(client);
    client.acquireConnection = async () => {
      await arrive();
      this.#busy += 1;
      try {
        await this.#showTime();
        return await acquire();
      } catch (err) {
        this.#ended();
        throw err;
      }
    };
    client.releaseConnection = async (connection) => {
      this.#ended();
      return release(connection);
    };
    return knex;
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#ended();
    }
  }

  #ended(): void {
    this.#busy -= 1;
    if (this.#busy > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
  }

  /** Brings the clock's row up to date. No transaction is open when the first statement of an instant arrives. */
  async #showTime(): Promise<void> {
    const nowMs = EPOCH_MS + Math.floor(this.#time().nowMs);
    if (nowMs === this.#shownMs) return this.#showing.then(() => undefined);
    this.#shownMs = nowMs;
    if (this.#showTimeInSqlite !== null) {
      this.#showTimeInSqlite.run(nowMs);
      return;
    }
    const shown = this.base.knex('simulated_clock').update({ now_ms: nowMs });
    this.#showing = Promise.resolve(shown);
    await this.#showing;
  }
}

/** The one connection of an in-memory database. */
async function rawConnection({ knex }: Database): Promise<SqliteDatabase.Database> {
  const client = knex.client as WrappedClient; // knex declares it as `any`
  const connection = await client.acquireConnection();
  await client.releaseConnection(connection);
  return connection as SqliteDatabase.Database; // what the dialect makes
}

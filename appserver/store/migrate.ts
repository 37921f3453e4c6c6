import { setTimeout as delay } from 'node:timers/promises';
import { AppError, isAppError } from '#contracts';
import { failpoint, type Logger } from '#runtime';
import type { Database, Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { rowsOf } from './records.ts';
import { readTables } from './schema-facts.ts';

/**
 * A step of the schema. Never changed once released: a later step mends an earlier one.
 *
 * App servers of the version before go on while it runs and afterwards, so a step only adds: tables, indexes, and columns
 * that are nullable or have a default. What nobody reads any more is dropped one release later. An app server of the old
 * version that is started again is refused (SCHEMA_TOO_NEW). On PostgreSQL all tables are locked until the last step is
 * done: an index over many existing rows would need `create index concurrently` outside of the transaction, which the
 * runner does not offer until a step needs it.
 */
export interface Migration {
  /** 1, 2, 3 ... without gaps. */
  readonly version: number;
  readonly name: string;
  /** Runs in the transaction that also records the version. */
  up(trx: Transaction): Promise<void>;
}

/** Schema versions before and after. */
export interface Migrated {
  readonly from: number;
  readonly to: number;
}

export interface MigrateOptions {
  readonly logger?: Logger;
  /** Longest wait for other app servers that migrate and for transactions in the way. @default 600_000 */
  readonly waitMs?: number;
}

/** Version of the schema that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

const WAIT_MS = 600_000;
/**
 * How long a migration waits for its tables on PostgreSQL. All that comes after it waits behind it, so this is what a
 * claim may lose beside the steps themselves; then the migration gives way to everybody and tries again after a pause.
 * Below PostgreSQL's `deadlock_timeout` of 1 s: in a circle of waits it is always the migration that gives way.
 */
const LOCK_TIMEOUT_MS = 500;
const RETRY_MS = 200;
const RETRY_MS_MAX = 2_000;

/** Most transactions read the task before they lock its job: in this order they end instead of meeting half-way. */
const LOCKED_FIRST: readonly string[] = ['task', 'job'];

/** What may be in the way. */
const OBSTACLES = {
  migration: 'another app server is migrating the database',
  lock: 'transactions that run now hold the tables that are to be changed',
} as const;
type Obstacle = keyof typeof OBSTACLES;

/**
 * Brings the schema to this program's version: all missing steps in one transaction, while app servers of the version
 * before go on (see {@link Migration}). App servers that start at once wait for each other. A process
 * that is killed on the way leaves the schema as it was. There is no way down: go back by restoring a backup.
 *
 * @returns the version found before
 * @throws SCHEMA_TOO_NEW when a newer program has written the database; TIMEOUT when others are in the way too long
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[] = MIGRATIONS,
  { logger, waitMs = WAIT_MS }: MigrateOptions = {},
): Promise<Migrated> {
  const deadline = performance.now() + waitMs;
  let last: Obstacle | null = null;
  for (let pauseMs = RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
    const outcome = await tryToMigrate(database, migrations);
    if (typeof outcome !== 'string') return outcome;
    const obstacle = OBSTACLES[outcome];
    if (performance.now() > deadline)
      throw new AppError('TIMEOUT', `the schema was not migrated within ${waitMs} ms: ${obstacle}`);
    if (outcome !== last) logger?.warn('migration_wait', `the schema is not migrated yet: ${obstacle}`, { waitMs });
    last = outcome;
    await delay(pauseMs);
  }
}

async function tryToMigrate(database: Database, migrations: readonly Migration[]): Promise<Migrated | Obstacle> {
  let isLocking = false;
  try {
    return await database.transaction(async (trx) => {
      if (!(await isAlone(trx))) return 'migration';
      const from = (await readSchemaVersion(trx)) ?? 0;
      if (from > 0 && from < migrations.length) {
        isLocking = true;
        await lockTables(trx);
        isLocking = false;
      }
      return migrateIn(trx, migrations);
    });
  } catch (err) {
    if (isLocking && isAppError(err, 'TIMEOUT')) return 'lock';
    throw err;
  }
}

/** Whether this transaction is the only one that migrates, which holds until its end; on SQLite any is alone. */
async function isAlone(trx: Transaction): Promise<boolean> {
  if (trx.dialect.tryMigrationLock === null) return true;
  const rows = await rawRows<{ locked: boolean }>(trx, trx.dialect.tryMigrationLock);
  return rows[0]?.locked === true;
}

/**
 * Takes all tables at once, so that no step waits in the middle with half of them in its hands.
 *
 * @throws TIMEOUT when that takes longer than `LOCK_TIMEOUT_MS`
 */
async function lockTables(trx: Transaction): Promise<void> {
  if (trx.dialect.name === 'sqlite') return;
  const names = (await readTables(trx)).map(({ name }) => name);
  const inOrder = [...LOCKED_FIRST, ...names.filter((name) => !LOCKED_FIRST.includes(name))];
  const tables = inOrder.filter((name) => names.includes(name));
  await trx.knex.raw(`set local statement_timeout = ${LOCK_TIMEOUT_MS}`);
  await trx.knex.raw(`lock table ${tables.map(() => '??').join(', ')} in access exclusive mode`, tables);
  await trx.knex.raw('set local statement_timeout to default');
}

/**
 * All missing steps in a transaction that is alone with the schema.
 *
 * @throws SCHEMA_TOO_NEW
 */
export async function migrateIn(trx: Transaction, migrations: readonly Migration[] = MIGRATIONS): Promise<Migrated> {
  migrations.forEach((migration, index) => {
    if (migration.version !== index + 1) throw new AppError('INTERNAL', `migration ${migration.name} is out of order`);
  });
  await trx.knex.raw(
    'create table if not exists schema_version (version integer primary key, name varchar(200) not null, applied_at bigint not null)',
  );
  const rows = await rowsOf<{ version: number | null }>(trx.knex('schema_version').max({ version: 'version' }));
  const from = rows[0]?.version ?? 0;
  if (from > migrations.length) {
    throw new AppError(
      'SCHEMA_TOO_NEW',
      `the database has schema version ${from}, this program knows ${migrations.length}`,
    );
  }
  for (const migration of migrations.slice(from)) {
    await migration.up(trx);
    await failpoint('store.migrate.step');
    await trx.knex('schema_version').insert({ version: migration.version, name: migration.name, applied_at: now(trx) });
  }
  return { from, to: migrations.length };
}

/** Version of a database's schema; null when it was never migrated. */
export async function readSchemaVersion(db: Queryable): Promise<number | null> {
  if (!(await db.knex.schema.hasTable('schema_version'))) return null;
  const rows = await rowsOf<{ version: number | null }>(db.knex('schema_version').max({ version: 'version' }));
  return rows[0]?.version ?? null;
}

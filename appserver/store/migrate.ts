import { AppError } from '#contracts';
import type { Database, Transaction } from './database.ts';
import { now } from './dialect.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { rowsOf } from './records.ts';

/** A step of the schema. Never changed once released: a later step mends an earlier one. */
export interface Migration {
  /** 1, 2, 3 ... without gaps. */
  readonly version: number;
  readonly name: string;
  /** Runs in the transaction that also records the version. */
  up(trx: Transaction): Promise<void>;
}

/** Version of the schema that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings the schema to this program's version: all missing steps in one transaction. Replicas that start at once wait
 * for each other. There is no way down: go back by restoring a backup.
 *
 * @returns the version found before
 * @throws SCHEMA_TOO_NEW when a newer program has written the database
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<{ readonly from: number; readonly to: number }> {
  migrations.forEach((migration, index) => {
    if (migration.version !== index + 1) throw new AppError('INTERNAL', `migration ${migration.name} is out of order`);
  });
  return database.transaction(async (trx) => {
    if (trx.dialect.migrationLock !== null) await trx.knex.raw(trx.dialect.migrationLock);
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
      await trx
        .knex('schema_version')
        .insert({ version: migration.version, name: migration.name, applied_at: now(trx) });
    }
    return { from, to: migrations.length };
  });
}

import path from 'node:path';
import { AppError } from '#contracts';
import type { ObjectStore } from '#object-store';
import {
  dumpedTables,
  dumpTable,
  objectReferences,
  readClock,
  readSchemaVersion,
  SCHEMA_VERSION,
  type Database,
  type TableFacts,
  type Transaction,
} from '#store';
import { openMember, tableMember, type BackupManifest, type BackupMember } from './manifest.ts';

/** The list of what is to be copied; not part of the backup. */
const PLAN_FILE = 'plan.ndjson';

/** A line of the plan. */
export interface PlannedObject {
  readonly path: string;
  readonly sizeBytes: number;
  /** As the database knows it, or null. */
  readonly sha256: string | null;
}

/** The database as of one moment, written into a folder, and the plan of the objects that it needs. */
export interface Snapshot {
  readonly facts: Pick<BackupManifest, 'schemaVersion' | 'dialect' | 'takenAt' | 'tables'>;
  readonly members: readonly BackupMember[];
  readonly objectBytes: number;
  /** An object that is gone: a user has deleted what it belongs to since, or the store has lost it. */
  readonly missing: string | null;
}

/**
 * Writes all tables and the plan of objects. Nobody waits for it: on SQLite it reads beside the writer, on PostgreSQL it is
 * a transaction that only reads.
 *
 * @throws SCHEMA_TOO_NEW; CONFIG_INVALID when the database is not an installation's
 */
export async function takeSnapshot(
  database: Database,
  store: ObjectStore,
  folder: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  return database.transaction(async (trx) => {
    const schemaVersion = await checkVersion(trx);
    const takenAt = new Date(await readClock(trx)).toISOString();
    const tables: BackupManifest['tables'] = [];
    const members: BackupMember[] = [];
    for (const table of await dumpedTables(trx)) {
      const { rowCount, member } = await writeTable(trx, table, folder, signal);
      tables.push({ name: table.name, rowCount });
      members.push(member);
    }
    const plan = await writePlan(trx, { store, folder, schemaVersion, signal });
    return { facts: { schemaVersion, dialect: trx.dialect.name, takenAt, tables }, members, ...plan };
  });
}

async function checkVersion(trx: Transaction): Promise<number> {
  const version = await readSchemaVersion(trx);
  if (version === null)
    throw new AppError('CONFIG_INVALID', 'the database holds no installation; are the database settings right?');
  if (version > SCHEMA_VERSION) {
    throw new AppError(
      'SCHEMA_TOO_NEW',
      `the database has schema version ${version}, this program knows ${SCHEMA_VERSION}`,
    );
  }
  return version;
}

async function writeTable(trx: Transaction, table: TableFacts, folder: string, signal: AbortSignal) {
  const writer = await openMember(folder, tableMember(table.name));
  let rowCount = 0;
  try {
    for await (const page of dumpTable(trx, table)) {
      signal.throwIfAborted();
      await writer.write(page.text);
      rowCount += page.rowCount;
    }
    return { rowCount, member: await writer.end() };
  } finally {
    await writer.close();
  }
}

interface PlanSource {
  readonly store: ObjectStore;
  readonly folder: string;
  readonly schemaVersion: number;
  readonly signal: AbortSignal;
}

async function writePlan(trx: Transaction, { store, folder, schemaVersion, signal }: PlanSource) {
  const writer = await openMember(folder, PLAN_FILE);
  let objectBytes = 0;
  let missing: string | null = null;
  const add = async (planned: PlannedObject) => {
    signal.throwIfAborted();
    objectBytes += planned.sizeBytes;
    await writer.write(`${JSON.stringify(planned)}\n`);
  };
  try {
    for await (const reference of objectReferences(trx, schemaVersion)) {
      if (reference.kind === 'object') {
        const { path: objectPath, sha256 } = reference;
        const found = await store.stat(objectPath, { signal });
        if (found === null) missing ??= objectPath;
        else await add({ path: objectPath, sizeBytes: found.sizeBytes, sha256 });
        continue;
      }
      let count = 0;
      for await (const { path: objectPath, sizeBytes } of store.list(reference.path, { signal })) {
        count += 1;
        await add({ path: objectPath, sizeBytes, sha256: null });
      }
      if (count === 0) missing ??= reference.path;
    }
    await writer.end();
    return { objectBytes, missing };
  } finally {
    await writer.close();
  }
}

/** Where the plan lies. */
export const planFile = (folder: string): string => path.join(folder, PLAN_FILE);

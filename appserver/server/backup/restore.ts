import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, type FieldError } from '#contracts';
import { FileObjectStore, openObjectStore, storeError, type ObjectStore } from '#object-store';
import { failpoint, KEY_FILES, type Config, type Logger } from '#runtime';
import {
  beginNewLife,
  dumpedTables,
  loadTable,
  lockInstallation,
  MIGRATIONS,
  migrateIn,
  openDatabase,
  readTables,
  SCHEMA_VERSION,
  type NewLife,
  type Transaction,
} from '#store';
import {
  bytesText,
  checkSpace,
  CONNECT_TIMEOUT_MS,
  makePrivateFolder,
  namesIn,
  statOrNull,
  syncFolder,
  type OnProgress,
} from './files.ts';
import {
  ADMIN_KEY_FILE,
  KEYS_FOLDER,
  linesOf,
  OBJECTS_FOLDER,
  readManifest,
  readMembers,
  tableMember,
  type BackupManifest,
} from './manifest.ts';
import { verifyBackup } from './verify.ts';

export interface RestoreOptions {
  readonly config: Config;
  /** Folder of the backup. */
  readonly from: string;
  readonly logger: Logger;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

export interface RestoreReport {
  readonly manifest: BackupManifest;
  readonly newLife: NewLife;
  readonly schemaVersion: number;
  /** The backup had no keys, and the folder of keys has none: the app server will not start without them. */
  readonly needsKeys: boolean;
}

/** An SQLite database takes up to so much more room than its rows' text, with its log while one transaction fills it. */
const SQLITE_BYTES_PER_CHAR = 3;
/** Share of the progress that is spent on reading everything before anything is written. */
const VERIFY_SHARE = 0.5;
/** Names that a refusal lists of each place. */
const NAMES_MAX = 3;

/**
 * Writes an installation from a backup into places that are empty. Everything is verified first; objects and keys are
 * written next, the database last and in one transaction, so that until then there is no installation. What fails on the
 * way takes away what it has written.
 *
 * @throws BACKUP_INVALID, SCHEMA_TOO_NEW; CONFLICT naming what is in the way; DISK_FULL, on this machine before anything is written
 */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const { config } = options;
  const folder = path.resolve(options.from);
  const { withKeys } = await checkBackup(folder);
  const target = openObjectStore(config);
  try {
    await checkTarget(config, target.store, withKeys);
    return await restoreInto(target.store, options, folder);
  } finally {
    await target.close();
  }
}

async function restoreInto(store: ObjectStore, options: RestoreOptions, folder: string): Promise<RestoreReport> {
  const { config, onProgress, signal } = options;
  const manifest = await verifyBackup(folder, (fraction, text) => onProgress(fraction * VERIFY_SHARE, text), signal);
  await checkRoom(config, folder, manifest);
  const undo: Undo = [];
  try {
    if ((await statOrNull(config.dataDir)) === null)
      undo.push(() => rm(config.dataDir, { recursive: true, force: true }));
    await writeObjects(options, { from: folder, manifest, to: store }, undo);
    await writeKeys(config, folder, undo);
    onProgress(1, 'database');
    await failpoint('restore.beforeDatabase');
    const newLife = await writeDatabase(options, folder, manifest, undo);
    const needsKeys = (await statOrNull(path.join(config.keys.dir, KEY_FILES.signingKey))) === null;
    return { manifest, newLife, schemaVersion: SCHEMA_VERSION, needsKeys };
  } catch (err) {
    for (const step of undo.reverse())
      await step().catch((left: unknown) => {
        options.logger.error('undo_failed', 'something that was restored stays', { err: left });
      });
    throw storeError(err, 'Restoring', config.dataDir);
  }
}

async function checkBackup(folder: string): Promise<BackupManifest> {
  if ((await statOrNull(folder))?.isDirectory() !== true)
    throw new AppError('BAD_REQUEST', `--from: folder ${folder} does not exist`);
  const manifest = await readManifest(folder);
  const { schemaVersion, programVersion } = manifest;
  if (schemaVersion > SCHEMA_VERSION) {
    throw new AppError(
      'SCHEMA_TOO_NEW',
      `the backup has schema version ${schemaVersion} (Trainyard ${programVersion}), this program knows ${SCHEMA_VERSION}`,
    );
  }
  return manifest;
}

/** Keys that lie ready for a backup without keys are not in the way. @throws CONFLICT naming everything that is */
async function checkTarget(
  { keys, objectStore, dataDir, database }: Config,
  store: ObjectStore,
  withKeys: boolean,
): Promise<void> {
  const found: FieldError[] = [];
  const folders = {
    ...(objectStore.driver === 'file' ? { 'objectStore.root': objectStore.root } : {}),
    ...(withKeys ? { 'keys.dir': keys.dir } : {}),
  };
  for (const [key, folder] of Object.entries(folders)) {
    const names = await namesIn(folder);
    if (names.length > 0) found.push({ path: key, message: `${folder} holds ${names.slice(0, NAMES_MAX).join(', ')}` });
  }
  if (objectStore.driver === 'hdfs')
    for await (const { path: object } of store.list('')) {
      found.push({ path: 'objectStore.root', message: `${objectStore.root} in HDFS holds ${object}` });
      break;
    }
  const adminKey = path.join(dataDir, ADMIN_KEY_FILE);
  if (withKeys && (await statOrNull(adminKey)) !== null) found.push({ path: 'dataDir', message: `${adminKey} exists` });
  const inDatabase = await databaseContents(database);
  if (inDatabase !== null) found.push(inDatabase);
  if (found.length === 0) return;
  const first = `${found[0]?.path ?? ''}: ${found[0]?.message ?? ''}`;
  throw new AppError('CONFLICT', `a backup is restored into empty places only; ${first}`, { errors: found });
}

async function databaseContents(database: Config['database']): Promise<FieldError | null> {
  if (database.client === 'sqlite') {
    const found = await statOrNull(database.file);
    return found === null ? null : { path: 'database.file', message: `${database.file} exists` };
  }
  const opened = await openDatabase({ ...database, readOnly: true, startTimeoutMs: CONNECT_TIMEOUT_MS });
  try {
    const names = (await readTables(opened)).map(({ name }) => name);
    const message = `the database has tables: ${names.slice(0, NAMES_MAX).join(', ')}`;
    return names.length === 0 ? null : { path: 'database.url', message };
  } finally {
    await opened.close();
  }
}

async function checkRoom({ objectStore, database }: Config, folder: string, manifest: BackupManifest): Promise<void> {
  if (objectStore.driver === 'file') await checkSpace(objectStore.root, manifest.objects.sizeBytes);
  if (database.client !== 'sqlite') return;
  let tableBytes = 0;
  for (const { name } of manifest.tables)
    tableBytes += (await statOrNull(path.join(folder, tableMember(name))))?.size ?? 0;
  await checkSpace(path.dirname(database.file), tableBytes * SQLITE_BYTES_PER_CHAR);
}

type Undo = (() => Promise<void>)[];

/** A backup on its way into a store. */
interface ObjectCopy {
  readonly from: string;
  readonly manifest: BackupManifest;
  readonly to: ObjectStore;
}

async function writeObjects(
  { config, onProgress, signal }: RestoreOptions,
  { from: folder, manifest: { objects }, to }: ObjectCopy,
  undo: Undo,
): Promise<void> {
  const from = new FileObjectStore(path.join(folder, OBJECTS_FOLDER));
  undo.push(() => emptyStore(config.objectStore, to));
  let doneBytes = 0;
  for await (const { path: member, sizeBytes, sha256 } of readMembers(folder)) {
    if (!member.startsWith(`${OBJECTS_FOLDER}/`)) continue;
    const objectPath = member.slice(OBJECTS_FOLDER.length + 1);
    const written = await to.write(objectPath, from.read(objectPath, { signal }), { signal });
    if (written.sha256 !== sha256) throw new AppError('BACKUP_INVALID', `${member} changed while it was restored`);
    doneBytes += sizeBytes;
    const fraction = VERIFY_SHARE + (1 - VERIFY_SHARE) * (doneBytes / objects.sizeBytes);
    onProgress(fraction, `restored objects: ${bytesText(doneBytes)}`);
  }
}

/** The store was empty: whatever is in it after a failure is ours. In HDFS the folder itself is the installation's. */
async function emptyStore({ driver, root }: Config['objectStore'], store: ObjectStore): Promise<void> {
  if (driver === 'file') return rm(root, { recursive: true, force: true });
  const tops = new Set<string>();
  for await (const { path: object } of store.list('')) tops.add(object.split('/')[0] ?? object);
  for (const top of tops) await store.deleteTree(top);
}

async function writeKeys({ keys, dataDir }: Config, folder: string, undo: Undo): Promise<void> {
  await makePrivateFolder(dataDir);
  for await (const { path: member } of readMembers(folder)) {
    if (!member.startsWith(`${KEYS_FOLDER}/`)) continue;
    const name = member.slice(KEYS_FOLDER.length + 1);
    const target = path.join(name === ADMIN_KEY_FILE ? dataDir : keys.dir, name);
    await makePrivateFolder(path.dirname(target));
    undo.push(() => rm(target, { force: true }));
    await copyPrivate(path.join(folder, member), target);
  }
}

async function copyPrivate(from: string, to: string): Promise<void> {
  await writeFile(to, await readFile(from), { flag: 'wx', mode: 0o600, flush: true });
  await syncFolder(path.dirname(to));
}

/** SQLite: written under another name that no app server looks for, then renamed. PostgreSQL: one transaction. */
async function writeDatabase(
  { config: { database: target }, logger, signal }: RestoreOptions,
  folder: string,
  manifest: BackupManifest,
  undo: Undo,
): Promise<NewLife> {
  const file = `${target.file}.restoring`;
  if (target.client === 'sqlite') {
    await removeSqlite(file);
    undo.push(() => removeSqlite(file));
  }
  const database = await openDatabase({ ...target, file, logger, startTimeoutMs: CONNECT_TIMEOUT_MS });
  let newLife: NewLife;
  try {
    newLife = await database.transaction((trx) => loadAll(trx, folder, manifest, signal));
  } finally {
    await database.close();
  }
  if (target.client === 'sqlite') {
    await rename(file, target.file);
    await syncFolder(path.dirname(target.file));
  }
  return newLife;
}

/** A closed database has no log file beside it; one of a process that was killed has. */
async function removeSqlite(file: string): Promise<void> {
  for (const end of ['', '-wal', '-shm']) await rm(`${file}${end}`, { force: true });
}

/** The schema as it was, the rows, the steps since then, and the end of the former life. */
async function loadAll(
  trx: Transaction,
  folder: string,
  { schemaVersion, takenAt, tables }: BackupManifest,
  signal: AbortSignal,
): Promise<NewLife> {
  await lockInstallation(trx);
  await migrateIn(trx, MIGRATIONS.slice(0, schemaVersion));
  const known = await dumpedTables(trx);
  const names = (list: readonly { readonly name: string }[]) =>
    list
      .map(({ name }) => name)
      .toSorted()
      .join(', ');
  if (names(known) !== names(tables)) {
    throw new AppError(
      'BACKUP_INVALID',
      `schema version ${schemaVersion} has tables ${names(known)}; the backup has ${names(tables)}`,
    );
  }
  const rowCounts = new Map(tables.map(({ name, rowCount }) => [name, rowCount]));
  for (const table of known) {
    signal.throwIfAborted();
    const rowCount = await loadTable(trx, table, linesOf(path.join(folder, tableMember(table.name))));
    const expected = rowCounts.get(table.name) ?? 0;
    if (rowCount !== expected)
      throw new AppError('BACKUP_INVALID', `table ${table.name}: expected ${expected} rows, found ${rowCount}`);
  }
  await migrateIn(trx);
  return beginNewLife(trx, Date.parse(takenAt));
}

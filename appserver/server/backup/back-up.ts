import { randomBytes } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#contracts';
import { FileObjectStore, openObjectStore, storeError, type ObjectStore } from '#object-store';
import { failpoint, PROGRAM_VERSION, type Config, type Logger } from '#runtime';
import { openDatabase, type Database } from '#store';
import { copyObjects } from './copy-objects.ts';
import {
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
  keyMember,
  KEYS_FOLDER,
  manifestOf,
  MANIFEST_FILE,
  MEMBERS_FILE,
  OBJECTS_FOLDER,
  openMember,
  TABLES_FOLDER,
  type BackupManifest,
  type BackupMember,
} from './manifest.ts';
import { planFile, takeSnapshot, type Snapshot } from './snapshot.ts';

export interface BackUpOptions {
  readonly config: Config;
  /** The new backup: a folder that is not there, or empty. */
  readonly to: string;
  /** Whether the keys are in it, with which the installation signs and its parts know each other. */
  readonly withKeys: boolean;
  readonly logger: Logger;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

export interface BackUpReport {
  readonly folder: string;
  readonly manifest: BackupManifest;
}

/** Objects that users delete while they are copied make the backup begin with a new snapshot, so often at most. */
const SNAPSHOTS_MAX = 5;
const FOLDERS = [TABLES_FOLDER, OBJECTS_FOLDER, KEYS_FOLDER];

/**
 * Copies an installation into a folder while it goes on working. The database is read as of one moment; the objects that
 * it names then are copied afterwards. That is as good: an object never changes, and one that is deleted meanwhile makes
 * the backup begin again with a new snapshot. The folder gets its name when it is complete: whatever happens on the way
 * leaves nothing that looks like a backup.
 *
 * @throws BAD_REQUEST, CONFLICT for a target that cannot be used; SCHEMA_TOO_NEW; DISK_FULL before an object is copied;
 *   ARTIFACT_INVALID, STORE_OBJECT_MISSING naming what the store has lost
 */
export async function backUp(options: BackUpOptions): Promise<BackUpReport> {
  const { config, logger } = options;
  const folder = path.resolve(options.to);
  await checkTarget(folder, config);
  const source = openObjectStore(config);
  try {
    const database = await openSource(config, logger);
    try {
      return await copyTo(folder, options, { database, store: source.store });
    } finally {
      await database.close();
    }
  } finally {
    await source.close();
  }
}

/** @returns once the folder has its name */
async function copyTo(folder: string, options: BackUpOptions, source: Source): Promise<BackUpReport> {
  const partial = path.join(
    path.dirname(folder),
    `.${path.basename(folder)}.partial-${randomBytes(6).toString('hex')}`,
  );
  try {
    const manifest = await fill(options, source, partial);
    await rename(partial, folder);
    await syncFolder(path.dirname(folder));
    return { folder, manifest };
  } catch (err) {
    await rm(partial, { recursive: true, force: true });
    throw storeError(err, 'Writing the backup', folder);
  }
}

async function checkTarget(folder: string, { objectStore, keys }: Config): Promise<void> {
  const parent = path.dirname(folder);
  if ((await statOrNull(parent))?.isDirectory() !== true)
    throw new AppError('BAD_REQUEST', `--to: folder ${parent} does not exist`);
  for (const own of [...(objectStore.driver === 'file' ? [objectStore.root] : []), keys.dir]) {
    if (folder === own || folder.startsWith(`${own}${path.sep}`))
      throw new AppError('BAD_REQUEST', `--to: ${folder} lies in ${own}, which is to be backed up`);
  }
  const found = await statOrNull(folder);
  if (found === null) return;
  if (!found.isDirectory()) throw new AppError('CONFLICT', `--to: ${folder} is no folder; name a new one`);
  const names = await namesIn(folder);
  if (names.length > 0)
    throw new AppError('CONFLICT', `--to: ${folder} is not empty (it holds ${names[0] ?? ''}); name a new folder`);
}

async function openSource({ database: options }: Config, logger: Logger): Promise<Database> {
  if (options.client === 'sqlite' && (await statOrNull(options.file)) === null)
    throw new AppError('CONFIG_INVALID', `database.file: ${options.file} does not exist; is --data-dir right?`);
  return openDatabase({ ...options, readOnly: true, logger, startTimeoutMs: CONNECT_TIMEOUT_MS });
}

/** `members.ndjson` while it is written. */
interface MemberList {
  add(member: BackupMember): Promise<void>;
  readonly total: () => { readonly count: number; readonly sizeBytes: number };
  end(): Promise<BackupManifest['members']>;
  close(): Promise<void>;
}

async function openMemberList(folder: string): Promise<MemberList> {
  const writer = await openMember(folder, MEMBERS_FILE);
  let count = 0;
  let sizeBytes = 0;
  return {
    async add(member) {
      await writer.write(`${JSON.stringify(member)}\n`);
      count += 1;
      sizeBytes += member.sizeBytes;
    },
    total: () => ({ count, sizeBytes }),
    end: async () => ({ count, sizeBytes, sha256: (await writer.end()).sha256 }),
    close: () => writer.close(),
  };
}

/** What is copied. */
interface Source {
  readonly database: Database;
  readonly store: ObjectStore;
}

async function fill(options: BackUpOptions, source: Source, partial: string): Promise<BackupManifest> {
  for (const name of FOLDERS) await makePrivateFolder(path.join(partial, name));
  const members = await openMemberList(partial);
  try {
    const snapshot = await copyInstallation(options, source, partial, members);
    const objects = members.total();
    for (const table of snapshot.members) await members.add(table);
    if (options.withKeys) await copyKeys(options.config, partial, members);
    const manifest = manifestOf({
      programVersion: PROGRAM_VERSION,
      ...snapshot.facts,
      objects,
      withKeys: options.withKeys,
      members: await members.end(),
    });
    await rm(planFile(partial));
    await failpoint('backup.beforeManifest');
    for (const name of FOLDERS) await syncFolder(path.join(partial, name));
    const writer = await openMember(partial, MANIFEST_FILE);
    await writer.write(`${JSON.stringify(manifest, null, 2)}\n`);
    await writer.end();
    await syncFolder(partial);
    return manifest;
  } finally {
    await members.close();
  }
}

/** A snapshot of the database and all objects that it names. */
async function copyInstallation(
  { onProgress, logger, signal }: BackUpOptions,
  { database, store: from }: Source,
  partial: string,
  members: MemberList,
): Promise<Snapshot> {
  const to = new FileObjectStore(path.join(partial, OBJECTS_FOLDER));
  const onCopied = async (objectPath: string, written: Omit<BackupMember, 'path'>) => {
    await members.add({ path: `${OBJECTS_FOLDER}/${objectPath}`, ...written });
    await failpoint('backup.copied');
  };
  for (let attempt = 1; ; attempt += 1) {
    onProgress(0, 'database');
    const snapshot = await takeSnapshot(database, from, partial, signal);
    await checkSpace(partial, snapshot.objectBytes - members.total().sizeBytes);
    const { objectBytes: totalBytes } = snapshot;
    const missing =
      snapshot.missing ??
      (await copyObjects({ from, to, planFile: planFile(partial), totalBytes, onCopied, onProgress, signal }));
    if (missing === null) return snapshot;
    if (attempt >= SNAPSHOTS_MAX)
      throw new AppError(
        'STORE_OBJECT_MISSING',
        `object ${missing}: the database names it, the store does not have it`,
      );
    logger.warn('backup_snapshot_outdated', 'an object is gone: the backup begins with a new snapshot', { missing });
  }
}

async function copyKeys({ keys, dataDir }: Config, partial: string, members: MemberList): Promise<void> {
  const names = (await namesIn(keys.dir)).filter((name) => !name.startsWith('.'));
  const files = names.map((name) => path.join(keys.dir, name));
  for (const file of [...files, path.join(dataDir, ADMIN_KEY_FILE)]) {
    if ((await statOrNull(file))?.isFile() !== true) continue;
    const writer = await openMember(partial, keyMember(path.basename(file)));
    try {
      await writer.write(await readFile(file));
      await members.add(await writer.end());
    } finally {
      await writer.close();
    }
  }
}

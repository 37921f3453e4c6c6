import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { AppError, oneOf, parse, Sha256, strict, Timestamp, Type, type Static } from '#contracts';
import { parseObjectPath } from '#object-store';

/*
 * A backup is a folder of mode 700:
 *
 *   manifest.json        what this is; written last, so that a folder without it is no backup
 *   members.ndjson       path, size and SHA-256 of every file below, one a line
 *   tables/NAME.ndjson   the rows of a table, one JSON object a line
 *   objects/PATH         objects of the store
 *   keys/NAME            files of `keys.dir`, and `admin.key`; not with --without-keys
 *
 * The manifest holds the hash of members.ndjson and that the hashes of all else.
 */

export const MANIFEST_FILE = 'manifest.json';
export const MEMBERS_FILE = 'members.ndjson';
export const OBJECTS_FOLDER = 'objects';
export const TABLES_FOLDER = 'tables';
export const KEYS_FOLDER = 'keys';
/** The first administrator's key lies beside `keys.dir` in the data folder. */
export const ADMIN_KEY_FILE = 'admin.key';
export const tableMember = (table: string): string => `${TABLES_FOLDER}/${table}.ndjson`;
export const keyMember = (name: string): string => `${KEYS_FOLDER}/${name}`;

/** Version of this layout. */
const FORMAT_VERSION = 1;

const count = () => Type.Integer({ minimum: 0 });

/** `manifest.json` of a backup. */
export const BackupManifest = strict({
  kind: Type.Literal('trainyard-backup'),
  formatVersion: Type.Literal(FORMAT_VERSION),
  programVersion: Type.String(),
  schemaVersion: Type.Integer({ minimum: 1 }),
  dialect: oneOf(['sqlite', 'postgres'], { description: 'where it came from; it fits the other one too' }),
  takenAt: Timestamp,
  tables: Type.Array(strict({ name: Type.String({ pattern: '^[a-z_]+$' }), rowCount: count() })),
  objects: strict({ count: count(), sizeBytes: count() }),
  withKeys: Type.Boolean(),
  members: strict({ count: count(), sizeBytes: count(), sha256: Sha256 }),
});
export type BackupManifest = Static<typeof BackupManifest>;

/** One file of a backup. */
export const BackupMember = strict({ path: Type.String(), sizeBytes: count(), sha256: Sha256 });
export type BackupMember = Static<typeof BackupMember>;

/** The parts that the folder's writer decides; the rest is constant. */
export const manifestOf = (facts: Omit<BackupManifest, 'kind' | 'formatVersion'>): BackupManifest => ({
  kind: 'trainyard-backup',
  formatVersion: FORMAT_VERSION,
  ...facts,
});

/** @throws BACKUP_INVALID when the folder is no backup, or one of another format */
export async function readManifest(folder: string): Promise<BackupManifest> {
  const file = path.join(folder, MANIFEST_FILE);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (err) {
    throw new AppError('BACKUP_INVALID', `${folder} is no backup: ${file} is missing or cannot be read`, {
      cause: err,
    });
  }
  return parse(BackupManifest, value, file, 'BACKUP_INVALID');
}

/** Writes a new file of mode 600 through a hash. */
export interface MemberWriter {
  write(text: string | Uint8Array): Promise<void>;
  /** Makes the file durable; what it is then. */
  end(): Promise<BackupMember>;
  /** Gives the file up; no effect after `end`. */
  close(): Promise<void>;
}

export async function openMember(folder: string, member: string): Promise<MemberWriter> {
  const handle: FileHandle = await open(path.join(folder, member), 'w', 0o600);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let isOpen = true;
  const close = async () => {
    if (isOpen) await handle.close();
    isOpen = false;
  };
  return {
    async write(text) {
      const bytes = typeof text === 'string' ? Buffer.from(text) : text;
      await handle.appendFile(bytes);
      hash.update(bytes);
      sizeBytes += bytes.byteLength;
    },
    async end() {
      await handle.sync();
      await close();
      return { path: member, sizeBytes, sha256: hash.digest('hex') };
    },
    close,
  };
}

/** Lines of a text file, however large; without their ends. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  const stream = createReadStream(file);
  const reader = createInterface({ input: stream, crlfDelay: Infinity });
  // readline swallows what its stream throws.
  let failure: Error | null = null;
  stream.once('error', (err: Error) => {
    failure = err;
    reader.close();
  });
  for await (const line of reader) yield line;
  if (failure !== null) throw failure as Error; // assigned in the listener
}

/** Members of a backup in the order in which they were written. @throws BACKUP_INVALID for a path that leaves the folder */
export async function* readMembers(folder: string): AsyncGenerator<BackupMember> {
  for await (const line of linesOf(path.join(folder, MEMBERS_FILE))) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (err) {
      throw new AppError('BACKUP_INVALID', `${MEMBERS_FILE}: a line is not JSON`, { cause: err });
    }
    const member = parse(BackupMember, value, MEMBERS_FILE, 'BACKUP_INVALID');
    checkPath(member.path);
    yield member;
  }
}

function checkPath(member: string): void {
  try {
    parseObjectPath(member);
  } catch (err) {
    throw new AppError('BACKUP_INVALID', `${MEMBERS_FILE}: ${JSON.stringify(member)} is no path of a member`, {
      cause: err,
    });
  }
}

/** Size and SHA-256 of a file, read in pieces. */
export async function measure(file: string, signal: AbortSignal): Promise<Omit<BackupMember, 'path'>> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

import path from 'node:path';
import {
  AppError,
  isAppError,
  nullable,
  parse,
  RUNTIME_MANIFEST_BYTES_MAX,
  RUNTIME_MANIFEST_FILE,
  RuntimeManifest,
  Sha256,
  strict,
  Type,
  type Static,
} from '#contracts';
import { readBody } from '#runtime';
import type { WebHdfsClient } from '#webhdfs';

/** Beside the runtime manifest: what the installer made, so that it can be taken away again. */
export const INSTALL_FILE = 'install.json';
const INSTALL_FORMAT_VERSION = 1;
const INSTALL_BYTES_MAX = 1_000_000;

const InstalledVersion = strict({
  programVersion: Type.String({ maxLength: 100 }),
  archiveSha256: Sha256,
  /** Lowest glibc of nodes. */
  glibc: Type.String({ maxLength: 20 }),
  /** When it became the current one; null while it is being installed. */
  installedAt: nullable(Type.String()),
  files: Type.Array(
    strict({
      name: Type.String(),
      /** Relative to the runtime folder. */
      path: Type.String(),
      sizeBytes: Type.Integer({ minimum: 1 }),
      sha256: Sha256,
    }),
  ),
});
export type InstalledVersion = Static<typeof InstalledVersion>;

/**
 * `install.json`, version 1. It is written before what it names, so that nothing is ever there that it does not name, and
 * taken away last.
 */
export const Installation = strict({
  formatVersion: Type.Literal(INSTALL_FORMAT_VERSION),
  /** `data-kept`: uninstalled, but for the objects. */
  state: Type.Union([Type.Literal('installing'), Type.Literal('installed'), Type.Literal('data-kept')]),
  /** Absolute, in the order in which they are made: parents first. Folders that were there before are not named. */
  folders: Type.Array(Type.String()),
  /** Root of the object store; null where that is not in HDFS. */
  objectRoot: nullable(Type.String()),
  /** The current one last. */
  versions: Type.Array(InstalledVersion),
});
export type Installation = Static<typeof Installation>;

export const EMPTY_INSTALLATION: Installation = {
  formatVersion: INSTALL_FORMAT_VERSION,
  state: 'installing',
  folders: [],
  objectRoot: null,
  versions: [],
};

export const recordText = (installation: Installation): Buffer =>
  Buffer.from(`${JSON.stringify(installation, null, 2)}\n`);

/** What is installed in a runtime folder; null where nothing is. @throws HADOOP_INSTALLATION_INVALID */
export async function readInstallation(
  hdfs: WebHdfsClient,
  folder: string,
  signal?: AbortSignal,
): Promise<Installation | null> {
  const file = path.posix.join(folder, INSTALL_FILE);
  const json = await readJson(hdfs, file, INSTALL_BYTES_MAX, signal);
  return json === null ? null : parse(Installation, json, file, 'HADOOP_INSTALLATION_INVALID');
}

/** The programs that containers run now; null where none are installed. @throws HADOOP_INSTALLATION_INVALID */
export async function readRuntime(
  hdfs: WebHdfsClient,
  folder: string,
  signal?: AbortSignal,
): Promise<RuntimeManifest | null> {
  const file = path.posix.join(folder, RUNTIME_MANIFEST_FILE);
  const json = await readJson(hdfs, file, RUNTIME_MANIFEST_BYTES_MAX, signal);
  return json === null ? null : parse(RuntimeManifest, json, file, 'HADOOP_INSTALLATION_INVALID');
}

async function readJson(
  hdfs: WebHdfsClient,
  file: string,
  bytesMax: number,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  let bytes: Buffer;
  try {
    bytes = await readBody(hdfs.open(file, signal === undefined ? {} : { signal }), bytesMax);
  } catch (err) {
    if (isAppError(err, 'HDFS_FILE_MISSING')) return null;
    throw err;
  }
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (err) {
    throw new AppError('HADOOP_INSTALLATION_INVALID', `${file}: expected JSON`, { cause: err });
  }
}

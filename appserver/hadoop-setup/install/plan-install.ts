import { createReadStream } from 'node:fs';
import path from 'node:path';
import {
  AppError,
  canonicalJson,
  RUNTIME_MANIFEST_FILE,
  RUNTIME_MANIFEST_VERSION,
  type RuntimeFile,
  type RuntimeManifest,
} from '#contracts';
import { failpoint } from '#runtime';
import type { InstallContext } from './context.ts';
import { keep, type Step } from '../step.ts';
import { makeFolder, missingFolders, replaceFile, selfAndAbove, FOLDER_PERMISSION } from './hdfs-files.ts';
import { filesOf, type LocalFile, type LocalPrograms } from './local-programs.ts';
import {
  EMPTY_INSTALLATION,
  INSTALL_FILE,
  readInstallation,
  readRuntime,
  recordText,
  type Installation,
  type InstalledVersion,
} from './manifest.ts';
import { planPrune } from './prune.ts';
import { planFirstFolders, requireMaker } from './first-folders.ts';

export interface InstallPlan {
  readonly steps: readonly Step[];
  /** What will be installed. */
  readonly version: InstalledVersion;
}

/** Objects are found by their names alone: others may pass through, not look around. */
export const OBJECT_ROOT_PERMISSION = '711';

/**
 * What an installation has to do here and now. Every state in which it can be killed is one from which it can be planned
 * anew: `install.json` names a thing before it is made, a file has its name only when it is whole, and the runtime manifest,
 * by which app servers know the programs, comes after them.
 *
 * @throws HADOOP_INSTALLATION_INVALID, HDFS_PERMISSION_DENIED naming folder, owner and remedy
 */
export async function planInstall(
  context: InstallContext,
  programs: LocalPrograms,
  prune: boolean,
): Promise<InstallPlan> {
  const { hdfs, places, signal } = context;
  const before = await readInstallation(hdfs, places.runtime, signal);
  const missing = {
    runtime: await missingFolders(hdfs, places.runtime, signal),
    objects: places.objects === null ? [] : await missingFolders(hdfs, places.objects, signal),
  };
  await requireReadable(context, places.runtime);
  const version = versionOf(before, programs);
  const next = nextInstallation(before ?? EMPTY_INSTALLATION, context, missing, version);
  const isWhole = before?.state === 'installed' && canonicalJson(before.versions) === canonicalJson(next.versions);
  const objectFolders = missing.objects.filter((folder) => !missing.runtime.includes(folder));
  const [firstObjectFolder] = objectFolders;
  if (firstObjectFolder !== undefined && !missing.runtime.includes(path.posix.dirname(firstObjectFolder)))
    await requireMaker(context, path.posix.dirname(firstObjectFolder));
  const changes = [
    ...planObjectFolders(context, objectFolders),
    ...(await planFiles(context, programs)),
    ...(await planRuntime(context, programs)),
  ];
  const pruned = prune ? await planPrune(context, next) : { steps: [], left: next };
  const isDone = isWhole && [...changes, ...pruned.steps].every(({ action }) => action === 'keep');
  const recorded = isDone && before !== null ? [keep(recordPath(context), 'as it is')] : [planRecord(context, next)];
  const first = missing.runtime.length > 0 ? await planFirstFolders(context, missing.runtime, next) : recorded;
  const last = isDone ? [] : [planRecord(context, finished(pruned.left))];
  return { steps: [...first, ...changes, ...pruned.steps, ...last], version };
}

/** The same version again keeps its time. */
function versionOf(before: Installation | null, programs: LocalPrograms): InstalledVersion {
  const files = filesOf(programs);
  const version = {
    programVersion: programs.programVersion,
    archiveSha256: programs.archiveSha256,
    glibc: programs.glibc,
    files: files.map((file) => ({ name: file.name, path: file.path, sizeBytes: file.sizeBytes, sha256: file.sha256 })),
  };
  const known = before?.versions.find((one) => isSame(one, version));
  return { ...version, installedAt: known?.installedAt ?? null };
}

type Identified = Pick<InstalledVersion, 'archiveSha256' | 'files'>;

const isSame = (one: Identified, other: Identified): boolean => filesKey(one) === filesKey(other);
const filesKey = ({ archiveSha256, files }: Identified): string =>
  [archiveSha256, ...files.map((file) => file.path)].join(' ');

function nextInstallation(
  before: Installation,
  { places }: InstallContext,
  missing: { readonly runtime: readonly string[]; readonly objects: readonly string[] },
  version: InstalledVersion,
): Installation {
  return {
    ...before,
    state: 'installing',
    folders: [...new Set([...before.folders, ...missing.runtime, ...missing.objects])],
    objectRoot: places.objects ?? before.objectRoot,
    versions: [...before.versions.filter((one) => !isSame(one, version)), version],
  };
}

function finished(installation: Installation): Installation {
  const last = installation.versions.at(-1);
  const now = new Date().toISOString();
  const versions = installation.versions.map((one) =>
    one === last ? { ...one, installedAt: one.installedAt ?? now } : one,
  );
  return { ...installation, state: 'installed', versions };
}

const recordPath = ({ places }: InstallContext): string => path.posix.join(places.runtime, INSTALL_FILE);

function planRecord(context: InstallContext, installation: Installation): Step {
  const { hdfs, signal } = context;
  const target = recordPath(context);
  return {
    action: 'write',
    subject: target,
    detail: installation.state === 'installing' ? 'what is being installed' : 'what is installed',
    run: async () => {
      await replaceFile(hdfs, target, recordText(installation), { signal, at: 'install.recording' });
      await failpoint('install.recorded');
    },
  };
}

function planObjectFolders(context: InstallContext, folders: readonly string[]): Step[] {
  const { admin, hdfs, places, serviceUser, signal } = context;
  return folders.map((folder) => {
    const permission = folder === places.objects ? OBJECT_ROOT_PERMISSION : FOLDER_PERMISSION;
    return {
      action: 'make folder',
      subject: folder,
      detail: `owner ${serviceUser}, mode ${permission}`,
      run: async () => {
        await makeFolder(admin ?? hdfs, folder, { permission, owner: admin === null ? null : serviceUser, signal });
        await failpoint('install.folder');
      },
    };
  });
}

async function planFiles(context: InstallContext, programs: LocalPrograms): Promise<Step[]> {
  const steps: Step[] = [];
  for (const file of filesOf(programs)) {
    const target = path.posix.join(context.places.runtime, file.path);
    const found = await context.hdfs.find(target, { signal: context.signal });
    const detail = `${(file.sizeBytes / 1e6).toFixed(1)} MB`;
    if (found?.sizeBytes === file.sizeBytes) steps.push(keep(target, `${detail}, there already`));
    else steps.push({ action: 'upload', subject: target, detail, run: () => upload(context, file, target) });
  }
  return steps;
}

async function upload({ hdfs, signal }: InstallContext, file: LocalFile, target: string): Promise<void> {
  await makeFolder(hdfs, path.posix.dirname(target), { signal });
  const body = createReadStream(file.file) as AsyncIterable<Buffer>;
  await replaceFile(hdfs, target, body, { signal, at: 'install.uploading' });
  const { sizeBytes } = await hdfs.status(target, { signal });
  if (sizeBytes !== file.sizeBytes)
    throw new AppError('HDFS_WRITE_FAILED', `${target}: expected ${file.sizeBytes} bytes, found ${sizeBytes}`);
  await failpoint('install.uploaded');
}

async function planRuntime({ hdfs, places, signal }: InstallContext, programs: LocalPrograms): Promise<Step[]> {
  const target = path.posix.join(places.runtime, RUNTIME_MANIFEST_FILE);
  const fileOf = ({ name, path: place, sizeBytes }: LocalFile): RuntimeFile => ({ name, path: place, sizeBytes });
  const manifest: RuntimeManifest = {
    formatVersion: RUNTIME_MANIFEST_VERSION,
    programVersion: programs.programVersion,
    archiveSha256: programs.archiveSha256,
    worker: fileOf(programs.worker),
    master: programs.master.map(fileOf),
    authorities: programs.authorities === null ? null : fileOf(programs.authorities),
    // Left out where there is none, so that app servers of before still read the file.
    ...(programs.serverAuthorities === null ? {} : { serverAuthorities: fileOf(programs.serverAuthorities) }),
  };
  const before = await readRuntime(hdfs, places.runtime, signal);
  if (before !== null && canonicalJson(before) === canonicalJson(manifest)) return [keep(target, 'as it is')];
  return [
    {
      action: 'write',
      subject: target,
      detail:
        before === null ? 'programs of containers' : `programs of containers, in place of ${before.programVersion}`,
      run: async () => {
        const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
        await replaceFile(hdfs, target, body, { signal, at: 'install.switching' });
        await failpoint('install.switched');
      },
    },
  ];
}

/** Folders that are there must let everybody through: NodeManagers fetch the programs without a token. */
async function requireReadable({ hdfs, signal }: InstallContext, folder: string): Promise<void> {
  for (const place of selfAndAbove(folder)) {
    const found = await hdfs.find(place, { signal });
    if (found === null) return;
    if (found.type !== 'directory')
      throw new AppError('HDFS_PATH_INVALID', `${place}: expected a folder, found a file`);
    if ((Number.parseInt(found.permission, 8) & 0o5) !== 0o5)
      throw new AppError(
        'HDFS_PERMISSION_DENIED',
        `${place}: expected to be readable by everybody, found mode ${found.permission}: NodeManagers could not fetch the programs; hdfs dfs -chmod o+rx ${place}`,
      );
  }
}

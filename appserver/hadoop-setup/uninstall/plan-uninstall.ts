import path from 'node:path';
import { isAppError, RUNTIME_MANIFEST_FILE } from '#contracts';
import { failpoint } from '#runtime';
import type { WebHdfsClient } from '#webhdfs';
import type { InstallContext } from '../install/context.ts';
import { planRemoveStaging, requireMaker, stagingOf } from '../install/first-folders.ts';
import { isWithin, missingFolders, PARTIAL_SUFFIX, replaceFile } from '../install/hdfs-files.ts';
import { INSTALL_FILE, readInstallation, recordText, type Installation } from '../install/manifest.ts';
import { planRemoveFiles } from '../install/prune.ts';
import { keep, type Step } from '../step.ts';

/**
 * What there is to take away, in an order in which it can be killed anywhere and planned anew: programs, then objects,
 * and last, as one deletion, the folders with the file that names them.
 *
 * @throws HADOOP_INSTALLATION_INVALID, HDFS_PERMISSION_DENIED before anything is changed
 */
export async function planUninstall(context: InstallContext, withData: boolean): Promise<Step[]> {
  const { hdfs, places, signal } = context;
  const installation = await readInstallation(hdfs, places.runtime, signal);
  if (installation === null) return planLeftovers(context);
  const objects = await planObjects(context, installation, withData);
  const top = installation.folders.find((folder) => isWithin(places.runtime, folder)) ?? null;
  const isLast = !objects.isKept;
  if (isLast && top !== null) await requireMaker(context, path.posix.dirname(top));
  return [
    ...(await planRemoveFile(
      context,
      path.posix.join(places.runtime, RUNTIME_MANIFEST_FILE),
      'app servers start no more containers',
    )),
    ...(await planRemoveFiles(context, installation.versions, [])),
    ...objects.steps,
    isLast ? planFolders(context, installation, top) : planKeptRecord(context, installation),
  ];
}

/** Of an installation that was killed before its first folder was in place. */
async function planLeftovers(context: InstallContext): Promise<Step[]> {
  const maker = context.admin ?? context.hdfs;
  const [top] = await missingFolders(context.hdfs, context.places.runtime, context.signal);
  if (top === undefined) return [];
  const staging = stagingOf(top);
  return (await maker.find(staging, { signal: context.signal })) === null ? [] : [planRemoveStaging(maker, staging)];
}

async function planRemoveFile({ hdfs, signal }: InstallContext, target: string, detail: string): Promise<Step[]> {
  const names = [target, `${target}${PARTIAL_SUFFIX}`];
  const found = await Promise.all(names.map((name) => hdfs.find(name, { signal })));
  if (found.every((file) => file === null)) return [];
  const run = async (): Promise<void> => {
    for (const name of names) await hdfs.delete(name, { signal });
    await failpoint('uninstall.stopped');
  };
  return [{ action: 'remove', subject: target, detail, run }];
}

interface ObjectsPlan {
  readonly steps: readonly Step[];
  /** The objects stay. */
  readonly isKept: boolean;
}

async function planObjects(
  { admin, hdfs, signal }: InstallContext,
  { folders, objectRoot }: Installation,
  withData: boolean,
): Promise<ObjectsPlan> {
  const root = objectRoot === null ? null : await hdfs.find(objectRoot, { signal });
  if (objectRoot === null || root === null) return { steps: [], isKept: false };
  // End users' files may be among them, which the service may not list.
  const maker = admin ?? hdfs;
  const { fileCount, sizeBytes } = await maker.contentSummary(objectRoot, { signal });
  const text = `${fileCount} objects, ${(sizeBytes / 1e6).toFixed(1)} MB`;
  if (fileCount > 0 && !withData)
    return { steps: [keep(objectRoot, `${text}; --with-data removes them`)], isKept: true };
  const isOurs = folders.includes(objectRoot);
  const run = async (): Promise<void> => {
    if (isOurs) await maker.delete(objectRoot, { recursive: true, signal });
    else await deleteContents(maker, objectRoot, signal);
    // Folders above it that were made for it alone.
    for (const folder of folders.filter((one) => one !== objectRoot && isWithin(objectRoot, one)).toReversed())
      await deleteIfEmpty(maker, folder, signal);
    await failpoint('uninstall.objects');
  };
  if (!isOurs && fileCount === 0) return { steps: [], isKept: false };
  return { steps: [{ action: 'remove', subject: objectRoot, detail: text, run }], isKept: false };
}

async function deleteContents(hdfs: WebHdfsClient, folder: string, signal: AbortSignal | undefined): Promise<void> {
  for await (const { path: place } of hdfs.list(folder, { signal }))
    await hdfs.delete(place, { recursive: true, signal });
}

/** Without the file that names them nothing would know that the folders are ours: both go in one deletion. */
function planFolders(context: InstallContext, { folders }: Installation, top: string | null): Step {
  const { admin, hdfs, places, signal } = context;
  const record = path.posix.join(places.runtime, INSTALL_FILE);
  if (top === null) {
    const run = async (): Promise<void> => {
      await hdfs.delete(`${record}${PARTIAL_SUFFIX}`, { signal });
      await hdfs.delete(record, { signal });
    };
    return { action: 'remove', subject: record, detail: 'its folder was there before us', run };
  }
  const maker = admin ?? hdfs;
  const run = async (): Promise<void> => {
    await hdfs.delete(`${record}${PARTIAL_SUFFIX}`, { signal });
    const { fileCount, directoryCount } = await maker.contentSummary(top, { signal });
    const ours = folders.filter((folder) => isWithin(folder, top)).length;
    await failpoint('uninstall.folders');
    if (fileCount === 1 && directoryCount <= ours) {
      await maker.delete(top, { recursive: true, signal });
      return;
    }
    // Somebody else put things there, which stay, and with them the folders that hold them.
    await hdfs.delete(record, { signal });
    for (const folder of folders.toReversed()) await deleteIfEmpty(maker, folder, signal);
  };
  return { action: 'remove', subject: top, detail: 'with what is known of the installation', run };
}

/** What is kept stays known, so that it can be removed later. */
function planKeptRecord({ hdfs, places, signal }: InstallContext, installation: Installation): Step {
  const target = path.posix.join(places.runtime, INSTALL_FILE);
  const kept: Installation = { ...installation, state: 'data-kept', versions: [] };
  if (installation.state === 'data-kept') return keep(target, 'names the objects that are kept');
  return {
    action: 'write',
    subject: target,
    detail: 'names the objects that are kept',
    run: () => replaceFile(hdfs, target, recordText(kept), { signal, at: 'uninstall.recording' }),
  };
}

async function deleteIfEmpty(hdfs: WebHdfsClient, folder: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await hdfs.delete(folder, { signal });
  } catch (err) {
    if (!isAppError(err, 'HDFS_REQUEST_INVALID')) throw err;
  }
}

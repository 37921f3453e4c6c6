import path from 'node:path';
import { AppError } from '#contracts';
import { failpoint } from '#runtime';
import type { WebHdfsClient } from '#webhdfs';
import type { Step } from '../step.ts';
import { FOLDER_PERMISSION, makeFolder, replaceFile } from './hdfs-files.ts';
import type { InstallContext } from './context.ts';
import { INSTALL_FILE, recordText, type Installation } from './manifest.ts';

/** The name under which the first folders are prepared beside their place. */
export const stagingOf = (top: string): string => `${top}.installing`;

/**
 * The runtime folder, those above it that are missing, and `install.json`, which names them: prepared under another name
 * and put in place by one rename, so that there is never a folder of ours of which nothing knows that it is ours.
 */
export async function planFirstFolders(
  context: InstallContext,
  missing: readonly string[],
  installation: Installation,
): Promise<Step[]> {
  const [top = context.places.runtime] = missing;
  const maker = context.admin ?? context.hdfs;
  await requireMaker(context, path.posix.dirname(top), top);
  const staging = stagingOf(top);
  const leftover = await maker.find(staging, { signal: context.signal });
  const detail = `owner ${context.serviceUser}, mode ${FOLDER_PERMISSION}`;
  const [first, ...others] = missing.map((folder): Step => ({ action: 'make folder', subject: folder, detail }));
  return [
    ...(leftover === null ? [] : [planRemoveStaging(maker, staging)]),
    {
      ...(first ?? { action: 'make folder', subject: top, detail }),
      run: () => make(context, maker, missing, installation),
    },
    ...others,
  ];
}

export function planRemoveStaging(maker: WebHdfsClient, staging: string): Step {
  const run = async (): Promise<void> => {
    await maker.delete(staging, { recursive: true });
  };
  return { action: 'remove', subject: staging, detail: 'of an installation that was broken off', run };
}

async function make(
  { places, serviceUser, admin, signal }: InstallContext,
  maker: WebHdfsClient,
  missing: readonly string[],
  installation: Installation,
): Promise<void> {
  const [top = places.runtime] = missing;
  const staging = stagingOf(top);
  const staged = (place: string): string => staging + place.slice(top.length);
  const owner = admin === null ? null : serviceUser;
  for (const folder of missing) await makeFolder(maker, staged(folder), { owner, signal });
  await failpoint('install.staging');
  const record = path.posix.join(staged(places.runtime), INSTALL_FILE);
  await replaceFile(maker, record, recordText(installation), { signal, at: 'install.stagingRecord' });
  if (owner !== null) await maker.setOwner(record, { owner }, { signal });
  await failpoint('install.staged');
  await maker.rename(staging, top, { signal });
  await failpoint('install.placed');
}

/** @throws HDFS_PERMISSION_DENIED when nobody at hand may make or remove folders in this one */
export async function requireMaker(
  { admin, hdfs, serviceUser, signal }: InstallContext,
  parent: string,
  folder = parent,
): Promise<void> {
  if (await (admin ?? hdfs).mayAccess(parent, '-wx', { signal })) return;
  const who = admin === null ? serviceUser : 'the administrator given';
  throw new AppError(
    'HDFS_PERMISSION_DENIED',
    `${folder}: ${who} may not make or remove folders in ${parent}; give an account that may by --admin-user or --admin-keytab, or have the folders of yarn.runtimeDir and objectStore.root made for ${serviceUser}`,
  );
}

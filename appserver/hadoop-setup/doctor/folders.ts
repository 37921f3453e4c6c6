import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { isAppError } from '#contracts';
import { readBody } from '#runtime';
import type { FileStatus, WebHdfsClient } from '#webhdfs';
import type { SetupCluster } from '../cluster.ts';
import { listOf, numberOf } from '../fields.ts';
import { foldersOf } from '../places.ts';
import { check, ok, problem, skipped, warning, type Check, type Finding } from './check.ts';

const PROBE_BYTES = 64 * 1024;
const GIB = 1024 ** 3;
/** Of HDFS as a whole: an installation has 0.2 GB with three replicas, datasets and models come on top. */
const FREE_PROBLEM_BYTES = 2 * GIB;
const FREE_WARNING_BYTES = 20 * GIB;
const INSTALLATION_BYTES = 1 * GIB;

/** The folders that the configuration names: whether they are there, can be written and read, and have room. */
export async function checkFolders(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<readonly Check[]> {
  const { hdfs } = cluster;
  const places = foldersOf(cluster);
  const checks = [
    await check('runtime folder', signal, () => tryFolder(cluster, places.runtime, signal)),
    await check('object store', signal, () =>
      places.objects === null
        ? skipped(
            'objectStore.driver is not hdfs: containers could not reach the objects',
            'Set objectStore.driver to hdfs.',
          )
        : tryFolder(cluster, places.objects, signal),
    ),
    await check('access lists', signal, () => tryAccessLists(hdfs, places.objects ?? places.runtime, signal)),
    await check('space', signal, () => freeSpace(cluster, signal)),
  ];
  const folders = [places.runtime, ...(places.objects === null ? [] : [places.objects])];
  return [...checks, await check('quotas', signal, () => quotas(hdfs, folders, cluster.serviceUser, signal))];
}

async function tryFolder(cluster: SetupCluster, folder: string, signal: AbortSignal | undefined): Promise<Finding> {
  const { hdfs, serviceUser } = cluster;
  const place = await nearest(hdfs, folder, signal);
  if (place.type !== 'directory')
    return problem(`${place.path}: expected a folder, found a file`, 'Choose another folder.');
  if (place.path !== folder) return judgeMissing(cluster, folder, place, signal);
  if (!(await hdfs.mayAccess(folder, 'rwx', { signal }))) {
    const text = `${folder}: ${serviceUser} may not write (owner ${place.owner}, mode ${place.permission})`;
    return problem(text, `As the superuser of HDFS: hdfs dfs -chown -R ${serviceUser} ${folder}`);
  }
  const isEncrypted = await writeAndRead(hdfs, folder, signal);
  return ok(`${folder}: written and read${isEncrypted ? ', in an encryption zone' : ''}`);
}

/** Folders of attempts are opened to end users by them. */
async function tryAccessLists(hdfs: WebHdfsClient, folder: string, signal: AbortSignal | undefined): Promise<Finding> {
  const place = await nearest(hdfs, folder, signal);
  try {
    await hdfs.getAcl(place.path, { signal });
    return ok('HDFS takes access lists');
  } catch (err) {
    if (!isAppError(err, 'HDFS_REQUEST_INVALID') || !/acls? .*disabled/i.test(err.message)) throw err;
    return problem(
      'HDFS takes no access lists: dfs.namenode.acls.enabled is false',
      'Set dfs.namenode.acls.enabled=true in hdfs-site.xml of the NameNodes, and restart them: the folder of an attempt is opened to its end user by an access list.',
    );
  }
}

async function judgeMissing(
  { hdfs, serviceUser }: SetupCluster,
  folder: string,
  place: FileStatus,
  signal: AbortSignal | undefined,
): Promise<Finding> {
  if (await hdfs.mayAccess(place.path, '-wx', { signal }))
    return ok(`${folder}: not made yet; may be made in ${place.path}`);
  const text = `${folder}: not made yet, and ${serviceUser} may not make it in ${place.path} (owner ${place.owner}, mode ${place.permission})`;
  return warning(
    text,
    `Give trainyard hadoop install an account that may (--admin-user or --admin-keytab), or as the superuser of HDFS: hdfs dfs -mkdir -p ${folder} && hdfs dfs -chown ${serviceUser} ${folder}`,
  );
}

/** The folder itself or the nearest above it that is there. */
async function nearest(hdfs: WebHdfsClient, folder: string, signal: AbortSignal | undefined): Promise<FileStatus> {
  for (let place = folder; ; place = path.posix.dirname(place)) {
    const found = await hdfs.find(place, { signal });
    if (found !== null) return found;
  }
}

/** Through NameNode and DataNode, and in an encryption zone through the key server. Leaves nothing. */
async function writeAndRead(hdfs: WebHdfsClient, folder: string, signal: AbortSignal | undefined): Promise<boolean> {
  const bytes = randomBytes(PROBE_BYTES);
  // A name that the object store's sweeper knows, should this process be killed.
  const file = path.posix.join(folder, `.tmp-doctor-${randomBytes(6).toString('hex')}`);
  try {
    await hdfs.create(file, bytes, { signal });
    const { encrypted } = await hdfs.status(file, { signal });
    const back = await readBody(hdfs.open(file, signal === undefined ? {} : { signal }), PROBE_BYTES);
    if (!back.equals(bytes)) throw new Error(`${file}: other bytes were read than written`);
    return encrypted;
  } finally {
    await hdfs.delete(file);
  }
}

async function freeSpace(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<Finding> {
  for (const { url } of cluster.settings.defaultNameservice.nameNodes) {
    const page = await cluster
      .page(`${url}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem`, signal)
      .catch((err: unknown) => {
        if (isAppError(err)) return null;
        throw err;
      });
    const bytes = listOf(page?.json, 'beans').map((bean) => numberOf(bean, 'CapacityRemaining'))[0] ?? null;
    if (bytes !== null) return judgeFreeSpace(bytes);
  }
  return skipped('no NameNode tells how much space is left');
}

export function judgeFreeSpace(bytes: number): Finding {
  const text = `${(bytes / GIB).toFixed(1)} GB left in HDFS, all replicas counted`;
  const remedy = 'Free space or add DataNodes: datasets and models are kept three times.';
  if (bytes < FREE_PROBLEM_BYTES) return problem(text, remedy);
  return bytes < FREE_WARNING_BYTES ? warning(text, remedy) : ok(text);
}

/** Of our own folders and those above them that are ours: others' content may be too large to be added up. */
async function quotas(
  hdfs: WebHdfsClient,
  folders: readonly string[],
  serviceUser: string,
  signal: AbortSignal | undefined,
): Promise<Finding> {
  const found: Finding[] = [];
  for (const place of new Set(folders.flatMap(selfAndAbove))) {
    const status = await hdfs.find(place, { signal });
    if (status?.owner !== serviceUser) continue;
    const { spaceQuotaBytes, spaceBytes, nameQuota, fileCount, directoryCount } = await hdfs.contentSummary(place, {
      signal,
    });
    const leftBytes = spaceQuotaBytes === null ? null : spaceQuotaBytes - spaceBytes;
    const leftNames = nameQuota === null ? null : nameQuota - fileCount - directoryCount;
    found.push(judgeQuota(place, leftBytes, leftNames));
  }
  const worst = found.find(({ state }) => state !== 'ok') ?? found.find(({ found: text }) => text !== '');
  return worst ?? ok('none on our folders');
}

const NAMES_LEFT_MIN = 1_000;

export function judgeQuota(folder: string, leftBytes: number | null, leftNames: number | null): Finding {
  const parts = [
    ...(leftBytes === null ? [] : [`${(leftBytes / GIB).toFixed(1)} GB`]),
    ...(leftNames === null ? [] : [`${leftNames} names`]),
  ];
  if (parts.length === 0) return ok('');
  const text = `${folder}: ${parts.join(' and ')} left of its quota`;
  const isShort = (leftBytes ?? Infinity) < INSTALLATION_BYTES || (leftNames ?? Infinity) < NAMES_LEFT_MIN;
  const remedy = `As the superuser of HDFS: hdfs dfsadmin -setSpaceQuota SIZE ${folder}, -setQuota COUNT ${folder}`;
  return isShort ? problem(text, remedy) : ok(text);
}

function selfAndAbove(folder: string): string[] {
  const parts = folder.split('/').filter((part) => part !== '');
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}

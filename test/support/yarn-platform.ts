import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { install, openCluster } from '#hadoop-setup';
import { loadConfig } from '#runtime';
import { buildApplicationMaster } from '../../scripts/lib/java/application-master.ts';
import type { HadoopCluster } from './hadoop/index.ts';
import { REPOSITORY_ROOT } from './repository.ts';

/** Folders in HDFS that an installation of the tests uses. */
export const HDFS_FOLDERS = { runtime: '/trainyard/runtime', objects: '/trainyard/objects' } as const;

/** The part of a configuration that makes an app server run its tasks on a cluster. */
export function yarnFlags(cluster: HadoopCluster): Readonly<Record<string, string | number>> {
  return {
    'compute.driver': 'yarn',
    'hadoop.confDir': cluster.confDir,
    'hadoop.user': 'trainyard',
    ...(cluster.security === undefined
      ? {}
      : { 'hadoop.keytab': cluster.security.keytab('trainyard'), 'hadoop.caFile': cluster.security.caFile }),
    'objectStore.driver': 'hdfs',
    'objectStore.root': HDFS_FOLDERS.objects,
    'yarn.runtimeDir': HDFS_FOLDERS.runtime,
    'yarn.queue': 'ml',
    'yarn.containerMemoryMb': 1536,
    'yarn.containersMax': 2,
  };
}

/** Takes away what an installation of the tests has left in a cluster that other tests use too. */
export const removePrograms = (cluster: HadoopCluster): Promise<string> =>
  cluster.fs('-rm', '-r', '-skipTrash', '/trainyard');

/**
 * Builds the programs of containers and installs them, after the cluster's administrator has made the service a folder.
 *
 * @param more further keys of the configuration
 */
export async function installPrograms(
  cluster: HadoopCluster,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const described = execFileSync(path.join(REPOSITORY_ROOT, 'scripts/bundle'), ['--json'], { encoding: 'utf8' });
  const archive = (JSON.parse(described) as { file: string }).file; // what scripts/bundle prints
  const { jar, clientJars } = await buildApplicationMaster();
  await cluster.fs('-mkdir', '-p', '/trainyard');
  await cluster.fs('-chown', 'trainyard:trainyard', '/trainyard');
  const opened = openCluster(loadConfig({ env: {}, flags: { ...yarnFlags(cluster), ...more } }).config);
  try {
    await install({
      cluster: opened,
      admin: null,
      archive,
      jars: [jar, ...clientJars],
      prune: false,
      dryRun: false,
      onProgress: () => undefined,
    });
  } finally {
    await opened.close();
  }
}

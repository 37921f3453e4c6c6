import type { SetupCluster } from './cluster.ts';

/** Folders of HDFS that an installation has. */
export interface Places {
  /** Programs of containers, and what is known of the installation. */
  readonly runtime: string;
  /** Root of the object store; null where that is not in HDFS. */
  readonly objects: string | null;
}

/** By the configuration, as paths without scheme. @throws HDFS_PATH_INVALID */
export function foldersOf({ config, hdfs }: Pick<SetupCluster, 'config' | 'hdfs'>): Places {
  const { objectStore, yarn } = config;
  return {
    runtime: hdfs.resolve(yarn.runtimeDir),
    objects: objectStore.driver === 'hdfs' ? hdfs.resolve(objectStore.root) : null,
  };
}

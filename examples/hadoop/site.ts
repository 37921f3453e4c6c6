import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { HadoopCluster } from '../../test/support/hadoop/index.ts';

/** Folders in HDFS. */
export const HOME = '/trainyard';
export const OBJECTS = `${HOME}/objects`;
/** The smallest container that fits under the NodeManagers' check of virtual memory; doctor says so. */
const CONTAINER_MB = 2304;
/** Aggregated logs are YARN's own and go by its `yarn.log-aggregation.retain-seconds`. */
const LOGS_OF_YARN = '/app-logs/';

/**
 * Writes the configuration of app servers: what an administrator writes into `conf/trainyard.json`. Returns its path.
 *
 * @param yarn keys of `yarn` beside those of the example
 */
export function writeConfig(
  cluster: HadoopCluster,
  dataDir: string,
  port: number,
  yarn: Readonly<Record<string, number>> = {},
): string {
  const { security } = cluster;
  const service =
    security === undefined ? { user: 'trainyard' } : { keytab: security.keytab('trainyard'), caFile: security.caFile };
  const config = {
    dataDir,
    server: { port, healthNeeds: [] },
    compute: { driver: 'yarn' },
    hadoop: { confDir: cluster.confDir, ...service },
    objectStore: { driver: 'hdfs', root: OBJECTS },
    yarn: { runtimeDir: `${HOME}/runtime`, queue: 'ml', containerMemoryMb: CONTAINER_MB, containersMax: 2, ...yarn },
  };
  const file = path.join(dataDir, 'trainyard.json');
  writeFileSync(file, JSON.stringify(config, null, 2));
  return file;
}

/** Who may make folders in `/`: the superuser of HDFS, as flags of `install` and `uninstall`. */
export const administrator = ({ security }: HadoopCluster): readonly string[] =>
  security === undefined ? ['--admin-user', 'hdfs'] : ['--admin-keytab', security.keytab('hdfs')];

/** A file or folder of HDFS. */
export interface Entry {
  readonly owner: string;
  readonly path: string;
  /** As `hdfs dfs -ls` shows it. */
  readonly line: string;
}

/** Everything below a folder of HDFS as its superuser sees it, without YARN's aggregated logs. */
export async function entriesOf(cluster: HadoopCluster, folder: string): Promise<Entry[]> {
  const lines = (await cluster.fs('-ls', '-R', folder)).split('\n').filter((line) => line !== '');
  const entries = lines.map((line) => {
    const [, , owner = '', , , , , ...place] = line.split(/\s+/);
    return { owner, path: place.join(' '), line };
  });
  return entries.filter((entry) => !entry.path.startsWith(LOGS_OF_YARN));
}

import path from 'node:path';
import type { Shape } from '../../../test/support/hadoop/index.ts';
import type { ProcessEntry } from '../../../test/support/processes.ts';
import { placesOf, SHAPE_NAMES, type ClusterFacts, type ClusterState } from './state.ts';

/** Addresses of a cluster and what to type to use it. */
export function describeCluster(shape: Shape, { cluster }: ClusterState): string {
  if (cluster === undefined) throw new Error('the cluster has no addresses while it starts');
  const { clusterFolder } = placesOf(shape);
  const { security } = cluster;
  const rows: [string, string][] = [
    ['configuration', cluster.confDir],
    ['NameNode', cluster.nameNodeUrls.join(' ')],
    ['ResourceManager', cluster.resourceManagerUrls.join(' ')],
    ['NodeManagers', cluster.nodeManagerUrls.join(' ')],
    ['logs', path.join(clusterFolder, 'logs')],
    ['users', 'hdfs (superuser), yarn, trainyard (may act for alice and bob), alice, bob'],
    ['queues', 'default, ml, high'],
  ];
  if (security !== undefined) {
    rows.push(['HttpFS', security.httpFsUrl], ['key server', security.kmsUrl]);
    rows.push(['encryption zone', security.encryptionZone], ['realm', security.realm]);
    rows.push(['krb5.conf', security.krb5Conf], ['certificate', security.caFile]);
    rows.push(['keytabs', keytabOf(clusterFolder, '<user>')]);
  }
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
  const title = `a ${SHAPE_NAMES[shape]} Hadoop ${cluster.hadoopVersion} cluster is up`;
  return [title, ...table, '', 'For example, as alice:', ...examples(clusterFolder, cluster)].join('\n');
}

function examples(clusterFolder: string, { confDir, nameNodeUrls, security }: ClusterFacts): string[] {
  const url = `${nameNodeUrls[0] ?? ''}/webhdfs/v1/?op=LISTSTATUS`;
  if (security === undefined) {
    return [`  export HADOOP_CONF_DIR=${confDir} HADOOP_USER_NAME=alice`, `  curl '${url}&user.name=alice'`];
  }
  const keytab = keytabOf(clusterFolder, 'alice');
  return [
    `  export HADOOP_CONF_DIR=${confDir} KRB5_CONFIG=${security.krb5Conf}`,
    `  export KRB5_CLIENT_KTNAME=FILE:${keytab} KRB5CCNAME=MEMORY:alice`,
    `  curl --negotiate --user : --cacert ${security.caFile} '${url}'`,
  ];
}

function keytabOf(clusterFolder: string, user: string): string {
  return path.join(clusterFolder, 'kerberos', `${user}.keytab`);
}

/** One line for each daemon that runs. */
export function describeDaemons(processes: readonly ProcessEntry[]): string {
  const lines = processes.flatMap(({ pid, command }) => {
    const name = command.find((word) => word.startsWith(NAME_FLAG))?.slice(NAME_FLAG.length);
    const shown = name ?? (path.basename(command[0] ?? '') === 'krb5kdc' ? 'kdc' : undefined);
    return shown === undefined ? [] : [`  ${shown} ${pid}`];
  });
  return ['Daemons and their process ids:', ...lines.sort()].join('\n');
}

/** By which a JVM's command line tells which daemon it is. */
const NAME_FLAG = '-Dproc_';

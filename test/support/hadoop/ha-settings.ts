import type { Addresses } from './addresses.ts';
import { resourceManagerSites } from './settings.ts';
import { mergeSites, type Sites } from './site.ts';

const NAME_SERVICE = 'cluster';
/** Until ZooKeeper takes the lock of a killed ResourceManager away; longer than a loaded machine may stand still. */
const SESSION_MS = '6000';

/** What clients know of two NameNodes and two ResourceManagers. */
export function haClientSites(addresses: Addresses): Sites {
  const names = addresses.nameNodes.flatMap(({ rpc, web }, index) => [
    [`dfs.namenode.rpc-address.${NAME_SERVICE}.nn${index + 1}`, `localhost:${rpc}`],
    [`dfs.namenode.http-address.${NAME_SERVICE}.nn${index + 1}`, `localhost:${web}`],
  ]);
  return mergeSites(
    {
      'core-site': { 'fs.defaultFS': `hdfs://${NAME_SERVICE}` },
      'hdfs-site': {
        'dfs.nameservices': NAME_SERVICE,
        [`dfs.ha.namenodes.${NAME_SERVICE}`]: 'nn1,nn2',
        [`dfs.client.failover.proxy.provider.${NAME_SERVICE}`]:
          'org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider',
        'dfs.ha.automatic-failover.enabled': 'true',
        ...(Object.fromEntries(names) as Record<string, string>), // pairs of strings
      },
      'yarn-site': {
        'yarn.resourcemanager.ha.enabled': 'true',
        'yarn.resourcemanager.cluster-id': NAME_SERVICE,
        'yarn.resourcemanager.ha.rm-ids': 'rm1,rm2',
      },
    },
    ...addresses.resourceManagers.map((ports, index) => resourceManagerSites(ports, { suffix: `.rm${index + 1}` })),
  );
}

/** What daemons know beside it: ZooKeeper, the shared log of changes, and how a NameNode is shut out. */
export function haDaemonSites(folder: string, addresses: Addresses, zooKeeperPort: number): Sites {
  const failover = addresses.nameNodes.map((ports, index) => [
    `dfs.ha.zkfc.port.${NAME_SERVICE}.nn${index + 1}`,
    String(ports.failover),
  ]);
  const zooKeeper = `localhost:${zooKeeperPort}`;
  return {
    'core-site': {
      'ha.zookeeper.quorum': zooKeeper,
      'ha.zookeeper.session-timeout.ms': SESSION_MS,
      // A frozen NameNode counts as failed after this time; the default is 45 s.
      'ha.health-monitor.rpc-timeout.ms': '10000',
      'hadoop.zk.address': zooKeeper,
      'hadoop.zk.timeout-ms': SESSION_MS,
    },
    'hdfs-site': {
      'dfs.namenode.shared.edits.dir': `file://${folder}/data/shared-edits`,
      'dfs.ha.fencing.methods': `shell(/bin/sh ${folder}/conf/fence.sh)`,
      'dfs.ha.tail-edits.period': '1s',
      ...(Object.fromEntries(failover) as Record<string, string>), // pairs of strings
    },
    'yarn-site': {
      // The elector of ResourceManagers reads the old names, their store the new ones above.
      'yarn.resourcemanager.zk-address': zooKeeper,
      'yarn.resourcemanager.zk-timeout-ms': SESSION_MS,
      'yarn.resourcemanager.store.class': 'org.apache.hadoop.yarn.server.resourcemanager.recovery.ZKRMStateStore',
    },
  };
}

/** Who one of two daemons is. `failovercontroller` reads its NameNode's. */
export function haOwnSites(folder: string, name: string): Sites {
  const number = name.endsWith('2') ? '2' : '1';
  if (name.startsWith('resourcemanager')) return { 'yarn-site': { 'yarn.resourcemanager.ha.id': `rm${number}` } };
  if (!name.startsWith('namenode') && !name.startsWith('failovercontroller')) return {};
  const data = number === '1' ? 'namenode' : 'namenode2';
  return {
    'hdfs-site': {
      'dfs.ha.namenode.id': `nn${number}`,
      'dfs.namenode.name.dir': `file://${folder}/data/${data}`,
    },
  };
}

/** Ends the NameNode that a failover controller names, as `sshfence` does on another host. */
export function fenceScript(folder: string): string {
  return `case "$target_namenodeid" in nn1) name=namenode ;; nn2) name=namenode2 ;; *) exit 1 ;; esac
pids=$(grep -lzxF -- "HADOOP_CONF_DIR=${folder}/conf/$name" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\\n')
[ -z "$pids" ] || kill -KILL $pids
`;
}

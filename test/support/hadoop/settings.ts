import type { DataNodePorts, NodeManagerAddress, ResourceManagerPorts } from './addresses.ts';
import type { Properties, Sites } from './site.ts';

/** Users that the cluster knows, with their groups: none of them need exist in the operating system. */
const GROUPS: Readonly<Record<string, string>> = {
  hdfs: 'hdfs,supergroup',
  yarn: 'hadoop',
  HTTP: 'HTTP',
  httpfs: 'httpfs',
  trainyard: 'trainyard',
  alice: 'users,analysts',
  bob: 'users',
};

/** What clients and daemons of every shape have in common; addresses of masters are left to the shape. */
export function commonSites(): Sites {
  return {
    'core-site': {
      'hadoop.user.group.static.mapping.overrides': Object.entries(GROUPS)
        .map(([user, groups]) => `${user}=${groups}`)
        .join(';'),
      // The service user may act for end users, but not for the cluster's own.
      'hadoop.proxyuser.trainyard.hosts': '127.0.0.1',
      'hadoop.proxyuser.trainyard.groups': 'users',
    },
    'hdfs-site': {
      'dfs.replication': '1',
      'dfs.client.use.datanode.hostname': 'true',
      // With one DataNode there is no other to go on with.
      'dfs.client.block.write.replace-datanode-on-failure.policy': 'NEVER',
    },
    'yarn-site': { 'yarn.scheduler.minimum-allocation-mb': '64', 'yarn.scheduler.maximum-allocation-mb': '4096' },
    'capacity-scheduler': capacityScheduler(),
  };
}

/** `ml` and `default` share evenly; `high` has priority and, when the preemption monitor is on, takes containers. */
function capacityScheduler(): Properties {
  const prefix = 'yarn.scheduler.capacity';
  const queues = { default: 40, ml: 40, high: 20 };
  const perQueue = Object.entries(queues).flatMap(([queue, capacity]) => [
    [`${prefix}.root.${queue}.capacity`, String(capacity)],
    [`${prefix}.root.${queue}.maximum-capacity`, '100'],
    [`${prefix}.root.${queue}.user-limit-factor`, '10'],
  ]);
  return {
    [`${prefix}.root.queues`]: Object.keys(queues).join(','),
    ...(Object.fromEntries(perQueue) as Properties), // pairs of strings
    [`${prefix}.root.high.priority`]: '10',
    [`${prefix}.maximum-am-resource-percent`]: '0.5',
    [`${prefix}.resource-calculator`]: 'org.apache.hadoop.yarn.util.resource.DominantResourceCalculator',
    [`${prefix}.node-locality-delay`]: '0',
  };
}

/** What only daemons have: folders below `data`, bind addresses, and waits fit for tests. */
export function daemonSites(folder: string, dataNode: DataNodePorts, tls = false): Sites {
  return {
    'core-site': { 'hadoop.tmp.dir': `${folder}/data/tmp`, 'hadoop.http.max.threads': '32' },
    'hdfs-site': {
      'dfs.datanode.data.dir': `file://${folder}/data/datanode`,
      'dfs.datanode.address': `127.0.0.1:${dataNode.transfer}`,
      'dfs.datanode.ipc.address': `127.0.0.1:${dataNode.ipc}`,
      [tls ? 'dfs.datanode.https.address' : 'dfs.datanode.http.address']: `127.0.0.1:${dataNode.web}`,
      'dfs.datanode.hostname': 'localhost',
      'dfs.namenode.datanode.registration.ip-hostname-check': 'false',
      'dfs.namenode.safemode.extension': '0',
      'dfs.datanode.du.reserved': '0',
      'dfs.namenode.resource.du.reserved': '1048576',
      'dfs.namenode.acls.enabled': 'true',
    },
    'yarn-site': {
      'yarn.resourcemanager.recovery.enabled': 'true',
      'yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms': '1000',
      'yarn.resourcemanager.application-timeouts.monitor.interval-ms': '1000',
      'yarn.resourcemanager.nodes.exclude-path': `${folder}/conf/nodes.exclude`,
      // By default a NodeManager looks for a restarted ResourceManager every 30 s.
      'yarn.resourcemanager.connect.retry-interval.ms': '1000',
      'yarn.am.liveness-monitor.expiry-interval-ms': '20000',
      'yarn.nm.liveness-monitor.expiry-interval-ms': '15000',
      ...preemption(),
    },
  };
}

/** Off until a test sets `yarn.resourcemanager.scheduler.monitor.enable`; then within seconds. */
function preemption(): Properties {
  const prefix = 'yarn.resourcemanager.monitor.capacity.preemption';
  return {
    'yarn.resourcemanager.scheduler.monitor.enable': 'false',
    [`${prefix}.monitoring_interval`]: '1000',
    [`${prefix}.max_wait_before_kill`]: '3000',
    [`${prefix}.total_preemption_per_round`]: '1.0',
    [`${prefix}.natural_termination_factor`]: '1.0',
  };
}

/** Of one NodeManager; without native code, so containers run as the operating system's user of this process. */
export function nodeManagerSites(folder: string, name: string, address: NodeManagerAddress, tls = false): Sites {
  const { host, ...ports } = address;
  const prefix = 'yarn.nodemanager';
  return {
    'yarn-site': {
      [`${prefix}.hostname`]: host,
      // Makes the node's name the address as it stands here. With Kerberos it would be the principal's host, too.
      ...(host === 'localhost' ? {} : { [`${prefix}.bind-host`]: host }),
      [`${prefix}.address`]: `${host}:${ports.containers}`,
      [`${prefix}.localizer.address`]: `${host}:${ports.localizer}`,
      [`${prefix}.collector-service.address`]: `${host}:${ports.collector}`,
      [`${prefix}.${webKey(tls)}`]: `${host}:${ports.web}`,
      [`${prefix}.local-dirs`]: `${folder}/data/${name}/local`,
      [`${prefix}.log-dirs`]: `${folder}/data/${name}/logs`,
      [`${prefix}.recovery.enabled`]: 'true',
      [`${prefix}.recovery.supervised`]: 'true',
      [`${prefix}.recovery.dir`]: `${folder}/data/${name}/recovery`,
      [`${prefix}.resource.memory-mb`]: '4096',
      [`${prefix}.resource.cpu-vcores`]: '8',
      [`${prefix}.pmem-check-enabled`]: 'true',
      [`${prefix}.vmem-check-enabled`]: 'true',
      // Without it the two checks above kill nobody where there are no cgroups.
      [`${prefix}.resource.memory.enforced`]: 'false',
      [`${prefix}.container-monitor.interval-ms`]: '1000',
      [`${prefix}.disk-health-checker.max-disk-utilization-per-disk-percentage`]: '100.0',
      [`${prefix}.disk-health-checker.min-free-space-per-disk-mb`]: '0',
      [`${prefix}.delete.debug-delay-sec`]: '0',
    },
  };
}

export interface ResourceManagerOptions {
  /** `.<id>` of high availability. */
  readonly suffix?: string;
  readonly tls?: boolean;
}

/** Addresses of one ResourceManager. */
export function resourceManagerSites(ports: ResourceManagerPorts, options: ResourceManagerOptions = {}): Sites {
  const { suffix = '', tls = false } = options;
  const prefix = 'yarn.resourcemanager';
  return {
    'yarn-site': {
      [`${prefix}.hostname${suffix}`]: 'localhost',
      [`${prefix}.address${suffix}`]: `localhost:${ports.client}`,
      [`${prefix}.scheduler.address${suffix}`]: `localhost:${ports.scheduler}`,
      [`${prefix}.resource-tracker.address${suffix}`]: `localhost:${ports.tracker}`,
      [`${prefix}.admin.address${suffix}`]: `localhost:${ports.admin}`,
      [`${prefix}.${webKey(tls)}${suffix}`]: `localhost:${ports.web}`,
    },
  };
}

function webKey(tls: boolean): string {
  return tls ? 'webapp.https.address' : 'webapp.address';
}

/** NameNode and ResourceManager keep their state in files. */
export function fileStores(folder: string): Sites {
  return {
    'hdfs-site': { 'dfs.namenode.name.dir': `file://${folder}/data/namenode` },
    'yarn-site': {
      'yarn.resourcemanager.store.class': `${RECOVERY}.FileSystemRMStateStore`,
      'yarn.resourcemanager.fs.state-store.uri': `file://${folder}/data/resourcemanager`,
    },
  };
}

const RECOVERY = 'org.apache.hadoop.yarn.server.resourcemanager.recovery';

/** Logs of ended applications go to HDFS. Needs Hadoop's native library where Kerberos is on. */
export const LOG_AGGREGATION: Properties = {
  'yarn.log-aggregation-enable': 'true',
  'yarn.nodemanager.remote-app-log-dir': '/app-logs',
};

import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { until } from '../processes.ts';
import { chooseAddresses, distinctHosts } from './addresses.ts';
import type { Daemon } from './daemon.ts';
import { fenceScript, haClientSites, haDaemonSites, haOwnSites } from './ha-settings.ts';
import { HOME_FOLDERS, makeHomes, simplePut } from './homes.ts';
import { javaDaemon, type Bed } from './jvm.ts';
import type { PortBlock } from './ports.ts';
import { commonSites, daemonSites, LOG_AGGREGATION } from './settings.ts';
import {
  formatNameNode,
  hadoopDaemons,
  runAs,
  simpleIdentity,
  urlsOf,
  type ShapeInput,
  type ShapePlan,
} from './shape.ts';
import { mergeSites, type Sites } from './site.ts';

const FAILOVER_CONTROLLER = {
  mainClass: 'org.apache.hadoop.hdfs.tools.DFSZKFailoverController',
  user: 'hdfs',
  heapMb: 96,
  ready: [/Successfully created \S*\/ActiveStandbyElectorLock|Entering state SERVICE_HEALTHY/],
};

/** Two NameNodes and two ResourceManagers that fail over by themselves, by ZooKeeper; no Kerberos. */
export async function haShape(bed: Bed, ports: PortBlock, input: ShapeInput): Promise<ShapePlan> {
  const { folder } = bed;
  const addresses = await chooseAddresses(ports, { masters: 2, nodeHosts: distinctHosts(input.nodeManagers) });
  const zooKeeperPort = await ports.next();
  const client = mergeSites(
    commonSites(),
    { 'yarn-site': LOG_AGGREGATION },
    haClientSites(addresses),
    input.properties,
  );
  const base = mergeSites(daemonSites(folder, addresses.dataNode), haDaemonSites(folder, addresses, zooKeeperPort));
  const server = mergeSites(base, client);
  const own = (name: string): Sites => haOwnSites(folder, name);
  const hadoop = await hadoopDaemons(bed, { addresses, server, own });
  const zooKeeper = await zooKeeperDaemon(bed, zooKeeperPort);
  const controllers = await Promise.all(
    ['failovercontroller', 'failovercontroller2'].map((name) =>
      javaDaemon(bed, { ...FAILOVER_CONTROLLER, name, sites: mergeSites(server, own(name)) }),
    ),
  );
  await writeFile(path.join(folder, 'conf/fence.sh'), fenceScript(folder));
  const urls = urlsOf(addresses, 'http');
  return {
    bed,
    client,
    daemons: [zooKeeper, ...hadoop, ...controllers],
    ...urls,
    identity: simpleIdentity,
    async start() {
      await zooKeeper.start();
      await Promise.all([
        startNameNodes(
          bed,
          hadoop.filter(({ name }) => name.startsWith('namenode')),
          controllers,
        ),
        ...hadoop.filter(({ name }) => !name.startsWith('namenode')).map((daemon) => daemon.start()),
      ]);
      await activeOf(urls.resourceManagerUrls);
      await makeHomes(await activeOf(urls.nameNodeUrls), HOME_FOLDERS, simplePut);
    },
  };
}

/** The second NameNode begins with a copy of the first one's folder. */
async function startNameNodes(bed: Bed, nameNodes: readonly Daemon[], controllers: readonly Daemon[]): Promise<void> {
  const data = path.join(bed.folder, 'data');
  await Promise.all([
    formatNameNode(bed),
    runAs(bed, 'failovercontroller', FAILOVER_CONTROLLER.mainClass, ['-formatZK', '-nonInteractive', '-force']),
  ]);
  await cp(path.join(data, 'namenode'), path.join(data, 'namenode2'), { recursive: true });
  await Promise.all([...nameNodes, ...controllers].map((daemon) => daemon.start()));
}

/** The URL of the master that says that it is active, as soon as there is one. */
async function activeOf(urls: readonly string[]): Promise<string> {
  return until(`one of ${urls.join(' and ')} to be active`, async () => {
    const states = await Promise.all(urls.map((url) => fetch(`${url}/isActive`).then(({ status }) => status === 200)));
    return urls[states.indexOf(true)];
  });
}

async function zooKeeperDaemon(bed: Bed, port: number): Promise<Daemon> {
  const data = path.join(bed.folder, 'data/zookeeper');
  await mkdir(data);
  const file = path.join(bed.folder, 'conf/zookeeper.properties');
  const settings = { dataDir: data, clientPort: port, clientPortAddress: '127.0.0.1', tickTime: 500 };
  const lines = Object.entries({ ...settings, 'admin.enableServer': false }).map(([key, value]) => `${key}=${value}`);
  await writeFile(file, `${lines.join('\n')}\n`);
  return javaDaemon(bed, {
    name: 'zookeeper',
    mainClass: 'org.apache.zookeeper.server.ZooKeeperServerMain',
    sites: {},
    heapMb: 96,
    args: [file],
    ready: [/binding to port/],
  });
}

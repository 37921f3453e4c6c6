import { chooseAddresses, distinctHosts } from './addresses.ts';
import { HOME_FOLDERS, makeHomes, simplePut } from './homes.ts';
import type { Bed } from './jvm.ts';
import type { PortBlock } from './ports.ts';
import { commonSites, daemonSites, fileStores, LOG_AGGREGATION, resourceManagerSites } from './settings.ts';
import { formatNameNode, hadoopDaemons, simpleIdentity, urlsOf, type ShapeInput, type ShapePlan } from './shape.ts';
import { mergeSites } from './site.ts';

/** One NameNode, one DataNode, one ResourceManager; no Kerberos. */
export async function plainShape(bed: Bed, ports: PortBlock, input: ShapeInput): Promise<ShapePlan> {
  const addresses = await chooseAddresses(ports, { masters: 1, nodeHosts: distinctHosts(input.nodeManagers) });
  const [nameNode] = addresses.nameNodes;
  const client = mergeSites(
    commonSites(),
    {
      'core-site': { 'fs.defaultFS': `hdfs://localhost:${nameNode.rpc}` },
      'hdfs-site': {
        'dfs.namenode.rpc-address': `localhost:${nameNode.rpc}`,
        'dfs.namenode.http-address': `localhost:${nameNode.web}`,
      },
      'yarn-site': LOG_AGGREGATION,
    },
    resourceManagerSites(addresses.resourceManagers[0]),
    input.properties,
  );
  const server = mergeSites(daemonSites(bed.folder, addresses.dataNode), fileStores(bed.folder), client);
  const daemons = await hadoopDaemons(bed, { addresses, server });
  const urls = urlsOf(addresses, 'http');
  return {
    bed,
    client,
    daemons,
    ...urls,
    identity: simpleIdentity,
    async start() {
      const [first, ...others] = daemons;
      await Promise.all([formatNameNode(bed).then(() => first.start()), ...others.map((daemon) => daemon.start())]);
      await makeHomes(urls.nameNodeUrls[0], HOME_FOLDERS, simplePut);
    },
  };
}

import type { PortBlock } from './ports.ts';

/** At least one. */
export type Some<T> = readonly [T, ...T[]];

/** Ports of all daemons of a shape; `web` is HTTPS in the shape `secured`. */
export interface Addresses {
  readonly nameNodes: Some<NameNodePorts>;
  readonly dataNode: DataNodePorts;
  readonly resourceManagers: Some<ResourceManagerPorts>;
  readonly nodeManagers: Some<NodeManagerAddress>;
}

const NAME_NODE_PORTS = ['rpc', 'web', 'failover'] as const;
const DATA_NODE_PORTS = ['transfer', 'ipc', 'web'] as const;
const RESOURCE_MANAGER_PORTS = ['client', 'scheduler', 'tracker', 'admin', 'web'] as const;
const NODE_MANAGER_PORTS = ['containers', 'localizer', 'collector', 'web'] as const;

export type NameNodePorts = PortsOf<typeof NAME_NODE_PORTS>;
export type DataNodePorts = PortsOf<typeof DATA_NODE_PORTS>;
export type ResourceManagerPorts = PortsOf<typeof RESOURCE_MANAGER_PORTS>;
/** Unlike the other daemons, NodeManagers may each have a host of their own: any address of the loopback network. */
export type NodeManagerAddress = PortsOf<typeof NODE_MANAGER_PORTS> & { readonly host: string };

type PortsOf<Names extends readonly string[]> = Readonly<Record<Names[number], number>>;

export interface AddressOptions {
  /** How many NameNodes and ResourceManagers. */
  readonly masters: 1 | 2;
  /** One host for each NodeManager. */
  readonly nodeHosts: readonly string[];
}

/** Takes the ports of a shape from a block. */
export async function chooseAddresses(ports: PortBlock, options: AddressOptions): Promise<Addresses> {
  const { masters, nodeHosts } = options;
  const [firstHost, ...otherHosts] = nodeHosts;
  if (firstHost === undefined) throw new Error('a cluster has at least one NodeManager');
  const node = async (host: string): Promise<NodeManagerAddress> => ({
    host,
    ...(await named(ports, NODE_MANAGER_PORTS)),
  });
  const nodeManagers: [NodeManagerAddress, ...NodeManagerAddress[]] = [await node(firstHost)];
  for (const host of otherHosts) nodeManagers.push(await node(host));
  return {
    nameNodes: await several(masters, () => named(ports, NAME_NODE_PORTS)),
    dataNode: await named(ports, DATA_NODE_PORTS),
    resourceManagers: await several(masters, () => named(ports, RESOURCE_MANAGER_PORTS)),
    nodeManagers,
  };
}

async function named<const Names extends readonly string[]>(ports: PortBlock, names: Names): Promise<PortsOf<Names>> {
  const entries: [string, number][] = [];
  for (const name of names) entries.push([name, await ports.next()]);
  return Object.fromEntries(entries) as PortsOf<Names>; // one entry for each name
}

async function several<T>(count: number, make: () => Promise<T>): Promise<Some<T>> {
  const all: [T, ...T[]] = [await make()];
  while (all.length < count) all.push(await make());
  return all;
}

/** Hosts without a name, so that nodes can be told apart as on a real cluster: excluded, or avoided after failures. */
export function distinctHosts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `127.0.0.${index + 2}`);
}

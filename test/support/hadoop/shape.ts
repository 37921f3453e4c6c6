import path from 'node:path';
import type { Addresses, Some } from './addresses.ts';
import { tailOf } from './command.ts';
import type { Daemon } from './daemon.ts';
import { javaDaemon, javaTool, type Bed, type JavaDaemonOptions } from './jvm.ts';
import { nodeManagerSites } from './settings.ts';
import { mergeSites, type Sites } from './site.ts';
import type { ClusterSecurity } from './types.ts';

/** How a tool comes to be somebody. */
export interface Identity {
  readonly env?: Readonly<Record<string, string>>;
  readonly jvmArgs?: readonly string[];
}

export interface ShapeInput {
  readonly nodeManagers: number;
  readonly properties: Sites;
}

export interface ClusterUrls {
  readonly nameNodeUrls: Some<string>;
  readonly resourceManagerUrls: Some<string>;
  readonly nodeManagerUrls: Some<string>;
}

/** What a shape adds to what is the same for all. */
export interface ShapePlan extends ClusterUrls {
  /** With what every JVM of the shape needs. */
  readonly bed: Bed;
  /** Configuration of clients. */
  readonly client: Sites;
  readonly daemons: readonly Daemon[];
  readonly security?: ClusterSecurity;
  identity(user: string): Promise<Identity>;
  /** From empty folders to a usable cluster. `run` runs a tool as the superuser, which must succeed. */
  start(run: (mainClass: string, ...args: readonly string[]) => Promise<unknown>): Promise<void>;
}

/** Kerberos off: the name is believed. */
export function simpleIdentity(user: string): Promise<Identity> {
  return Promise.resolve({ env: { HADOOP_USER_NAME: user } });
}

export function urlsOf(addresses: Addresses, scheme: 'http' | 'https'): ClusterUrls {
  const url = ({ web, host = 'localhost' }: WebAddress): string => `${scheme}://${host}:${web}`;
  const all = <T extends WebAddress>([first, ...rest]: Some<T>): Some<string> => [url(first), ...rest.map(url)];
  return {
    nameNodeUrls: all(addresses.nameNodes),
    resourceManagerUrls: all(addresses.resourceManagers),
    nodeManagerUrls: all(addresses.nodeManagers),
  };
}

interface WebAddress {
  readonly host?: string;
  readonly web: number;
}

/** Makes the empty file system of the first NameNode. */
export function formatNameNode(bed: Bed): Promise<void> {
  return runAs(bed, 'namenode', NAME_NODE.mainClass, ['-format', '-nonInteractive', '-force']);
}

/** Runs a main class to its end, with the configuration of a daemon. */
export async function runAs(bed: Bed, daemon: string, mainClass: string, args: readonly string[]): Promise<void> {
  const confDir = path.join(bed.folder, 'conf', daemon);
  const { code, stderr } = await javaTool(bed, mainClass, args, { confDir, env: { HADOOP_USER_NAME: 'hdfs' } });
  if (code !== 0) throw new Error(`${mainClass} ${args.join(' ')} ended with ${String(code)}\n${tailOf(stderr)}`);
}

type DaemonKind = Pick<JavaDaemonOptions, 'mainClass' | 'ready' | 'user'>;

const NAME_NODE: DaemonKind = {
  mainClass: 'org.apache.hadoop.hdfs.server.namenode.NameNode',
  user: 'hdfs',
  ready: [/NameNode RPC up at/],
};
const DATA_NODE: DaemonKind = {
  mainClass: 'org.apache.hadoop.hdfs.server.datanode.DataNode',
  user: 'hdfs',
  ready: [/successfully registered with NN/],
};
const RESOURCE_MANAGER: DaemonKind = {
  mainClass: 'org.apache.hadoop.yarn.server.resourcemanager.ResourceManager',
  user: 'yarn',
  // One that cannot start says that it is standby, too.
  ready: [/Transitioned to (active|standby) state/, /Web app cluster started at/],
};
/** The account is also that of its containers, as DefaultContainerExecutor has it on real nodes. */
const NODE_MANAGER: DaemonKind = {
  mainClass: 'org.apache.hadoop.yarn.server.nodemanager.NodeManager',
  user: 'yarn',
  ready: [/Registered with ResourceManager as/],
};

export interface HadoopDaemonsOptions {
  readonly addresses: Addresses;
  /** Configuration of every daemon. */
  readonly server: Sites;
  /** What one daemon has beside it; the name is that of {@link DaemonName}. */
  readonly own?: (name: string) => Sites;
  readonly tls?: boolean;
}

/** NameNodes, DataNode, ResourceManagers and NodeManagers, as many as there are addresses. */
export async function hadoopDaemons(bed: Bed, options: HadoopDaemonsOptions): Promise<Some<Daemon>> {
  const { addresses, server, own = () => ({}), tls = false } = options;
  const make = (kind: DaemonKind, name: string, sites: Sites = {}): Promise<Daemon> =>
    javaDaemon(bed, { ...kind, name, sites: mergeSites(sites, server, own(name)) });
  const first = await make(NAME_NODE, 'namenode');
  const nodes = addresses.nodeManagers.map((address, index) => {
    const name = `nodemanager${index + 1}`;
    return make(NODE_MANAGER, name, nodeManagerSites(bed.folder, name, address, tls));
  });
  const rest = await Promise.all([
    ...addresses.nameNodes.slice(1).map((_, index) => make(NAME_NODE, `namenode${index + 2}`)),
    make(DATA_NODE, 'datanode'),
    make(RESOURCE_MANAGER, 'resourcemanager'),
    ...addresses.resourceManagers.slice(1).map((_, index) => make(RESOURCE_MANAGER, `resourcemanager${index + 2}`)),
    ...nodes,
  ]);
  return [first, ...rest];
}

import { statSync } from 'node:fs';
import { AppError } from '#contracts';
import { addressOf, formatAddress, principalFor, reachable, type HostPort } from './addresses.ts';
import { loadConfiguration, type HadoopConfiguration } from './configuration.ts';

export interface NameNodeAddress {
  /** Its name within the nameservice; '' where there is one NameNode without a name. */
  readonly id: string;
  /** Origin of its web endpoint, without path. */
  readonly url: string;
  /** `host:port` of its RPC. */
  readonly rpcAddress: string;
}

export interface Nameservice {
  /** What stands between `hdfs://` and the path: the nameservice, or `host:port` of the one NameNode. */
  readonly authority: string;
  readonly highlyAvailable: boolean;
  readonly nameNodes: readonly NameNodeAddress[];
}

export interface ResourceManagerAddress {
  /** Its name in `yarn.resourcemanager.ha.rm-ids`; '' where there is one without a name. */
  readonly id: string;
  /** Origin of its web endpoint, without path. */
  readonly url: string;
  readonly rpcAddress: string;
  readonly schedulerAddress: string;
}

/** What programs of this platform need to know of a cluster, derived from its own XML. */
export interface ClusterSettings {
  readonly folder: string;
  readonly security: 'simple' | 'kerberos';
  /** The nameservice of `fs.defaultFS`. */
  readonly defaultNameservice: Nameservice;
  readonly nameservices: readonly Nameservice[];
  /** Empty where the folder has no yarn-site.xml. */
  readonly resourceManagers: readonly ResourceManagerAddress[];
  /** Who may renew tokens that jobs carry: the ResourceManager's principal; null where none is configured. */
  readonly tokenRenewer: string | null;
  /** Trust store of Hadoop's own clients, for messages: it is Java's and cannot be read here. */
  readonly trustStore: string | null;
  /** Every other setting. */
  readonly configuration: HadoopConfiguration;
}

const FILES = ['core-site.xml', 'hdfs-site.xml', 'yarn-site.xml', 'ssl-client.xml'] as const;
const NAME_NODE_RPC_PORT = 8020;
const NAME_NODE_PORTS = { http: 9870, https: 9871 } as const;
const RESOURCE_MANAGER_PORTS = { http: 8088, https: 8090 } as const;
const RESOURCE_MANAGER_RPC_PORT = 8032;
const RESOURCE_MANAGER_SCHEDULER_PORT = 8030;

/**
 * Reads a cluster's configuration folder: `core-site.xml` (required), `hdfs-site.xml`, `yarn-site.xml`, `ssl-client.xml`.
 *
 * @see hdfs-default.xml, yarn-default.xml of Hadoop 3.4 for the defaults of addresses
 * @throws HADOOP_CONFIG_INVALID naming file, key, what was expected and found
 */
export function loadClusterSettings(folder: string): ClusterSettings {
  requireFolder(folder);
  const configuration = loadConfiguration(folder, FILES, ['core-site.xml']);
  const security = securityOf(configuration);
  const nameservices = readNameservices(configuration);
  const [defaultNameservice] = nameservices;
  const resourceManagers = readResourceManagers(configuration);
  return {
    folder,
    security,
    defaultNameservice,
    nameservices,
    resourceManagers,
    tokenRenewer: renewerOf(configuration, resourceManagers),
    trustStore: configuration.get('ssl.client.truststore.location') ?? null,
    configuration,
  };
}

function requireFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return;
  throw new AppError(
    'HADOOP_CONFIG_INVALID',
    `hadoop.confDir ${folder}: expected a folder with core-site.xml, found ${found === undefined ? 'nothing' : 'a file'}`,
    { details: { folder } },
  );
}

function securityOf(configuration: HadoopConfiguration): ClusterSettings['security'] {
  const found = configuration.get('hadoop.security.authentication') ?? 'simple';
  if (found === 'simple' || found === 'kerberos') return found;
  throw configuration.invalid('hadoop.security.authentication', `expected simple or kerberos, found ${found}`);
}

/** That of `fs.defaultFS` first. */
function readNameservices(configuration: HadoopConfiguration): [Nameservice, ...Nameservice[]] {
  const key = 'fs.defaultFS';
  const text = configuration.get(key) ?? configuration.get('fs.default.name');
  const authority = /^hdfs:\/\/([^/\s]+)\/?$/.exec(text ?? '')?.[1];
  if (authority === undefined)
    throw configuration.invalid(key, `expected hdfs://nameservice or hdfs://host:port, found ${text ?? 'nothing'}`);
  const ids = configuration.list('dfs.nameservices');
  const others = ids.filter((id) => id !== authority).map((id) => readNameservice(configuration, id));
  if (ids.includes(authority)) return [readNameservice(configuration, authority), ...others];
  const rpc = addressOf(
    configuration,
    configuration.get(key) === undefined ? 'fs.default.name' : key,
    NAME_NODE_RPC_PORT,
  );
  const same = others.find(({ nameNodes }) =>
    nameNodes.some(({ rpcAddress }) => rpc !== undefined && rpcAddress === formatAddress(rpc)),
  );
  if (same !== undefined) return [same, ...others.filter((other) => other !== same)];
  if (rpc === undefined) throw configuration.invalid(key, 'expected hdfs://host:port');
  const only: Nameservice = { authority, highlyAvailable: false, nameNodes: [nameNode(configuration, '', '', rpc)] };
  return [only, ...others];
}

function readNameservice(configuration: HadoopConfiguration, id: string): Nameservice {
  const names = configuration.list(`dfs.ha.namenodes.${id}`);
  const suffixes = names.length === 0 ? [`.${id}`] : names.map((name) => `.${id}.${name}`);
  const nameNodes = suffixes.map((suffix, index) => {
    const key = `dfs.namenode.rpc-address${suffix}`;
    const rpc =
      addressOf(configuration, key, NAME_NODE_RPC_PORT) ??
      (names.length === 0 ? addressOf(configuration, 'dfs.namenode.rpc-address', NAME_NODE_RPC_PORT) : undefined);
    if (rpc === undefined) throw configuration.invalid(key, `expected host:port of a NameNode of ${id}, found nothing`);
    return nameNode(configuration, names[index] ?? '', suffix, rpc);
  });
  return { authority: id, highlyAvailable: names.length > 1, nameNodes };
}

function nameNode(configuration: HadoopConfiguration, id: string, suffix: string, rpc: HostPort): NameNodeAddress {
  const policy = configuration.get('dfs.http.policy') ?? 'HTTP_ONLY';
  const scheme = policy === 'HTTP_ONLY' ? 'http' : 'https';
  const key = `dfs.namenode.${scheme}-address`;
  const port = NAME_NODE_PORTS[scheme];
  const own = addressOf(configuration, `${key}${suffix}`, port) ?? addressOf(configuration, key, port);
  const web = reachable(own ?? { host: rpc.host, port }, rpc.host);
  return { id, url: `${scheme}://${formatAddress(web)}`, rpcAddress: formatAddress(rpc) };
}

function readResourceManagers(configuration: HadoopConfiguration): readonly ResourceManagerAddress[] {
  const highlyAvailable = configuration.get('yarn.resourcemanager.ha.enabled') === 'true';
  const ids = highlyAvailable ? configuration.list('yarn.resourcemanager.ha.rm-ids') : [''];
  if (highlyAvailable && ids.length === 0)
    throw configuration.invalid(
      'yarn.resourcemanager.ha.rm-ids',
      'expected the names of the ResourceManagers, found nothing',
    );
  return ids.flatMap((id) => {
    const found = resourceManager(configuration, id);
    if (found === null && highlyAvailable)
      throw configuration.invalid(`yarn.resourcemanager.hostname.${id}`, 'expected a host, found nothing');
    return found ?? [];
  });
}

function resourceManager(configuration: HadoopConfiguration, id: string): ResourceManagerAddress | null {
  const suffix = id === '' ? '' : `.${id}`;
  const scheme = configuration.get('yarn.http.policy') === 'HTTPS_ONLY' ? 'https' : 'http';
  const webKey = `yarn.resourcemanager.webapp${scheme === 'https' ? '.https' : ''}.address${suffix}`;
  const host = configuration.get(`yarn.resourcemanager.hostname${suffix}`);
  const rpc = addressOf(configuration, `yarn.resourcemanager.address${suffix}`, RESOURCE_MANAGER_RPC_PORT);
  const web = addressOf(configuration, webKey, RESOURCE_MANAGER_PORTS[scheme]);
  const anyHost = host ?? rpc?.host ?? web?.host;
  if (anyHost === undefined) return null;
  const at = (address: HostPort | undefined, port: number): string =>
    formatAddress(reachable(address ?? { host: anyHost, port }, anyHost));
  const schedulerKey = `yarn.resourcemanager.scheduler.address${suffix}`;
  return {
    id,
    url: `${scheme}://${at(web, RESOURCE_MANAGER_PORTS[scheme])}`,
    rpcAddress: at(rpc, RESOURCE_MANAGER_RPC_PORT),
    schedulerAddress: at(
      addressOf(configuration, schedulerKey, RESOURCE_MANAGER_SCHEDULER_PORT),
      RESOURCE_MANAGER_SCHEDULER_PORT,
    ),
  };
}

/** As Hadoop's own clients ask for it: the NameNode maps the principal to its short name by its own rules. */
function renewerOf(configuration: HadoopConfiguration, managers: readonly ResourceManagerAddress[]): string | null {
  const principal = configuration.get('yarn.resourcemanager.principal');
  if (principal === undefined) return null;
  const [first] = managers;
  return principalFor(principal, first === undefined ? '' : first.rpcAddress.replace(/:\d+$/, ''));
}

import { AppError, isAppError } from '#contracts';
import {
  AuthenticatedHttp,
  connectHadoop,
  discard,
  readText,
  type ClusterSettings,
  type HadoopConnection,
  type HttpTransport,
  type TransportAnswer,
  type Identity,
} from '#hadoop-auth';
import type { Config } from '#runtime';
import { openWebHdfs, type WebHdfsClient } from '#webhdfs';
import { ResourceManagerClient, ResourceManagers, type ResourceManagersOptions } from '#yarn';

/** One answer of a daemon's own pages. */
export interface Page {
  readonly status: number;
  readonly text: string;
  /** Parsed JSON; null where it is none. */
  readonly json: unknown;
  /** The daemon's clock less ours, by its `Date` header, which has whole seconds; null without one. */
  readonly clockDifferenceMs: number | null;
}

/** A cluster in the hands of the installer and the doctor. */
export interface SetupCluster {
  readonly config: Config;
  readonly settings: ClusterSettings;
  readonly identity: Identity;
  /** Short name of the service. */
  readonly serviceUser: string;
  /** HDFS as the service. */
  readonly hdfs: WebHdfsClient;
  /** HDFS in the name of a user, by the service's right to act for him. */
  hdfsFor(user: string): WebHdfsClient;
  readonly manager: ResourceManagerClient;
  /** The ResourceManager for a user: by `doAs` where Kerberos is on, else simply by his name. */
  managerFor(user: string): ResourceManagerClient;
  readonly resourceManagers: ResourceManagers;
  /** @param accept by default `application/json` */
  page(url: string, signal?: AbortSignal, accept?: string): Promise<Page>;
  /** The same by an answer to nobody in particular, which may be a refusal; null where there is no answer. */
  clockDifferenceMs(url: string, signal?: AbortSignal): Promise<number | null>;
  close(): Promise<void>;
}

const PAGE_BYTES_MAX = 4 * 1024 * 1024;
const PATIENCE_MS = 3_000;

/** Nothing is asked of the cluster yet. @throws HADOOP_CONFIG_INVALID, CONFIG_INVALID, KERBEROS_LOGIN_FAILED */
export function openCluster(config: Config): SetupCluster {
  const connection = connectHadoop(config.hadoop);
  const { identity, transport } = connection;
  const settings = requireSettings(connection);
  const http = new AuthenticatedHttp(transport, identity);
  const serviceUser = shortName(identity);
  const managers: Omit<ResourceManagersOptions, 'http'> = {
    urls: settings.resourceManagers.map(({ url }) => url),
    patienceMs: PATIENCE_MS,
  };
  const opened: WebHdfsClient[] = [];
  const hdfsAs = (user: string | null): WebHdfsClient => {
    const client = openWebHdfs(connection, config.hadoop, user === null ? { kind: 'self' } : { kind: 'doAs', user });
    opened.push(client);
    return client;
  };
  return {
    config,
    settings,
    identity,
    serviceUser,
    hdfs: hdfsAs(null),
    hdfsFor: hdfsAs,
    manager: new ResourceManagerClient({ ...managers, http }),
    managerFor: (user) => {
      if (user === serviceUser) return new ResourceManagerClient({ ...managers, http });
      if (identity.kind !== 'simple') return new ResourceManagerClient({ ...managers, http, doAs: user });
      return new ResourceManagerClient({
        ...managers,
        http: new AuthenticatedHttp(transport, { kind: 'simple', user }),
      });
    },
    resourceManagers: new ResourceManagers({ ...managers, http }),
    page: (url, signal, accept = 'application/json') =>
      readPage(http, { url, accept, timeoutMs: config.hadoop.timeoutMs }, signal),
    clockDifferenceMs: (url, signal) => readClock(transport, url, config.hadoop.timeoutMs, signal),
    async close() {
      for (const client of opened) await client.close();
      connection.close();
    },
  };
}

function requireSettings({ settings }: HadoopConnection): ClusterSettings {
  if (settings === null)
    throw new AppError(
      'CONFIG_INVALID',
      'hadoop.confDir: expected the folder with the cluster’s core-site.xml, hdfs-site.xml and yarn-site.xml, found nothing',
    );
  if (settings.resourceManagers.length === 0)
    throw new AppError(
      'HADOOP_CONFIG_INVALID',
      `${settings.folder}: expected a yarn-site.xml with yarn.resourcemanager.hostname, found no ResourceManager`,
    );
  return settings;
}

function shortName(identity: Identity): string {
  switch (identity.kind) {
    case 'simple':
      return identity.user;
    case 'kerberos':
      return identity.negotiator.principal.split(/[/@]/)[0] ?? '';
    case 'none':
      throw new AppError('CONFIG_INVALID', 'this program needs the service’s own login, not a container’s token');
  }
}

interface PageRequest {
  readonly url: string;
  readonly accept: string;
  readonly timeoutMs: number;
}

async function readPage(
  http: AuthenticatedHttp,
  { url, accept, timeoutMs }: PageRequest,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const answer = await http.request({
    method: 'GET',
    url: new URL(url),
    headers: { accept },
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
  });
  const clockDifferenceMs = differenceOf(answer);
  const text = await readText(answer, PAGE_BYTES_MAX);
  return { status: answer.status, text, json: parsed(text), clockDifferenceMs };
}

async function readClock(
  transport: HttpTransport,
  url: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  try {
    const request = { method: 'GET' as const, url: new URL(url), timeoutMs };
    const answer = await transport.request(signal === undefined ? request : { ...request, signal });
    const differenceMs = differenceOf(answer);
    await discard(answer);
    return differenceMs;
  } catch (err) {
    if (isAppError(err)) return null;
    throw err;
  }
}

function differenceOf({ headers }: TransportAnswer): number | null {
  // Hadoop sends the header twice, which Node joins by a comma.
  const theirsMs = Date.parse(/^[^,]+,[^,]+/.exec(headers.date ?? '')?.[0] ?? '');
  return Number.isNaN(theirsMs) ? null : theirsMs - Math.floor(Date.now() / 1000) * 1000;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

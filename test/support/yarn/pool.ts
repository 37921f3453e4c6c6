import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import type { ContainerSize, Launch, LaunchResource } from '#contracts';
import { AuthenticatedHttp, POOL_SECRET_ALIAS } from '#hadoop-auth';
import { ResourceManagerClient, type ApplicationReport, type Submission } from '#yarn';
import { buildApplicationMaster } from '../../../scripts/lib/java/application-master.ts';
import { identityOf, transportOf } from '../hadoop/clients.ts';
import type { HadoopCluster } from '../hadoop/index.ts';
import { isAlive, processOf, until, type ProcessEntry } from '../processes.ts';
import type { AppServerDouble } from './app-server-double.ts';

const PROGRAM_FOLDER = '/apps/trainyard-test';
const WORKER = path.join(import.meta.dirname, 'worker.sh');
const JVM_FLAGS =
  '-Xmx160m -Xss512k -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:CompressedClassSpaceSize=48m ' +
  '-XX:ReservedCodeCacheSize=48m -XX:MaxMetaspaceSize=128m -Djava.net.preferIPv4Stack=true';

export const WORKER_SIZE: ContainerSize = { memoryMb: 128, vcores: 1 };

/** Files of the application master and of workers in HDFS, readable by everybody. */
export interface Programs {
  readonly master: readonly LaunchResource[];
  readonly worker: LaunchResource;
}

/** Puts the programs where YARN finds them. */
export async function installPrograms(cluster: HadoopCluster): Promise<Programs> {
  const { jar, clientJars } = await buildApplicationMaster();
  await cluster.fs('-mkdir', '-p', PROGRAM_FOLDER);
  await cluster.fs('-put', '-f', jar, ...clientJars, WORKER, PROGRAM_FOLDER);
  const files = await listFiles(cluster);
  const resource = (file: string): LaunchResource => {
    const found = files.get(path.basename(file));
    if (found === undefined) throw new Error(`${file} is not in ${PROGRAM_FOLDER}`);
    return found;
  };
  return { master: [jar, ...clientJars].map(resource), worker: resource(WORKER) };
}

function defaultFileSystem(cluster: HadoopCluster): string {
  const site = readFileSync(path.join(cluster.confDir, 'core-site.xml'), 'utf8');
  return /<name>fs\.defaultFS<\/name>\s*<value>([^<]+)</.exec(site)?.[1] ?? '';
}

/** Name, length and time of the files, as FsShell tells them: the same with and without Kerberos. */
async function listFiles(cluster: HadoopCluster): Promise<Map<string, LaunchResource>> {
  const lines = (await cluster.fs('-stat', '%n %b %Y', `${PROGRAM_FOLDER}/*`)).trim().split('\n');
  const root = defaultFileSystem(cluster);
  return new Map(
    lines.map((line) => {
      const [name = '', sizeBytes, modifiedAtMs] = line.split(' ');
      const times = { sizeBytes: Number(sizeBytes), modifiedAtMs: Number(modifiedAtMs) };
      return [name, { name, url: `${root}${PROGRAM_FOLDER}/${name}`, ...times, type: 'FILE', visibility: 'PUBLIC' }];
    }),
  );
}

/**
 * The ResourceManager for a user: by name on a cluster without Kerberos, else as the service that acts for him; null:
 * the service itself.
 */
export function clientFor(cluster: HadoopCluster, user: string | null = 'alice'): ResourceManagerClient {
  const { security, resourceManagerUrls: urls } = cluster;
  const isNamed = security === undefined;
  const identity = identityOf(cluster, isNamed ? (user ?? 'trainyard') : 'trainyard');
  const http = new AuthenticatedHttp(transportOf(cluster), identity);
  return new ResourceManagerClient({ http, urls, ...(isNamed ? {} : { doAs: user }) });
}

export interface PoolOptions {
  readonly queue?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly attemptsMax?: number;
  /** Further arguments of the application master's JVM. */
  readonly jvmFlags?: string;
}

/** What is submitted for a pool whose app server is this double. */
export function poolSubmission(
  applicationId: string,
  programs: Programs,
  appServer: AppServerDouble,
  { queue = 'ml', environment = {}, attemptsMax = 4, jvmFlags = '' }: PoolOptions = {},
): Submission {
  return {
    applicationId,
    name: 'pool',
    type: 'TRAINYARD',
    queue,
    tags: ['trainyard-test'],
    attemptsMax,
    attemptFailuresValidityMs: 3_600_000,
    master: { memoryMb: 512, vcores: 1 },
    command: `$JAVA_HOME/bin/java ${JVM_FLAGS} ${jvmFlags} io.trainyard.master.ApplicationMaster 1><LOG_DIR>/am.stdout 2><LOG_DIR>/am.stderr`,
    environment: {
      CLASSPATH: './application-master.jar:./*:$HADOOP_CONF_DIR',
      MALLOC_ARENA_MAX: '2',
      TRAINYARD_APP_SERVERS: appServer.url,
      ...environment,
    },
    resources: programs.master,
    tokens: {},
    secrets: { [POOL_SECRET_ALIAS]: Buffer.from(appServer.secret) },
    viewers: 'trainyard',
    modifiers: 'trainyard',
  };
}

/** How workers are started. */
export function workerLaunch(programs: Programs, change: Partial<Launch> = {}): Launch {
  return {
    launchId: 'v1',
    size: WORKER_SIZE,
    nodeLabel: null,
    command: 'exec bash worker.sh 1><LOG_DIR>/stdout 2><LOG_DIR>/stderr',
    environment: {},
    resources: [programs.worker],
    ...change,
  };
}

/** Submits a pool and waits for the first word of its application master. */
export async function startPool(
  cluster: HadoopCluster,
  programs: Programs,
  appServer: AppServerDouble,
  options: PoolOptions = {},
): Promise<string> {
  const client = clientFor(cluster);
  const { applicationId } = await client.newApplication();
  const count = appServer.requests.length;
  await client.submit(poolSubmission(applicationId, programs, appServer, options));
  await until('the application master', () => appServer.requests.length > count, 60_000).catch(async (err: unknown) => {
    throw new Error(`${String(err)}: ${JSON.stringify(await client.sight(applicationId))}`);
  });
  return applicationId;
}

/** Waits until YARN says that the application has ended. */
export async function untilEnded(
  client: ResourceManagerClient,
  applicationId: string,
  timeoutMs = 60_000,
): Promise<ApplicationReport> {
  return until(
    `the end of ${applicationId}`,
    async () => {
      const sighting = await client.sight(applicationId);
      if (sighting.kind === 'unknown') return null;
      return sighting.application.finishedAtMs === null ? null : sighting.application;
    },
    timeoutMs,
  );
}

/** The main process of a container on this machine, as opposed to the shell that YARN wraps around it; null: none runs. */
export function processOfContainer(containerId: string, command: RegExp): ProcessEntry | null {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const entry = processOf(Number(name));
    if (entry === null || !command.test(entry.command.join(' '))) continue;
    if (workingFolderOf(entry.pid).endsWith(`/${containerId}`)) return entry;
  }
  return null;
}

/** The worker of a container, or null. */
export function workerOf(containerId: string): ProcessEntry | null {
  return processOfContainer(containerId, /^bash worker\.sh/);
}

/** The worker of a container, once its files have come and it runs. */
export async function untilWorker(containerId: string): Promise<ProcessEntry> {
  return until(`the worker of ${containerId}`, () => workerOf(containerId));
}

/**
 * Waits until the ResourceManager knows that containers run, which its nodes' next heartbeats tell it: until then the next
 * attempt would lose them. Its REST API calls every container that has not ended `RUNNING`, so its log is read.
 */
export async function untilYarnRuns({ folder }: HadoopCluster, containerIds: readonly string[]): Promise<void> {
  const log = path.join(folder, 'logs/resourcemanager.log');
  await until('the ResourceManager to know that the containers run', () => {
    const text = readFileSync(log, 'utf8');
    return containerIds.every((id) => text.includes(`${id} Container Transitioned from ACQUIRED to RUNNING`));
  });
}

/** The application master's JVM; null while none runs. */
export function masterOf(applicationId: string): ProcessEntry | null {
  const digits = applicationId.replace(/^application_/, '');
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const entry = processOf(Number(name));
    if (entry === null || !/^\S*java .*io\.trainyard\.master\.ApplicationMaster/.test(entry.command.join(' ')))
      continue;
    if (workingFolderOf(entry.pid).includes(digits)) return entry;
  }
  return null;
}

export function workingFolderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // it has ended
  }
}

/** Kills the application master with SIGKILL and waits for its end. */
export async function killMaster(applicationId: string): Promise<void> {
  const master = await until('the application master’s process', () => masterOf(applicationId));
  process.kill(master.pid, 'SIGKILL');
  await until('the end of the application master', () => !isAlive(master));
}

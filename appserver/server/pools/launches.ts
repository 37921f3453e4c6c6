import { createHash } from 'node:crypto';
import { AppError, canonicalJson, type ContainerSize, type Launch } from '#contracts';
import { POOL_SECRET_ALIAS } from '#hadoop-auth';
import type { Config } from '#runtime';
import { workerBytesIn, type YarnApplication, type YarnPool } from '#store';
import type { Submission } from '#yarn';
import { WORKER_FOLDER, type RuntimeFiles } from './runtime-files.ts';
import type { TokensByAlias } from './user-tokens.ts';

/** How containers and applications of pools are started. */
export interface Launches {
  /** How workers of an application's pool are started now; null for a pool that is not known. */
  launchOf(application: Pick<YarnApplication, 'pool' | 'maximum'>): Promise<Launch | null>;
}

export interface LaunchOptions {
  readonly config: Pick<Config, 'yarn' | 'objectStore' | 'hadoop' | 'worker' | 'queue' | 'server' | 'retention'>;
  /** Under which containers reach the app servers. */
  readonly serverUrls: readonly string[];
  /** Every application of this installation carries it. */
  readonly tag: string;
  /** Short name of the service, which must see and end every application. */
  readonly serviceUser: string;
}

/** Of the container the worker's cache of columns may take one. */
const CACHE_PARTS = 8;
const MIB = 1024 ** 2;

/** How workers of a pool are started: the same for the same programs, configuration and size, whichever replica says it. */
export function workerLaunch(
  { config, serverUrls }: LaunchOptions,
  pool: YarnPool,
  files: RuntimeFiles,
  size: ContainerSize,
): Launch {
  const { nodeLabel } = config.yarn;
  const environment: Record<string, string> = {
    TRAINYARD_WORKER_SERVER_URL: serverUrls[0] ?? '',
    TRAINYARD_WORKER_POOL: pool.name,
    TRAINYARD_WORKER_MEMORY_BYTES: String(workerBytesIn(size.memoryMb)),
    TRAINYARD_WORKER_THREAD_COUNT: String(size.vcores),
    TRAINYARD_WORKER_CACHE_BYTES: String(
      Math.min(config.worker.cacheBytes, Math.floor((size.memoryMb * MIB) / CACHE_PARTS)),
    ),
    TRAINYARD_OBJECT_STORE_DRIVER: config.objectStore.driver,
    TRAINYARD_OBJECT_STORE_ROOT: config.objectStore.root,
    // Read where Kerberos is off; elsewhere the token says who the user is.
    TRAINYARD_HADOOP_USER: pool.userName,
    ...(config.retention.binsBytesMax === 0 ? { TRAINYARD_RETENTION_BINS_BYTES_MAX: '0' } : {}),
    // Each arena reserves 64 MiB of addresses; a second one is of use where several threads compute.
    MALLOC_ARENA_MAX: size.vcores === 1 ? '1' : '2',
    ...(files.authorities === null ? {} : { TRAINYARD_HADOOP_CA_FILE: files.authorities.name }),
    ...(files.serverAuthorities === null ? {} : { TRAINYARD_SERVER_CA_FILE: files.serverAuthorities.name }),
  };
  const rest = {
    size,
    nodeLabel: nodeLabel === '' ? null : nodeLabel,
    command: `./${WORKER_FOLDER}/bin/worker 1><LOG_DIR>/stdout 2><LOG_DIR>/stderr`,
    environment,
    resources: [files.worker, ...present(files.authorities), ...present(files.serverAuthorities)],
  };
  return { launchId: createHash('sha256').update(canonicalJson(rest)).digest('hex').slice(0, 16), ...rest };
}

const present = <T>(one: T | null): readonly T[] => (one === null ? [] : [one]);

/** Lives in 512 MB also under the virtual-memory check; see the module's README for each flag. */
const MASTER_FLAGS = [
  ...['-Xmx160m', '-Xss512k', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:CompressedClassSpaceSize=48m'],
  ...['-XX:ReservedCodeCacheSize=48m', '-XX:MaxMetaspaceSize=128m', '-Djava.net.preferIPv4Stack=true'],
  // Read by Hadoop's client where its configuration says Kerberos; the master has tokens only.
  ...['-Djava.security.krb5.realm=NONE', '-Djava.security.krb5.kdc=localhost'],
];
const ATTEMPTS_MAX = 4;
const ATTEMPT_FAILURES_VALIDITY_MS = 3_600_000;

/** What an application is handed besides its launch context, in its token file. */
export interface StartSecrets {
  /** Of the pool. */
  readonly secret: string;
  /** Of the user for HDFS. */
  readonly tokens: TokensByAlias;
}

/** The application of a pool: its master, which starts nothing until an app server says so. */
export function poolSubmission(
  { config, serverUrls, tag, serviceUser }: LaunchOptions,
  pool: YarnPool,
  files: RuntimeFiles,
  { applicationId, secret, tokens }: StartSecrets & { readonly applicationId: string },
): Submission {
  const { masterMemoryMb, nodeLabel } = config.yarn;
  return {
    applicationId,
    // Visible to everybody on most clusters: no project's name.
    name: 'trainyard',
    type: 'TRAINYARD',
    queue: pool.queue,
    tags: [tag],
    attemptsMax: ATTEMPTS_MAX,
    attemptFailuresValidityMs: ATTEMPT_FAILURES_VALIDITY_MS,
    master: { memoryMb: masterMemoryMb, vcores: 1 },
    command: `$JAVA_HOME/bin/java ${MASTER_FLAGS.join(' ')} io.trainyard.master.ApplicationMaster 1><LOG_DIR>/master.stdout 2><LOG_DIR>/master.stderr`,
    environment: {
      TRAINYARD_APP_SERVERS: serverUrls.join(','),
      CLASSPATH: `./${requireJar(files)}:./*:$HADOOP_CONF_DIR`,
      MALLOC_ARENA_MAX: '2',
      ...(files.serverAuthorities === null ? {} : { TRAINYARD_CA_FILE: files.serverAuthorities.name }),
    },
    resources: [...files.master, ...present(files.serverAuthorities)],
    tokens,
    secrets: { [POOL_SECRET_ALIAS]: Buffer.from(secret) },
    viewers: `${pool.userName},${serviceUser}`,
    modifiers: `${pool.userName},${serviceUser}`,
    ...(nodeLabel === '' ? {} : { nodeLabel }),
  };
}

function requireJar({ master: [first] }: RuntimeFiles): string {
  if (first === undefined) throw new AppError('YARN_RUNTIME_MISSING', 'the installation names no jar');
  return first.name;
}

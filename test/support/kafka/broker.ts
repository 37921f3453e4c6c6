import { mkdir, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { makeAuthority } from '../certificates.ts';
import { mustRun, runCommand, type Answer } from '../hadoop/command.ts';
import { createDaemon, type Daemon } from '../hadoop/daemon.ts';
import { MARK, startKeeper } from '../hadoop/keeper.ts';
import { reservePorts } from '../hadoop/ports.ts';
import { javaHome, requireProgram } from '../hadoop/prerequisites.ts';
import { mavenLibrary, type Library } from '../maven.ts';
import { writeBrokerSettings, type BrokerUser } from './settings.ts';

export interface KafkaOptions {
  /** Who may log in by SCRAM-SHA-512. @default none */
  readonly users?: readonly BrokerUser[];
  /** Further properties of the broker. @default none */
  readonly properties?: Readonly<Record<string, string>>;
}

/** A real broker on loopback ports, in a folder of its own. */
export interface KafkaBroker {
  readonly version: string;
  /** `host:port` without TLS; whoever comes may do everything. */
  readonly plain: string;
  /** `host:port` with TLS and SASL/SCRAM-SHA-512; allowed is what an ACL allows. */
  readonly secured: string;
  /** Authority of its certificate, PEM. */
  readonly caFile: string;
  /** The process: `kill()`, `start()` again on the same data, `freeze()`, `thaw()`. */
  readonly daemon: Daemon;
  /** Runs one of Kafka's command line tools by its class, and gives what it said. */
  tool(mainClass: string, ...args: readonly string[]): Promise<Answer>;
  /** Makes a topic. */
  createTopic(name: string, topicPartitions: number): Promise<void>;
  /** Allows a user operations on a resource: `--topic NAME`, `--group NAME`. */
  allow(user: string, operations: readonly string[], ...resource: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Short start and little memory: the broker lives for minutes. */
const LEAN = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData', '-Djava.net.preferIPv4Stack=true'];
/** Any; a cluster id is 16 bytes in base64url. */
const CLUSTER_ID = 'dHJhaW55YXJkLXRlc3RzMQ';
const STARTED = /Kafka Server started/;

/**
 * Starts one broker that is its own controller (KRaft). It ends with `close()` or with this process, however that ends.
 * @throws MissingPrerequisite
 * @throws Error with the end of the broker's log when it does not start
 */
export async function startKafka({ users = [], properties = {} }: KafkaOptions = {}): Promise<KafkaBroker> {
  const library = await prepareKafka();
  const block = await reservePorts();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-kafka-'));
  const keeper = startKeeper(folder);
  const close = async (): Promise<void> => {
    await keeper.close();
    await block.close();
  };
  try {
    for (const name of ['conf', 'data', 'logs', 'tls']) await mkdir(path.join(folder, name));
    const authority = await makeAuthority(path.join(folder, 'tls'));
    const ports = { plain: await block.next(), secured: await block.next(), controller: await block.next() };
    const certificate = await authority.issue();
    const settings = await writeBrokerSettings({ folder, ports, certificate, properties });
    await format(folder, library, settings, users);
    const daemon = brokerDaemon(folder, library, settings);
    await daemon.start();
    const plain = `127.0.0.1:${ports.plain}`;
    const tool = (mainClass: string, ...args: readonly string[]) =>
      runCommand(java(), [...LEAN, '-Xmx128m', '-cp', `${library.folder}/*`, mainClass, ...args], {
        cwd: folder,
        env: environment(folder),
      });
    return {
      version: library.version,
      plain,
      secured: `127.0.0.1:${ports.secured}`,
      caFile: authority.caFile,
      daemon,
      tool,
      createTopic: async (name, topicPartitions) => {
        const wish = [
          '--create',
          '--topic',
          name,
          '--partitions',
          String(topicPartitions),
          '--replication-factor',
          '1',
        ];
        ended(await tool('org.apache.kafka.tools.TopicCommand', '--bootstrap-server', plain, ...wish));
      },
      allow: async (user, operations, ...resource) => {
        const what = operations.flatMap((operation) => ['--operation', operation]);
        const whom = ['--add', '--allow-principal', `User:${user}`, ...what, ...resource];
        ended(await tool('org.apache.kafka.tools.AclCommand', '--bootstrap-server', plain, ...whom));
      },
      close,
    };
  } catch (err) {
    await close();
    throw err;
  }
}

/**
 * Brings the broker's jars into the cache, unless they are there.
 * @throws MissingPrerequisite
 */
export async function prepareKafka(): Promise<Library> {
  for (const name of ['java', 'openssl'] as const) requireProgram(name);
  return mavenLibrary('kafka', path.join(import.meta.dirname, 'kafka.xml'));
}

const java = (): string => path.join(javaHome(), 'bin/java');

function environment(folder: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8', [MARK]: folder };
}

async function format(folder: string, library: Library, settings: string, users: readonly BrokerUser[]): Promise<void> {
  const names = users.flatMap(({ name, password }) => [
    '--add-scram',
    `SCRAM-SHA-512=[name=${name},password=${password}]`,
  ]);
  const words = ['format', '--cluster-id', CLUSTER_ID, '--config', settings, ...names];
  await mustRun(java(), [...LEAN, '-Xmx128m', '-cp', `${library.folder}/*`, 'kafka.tools.StorageTool', ...words], {
    cwd: folder,
    env: environment(folder),
  });
}

function brokerDaemon(folder: string, library: Library, settings: string): Daemon {
  // It logs to its standard error.
  const logFile = path.join(folder, 'logs/broker.log');
  const logging = ['-Dorg.slf4j.simpleLogger.showDateTime=true'];
  const memory = ['-Xmx384m', '-Xms128m'];
  return createDaemon({
    name: 'broker',
    command: java(),
    args: [...LEAN, ...memory, ...logging, '-cp', `${library.folder}/*`, 'kafka.Kafka', settings],
    env: environment(folder),
    cwd: path.join(folder, 'data'),
    logFile,
    outputFile: logFile,
    ready: [STARTED],
  });
}

function ended({ code, stdout, stderr }: Answer): void {
  if (code !== 0) throw new Error(`a tool of Kafka ended with code ${String(code)}\n${stdout}\n${stderr}`);
}

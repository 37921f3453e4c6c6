import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '../../scripts/lib/free-ports.ts';
import { startFileServer, type FileServer } from './file-server.ts';
import { REPOSITORY_ROOT } from './repository.ts';
import { descendantsOf, until, type ProcessEntry } from './processes.ts';

export { freePorts };

const UP_TIMEOUT_MS = 60_000;
/** Characters of each log that a failed start shows. */
const LOG_TAIL_CHARS = 2_000;

/** A running `trainyard up` of its own. */
export interface TestPlatform {
  /** Of the app server: `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly predictionUrl: string;
  readonly adminKey: string;
  readonly dataDir: string;
  /** Pid of `up`. */
  readonly pid: number;
  /** The processes below `up` as they are now. */
  processes(): ProcessEntry[];
  /** The processes that run a program now: several workers, none between two lives. A task child is `task`. */
  programs(name: ProgramName): ProcessEntry[];
  /** What `up` and its programs have printed so far. */
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when `up` has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** SIGTERM, waits for the end, removes a data folder of its own. */
  close(): Promise<void>;
}

export type ProgramName = 'server' | 'worker' | 'prediction-server' | 'task';

/** Part of a program's command line. */
const PROGRAM_PATHS: Readonly<Record<ProgramName, string>> = {
  server: 'appserver/server/main.ts',
  worker: 'yarn-workers/worker/main.ts',
  'prediction-server': 'prediction/server/main.ts',
  task: 'yarn-workers/worker/child/main.ts',
};

export interface PlatformOptions {
  /** Words behind `up --data-dir D --port P --prediction-port Q`. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Kept when the platform closes. Default: a temporary folder, removed. */
  readonly dataDir?: string;
  /** Default: a known key. Null: the app server makes one and keeps it in `admin.key`. */
  readonly adminKey?: string | null;
  readonly ports?: readonly [number, number];
}

const open = new Set<TestPlatform>();
const onClose: (() => Promise<void>)[] = [];

/** Ends every platform that this process started. */
export async function closePlatforms(): Promise<void> {
  shared = null;
  await Promise.all([...open].map((platform) => platform.close()));
  await Promise.all(onClose.splice(0).map((close) => close()));
}

/** Words to start the command line with this Node. */
export const cliArguments = (...words: readonly string[]): string[] => [
  path.join(REPOSITORY_ROOT, 'appserver/cli/main.ts'),
  ...words,
];

/** The platform that suites share, with a web server that it may fetch datasets from. */
export interface SharedPlatform extends TestPlatform {
  readonly files: FileServer;
}

let shared: Promise<SharedPlatform> | null = null;

/** One platform for all suites of this mocha process: starting one costs seconds. Nobody may stop or kill it. */
export function sharedPlatform(): Promise<SharedPlatform> {
  shared ??= startShared();
  return shared;
}

async function startShared(): Promise<SharedPlatform> {
  const files = await startFileServer();
  onClose.push(() => files.close());
  return Object.assign(await startPlatform({ flags: [`--ingest.urlHosts=${files.host}`] }), { files });
}

/** Starts the platform and waits until it is healthy. @throws Error with the ends of the logs */
export async function startPlatform(options: PlatformOptions = {}): Promise<TestPlatform> {
  const platform = await spawnPlatform(options);
  const died = platform.ended.then(({ code, signal }) => {
    throw new Error(`up ended before it was healthy (${code ?? signal ?? ''})\n${logs(platform)}`);
  });
  died.catch(() => undefined); // only the race below listens to it
  try {
    await Promise.race([
      died,
      until('a healthy platform', async () => (await healthStatus(platform.url)) === 200, UP_TIMEOUT_MS),
    ]);
    const adminKey = options.adminKey === null ? readAdminKey(platform.dataDir) : platform.adminKey;
    return Object.assign(platform, { adminKey });
  } catch (err) {
    const text = logs(platform);
    await platform.close();
    throw new Error(`the platform did not start: ${err instanceof Error ? err.message : String(err)}\n${text}`, {
      cause: err,
    });
  }
}

/** Status of `GET /api/v1/health`, null when nobody answers. */
export async function healthStatus(url: string): Promise<number | null> {
  try {
    const answer = await fetch(`${url}/api/v1/health`);
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return null;
  }
}

export const readAdminKey = (dataDir: string): string => readFileSync(path.join(dataDir, 'admin.key'), 'utf8').trim();

/** Starts `up` without waiting. */
export async function spawnPlatform(options: PlatformOptions = {}): Promise<TestPlatform> {
  const [port = 0, predictionPort = 0] = options.ports ?? (await freePorts(2));
  const dataDir = options.dataDir ?? mkdtempSync(path.join(tmpdir(), 'trainyard-e2e-'));
  const adminKey = options.adminKey === null ? '' : (options.adminKey ?? 'e2e-admin-key-of-some-length');
  const words = ['up', '--data-dir', dataDir, '--port', String(port), '--prediction-port', String(predictionPort)];
  const child = spawn(process.execPath, cliArguments(...words, ...(options.flags ?? [])), {
    cwd: REPOSITORY_ROOT,
    // The end of its standard input ends it, so that it never outlives this process, however that dies.
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...(adminKey === '' ? {} : { TRAINYARD_ADMIN_API_KEY: adminKey }),
      ...options.env,
      TRAINYARD_PARENT_WATCH: '1',
    },
  });
  const platform = wrap(child, { dataDir, adminKey, port, predictionPort, ownsDataDir: options.dataDir === undefined });
  open.add(platform);
  return platform;
}

function wrap(
  child: ChildProcess,
  facts: { dataDir: string; adminKey: string; port: number; predictionPort: number; ownsDataDir: boolean },
): TestPlatform {
  const { pid } = child;
  if (pid === undefined) throw new Error('up cannot be started');
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  const processes = () => descendantsOf(pid);
  const platform: TestPlatform = {
    url: `http://127.0.0.1:${facts.port}`,
    predictionUrl: `http://127.0.0.1:${facts.predictionPort}`,
    adminKey: facts.adminKey,
    dataDir: facts.dataDir,
    pid,
    processes,
    programs: (name) => processes().filter(({ command }) => command.some((word) => word.endsWith(PROGRAM_PATHS[name]))),
    output: () => text,
    kill: (signal) => child.kill(signal),
    ended,
    close: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await ended;
      }
      open.delete(platform);
      if (facts.ownsDataDir) rmSync(facts.dataDir, { recursive: true, force: true, maxRetries: 20 });
    },
  };
  return platform;
}

/** What was printed, and the end of each log. */
export function logs(platform: TestPlatform): string {
  const folder = path.join(platform.dataDir, 'logs');
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    names = [];
  }
  const tails = names.map(
    (name) => `--- ${name}\n${readFileSync(path.join(folder, name), 'utf8').slice(-LOG_TAIL_CHARS)}`,
  );
  return [platform.output().slice(-LOG_TAIL_CHARS), ...tails].join('\n');
}

// Loaded by a test file, so that this becomes a hook of the root suite.
if (typeof after === 'function')
  after(async function closeAll() {
    this.timeout(60_000);
    await closePlatforms();
  });

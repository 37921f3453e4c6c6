import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { AppError } from '#contracts';
import {
  createLogger,
  createProcessLifecycle,
  HttpClient,
  loadConfig,
  urlOf,
  type Config,
  type Lifecycle,
  type Logger,
  type ProgramName,
} from '#runtime';
import { lockDataDir } from './data-dir-lock.ts';
import { waitForOrphans } from './orphans.ts';
import { supervise, type SupervisedProgram, type Supervisor } from './supervise.ts';

/** How long `up` waits for everything to answer before it says so, and how often it asks, milliseconds. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 100;
/** How long a program may take to end before it is killed, milliseconds. */
const STOP_MS = 15_000;

/** The running platform on one machine. */
export interface Platform {
  readonly config: Config;
  readonly url: string;
  readonly lifecycle: Lifecycle;
  /** Resolves when the app server, a worker and the prediction server answer. @throws TIMEOUT naming the log folder */
  ready(): Promise<void>;
  /** Pids by program name, for status and tests. */
  pids(): Readonly<Record<string, number | null>>;
  /** How often each program died and was started again. */
  restartCounts(): Readonly<Record<string, number>>;
}

/**
 * Starts app server, workers, prediction server and, where there is telemetry, a monitor as processes and keeps them running until the lifecycle closes.
 *
 * @param flags configuration keys; the prediction server's port defaults to the app server's + 1
 * @throws CONFLICT when another `up`, or what is left of it, uses the data folder; CONFIG_INVALID
 */
export async function startPlatform(flags: Readonly<Record<string, string>>, file?: string): Promise<Platform> {
  const port = flags['server.port'];
  const withPorts =
    port === undefined || flags['predictionServer.port'] !== undefined
      ? flags
      : { ...flags, 'predictionServer.port': String(Number(port) + 1) };
  const { config } = loadConfig({ flags: withPorts, ...(file === undefined ? {} : { file }) });
  if (config.server.port === 0 || config.predictionServer.port === 0)
    throw new AppError('CONFIG_INVALID', '`up` needs fixed ports: server.port and predictionServer.port must not be 0');
  mkdirSync(path.join(config.dataDir, 'logs'), { recursive: true, mode: 0o700 });
  const unlock = lockDataDir(config.dataDir);
  const logger = createLogger({ program: 'up', level: config.log.level === 'info' ? 'warn' : config.log.level });
  const lifecycle = createProcessLifecycle({ logger, stepTimeoutMs: STOP_ORDER.length * STOP_MS + 5_000 });
  lifecycle.onClose('data folder', unlock);
  await waitForOrphans(config.dataDir, logger).catch(async (err: unknown) => {
    await lifecycle.close('the data folder is in use');
    throw err;
  });
  const supervisors = programsOf(config, { ...withPorts, dataDir: config.dataDir }, file).map((spec) =>
    supervise(spec, logger),
  );
  lifecycle.onClose('programs', () => stopInOrder(supervisors));
  const url = addressOf(config);
  return {
    config,
    url,
    lifecycle,
    ready: () => waitUntilHealthy({ url, config, signal: lifecycle.signal, logger, supervisors }),
    pids: () => Object.fromEntries(supervisors.map((entry) => [entry.name, entry.pid()])),
    restartCounts: () => Object.fromEntries(supervisors.map((entry) => [entry.name, entry.restartCount()])),
  };
}

/** Where the app server is asked; by TLS under the name that its certificate has. */
function addressOf({ server }: Config): string {
  return server.certificateFile !== '' && server.publicUrl !== '' ? server.publicUrl : urlOf(server, server.port);
}

/** Who stops before whom: workers say good-bye to the app server, the prediction server delivers its last telemetry to it. */
const STOP_ORDER: readonly ProgramName[] = ['worker', 'prediction-server', 'monitor', 'server'];

async function stopInOrder(supervisors: readonly Supervisor[]): Promise<void> {
  for (const program of STOP_ORDER) {
    const stage = supervisors.filter((supervisor) => supervisor.program === program);
    await Promise.all(stage.map((supervisor) => supervisor.stop(STOP_MS)));
  }
}

/** Number of local workers when the configuration leaves it open: one per processor, at most four. */
const workerCount = (config: Config): number =>
  config.up.workers > 0 ? config.up.workers : Math.min(4, availableParallelism());

function programsOf(
  config: Config,
  flags: Readonly<Record<string, string>>,
  file: string | undefined,
): SupervisedProgram[] {
  const shared = file === undefined ? flags : { ...flags, config: path.resolve(file) };
  const logFile = (name: string) => path.join(config.dataDir, 'logs', `${name}.log`);
  const workers = Array.from({ length: workerCount(config) }, (_, index): SupervisedProgram => {
    const name = `worker-${index + 1}`;
    return {
      name,
      program: 'worker',
      flags: { ...shared, 'worker.workDir': path.join(config.worker.workDir, name) },
      logFile: logFile(name),
    };
  });
  return [
    {
      name: 'server',
      program: 'server',
      flags: { 'server.healthNeeds': 'worker,predictionServer', ...shared },
      logFile: logFile('server'),
    },
    ...workers,
    { name: 'prediction-server', program: 'prediction-server', flags: shared, logFile: logFile('prediction-server') },
    ...(config.telemetry.transport === 'off'
      ? []
      : [{ name: 'monitor', program: 'monitor', flags: shared, logFile: logFile('monitor') } as const]),
  ];
}

interface Wait {
  readonly url: string;
  readonly config: Config;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly supervisors: readonly Supervisor[];
}

/** @throws TIMEOUT; CONFIG_INVALID with the app server's own words when it refuses to start */
async function waitUntilHealthy({ url, config, signal, logger, supervisors }: Wait): Promise<void> {
  const http = new HttpClient({ baseUrl: url, timeoutMs: 2_000, caFile: config.server.caFile });
  const until = performance.now() + READY_TIMEOUT_MS;
  let last: unknown = null;
  try {
    while (!signal.aborted) {
      try {
        await http.request({ method: 'GET', path: '/api/v1/health', signal });
        return;
      } catch (err) {
        last = err;
        logger.debug('not_ready', 'not ready yet', { err });
      }
      const refusal = supervisors.find(({ program }) => program === 'server')?.refusal() ?? null;
      if (refusal !== null) throw new AppError('CONFIG_INVALID', `the app server does not start: ${refusal}`);
      if (performance.now() > until) {
        throw new AppError(
          'TIMEOUT',
          `${url} is not healthy after ${READY_TIMEOUT_MS / 1000} s (${last instanceof Error ? last.message : 'no answer'}); see ${path.join(config.dataDir, 'logs')}`,
          { cause: last },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    throw new AppError('SHUTTING_DOWN', 'stopped before it was ready');
  } finally {
    http.close();
  }
}

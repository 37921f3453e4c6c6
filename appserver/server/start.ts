import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { AppError, PROBLEM_MEDIA_TYPE, toProblem } from '#contracts';
import { openObjectStore, type ObjectStore, type OpenedObjectStore } from '#object-store';
import { KEY_FILES, newId, readOrMakeSecret, type Config, type Logger } from '#runtime';
import { addPoolSecret, DEFAULT_POOL, findUser, migrate, openDatabase, type Database } from '#store';
import { createApp, type PageHandler } from './app.ts';
import type { AppContext } from './context.ts';
import { reaperDuty, reconcilerDuty, schedulerDuty, startDuties, sweeperDuty } from './duties/index.ts';
import { openPools } from './pools/index.ts';
import { queueRoutes, readPoolSecret, TaskQueue, WorkerProtocol } from './queue/index.ts';
import { apiRoutes } from './routes/index.ts';
import { servingRoutes } from './routes/serving.ts';
import { advanceRun, AUTOPILOT_TOPIC, wakeRun } from './services/autopilot-run.ts';
import { ensureFirstAdmin, type FirstAdmin } from './services/first-admin.ts';
import { registerFollowUps } from './services/follow-ups.ts';
import { installationIdOf } from './services/installation-id.ts';
import { RequestMetrics } from './services/metrics.ts';
import { objectSweeperDuty } from './services/object-sweeper.ts';
import { createSealer } from './services/sealer.ts';
import { openInstallationSigner, type Signer } from './services/signing.ts';

export interface AppServerDeps {
  readonly logger: Logger;
  /** @default the one of the configuration; a database that is passed in is migrated but not closed */
  readonly database?: Database;
  /** @default the one of the configuration */
  readonly store?: ObjectStore;
  /** Serves the web app's pages. */
  readonly pages?: PageHandler;
  /** Holds answers against their schemas; for tests. @default false */
  readonly checkAnswers?: boolean;
}

/** A running app server. */
export interface AppServer {
  /** `http://host:port` */
  readonly url: string;
  readonly admin: FirstAdmin;
  readonly database: Database;
  /** Stops accepting, ends long polls, lets running requests finish within `server.closeTimeoutMs`, closes everything. */
  close(): Promise<void>;
}

/** Longest time that a request's headers may take. */
const HEADERS_TIMEOUT_MS = 60_000;
/** Longer than the keep-alive of our clients, so that they never meet a connection that is just being closed. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const HEADER_BYTES_MAX = 32 * 1024;

/**
 * Starts the app server: database, schema, keys, object store, queue, duties, HTTP.
 *
 * @throws CONFIG_INVALID for an address that would need TLS or is taken, SCHEMA_TOO_NEW, DATABASE_UNAVAILABLE
 */
export async function startAppServer(config: Config, deps: AppServerDeps): Promise<AppServer> {
  refusePlainHttp(config);
  const { logger } = deps;
  const database = deps.database ?? (await openDatabase({ ...config.database, logger }));
  const closeDatabase = () => (deps.database === undefined ? database.close() : Promise.resolve());
  try {
    const schema = await migrate(database, undefined, { logger });
    if (schema.from !== schema.to) logger.info('migrated', 'the database schema was brought up to date', { ...schema });
    // Before anything else is made in a folder that may be the wrong one.
    const signer = await openInstallationSigner(database, config.keys.dir);
    const admin = await ensureFirstAdmin(database, config);
    const { server, url, closeParts } = await startParts(config, deps, database, signer);
    logger.info('listening', `the app server listens on ${url}`, { url });
    let closed: Promise<void> | null = null;
    const close = async () => {
      await closeParts(server);
      await closeDatabase();
    };
    return { url, admin, database, close: () => (closed ??= close()) };
  } catch (err) {
    await closeDatabase();
    throw err;
  }
}

async function startParts(config: Config, deps: AppServerDeps, database: Database, signer: Signer) {
  const { logger } = deps;
  const closing = new AbortController();
  const opened = storeOf(config, deps);
  const { store } = opened;
  const pools = openPools({ config, database, logger, installationId: await installationIdOf(database) });
  const queue = new TaskQueue({ database, objectStore: store, config: config.queue, logger, access: pools.access });
  registerFollowUps(queue, signer);
  await addPoolSecret(database, DEFAULT_POOL, readPoolSecret(config.keys.dir));
  const protocol = new WorkerProtocol({
    database,
    queue,
    config: config.queue,
    logger,
    mayRun: async (trx, userId) => (await findUser(trx, userId))?.active === true,
  });
  const served = pools.serve(queue);
  const context: AppContext = {
    config,
    logger,
    database,
    store,
    queue,
    compute: pools.compute,
    signer,
    sealer: createSealer(signer.deriveKey('recorded answers')),
    predictionServerToken: readOrMakeSecret(path.join(config.keys.dir, KEY_FILES.predictionServerToken)),
    requests: new RequestMetrics(),
    closing: closing.signal,
  };
  const routes = [...apiRoutes, ...servingRoutes, ...queueRoutes(protocol), ...served.routes];
  const { pages, checkAnswers = false } = deps;
  const server = createHttpServer(
    createApp(context, routes, { checkAnswers, ...(pages === undefined ? {} : { pages }) }),
  );
  const url = await listen(server, config);
  const wake = { [AUTOPILOT_TOPIC]: (trx: Parameters<typeof wakeRun>[0], key: string) => wakeRun(trx, queue, key) };
  const duties = startDuties(
    [
      reaperDuty(queue, config.queue),
      schedulerDuty({ queue, handlers: wake }),
      reconcilerDuty({ config: config.queue, advance: (trx, runId) => advanceRun(trx, queue, runId) }),
      sweeperDuty(config.retention),
      objectSweeperDuty(store, config.retention),
      ...served.duties,
    ],
    { database, logger, holder: newId('app') },
  );
  const closeParts = async (running: Server) => {
    closing.abort();
    await protocol.close();
    await closeHttp(running, config.server.closeTimeoutMs);
    await duties.close();
    await queue.close();
    await pools.close();
    await opened.close();
  };
  return { server, url, closeParts };
}

/** The store that was passed in, which is not closed here, or the one of the configuration. */
const storeOf = (config: Config, { store }: AppServerDeps): OpenedObjectStore =>
  store === undefined ? openObjectStore(config) : { store, close: () => Promise.resolve() };

/** @throws CONFIG_INVALID when the address is not this machine's own: this version speaks no TLS itself */
function refusePlainHttp({ server: { host } }: Config): void {
  if (host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)) return;
  throw new AppError(
    'CONFIG_INVALID',
    `server.host: ${host} is not a loopback address, and plain HTTP is served on loopback only; put a TLS proxy in front`,
  );
}

function createHttpServer(listener: ReturnType<typeof createApp>): Server {
  // Bodies have limits of their own: a large upload takes longer than any fixed time.
  const server = createServer(
    {
      requestTimeout: 0,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    listener,
  );
  server.on('clientError', (err: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || err.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const problem = JSON.stringify(toProblem(new AppError('BAD_REQUEST', 'the request cannot be read as HTTP'), null));
    const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\nConnection: close\r\n`;
    socket.end(`${head}Content-Length: ${Buffer.byteLength(problem)}\r\n\r\n${problem}`);
  });
  return server;
}

async function listen(server: Server, { server: { host, port } }: Config): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err: NodeJS.ErrnoException) => {
      const known = err.code === 'EADDRINUSE' || err.code === 'EACCES' || err.code === 'EADDRNOTAVAIL';
      const message = `server.port: cannot listen on ${host}:${port} (${err.code ?? 'unknown'})`;
      reject(known ? new AppError('CONFIG_INVALID', message, { cause: err }) : err);
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new AppError('INTERNAL', 'a TCP server has a port');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

async function closeHttp(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // A connection that was busy a moment ago becomes idle after its answer, and would be kept alive.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(timer);
  }
}

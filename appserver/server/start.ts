import path from 'node:path';
import { openObjectStore, type ObjectStore, type OpenedObjectStore } from '#object-store';
import { KEY_FILES, newId, packageRuntimePlace, readOrMakeSecret, type Config, type Logger } from '#runtime';
import { addPoolSecret, DEFAULT_POOL, findUser, migrate, openDatabase, type Database } from '#store';
import { sharedTelemetryKeys } from '#telemetry';
import { alertDeliveryDuty, alertsDuty } from './alerts/index.ts';
import { createApp, type PageHandler } from './app.ts';
import type { AppContext } from './context.ts';
import { reaperDuty, reconcilerDuty, schedulerDuty, startDuties, sweeperDuty } from './duties/index.ts';
import { checkAddress, listen } from './http/listener.ts';
import { createPackageRuntimes } from './packages/index.ts';
import { largestContainerMb, openPools, type Pools } from './pools/index.ts';
import { queueRoutes, readPoolSecret, TaskQueue, WorkerProtocol } from './queue/index.ts';
import { apiRoutes } from './routes/index.ts';
import { servingRoutes } from './routes/serving.ts';
import { advanceRun, AUTOPILOT_TOPIC, wakeRun } from './services/autopilot-run.ts';
import { ensureFirstAdmin, type FirstAdmin } from './services/first-admin.ts';
import { stagingDuty } from './services/staging-duty.ts';
import { registerFollowUps } from './services/follow-ups.ts';
import { installationIdOf } from './services/installation-id.ts';
import { RequestMetrics } from './services/metrics.ts';
import { createMonitoringStore } from './services/monitoring-store.ts';
import { objectSweeperDuty } from './services/object-sweeper.ts';
import { warningsOf } from './services/operation-warnings.ts';
import { createSealer } from './services/sealer.ts';
import { openInstallationSigner, type Signer } from './services/signing.ts';
import { createTelemetryInbox } from './services/telemetry-inbox.ts';
import { Verifier } from './verification/index.ts';

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
  /** `http://host:port`, `https` with a certificate */
  readonly url: string;
  readonly admin: FirstAdmin;
  readonly database: Database;
  /** Stops accepting, ends long polls, lets running requests finish within `server.closeTimeoutMs`, closes everything. */
  close(): Promise<void>;
}

/**
 * Starts the app server: database, schema, keys, object store, queue, duties, HTTP.
 *
 * @throws CONFIG_INVALID for an address that would need TLS or is taken, SCHEMA_TOO_NEW, DATABASE_UNAVAILABLE
 */
export async function startAppServer(config: Config, deps: AppServerDeps): Promise<AppServer> {
  checkAddress(config.server);
  const { logger } = deps;
  const database = deps.database ?? (await openDatabase({ ...config.database, logger }));
  const closeDatabase = () => (deps.database === undefined ? database.close() : Promise.resolve());
  try {
    const schema = await migrate(database, undefined, { logger });
    if (schema.from !== schema.to) logger.info('migrated', 'the database schema was brought up to date', { ...schema });
    // Before anything else is made in a folder that may be the wrong one.
    const signer = await openInstallationSigner(database, config.keys.dir);
    const admin = await ensureFirstAdmin(database, config);
    const { url, closeParts } = await startParts(config, deps, database, signer);
    logger.info('listening', `the app server listens on ${url}`, { url });
    let closed: Promise<void> | null = null;
    const close = async () => {
      await closeParts();
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
  const verifier = new Verifier({ logger });
  registerFollowUps(queue, { database, signer, hdfsAs: pools.hdfsAs, verifier });
  await addPoolSecret(database, DEFAULT_POOL, readPoolSecret(config.keys.dir));
  const protocol = new WorkerProtocol({
    database,
    queue,
    config: config.queue,
    logger,
    containerMemoryMaxMb: largestContainerMb(config.yarn),
    sealer: createSealer(signer.deriveKey('group certificates')),
    mayRun: async (trx, userId) => (await findUser(trx, userId))?.active === true,
  });
  const warnings = warningsOf(config);
  for (const { message } of warnings) logger.warn('cluster_unsecured', message, { confDir: config.hadoop.confDir });
  const served = pools.serve(queue);
  const context: AppContext = {
    config,
    logger,
    database,
    store,
    queue,
    compute: pools.compute,
    hdfsAs: pools.hdfsAs,
    signer,
    verifier,
    sealer: createSealer(signer.deriveKey('recorded answers')),
    predictionServerToken: readOrMakeSecret(path.join(config.keys.dir, KEY_FILES.predictionServerToken)),
    packageRuntimes: createPackageRuntimes(config.packages.runtimeArchive, packageRuntimePlace()),
    monitoring: createMonitoringStore(config, logger),
    telemetryInbox: createTelemetryInbox(store, { bytesMax: config.telemetry.inboxBytesMax }),
    telemetryKeys: sharedTelemetryKeys(config.telemetry.keyFile, logger),
    requests: new RequestMetrics(),
    warnings,
    closing: closing.signal,
  };
  const routes = [...apiRoutes, ...servingRoutes, ...queueRoutes(protocol), ...served.routes];
  const { pages, checkAnswers = false } = deps;
  const answer = createApp(context, routes, { checkAnswers, ...(pages === undefined ? {} : { pages }) });
  const listener = await listen(config.server, logger, answer);
  const duties = startAllDuties(context, pools, served.duties);
  const closeParts = async () => {
    closing.abort();
    await protocol.close();
    await listener.close();
    await duties.close();
    await queue.close();
    await verifier.close();
    await context.monitoring.close();
    await pools.close();
    await opened.close();
  };
  return { url: listener.url, closeParts };
}

/** What one app server at a time does for all. */
function startAllDuties(
  { config, database, logger, queue, store, monitoring, sealer }: AppContext,
  { hdfsAs }: Pick<Pools, 'hdfsAs'>,
  ofPools: ReturnType<Pools['serve']>['duties'],
): ReturnType<typeof startDuties> {
  const wake = { [AUTOPILOT_TOPIC]: (trx: Parameters<typeof wakeRun>[0], key: string) => wakeRun(trx, queue, key) };
  return startDuties(
    [
      reaperDuty(queue, config.queue),
      schedulerDuty({ queue, handlers: wake }),
      reconcilerDuty({ config: config.queue, advance: (trx, runId) => advanceRun(trx, queue, runId) }),
      sweeperDuty(config.retention),
      objectSweeperDuty(store, config.retention),
      alertsDuty({ monitoring, store, config }, config),
      alertDeliveryDuty(config, sealer),
      ...(hdfsAs === null ? [] : [stagingDuty(hdfsAs, config)]),
      ...ofPools,
    ],
    { database, logger, holder: newId('app') },
  );
}

/** The store that was passed in, which is not closed here, or the one of the configuration. */
const storeOf = (config: Config, { store }: AppServerDeps): OpenedObjectStore =>
  store === undefined ? openObjectStore(config) : { store, close: () => Promise.resolve() };

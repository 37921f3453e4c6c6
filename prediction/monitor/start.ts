import path from 'node:path';
import { openObjectStore } from '#object-store';
import { HttpClient, KEY_FILES, newId, PROGRAM_VERSION, readSecret, type Config, type Logger } from '#runtime';
import { migrate, MONITORING_MIGRATIONS, openDatabase, type Database } from '#store';
import { followTopic } from '#telemetry';
import { followArchive } from './archive/follow-archive.ts';
import { followRetention } from './archive/retention.ts';
import { createBaselines } from './baselines.ts';
import { followInbox } from './inbox.ts';
import { installationKeys } from './installation-keys.ts';
import { takeSegment } from './take-segment.ts';

export interface RunningMonitor {
  /** The monitoring store. */
  readonly database: Database;
  /** Events that this monitor has counted. */
  counted(): number;
  close(): Promise<void>;
}

/**
 * Starts a monitor: it takes segments from the object store, and from Kafka where telemetry goes there, and counts them in the monitoring
 * store. Any number of monitors may work at once.
 *
 * @throws CONFIG_INVALID, DATABASE_UNAVAILABLE, SCHEMA_TOO_NEW
 */
export async function startMonitor(config: Config, logger: Logger): Promise<RunningMonitor> {
  const keys = await installationKeys(config.telemetry.keyFile, logger);
  const { poolMax, statementTimeoutMs } = config.database;
  const database = await openDatabase({ ...config.monitor.database, poolMax, statementTimeoutMs, logger });
  await migrate(database, MONITORING_MIGRATIONS, { logger });
  const objects = openObjectStore(config);
  const tokenFile = path.join(config.keys.dir, KEY_FILES.predictionServerToken);
  const http = new HttpClient({
    baseUrl: config.predictionServer.appServerUrl,
    caFile: config.server.caFile,
    token: () => readSecret(tokenFile),
    userAgent: `trainyard-monitor/${PROGRAM_VERSION}`,
  });
  const controller = new AbortController();
  const { signal } = controller;
  const baselines = createBaselines(database, http, signal);
  let counted = 0;
  const { store } = objects;
  const isArchived = config.monitor.archive === 'on';
  // Also where it is off: what has waited since it was on.
  const archive = followArchive({ database, store, config: config.monitor, logger, signal });
  const take = async (sealed: Buffer): Promise<void> => {
    if (isArchived) archive.requireRoom();
    const { events, refusal } = await takeSegment(database, sealed, { keys, baselines, isArchived });
    counted += events;
    if (refusal !== null)
      logger.warn('telemetry_refused', 'a segment was not believed and is dropped', { code: refusal });
  };
  const ended = [
    archive.ended,
    followRetention({ database, store, http, config: config.monitor, logger, signal }),
    followInbox({ store, pollMs: config.monitor.pollMs, take, logger, signal }),
  ];
  if (config.telemetry.transport === 'kafka')
    ended.push(followTopic(config.telemetry.kafka, newId('monitor'), { take, logger, signal }));
  logger.info('monitoring', `telemetry is counted in ${config.monitor.database.client}`);
  return {
    database,
    counted: () => counted,
    close: async () => {
      controller.abort();
      await Promise.all(ended);
      http.close();
      await objects.close();
      await database.close();
    },
  };
}

import { existsSync } from 'node:fs';
import type { Config, Logger } from '#runtime';
import { openDatabase, readSchemaVersion, type Database } from '#store';

/** Looks at the monitoring store, which monitors make and write. */
export interface MonitoringStore {
  /**
   * @returns null where no monitor has made one yet
   * @throws DATABASE_UNAVAILABLE, and what `look` throws
   */
  read<T>(look: (database: Database) => Promise<T>): Promise<T | null>;
  close(): Promise<void>;
}

/** Nobody waits longer for an answer about telemetry. */
const OPEN_MS = 2_000;

/** Opened when it is first asked, and again after it was not there. */
export function createMonitoringStore(config: Pick<Config, 'monitor' | 'database'>, logger: Logger): MonitoringStore {
  const place = config.monitor.database;
  let opened: Promise<Database | null> | null = null;
  const open = async (): Promise<Database | null> => {
    if (place.client === 'sqlite' && !existsSync(place.file)) return null;
    const { poolMax, statementTimeoutMs } = config.database;
    const options = { ...place, poolMax, statementTimeoutMs, readOnly: true, startTimeoutMs: OPEN_MS, logger };
    const database = await openDatabase(options);
    // A monitor that has just begun has made no table yet.
    if ((await readSchemaVersion(database)) !== null) return database;
    await database.close();
    return null;
  };
  return {
    async read(look) {
      const current = (opened ??= open());
      const database = await current.catch((err: unknown) => {
        opened = null;
        throw err;
      });
      if (database !== null) return look(database);
      opened = null;
      return null;
    },
    async close() {
      await (await opened?.catch(() => null))?.close();
    },
  };
}

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '#contracts';
import type { Logger } from '#runtime';
import { sharedTelemetryKeys, type TelemetryKeys } from '#telemetry';

/** How long an app server that starts at the same time has to make the keys, and how often they are looked for, milliseconds. */
const WAIT_MS = 30_000;
const LOOK_MS = 100;

/**
 * The keys of the installation, which app servers make. A monitor that made some of its own would believe nothing, and drop what it does not
 * believe.
 *
 * @throws CONFIG_INVALID where the file is not there after half a minute, or cannot be read
 */
export async function installationKeys(file: string, logger: Logger, waitMs = WAIT_MS): Promise<TelemetryKeys> {
  const end = performance.now() + waitMs;
  while (!existsSync(file)) {
    if (performance.now() > end)
      throw new AppError(
        'CONFIG_INVALID',
        `telemetry.keyFile: ${file} is not there; app servers make it (telemetry.keys in their keys.dir), copy it from one`,
      );
    await sleep(LOOK_MS);
  }
  return sharedTelemetryKeys(file, logger);
}

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, ServerTelemetryKeys, TELEMETRY_KEYS_PATH } from '#contracts';
import { HttpClient, PROGRAM_VERSION, type Logger } from '#runtime';
import { sharedTelemetryKeys, telemetryKeys, type TelemetryKeys } from '#telemetry';
import { writeFileAtomically } from '../artifacts/atomic-file.ts';
import { isAway, tokenOf, type AppServerPlace } from '../feed/app-server-client.ts';

/** How often the app server is asked whether keys have changed, and how often as long as there are none, milliseconds. */
const ASK_MS = 60_000;
const ASK_FIRST_MS = 1_000;

export interface SigningKeysOptions {
  /** The installation's own keys, where this host has them. */
  readonly sharedFile: string;
  /** Where those of the app server are kept. */
  readonly keptFile: string;
  readonly serverId: string;
  readonly place: AppServerPlace;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Keys that this server signs with. */
export interface SigningKeys {
  /** Null as long as there are none. */
  readonly current: () => TelemetryKeys | null;
  /** Resolves when there are some, or never. */
  readonly arrived: Promise<undefined>;
  /** Resolves after the signal has aborted. */
  readonly ended: Promise<void>;
}

/**
 * The installation's keys, where they lie on this host; else the app server is asked for some that are good for this server alone. These are
 * kept, so that the next start does not need it, and asked for again now and then, since keys are changed.
 *
 * @throws CONFIG_INVALID for a file that is no key file
 */
export function openSigningKeys(options: SigningKeysOptions): SigningKeys {
  const { sharedFile, keptFile, logger } = options;
  if (existsSync(sharedFile)) {
    const shared = sharedTelemetryKeys(sharedFile, logger);
    return { current: () => shared, arrived: Promise.resolve(undefined), ended: Promise.resolve() };
  }
  const kept = existsSync(keptFile) ? readFileSync(keptFile, 'utf8') : null;
  let current = kept === null ? null : telemetryKeys(kept, keptFile);
  let text = kept;
  const arrived = Promise.withResolvers<undefined>();
  if (current !== null) arrived.resolve(undefined);
  const take = (keys: string): void => {
    if (keys === text) return;
    current = telemetryKeys(keys, 'the app server');
    arrived.resolve(undefined);
    writeFileAtomically(keptFile, keys);
    text = keys;
  };
  return { current: () => current, arrived: arrived.promise, ended: follow(options, take, () => current !== null) };
}

async function follow(
  { serverId, place: { baseUrl, caFile, tokenFile }, logger, signal }: SigningKeysOptions,
  take: (keys: string) => void,
  hasKeys: () => boolean,
): Promise<void> {
  const http = new HttpClient({
    baseUrl,
    caFile,
    token: () => tokenOf(tokenFile),
    userAgent: `trainyard-prediction-server/${PROGRAM_VERSION}`,
  });
  const path = `${TELEMETRY_KEYS_PATH}?serverId=${encodeURIComponent(serverId)}`;
  let lastTrouble = '';
  while (!signal.aborted) {
    try {
      const { json } = await http.request({ method: 'GET', path, signal });
      take(parse(ServerTelemetryKeys, json, 'telemetry keys', 'SERVER_UNAVAILABLE').keys);
      lastTrouble = '';
    } catch (err) {
      const message = err instanceof Error ? err.message : String(err);
      // An app server that is away is told by others.
      if (!isAway(err) && message !== lastTrouble && !signal.aborted)
        logger.warn('telemetry_keys', 'the app server gives no keys for telemetry; what was there before goes on', {
          err,
        });
      lastTrouble = message;
    }
    await sleep(hasKeys() ? ASK_MS : ASK_FIRST_MS, undefined, { signal }).catch(() => undefined);
  }
  http.close();
}

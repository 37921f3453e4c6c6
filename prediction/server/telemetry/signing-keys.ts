import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, ServerTelemetryKeys, TELEMETRY_KEYS_PATH } from '#contracts';
import { HttpClient, PROGRAM_VERSION, type Logger } from '#runtime';
import { sharedTelemetryKeys, telemetryKeys, type TelemetryKeys } from '#telemetry';
import { errnoOf, writeFileAtomically } from '../artifacts/atomic-file.ts';
import { isAway, tokenOf, type AppServerPlace } from '../feed/app-server-client.ts';

/** How often the app server is asked whether keys have changed, and how often as long as there are none, milliseconds. */
const ASK_MS = 60_000;
const ASK_FIRST_MS = 1_000;
/** A server that has no keys for so long says so, whatever the reason, milliseconds. */
const LATE_MS = 30_000;

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
  const { keptFile } = options;
  const shared = installationKeys(options);
  if (shared !== null) return { current: () => shared, arrived: Promise.resolve(undefined), ended: Promise.resolve() };
  let { keys: current, text } = keptKeys(options);
  const arrived = Promise.withResolvers<undefined>();
  if (current !== null) arrived.resolve(undefined);
  const take = (keys: string): void => {
    if (keys === text) return;
    current = telemetryKeys(keys, 'the app server');
    arrived.resolve(undefined);
    writeFileAtomically(keptFile, keys);
    text = keys;
  };
  const http = clientOf(options);
  const ended = follow(http, options, take, () => current !== null);
  return { current: () => current, arrived: arrived.promise, ended };
}

/** Null where this host has none that this server may read: it has its own then. @throws CONFIG_INVALID for a file that is no key file */
function installationKeys({ sharedFile, logger }: SigningKeysOptions): TelemetryKeys | null {
  if (!existsSync(sharedFile)) return null;
  try {
    return sharedTelemetryKeys(sharedFile, logger);
  } catch (err) {
    if (errnoOf(err) !== 'EACCES') throw err;
    const message = `telemetry.keyFile: ${sharedFile} is not for this user; the app server is asked for keys`;
    logger.warn('telemetry_keys', message, { err });
    return null;
  }
}

/** Those that the app server gave before; a file that cannot be used is as good as none. */
function keptKeys({ keptFile, logger }: SigningKeysOptions): { keys: TelemetryKeys | null; text: string | null } {
  if (!existsSync(keptFile)) return { keys: null, text: null };
  try {
    const text = readFileSync(keptFile, 'utf8');
    return { keys: telemetryKeys(text, keptFile), text };
  } catch (err) {
    logger.warn('telemetry_keys', `${keptFile} cannot be used; the app server is asked for keys again`, { err });
    return { keys: null, text: null };
  }
}

const clientOf = ({ place: { baseUrl, caFile, tokenFile } }: SigningKeysOptions): HttpClient =>
  new HttpClient({
    baseUrl,
    caFile,
    token: () => tokenOf(tokenFile),
    userAgent: `trainyard-prediction-server/${PROGRAM_VERSION}`,
  });

async function follow(
  http: HttpClient,
  { serverId, sharedFile, logger, signal }: SigningKeysOptions,
  take: (keys: string) => void,
  hasKeys: () => boolean,
): Promise<void> {
  const path = `${TELEMETRY_KEYS_PATH}?serverId=${encodeURIComponent(serverId)}`;
  const lateAt = performance.now() + LATE_MS;
  let isToldLate = false;
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
      if (!hasKeys() && !isToldLate && performance.now() > lateAt) {
        isToldLate = true;
        const why = `there is no telemetry.keyFile (${sharedFile}) to be read, and the app server has given no keys`;
        logger.warn('telemetry_keys', `telemetry waits in the spool: ${why}`, { err });
      }
    }
    await sleep(hasKeys() ? ASK_MS : ASK_FIRST_MS, undefined, { signal }).catch(() => undefined);
  }
  http.close();
}

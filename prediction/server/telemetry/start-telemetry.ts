import { AppError } from '#contracts';
import type { Config, Logger } from '#runtime';
import { errnoOf } from '../artifacts/atomic-file.ts';
import type { AppServerPlace } from '../feed/app-server-client.ts';
import { folderTransport } from './folder-transport.ts';
import { httpTransport } from './http-transport.ts';
import { kafkaTransport } from './kafka-transport.ts';
import { shipSegments, type Transport } from './shipper.ts';
import { openSigningKeys } from './signing-keys.ts';
import { openTelemetry, type Telemetry } from './telemetry.ts';

export interface RunningTelemetry {
  /** Null where it is off. */
  readonly telemetry: Telemetry | null;
  /** Writes what is left, tries once more to deliver it for a moment, and gives the spool up. */
  close(): Promise<void>;
}

export interface TelemetryPlace {
  readonly serverId: string;
  readonly place: AppServerPlace;
  /** Where keys of the app server are kept. */
  readonly keptKeysFile: string;
  readonly logger: Logger;
}

const OFF: RunningTelemetry = { telemetry: null, close: () => Promise.resolve() };

/** Longest time that a closing server goes on delivering, milliseconds; what is left waits for the next start. */
const FLUSH_MS = 2_000;

/**
 * Opens the spool of a prediction server and begins to deliver what is in it. Where the disk has no room for one the server answers without.
 * @throws CONFIG_INVALID for keys, a spool or brokers that cannot be used
 */
export async function startTelemetry(
  config: Config['telemetry'],
  { serverId, place, keptKeysFile: keptFile, logger }: TelemetryPlace,
): Promise<RunningTelemetry> {
  const { transport: way } = config;
  if (way === 'off') return OFF;
  const { spoolDir, spoolBytesMax, segmentMs } = config;
  const controller = new AbortController();
  const { signal } = controller;
  const keys = openSigningKeys({ sharedFile: config.keyFile, keptFile, serverId, place, logger, signal });
  let transport: Transport | null = null;
  let telemetry: Telemetry;
  try {
    transport = await transportOf(way, config, { serverId, place });
    telemetry = openTelemetry({ spoolDir, spoolBytesMax, segmentMs, serverId, keys: keys.current, logger });
  } catch (err) {
    controller.abort();
    await Promise.all([transport?.close(), keys.ended]);
    // What the operating system says: predictions do not wait for a disk.
    if (err instanceof AppError || errnoOf(err) === null) throw err;
    logger.error('telemetry_off', 'there is no room for events: nothing is recorded until the next start', { err });
    return OFF;
  }
  const { spool } = telemetry;
  const shipper = shipSegments({ spool, transport, logger, signal });
  void keys.arrived.then(() => spool.wake());
  return {
    telemetry,
    close: async () => {
      telemetry.close();
      const end = performance.now() + FLUSH_MS;
      const canShip = () => keys.current() !== null && shipper.isWell();
      while (spool.state().waitingSegments > 0 && canShip() && performance.now() < end)
        await new Promise((resolve) => setTimeout(resolve, 10));
      controller.abort();
      await Promise.all([shipper.ended, keys.ended]);
      await transport.close();
      spool.unlock();
    },
  };
}

async function transportOf(
  way: Exclude<Config['telemetry']['transport'], 'off'>,
  { folder, spoolBytesMax, kafka }: Config['telemetry'],
  { serverId, place }: Pick<TelemetryPlace, 'serverId' | 'place'>,
): Promise<Transport> {
  switch (way) {
    case 'http':
      return httpTransport(place);
    case 'kafka':
      return kafkaTransport(kafka, serverId);
    case 'folder':
      return folderTransport(folder, spoolBytesMax);
  }
}

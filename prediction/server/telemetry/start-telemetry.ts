import { AppError } from '#contracts';
import type { Config, Logger } from '#runtime';
import { sharedTelemetryKeys } from '#telemetry';
import { errnoOf } from '../artifacts/atomic-file.ts';
import type { AppServerPlace } from '../feed/app-server-client.ts';
import { folderTransport } from './folder-transport.ts';
import { httpTransport } from './http-transport.ts';
import { kafkaTransport } from './kafka-transport.ts';
import { shipSegments, type Transport } from './shipper.ts';
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
  { serverId, place, logger }: TelemetryPlace,
): Promise<RunningTelemetry> {
  const { transport: way } = config;
  if (way === 'off') return OFF;
  const keys = sharedTelemetryKeys(config.keyFile, logger);
  const { spoolDir, spoolBytesMax, segmentMs } = config;
  const transport = await transportOf(way, config, { serverId, place });
  let telemetry: Telemetry;
  try {
    telemetry = openTelemetry({ spoolDir, spoolBytesMax, segmentMs, serverId, keys, logger });
  } catch (err) {
    // What the operating system says: predictions do not wait for a disk.
    if (err instanceof AppError || errnoOf(err) === null) throw err;
    logger.error('telemetry_off', 'there is no room for events: nothing is recorded until the next start', { err });
    await transport.close();
    return OFF;
  }
  const controller = new AbortController();
  const shipper = shipSegments({ spool: telemetry.spool, transport, logger, signal: controller.signal });
  return {
    telemetry,
    close: async () => {
      telemetry.close();
      const end = performance.now() + FLUSH_MS;
      while (telemetry.spool.state().waitingSegments > 0 && shipper.isWell() && performance.now() < end)
        await new Promise((resolve) => setTimeout(resolve, 10));
      controller.abort();
      await shipper.ended;
      await transport.close();
      telemetry.spool.unlock();
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

import { setTimeout as sleep } from 'node:timers/promises';
import { isAppError } from '#contracts';
import { failpoint, type Logger } from '#runtime';
import type { Spool, WaitingSegment } from './spool.ts';

/** First and longest pause after a segment could not be delivered, milliseconds; each is cut by up to a half at random. */
const RETRY_MS = 200;
const RETRY_MS_MAX = 10_000;

/** How segments reach the monitor. */
export interface Transport {
  /** For messages. */
  readonly name: string;
  /**
   * Delivers one segment; resolves when the other side has it for good. A segment may be delivered more than once.
   * @throws TELEMETRY_INVALID when it will never be taken; anything else is tried again
   */
  send(segment: WaitingSegment, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Takes segments from the spool to the monitor, oldest first, one at a time. */
export interface Shipper {
  /** Segments delivered since the start. */
  shippedCount(): number;
  /** The last try was no failure. */
  isWell(): boolean;
  /** Resolves after the signal has aborted. */
  readonly ended: Promise<void>;
}

export interface ShipperOptions {
  readonly spool: Spool;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** While the transport is away everything waits in the spool; that is told once, and once that it is back. */
export function shipSegments({ spool, transport, logger, signal }: ShipperOptions): Shipper {
  let shipped = 0;
  let retryMs = RETRY_MS;
  let lastTrouble = '';
  let wake: () => void = () => undefined;
  spool.onWaiting(() => wake());
  signal.addEventListener('abort', () => wake(), { once: true });

  const deliver = async (segment: WaitingSegment): Promise<void> => {
    try {
      await transport.send(segment, signal);
    } catch (err) {
      if (signal.aborted) return;
      if (isAppError(err, 'TELEMETRY_INVALID')) {
        logger.error('telemetry_refused', 'a segment was refused for good and is put aside', {
          segment: segment.name,
          err,
        });
        await spool.putAside(segment.name);
        return;
      }
      const message = err instanceof Error ? err.message : String(err);
      if (lastTrouble === '')
        logger.warn('telemetry_away', `telemetry cannot be delivered by ${transport.name}; it waits in the spool`, {
          err,
        });
      lastTrouble = message;
      await sleep(retryMs * (1 - Math.random() / 2), undefined, { signal }).catch(() => undefined);
      retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
      return;
    }
    await failpoint('predictionServer.telemetry.afterSend');
    await spool.remove(segment.name);
    shipped += 1;
    retryMs = RETRY_MS;
    if (lastTrouble !== '') logger.info('telemetry_back', `telemetry is delivered by ${transport.name} again`);
    lastTrouble = '';
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const waiting = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const segment = await spool.oldest();
      if (segment === null) await waiting;
      else await deliver(segment);
    }
  };
  return { shippedCount: () => shipped, isWell: () => lastTrouble === '', ended: run() };
}

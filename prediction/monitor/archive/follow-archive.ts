import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '#contracts';
import type { ObjectStore } from '#object-store';
import { failpoint, randomHex, type Config, type Logger } from '#runtime';
import { fillBatch, openBatches, waitingTotals, type Database } from '#store';
import { writeBatch } from './write-batch.ts';

/** Events of one batch as they came out of the compression, bytes: some 400,000 of 14 features. */
const BATCH_BYTES = 32 * 1024 * 1024;
/** How often it is looked whether there is enough for a batch, milliseconds. */
const LOOK_MS = 5_000;
/** Longest pause after something failed, milliseconds. */
const RETRY_MS_MAX = 60_000;

export interface ArchiveOptions {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly config: Pick<Config['monitor'], 'archiveMs' | 'archiveBytesMax'>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Writes counted events into the archive. */
export interface Archive {
  /** @throws STORE_UNAVAILABLE when more waits than may: what is to be counted has to wait, too */
  requireRoom(): void;
  /** Resolves after the signal has aborted. */
  readonly ended: Promise<void>;
}

/** A batch is written when there is enough for one, or the oldest event has waited long; those that somebody has left, first. */
export function followArchive({ database, store, config, logger, signal }: ArchiveOptions): Archive {
  const { archiveMs, archiveBytesMax } = config;
  let waitingBytes = 0;
  /** Batches of others that are being written, maybe: they are left to them for this long. */
  const seenAt = new Map<string, number>();

  const look = async (): Promise<void> => {
    for (const batch of await openBatches(database)) {
      const since = seenAt.get(batch) ?? -Infinity;
      if (performance.now() - since < RETRY_MS_MAX) continue;
      seenAt.set(batch, performance.now());
      await write(batch);
    }
    for (;;) {
      const { plainBytes, sizeBytes, ageMs } = await waitingTotals(database);
      waitingBytes = sizeBytes;
      if (signal.aborted || (plainBytes < BATCH_BYTES && ageMs < archiveMs)) return;
      const batch = `${new Date().toISOString().replaceAll(/[-:.]/g, '')}-${randomHex(4)}`;
      const segments = await database.transaction((trx) => fillBatch(trx, batch, BATCH_BYTES));
      if (segments === 0) return;
      await failpoint('monitor.archive.afterFill');
      await write(batch);
    }
  };
  const write = async (batch: string): Promise<void> => {
    const started = performance.now();
    const events = await writeBatch(database, store, batch, signal);
    seenAt.delete(batch);
    const ms = Math.round(performance.now() - started);
    logger.info('archived', 'events are in the archive', { batch, events, ms });
  };
  return {
    requireRoom: () => {
      if (waitingBytes > archiveBytesMax)
        throw new AppError(
          'STORE_UNAVAILABLE',
          `${waitingBytes} bytes of events wait for the archive; expected ${archiveBytesMax} at most (monitor.archiveBytesMax)`,
        );
    },
    ended: repeat(look, Math.min(LOOK_MS, archiveMs), logger, signal),
  };
}

async function repeat(look: () => Promise<void>, everyMs: number, logger: Logger, signal: AbortSignal): Promise<void> {
  let lastTrouble = '';
  let pauseMs = everyMs;
  while (!signal.aborted) {
    try {
      await look();
      [lastTrouble, pauseMs] = ['', everyMs];
    } catch (err) {
      if (signal.aborted) return;
      const message = err instanceof Error ? err.message : String(err);
      if (message !== lastTrouble) logger.warn('archive_trouble', 'events cannot be archived yet; they wait', { err });
      lastTrouble = message;
      pauseMs = Math.min(2 * pauseMs, RETRY_MS_MAX);
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

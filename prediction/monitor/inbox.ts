import { setTimeout as sleep } from 'node:timers/promises';
import { isAppError, TELEMETRY_INBOX } from '#contracts';
import type { ObjectStore } from '#object-store';
import { failpoint, type Logger } from '#runtime';
import { SEALED_BYTES_MAX } from '#telemetry';

/** Longest pause after a look that failed, milliseconds. */
const RETRY_MS_MAX = 30_000;

export interface InboxOptions {
  readonly store: ObjectStore;
  /** How often an empty inbox is looked at, milliseconds. */
  readonly pollMs: number;
  /** Counts one segment. @throws to have it again later */
  readonly take: (sealed: Buffer) => Promise<void>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Takes the segments that app servers keep in the object store, until the signal aborts. A segment is deleted after it was counted. Several monitors
 * may find the same one: it is counted once, and the others find it gone.
 */
export async function followInbox({ store, pollMs, take, logger, signal }: InboxOptions): Promise<void> {
  let lastTrouble = '';
  let retryMs = pollMs;
  while (!signal.aborted) {
    try {
      const found = await takeAll(store, take, signal);
      if (lastTrouble !== '') logger.info('inbox_back', 'telemetry is taken again');
      [lastTrouble, retryMs] = ['', pollMs];
      if (found === 0) await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    } catch (err) {
      if (signal.aborted) return;
      const message = err instanceof Error ? err.message : String(err);
      if (message !== lastTrouble) logger.warn('inbox_trouble', 'telemetry cannot be taken; it waits', { err });
      lastTrouble = message;
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
    }
  }
}

async function takeAll(store: ObjectStore, take: InboxOptions['take'], signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const { path } of store.list(TELEMETRY_INBOX, { signal })) {
    if (signal.aborted) return count;
    const sealed = await readIfThere(store, path, signal);
    if (sealed === null) continue;
    await take(sealed);
    await failpoint('monitor.beforeDelete');
    await store.delete(path, { signal });
    count += 1;
  }
  return count;
}

/** Null when another monitor was quicker. */
async function readIfThere(store: ObjectStore, path: string, signal: AbortSignal): Promise<Buffer | null> {
  try {
    return Buffer.from(await store.readAll(path, { maxBytes: SEALED_BYTES_MAX, signal }));
  } catch (err) {
    if (isAppError(err, 'STORE_OBJECT_MISSING')) return null;
    throw err;
  }
}

import { isAppError, TELEMETRY_INBOX, type AppError } from '#contracts';
import { verifySegment } from '#telemetry';
import type { AppContext } from '../context.ts';

/**
 * Keeps a segment in the object store until a monitor has taken it. One that is there already is not written again.
 *
 * @throws TELEMETRY_INVALID, TELEMETRY_SIGNATURE, STORE_UNAVAILABLE; DISK_FULL, also where too much waits already
 */
export async function keepSegment(
  {
    store,
    telemetryInbox,
    telemetryKeys,
    logger,
  }: Pick<AppContext, 'store' | 'telemetryInbox' | 'telemetryKeys' | 'logger'>,
  sealed: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const { serverId, epoch, segment } = verifySegment(sealed, telemetryKeys);
  await telemetryInbox.admit(sealed.length);
  try {
    await store.write(`${TELEMETRY_INBOX}/${epoch}/${segment}.seg`, sealed, { signal });
    logger.debug('telemetry_kept', 'a segment of telemetry waits for a monitor', { serverId, segment });
  } catch (err) {
    if (!isAppError(err, 'STORE_OBJECT_EXISTS')) throw err;
  }
}

/** Counts telemetry that was not believed, as refused statements of workers are counted. */
export function noteRefusedTelemetry({ queue }: Pick<AppContext, 'queue'>, err: AppError): void {
  if (err.code === 'TELEMETRY_INVALID' || err.code === 'TELEMETRY_SIGNATURE') queue.refusals.note('telemetry', err, '');
}

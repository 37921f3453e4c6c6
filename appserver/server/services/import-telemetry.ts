import { createHash } from 'node:crypto';
import { AppError, type ImportedTelemetry, type SegmentHeader } from '#contracts';
import { isHeard, listDeploymentIds } from '#store';
import {
  deploymentKeys,
  openSegment,
  readFrames,
  readSegmentHeader,
  sealSegment,
  secretOf,
  verifySegment,
} from '#telemetry';
import type { AppContext } from '../context.ts';
import { keepSegment } from './telemetry.ts';

type Needed = Pick<AppContext, 'database' | 'monitoring' | 'store' | 'telemetryInbox' | 'telemetryKeys' | 'logger'>;

/**
 * Takes a segment that was carried here: of a server that has the installation's keys, or of a package, which has a key of its
 * one deployment. It then waits for a monitor, as one that a server delivers itself; one whose events were all counted is not kept again.
 *
 * @throws TELEMETRY_INVALID, TELEMETRY_SIGNATURE, DISK_FULL, STORE_UNAVAILABLE
 */
export async function importSegment(app: Needed, carried: Buffer, signal: AbortSignal): Promise<ImportedTelemetry> {
  const { keyId, serverId } = readSegmentHeader(carried);
  const isOurs = secretOf(app.telemetryKeys, keyId, serverId) !== null;
  const sealed = isOurs ? carried : await ofPackage(app, carried, keyId);
  const { epoch, firstNumber, endNumber } = verifySegment(sealed, app.telemetryKeys);
  const facts = { serverId, epoch, firstNumber, endNumber };
  if (endNumber > firstNumber && (await wasHeard(app, facts))) return { ...facts, state: 'known' };
  await keepSegment(app, sealed, signal);
  return { ...facts, state: 'kept' };
}

/** A monitoring store that cannot be asked does not matter: a monitor counts only what is new. */
async function wasHeard(
  { monitoring, logger }: Needed,
  { epoch, firstNumber, endNumber }: Pick<SegmentHeader, 'epoch' | 'firstNumber' | 'endNumber'>,
): Promise<boolean> {
  try {
    return (await monitoring.read((store) => isHeard(store, epoch, { from: firstNumber, end: endNumber }))) ?? false;
  } catch (err) {
    logger.warn('import_unasked', 'the monitoring store cannot say whether a segment was counted before', { err });
    return false;
  }
}

/**
 * Signs what a package tells of its deployment with the installation's key. Its epochs get names that only this deployment's have, so that
 * who holds a package can speak of no other server's events.
 */
async function ofPackage({ database, telemetryKeys }: Needed, carried: Buffer, keyId: string): Promise<Buffer> {
  const known = deploymentKeys(telemetryKeys, await listDeploymentIds(database)).get(keyId);
  if (known === undefined)
    throw new AppError(
      'TELEMETRY_SIGNATURE',
      'the segment is signed by no key of this installation, and by that of no deployment that it has',
    );
  const { header, frames } = openSegment(carried, known.keys);
  const foreign = deploymentsOf(frames).find((id) => id !== known.deploymentId);
  if (foreign !== undefined)
    throw new AppError(
      'TELEMETRY_SIGNATURE',
      `the segment tells of deployment ${foreign}, and is signed by the key of ${known.deploymentId}`,
    );
  const { serverId, segment, firstNumber, endNumber, createdAtMs } = header;
  const epoch = epochOf(known.deploymentId, header.epoch);
  return sealSegment({ serverId, epoch, segment, firstNumber, endNumber, createdAtMs }, frames, telemetryKeys);
}

/** Deployments that frames tell of. @throws TELEMETRY_INVALID */
const deploymentsOf = (frames: Buffer): string[] =>
  [...readFrames(frames)].flatMap((frame) => {
    if (frame.kind === 'schema') return [frame.schema.deploymentId];
    return frame.kind === 'service' ? frame.statement.counters.map(({ deploymentId }) => deploymentId) : [];
  });

const epochOf = (deploymentId: string, epoch: string): string =>
  createHash('sha256').update(`${deploymentId} ${epoch}`).digest('hex').slice(0, epoch.length);

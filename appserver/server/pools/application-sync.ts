import { AppError, APPLICATION_MASTER_PROTOCOL_VERSION, type SyncAnswer, type SyncRequest } from '#contracts';
import { failpoint, type Logger } from '#runtime';
import {
  askRelease,
  drainContainers,
  excludedNodes,
  getApplication,
  isPutOff,
  liveContainers,
  lockApplication,
  noteNodes,
  noteSync,
  recordHeld,
  trustPool,
  verifyPoolSecret,
  type Database,
  type Transaction,
  type YarnApplication,
  type YarnContainer,
} from '#store';
import type { TaskQueue } from '../queue/index.ts';
import { applyEnds } from './container-ends.ts';
import type { Launches } from './launches.ts';

export interface SyncContext {
  readonly database: Database;
  readonly queue: TaskQueue;
  readonly logger: Logger;
  readonly launches: Launches;
}

/** How often a master asks when nothing happens. */
export const SYNC_INTERVAL_MS = 1_000;

const PREEMPTED = 'the scheduler is about to take its container for another queue';

/**
 * A master tells what it holds and what ended, and hears what there is to be. A repeat changes nothing; a request of an
 * attempt that is not the newest is answered `leave`.
 *
 * @throws POOL_SECRET_INVALID, also for an application that does not exist; PROTOCOL_VERSION
 */
export async function syncApplication(
  context: SyncContext,
  secret: string,
  applicationId: string,
  request: SyncRequest,
): Promise<SyncAnswer> {
  const { database } = context;
  const known = await getApplication(database, applicationId);
  if (known === null || !(await verifyPoolSecret(database, known.pool, secret)))
    throw new AppError('POOL_SECRET_INVALID', 'the secret is not one of the application’s pool', {
      details: { applicationId },
    });
  if (request.protocolVersion !== APPLICATION_MASTER_PROTOCOL_VERSION)
    throw new AppError(
      'PROTOCOL_VERSION',
      `application master: expected version ${APPLICATION_MASTER_PROTOCOL_VERSION}; found ${request.protocolVersion}`,
    );
  await failpoint('sync.beforeDatabase');
  const outcome = await database.transaction((trx) => record(trx, context, applicationId, request));
  await failpoint('sync.afterDatabase');
  return answerOf(context, outcome, request);
}

interface SyncOutcome {
  readonly application: YarnApplication;
  readonly isNewest: boolean;
  readonly containers: readonly YarnContainer[];
}

async function record(
  trx: Transaction,
  context: SyncContext,
  applicationId: string,
  request: SyncRequest,
): Promise<SyncOutcome> {
  const application = await lockApplication(trx, applicationId);
  if (application === null) throw new AppError('NOT_FOUND', `application ${applicationId} was forgotten meanwhile`);
  const isNewest = request.attempt >= application.attempt;
  if (application.endedAt !== null || !isNewest) return { application, isNewest, containers: [] };
  const isLate = request.attempt === application.attempt && request.sequence <= application.sequence;
  if (!isLate) {
    await noteSync(trx, applicationId, request);
    await applyEnds(trx, context, application, request.ended);
    await recordHeld(trx, applicationId, request.held);
    await noteNodes(trx, request.nodes);
    const containers = await liveContainers(trx, applicationId);
    if (containers.some(({ workerId }) => workerId !== null)) await trustPool(trx, application.pool);
    await yieldToScheduler(trx, containers, request.preempted);
  }
  return { application, isNewest, containers: await liveContainers(trx, applicationId) };
}

/** Offers idle containers for those that the scheduler wants to take; the workers of those get no more tasks. */
async function yieldToScheduler(
  trx: Transaction,
  containers: readonly YarnContainer[],
  preempted: readonly string[],
): Promise<void> {
  if (preempted.length === 0) return;
  const idle = containers.filter(({ isBusy, releaseAskedAt }) => !isBusy && releaseAskedAt === null);
  await askRelease(
    trx,
    idle.slice(0, preempted.length).map(({ containerId }) => containerId),
  );
  await drainContainers(trx, preempted, PREEMPTED);
}

async function answerOf(
  context: SyncContext,
  { application, isNewest, containers }: SyncOutcome,
  request: SyncRequest,
): Promise<SyncAnswer> {
  const acknowledged = request.ended.map(({ containerId }) => containerId);
  const rest = { acknowledged, credentials: null, intervalMs: SYNC_INTERVAL_MS };
  const nothing = { wantedCount: 0, launch: null, release: [], excludedNodes: [] };
  if (!isNewest) return { ...rest, ...nothing, directive: 'leave', finalStatus: null, message: null };
  const finish = application.endedAt === null ? application.finish : FORGOTTEN;
  if (finish !== null) return { ...rest, ...nothing, directive: 'finish', ...finish };
  return {
    ...rest,
    directive: 'run',
    finalStatus: null,
    message: null,
    // Put off: what is held may stay, nothing is added.
    wantedCount: (await isPutOff(context.database, application.pool))
      ? Math.min(application.wantedCount, request.held.length)
      : application.wantedCount,
    launch: await context.launches.launchOf(application),
    release: containers
      .filter(({ releaseAskedAt, isBusy }) => releaseAskedAt !== null && !isBusy)
      .map(({ containerId }) => containerId),
    excludedNodes: await excludedNodes(context.database),
  };
}

/** YARN has no record of it, or had said that it was over: whatever still runs is nobody's. */
const FORGOTTEN = {
  finalStatus: 'KILLED',
  message: 'Trainyard has closed the books of this application; its work goes on in another one.',
} as const;

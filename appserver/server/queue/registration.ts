import {
  AppError,
  WORKER_PROTOCOL_VERSIONS_ACCEPTED,
  type DrainAnswer,
  type DrainRequest,
  type RegisterAnswer,
  type RegisterRequest,
} from '#contracts';
import { failpoint, type Config, type Logger } from '#runtime';
import {
  drainWorker,
  identifyWorker,
  isToken,
  newToken,
  registerWorker,
  verifyPoolSecret,
  type Database,
  type WorkerIdentity,
} from '#store';

/** What registering works with. */
export interface RegistrationOptions {
  readonly database: Database;
  readonly config: Config['queue'];
  readonly logger: Logger;
}

/**
 * Lets a worker in that knows a secret of its pool.
 *
 * @throws POOL_SECRET_INVALID, also for a pool that does not exist; PROTOCOL_VERSION naming the accepted ones
 */
export async function register(
  { database, config, logger }: RegistrationOptions,
  secret: string,
  request: RegisterRequest,
): Promise<RegisterAnswer> {
  const { pool, protocolVersion, archiveSha256 = null, container = null } = request;
  if (!(await verifyPoolSecret(database, pool, secret))) {
    throw new AppError('POOL_SECRET_INVALID', 'the secret is not one of the pool that was named');
  }
  if (!WORKER_PROTOCOL_VERSIONS_ACCEPTED.includes(protocolVersion)) {
    const accepted = WORKER_PROTOCOL_VERSIONS_ACCEPTED.join(', ');
    throw new AppError('PROTOCOL_VERSION', `worker protocol: expected version ${accepted}; found ${protocolVersion}`);
  }
  const workerToken = newToken();
  await failpoint('queue.register.beforeDatabase');
  const workerId = await registerWorker(
    database,
    { ...request, archiveSha256, containerId: container?.id ?? null, node: container?.node ?? null },
    workerToken,
  );
  await failpoint('queue.register.afterDatabase');
  const { hostName, processId } = request;
  logger.info('worker_registered', 'a worker registered', { workerId, pool, hostName, processId, protocolVersion });
  const { leaseMs, beatMs, claimWaitMs } = config;
  return { workerId, workerToken, leaseMs, beatMs, claimWaitMs };
}

/** The worker that a token belongs to. @throws UNAUTHENTICATED: it must register again */
export async function identify(database: Database, token: string, workerId: string): Promise<WorkerIdentity> {
  const worker = await identifyWorker(database, workerId);
  if (worker === null || !isToken(token, worker.tokenHash)) {
    throw new AppError('UNAUTHENTICATED', 'the worker token is not valid: register again', { details: { workerId } });
  }
  return worker;
}

/** A worker says that it will end: it gets no more tasks. @throws UNAUTHENTICATED */
export async function drain(
  { database, logger }: RegistrationOptions,
  token: string,
  workerId: string,
  { reason }: DrainRequest,
): Promise<DrainAnswer> {
  await identify(database, token, workerId);
  await failpoint('queue.drain.beforeDatabase');
  await drainWorker(database, workerId, reason);
  await failpoint('queue.drain.afterDatabase');
  logger.info('worker_draining', 'a worker is going to end', { workerId, reason });
  return { draining: true };
}

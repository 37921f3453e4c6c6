import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { WORKER_PROTOCOL_VERSION, type RegisterAnswer, type RegisterRequest } from '#contracts';
import { failpoint, PROGRAM_VERSION, readSecret, type Clock, type Config, type Logger } from '#runtime';
import { BackOff } from './back-off.ts';
import { containerOf, containerSecret } from './container.ts';
import { RETRY_MS, RETRY_MS_MAX } from './lease.ts';
import { verdictOf, type ProtocolClient } from './protocol-client.ts';

/** How long a worker waits at start for the secret that an app server, started with it, is about to make. */
const SECRET_WAIT_MS = 30_000;
const SECRET_POLL_MS = 100;

export interface RegistrationOptions {
  readonly client: ProtocolClient;
  readonly config: Pick<Config, 'worker'>;
  /** Read from the container's token file or `worker.poolSecretFile` when not given. */
  readonly poolSecret?: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Registers a worker, waiting for the app server as long as it takes; null when the signal was given meanwhile.
 *
 * @throws what the app server refuses it for
 */
export async function register(options: RegistrationOptions): Promise<RegisterAnswer | null> {
  const { client, config, clock, logger, signal } = options;
  const { pool } = config.worker;
  const poolSecret = options.poolSecret ?? containerSecret(options.environment) ?? (await secretOf(options));
  const backOff = new BackOff(RETRY_MS, RETRY_MS_MAX, clock);
  while (!signal.aborted) {
    try {
      await failpoint('worker.register');
      const answer = await client.register(requestOf(options), poolSecret, signal);
      logger.info('worker_registered', 'registered', { workerId: answer.workerId, pool });
      return answer;
    } catch (err) {
      if (signal.aborted) break;
      if (verdictOf(err) !== 'unreachable') throw err;
      logger.warn('register_unanswered', 'registration was not answered', { err });
    }
    await backOff.pause(signal);
  }
  return null;
}

const requestOf = ({ config: { worker }, environment }: RegistrationOptions): RegisterRequest => ({
  protocolVersion: WORKER_PROTOCOL_VERSION,
  programVersion: PROGRAM_VERSION,
  pool: worker.pool,
  hostName: hostname(),
  processId: process.pid,
  memoryBytes: worker.memoryBytes,
  threadCount: worker.threadCount,
  archiveSha256: worker.archiveSha256 === '' ? null : worker.archiveSha256,
  container: containerOf(environment),
});

async function secretOf({ config, clock, signal }: RegistrationOptions): Promise<string> {
  const file = config.worker.poolSecretFile;
  const until = clock.monotonicMs() + SECRET_WAIT_MS;
  while (!existsSync(file) && clock.monotonicMs() < until && !signal.aborted) await clock.pause(SECRET_POLL_MS, signal);
  return readSecret(file);
}

import { isAppError } from '#contracts';
import { failpoint, type Config, type Logger } from '#runtime';
import {
  addPoolSecret,
  endApplication,
  markSubmitted,
  newToken,
  reserveApplication,
  setPoolArchive,
  type Database,
  type YarnPool,
} from '#store';
import type { Submission, Submitter } from '#yarn';
import type { Cluster } from './cluster.ts';
import { poolSubmission, type LaunchOptions } from './launches.ts';
import type { RuntimeFolder } from './runtime-files.ts';
import { freshTokens } from './user-tokens.ts';

export interface SubmitContext {
  readonly database: Database;
  readonly logger: Logger;
  readonly config: Config['yarn'];
  readonly cluster: Cluster;
  readonly runtime: RuntimeFolder;
  readonly launch: LaunchOptions;
  readonly submitterFor: (userName: string) => Submitter;
}

/**
 * Starts the application of a pool. YARN keeps an id, which is taken down before anything is submitted under it: whoever
 * finds the row later submits it again, which YARN takes for the same (`ClientRMService.submitApplication`). Of two
 * replicas one gets the row.
 *
 * @throws what YARN refuses it for
 */
export async function startApplication(context: SubmitContext, pool: YarnPool, signal: AbortSignal): Promise<void> {
  const { cluster, config, database, logger } = context;
  const manager = cluster.managerFor(pool.userName);
  await manager.requireQueue(pool.queue, { memoryMb: config.masterMemoryMb, vcores: 1 }, signal);
  await failpoint('pool.beforeReserve');
  const { applicationId } = await context.submitterFor(pool.userName).newApplication(signal);
  await failpoint('pool.reserved');
  if (!(await reserveApplication(database, pool.name, applicationId))) return;
  await failpoint('pool.afterReserve');
  logger.info('application_reserved', 'a pool starts', { applicationId, pool: pool.name });
  await submitApplication(context, pool, applicationId, signal);
}

/**
 * Submits a reserved application, also again. Each time with a secret of its own, since none is kept: YARN takes the
 * first submission, whose secret stays valid.
 *
 * @throws what YARN refuses it for; the application's row is closed then
 */
export async function submitApplication(
  context: SubmitContext,
  pool: YarnPool,
  applicationId: string,
  signal: AbortSignal,
): Promise<void> {
  const { cluster, database, logger } = context;
  const files = await context.runtime.files(signal);
  const secret = newToken();
  await addPoolSecret(database, pool.name, secret);
  await setPoolArchive(database, pool.name, files.archiveSha256);
  const submission: Submission = poolSubmission(context.launch, pool, files, {
    applicationId,
    secret,
    tokens: await freshTokens(cluster, pool.userName),
  });
  try {
    await context.submitterFor(pool.userName).submit(submission, signal);
  } catch (err) {
    // Refused for good: nothing runs under the id, and nothing will.
    if (isAppError(err) && !err.retryable) {
      const end = { state: 'ABANDONED', diagnostics: err.message } as const;
      await database.transaction((trx) => endApplication(trx, applicationId, end));
    }
    throw err;
  }
  await failpoint('pool.afterSubmit');
  await markSubmitted(database, applicationId);
  logger.info('application_submitted', 'YARN took the application', { applicationId, pool: pool.name });
}

import type { Config } from '#runtime';
import { endedStagings, findUser, forgetStaging, type BatchPredictionRecord, type Database } from '#store';
import type { AppContext } from '../context.ts';
import { createDuty, type Duty } from '../duties/index.ts';
import type { HdfsAs } from '../pools/index.ts';
import { clearStaging } from './publish-output.ts';

/** Folders that one run clears at most. */
const CLEARED_MAX = 50;

/**
 * Removes what is left in HDFS of outputs whose jobs have ended, as their users: also what attempts left that were killed. A
 * lease later, so that no worker of the job writes any more.
 */
export function stagingDuty(hdfsAs: HdfsAs, { queue }: Pick<Config, 'queue'>): Duty {
  return createDuty({
    name: 'staging',
    intervalMs: queue.reconcileMs,
    async run({ database, logger, signal }) {
      for (const entry of await endedStagings(database, queue.leaseMs, CLEARED_MAX)) {
        if (signal.aborted) return;
        try {
          await clear(database, hdfsAs, entry);
          await forgetStaging(database, entry.id);
        } catch (err) {
          const fields = { batchPredictionId: entry.id, path: entry.stagingPath, err };
          logger.warn('staging_left', 'what is left of an output could not be removed from HDFS', fields);
        }
      }
    },
  });
}

/** The same at once for a batch prediction that was deleted, as far as it can be done now. */
export async function clearOutput(
  { database, hdfsAs, logger }: Pick<AppContext, 'database' | 'hdfsAs' | 'logger'>,
  entry: BatchPredictionRecord,
): Promise<void> {
  if (hdfsAs === null || entry.stagingPath === null) return;
  try {
    await clear(database, hdfsAs, entry);
  } catch (err) {
    const fields = { batchPredictionId: entry.id, path: entry.stagingPath, err };
    logger.warn('staging_left', 'what is left of a deleted output could not be removed from HDFS', fields);
  }
}

async function clear(
  database: Database,
  hdfsAs: HdfsAs,
  { id, createdBy, output, stagingPath }: BatchPredictionRecord,
): Promise<void> {
  const user = await findUser(database, createdBy);
  if (user === undefined || output === null || stagingPath === null) return;
  await clearStaging(hdfsAs(user.name), { batchPredictionId: id, output, stagingPath });
}

import type { Config } from '#runtime';
import {
  deleteOldJobs,
  dropOldUploads,
  dropUnusedSeals,
  forgetWorkers,
  trimAuditEvents,
  trimIdempotencyKeys,
  trimOutbox,
  trimRefusals,
  trimSessions,
  trimTaskLogs,
  type HistoryPosition,
} from '#store';
import { createDuty, type Duty } from './duty.ts';

const SWEEPER_INTERVAL_MS = 60_000;
/** Rows deleted by one statement, and by one run per table. */
const ROWS_MAX = 1_000;
/** Ended jobs that one run looks at: each may take thousands of rows with it. */
const JOBS_MAX = 100;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Events are kept for consumers that were away. */
export const OUTBOX_KEPT_MS = 7 * DAY_MS;
/** Workers that were silent for so long register anew. */
export const WORKERS_KEPT_MS = DAY_MS;
/** Counts of refused statements, and what operators changed. */
export const AUDIT_KEPT_MS = 30 * DAY_MS;

/** Deletes rows that nobody reads any more: a bounded number of each kind in one run, each kind by an index. */
export function sweeperDuty(config: Pick<Config['retention'], 'jobsDays' | 'logDays' | 'uploadDays'>): Duty {
  let seals: HistoryPosition = null;
  let jobs: HistoryPosition = null;
  return createDuty({
    name: 'sweeper',
    intervalMs: SWEEPER_INTERVAL_MS,
    async run({ database, signal }) {
      const steps: readonly (() => Promise<unknown>)[] = [
        () => trimOutbox(database, OUTBOX_KEPT_MS, ROWS_MAX),
        () => forgetWorkers(database, WORKERS_KEPT_MS, ROWS_MAX),
        () => trimRefusals(database, AUDIT_KEPT_MS, ROWS_MAX),
        () => trimAuditEvents(database, AUDIT_KEPT_MS, ROWS_MAX),
        () => trimSessions(database, ROWS_MAX),
        () => trimIdempotencyKeys(database, ROWS_MAX),
        () => trimTaskLogs(database, config.logDays * DAY_MS, ROWS_MAX),
        () => database.transaction((trx) => dropOldUploads(trx, config.uploadDays * DAY_MS, ROWS_MAX)),
        async () => (seals = (await dropUnusedSeals(database, { after: seals, limit: ROWS_MAX })).next),
        async () => {
          const look = { olderThanMs: config.jobsDays * DAY_MS, after: jobs, limit: JOBS_MAX };
          jobs = (await deleteOldJobs(database, look)).next;
        },
      ];
      for (const step of steps) if (!signal.aborted) await step();
    },
  });
}

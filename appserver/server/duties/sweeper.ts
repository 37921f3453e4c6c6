import { dropUnusedSeals, forgetWorkers, trimOutbox } from '#store';
import { createDuty, type Duty } from './duty.ts';

const SWEEPER_INTERVAL_MS = 60_000;
/** Rows deleted by one run, per table. */
const ROWS_MAX = 1_000;
const HOUR_MS = 3_600_000;
/** Events are kept for consumers that were away. */
export const OUTBOX_KEPT_MS = 7 * 24 * HOUR_MS;
/** Workers that were silent for so long register anew. */
export const WORKERS_KEPT_MS = 24 * HOUR_MS;

/** Deletes rows that nobody reads any more. */
export const sweeperDuty = (): Duty =>
  createDuty({
    name: 'sweeper',
    intervalMs: SWEEPER_INTERVAL_MS,
    async run({ database }) {
      await trimOutbox(database, OUTBOX_KEPT_MS, ROWS_MAX);
      await forgetWorkers(database, WORKERS_KEPT_MS, ROWS_MAX);
      await dropUnusedSeals(database, ROWS_MAX);
    },
  });

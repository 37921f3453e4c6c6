import { dueWakeUps, lockJob, now, setWakeUp, stillLeads, takeWakeUp, type Transaction, type WakeUp } from '#store';
import type { TaskQueue } from '../queue/index.ts';
import { createDuty, type Duty, type DutyContext } from './duty.ts';

/**
 * What a wake-up calls, in the transaction that takes it. `key` is a job's id or another object's; the job of that id,
 * if there is one, is locked. It may set the same wake-up anew.
 */
export type WakeUpHandler = (trx: Transaction, key: string) => Promise<void>;

export interface SchedulerOptions {
  readonly queue: TaskQueue;
  /** By topic, as `setWakeUp` names them. */
  readonly handlers: Readonly<Record<string, WakeUpHandler>>;
  /** How late a wake-up or a deadline may be noticed. @default SCHEDULER_INTERVAL_MS */
  readonly intervalMs?: number;
}

export const SCHEDULER_INTERVAL_MS = 200;
/** Wake-ups taken by one run. */
const WAKE_UPS_MAX = 100;
/** A wake-up whose handler failed comes again after this time. */
const RETRY_MS = 5_000;

/** Calls whoever asked to be woken at a time, gives up tasks at their deadlines, and groups that were not all there. */
export function schedulerDuty({ queue, handlers, intervalMs = SCHEDULER_INTERVAL_MS }: SchedulerOptions): Duty {
  const byTopic = new Map(Object.entries(handlers));
  return createDuty({
    name: 'scheduler',
    intervalMs,
    async run(context) {
      for (const wakeUp of await dueWakeUps(context.database, [...byTopic.keys()], WAKE_UPS_MAX)) {
        if (context.signal.aborted) return;
        const handler = byTopic.get(wakeUp.topic);
        if (handler !== undefined) await wake(wakeUp, handler, context);
      }
      if (!context.signal.aborted) await queue.giveUpOverdue();
      if (!context.signal.aborted) await queue.dissolveGroups();
    },
  });
}

async function wake(wakeUp: WakeUp, handler: WakeUpHandler, context: DutyContext): Promise<void> {
  const { database, leadership, logger } = context;
  try {
    await database.transaction(async (trx) => {
      if (!(await stillLeads(trx, leadership))) return;
      // Whoever ends a task locks its job before he sets a wake-up of the job; so does this.
      await lockJob(trx, wakeUp.key);
      if (await takeWakeUp(trx, wakeUp)) await handler(trx, wakeUp.key);
    });
  } catch (err) {
    logger.error('wake_up_failed', `wake-up ${wakeUp.topic} failed`, { key: wakeUp.key, err });
    await postpone(database, wakeUp);
  }
}

async function postpone(database: DutyContext['database'], wakeUp: WakeUp): Promise<void> {
  await database.transaction(async (trx) => {
    if (await takeWakeUp(trx, wakeUp)) await setWakeUp(trx, wakeUp, now(trx, RETRY_MS));
  });
}

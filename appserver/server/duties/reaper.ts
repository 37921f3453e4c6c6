import { tickDuty } from '#store';
import { systemClock, type Clock, type Config } from '#runtime';
import type { TaskQueue } from '../queue/index.ts';
import { createDuty, type Duty } from './duty.ts';

/** The reaper notes that it runs this many times per lease; in between it only reads. */
const TICKS_PER_LEASE = 4;

/**
 * Takes tasks from workers whose lease is over. When no reaper has run for longer than a lease, no app server may have
 * been there to take the workers' beats: all leases are first extended.
 */
export function reaperDuty(queue: TaskQueue, config: Config['queue'], clock: Clock = systemClock): Duty {
  let notedAt = -Infinity;
  let notedUnder = 0;
  return createDuty({
    name: 'reaper',
    intervalMs: config.reaperIntervalMs,
    async run({ database, leadership, logger, signal }) {
      const at = clock.monotonicMs();
      if (leadership.fence !== notedUnder || at - notedAt >= config.leaseMs / TICKS_PER_LEASE) {
        await database.transaction(async (trx) => {
          const ageMs = await tickDuty(trx, 'reaper');
          if (ageMs !== null && ageMs <= config.leaseMs) return;
          const count = await queue.extendLeases(trx);
          if (count > 0) logger.warn('leases_extended', 'leases were extended: no reaper had run', { count, ageMs });
        });
        notedAt = at;
        notedUnder = leadership.fence;
      }
      if (!signal.aborted) await queue.reap();
    },
  });
}

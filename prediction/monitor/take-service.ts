import type { ServiceStatement } from '#contracts';
import {
  addServiceCounters,
  addToServiceHour,
  NO_SERVICE,
  takeStatement,
  type Service,
  type Transaction,
} from '#store';
import { hourOf } from './aggregate.ts';

/**
 * Adds what the statements of a segment say of service to their hours, in the transaction that has the epoch locked: what counters have grown
 * by counts in the hour of the statement. One that comes again, or after a later one, adds nothing.
 */
export async function takeService(
  trx: Transaction,
  epoch: string,
  statements: readonly ServiceStatement[],
): Promise<void> {
  const grown = new Map<string, { deploymentId: string; hour: number; service: Service }>();
  for (const { statement, timeMs, counters } of statements)
    for (const one of counters) {
      const added = await takeStatement(trx, epoch, statement, one);
      if (added === null) continue;
      const { deploymentId } = one;
      const hour = hourOf(timeMs);
      const key = `${deploymentId} ${String(hour).padStart(16, '0')}`;
      const { service } = grown.get(key) ?? { service: NO_SERVICE };
      grown.set(key, { deploymentId, hour, service: addServiceCounters(service, added) });
    }
  for (const key of [...grown.keys()].sort()) {
    const entry = grown.get(key);
    if (entry !== undefined) await addToServiceHour(trx, entry.deploymentId, entry.hour, entry.service);
  }
}

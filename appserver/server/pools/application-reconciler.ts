import type { Clock, Config } from '#runtime';
import { getApplication, noteNodes, stillLeads } from '#store';
import { createDuty, type Duty } from '../duties/index.ts';
import type { Cluster } from './cluster.ts';

/**
 * Compares YARN's applications that carry this installation's tag with the rows: what no row knows, or what a row says has
 * ended, is ended in YARN; nothing is left running that nobody answers for. Takes down the states of all nodes besides.
 */
export function applicationReconcilerDuty(cluster: Cluster, tag: string, config: Config['yarn'], clock: Clock): Duty {
  const orphanSinceMs = new Map<string, number>();
  return createDuty({
    name: 'application-reconciler',
    intervalMs: config.reconcileMs,
    async run({ database, leadership, logger, signal }) {
      const nodes = await cluster.manager.nodes(signal);
      const news = nodes.map(({ node, state }) => ({ node, state }));
      await database.transaction((trx) => noteNodes(trx, news));
      const nowMs = clock.monotonicMs();
      const running = await cluster.manager.applicationsByTag(tag, { signal });
      for (const { applicationId } of running) {
        if (signal.aborted) return;
        const row = await getApplication(database, applicationId);
        if (row !== null && row.endedAt === null) {
          orphanSinceMs.delete(applicationId);
          continue;
        }
        const sinceMs = orphanSinceMs.get(applicationId) ?? nowMs;
        orphanSinceMs.set(applicationId, sinceMs);
        if (nowMs - sinceMs < config.orphanMs) continue;
        if (!(await database.transaction((trx) => stillLeads(trx, leadership)))) return;
        logger.warn('application_orphaned', 'an application that nobody answers for is ended', { applicationId });
        await cluster.manager.kill(applicationId, signal);
      }
      for (const id of [...orphanSinceMs.keys()])
        if (!running.some(({ applicationId }) => applicationId === id)) orphanSinceMs.delete(id);
    },
  });
}

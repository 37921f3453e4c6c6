import type { Clock, Config } from '#runtime';
import { excludedNodes, setWaitReason, type PoolDemand, type YarnApplication, type YarnPool } from '#store';
import type { Ask } from '#yarn';
import type { DutyContext } from '../duties/index.ts';
import type { Cluster } from './cluster.ts';
import { containerSize } from './container-size.ts';

/** The scheduler is asked about one pool at most this often. */
const ASK_EVERY_MS = 2_000;

/** What may wait, and for what. */
export interface PoolLook {
  readonly pool: YarnPool;
  readonly application: YarnApplication | undefined;
  readonly demand: Pick<PoolDemand, 'readyCount' | 'heldCount' | 'mostBytes'>;
  /** Nothing is started in the pool at the moment, for a reason that is known. */
  readonly isPutOff: boolean;
}

export interface WaitReasons {
  /** Writes down why a pool's work waits, from the scheduler's own answer; nothing where it does not. */
  explain(context: DutyContext, look: PoolLook): Promise<void>;
}

/** What an application has asked YARN for and not got; null: nothing. */
export function askOf(
  { pool, application, demand }: Pick<PoolLook, 'pool' | 'application' | 'demand'>,
  config: Config['yarn'],
): Ask | null {
  if (application === undefined || application.finish !== null) return null;
  if (application.attempt === 0)
    return { size: { memoryMb: config.masterMemoryMb, vcores: 1 }, user: pool.userName, isMaster: true };
  if (application.pendingCount === 0) return null;
  return {
    size: containerSize(config, demand.mostBytes, application.maximum),
    user: pool.userName,
    isMaster: false,
  };
}

export function waitReasons(cluster: Cluster, config: Config['yarn'], clock: Clock): WaitReasons {
  const askedAtMs = new Map<string, number>();
  return {
    async explain({ database, signal }, look) {
      const { pool, application, demand, isPutOff } = look;
      // It keeps the reason for that.
      if (demand.readyCount > 0 && (isPutOff || application === undefined)) return;
      const ask = askOf(look, config);
      if (ask === null || demand.readyCount === 0) {
        await setWaitReason(database, pool.name, null);
        askedAtMs.delete(pool.name);
        return;
      }
      const nowMs = clock.monotonicMs();
      if (nowMs - (askedAtMs.get(pool.name) ?? -Infinity) < ASK_EVERY_MS) return;
      askedAtMs.set(pool.name, nowMs);
      // YARN's choice of a node for the master is not ours.
      const excluded = ask.isMaster ? [] : await excludedNodes(database);
      const { sentence } = await cluster.manager.explainWait(pool.queue, ask, signal, excluded);
      await setWaitReason(database, pool.name, sentence);
    },
  };
}

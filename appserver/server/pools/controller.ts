import { toAppError } from '#contracts';
import type { Config } from '#runtime';
import {
  askRelease,
  demandByPool,
  drainContainers,
  finishApplication,
  leavingNodes,
  listYarnPools,
  liveApplications,
  liveContainers,
  noteIdle,
  putOffPool,
  readClock,
  setWaitReason,
  setWantedCount,
  stillLeads,
  type PoolDemand,
  type YarnApplication,
  type YarnPool,
} from '#store';
import { createDuty, type Duty, type DutyContext } from '../duties/index.ts';
import { containerSize } from './container-size.ts';
import { planPool, type PoolLimits, type PoolPlan } from './plan-pool.ts';
import { startApplication, submitApplication, type SubmitContext } from './submit.ts';
import type { ApplicationWatch } from './watch.ts';
import type { PoolLook, WaitReasons } from './wait-reasons.ts';

export interface ControllerOptions {
  readonly config: Config['yarn'];
  readonly queue: Pick<Config['queue'], 'leaseMs' | 'claimWaitMs'>;
  readonly submit: SubmitContext;
  readonly watch: ApplicationWatch;
  readonly waits: WaitReasons;
}

/** Tasks whose back-off ends within this time count as waiting: a container takes as long to start. */
const SOON_MS = 5_000;
/** What was refused comes again after 5 s, then twice that, up to five minutes; what nobody answered comes sooner. */
const PUT_OFF_REFUSED = { firstMs: 5_000, longestMs: 300_000 } as const;
const PUT_OFF_UNANSWERED = { firstMs: 1_000, longestMs: 10_000 } as const;
const DRAIN_REASON = 'its container is given back';
/** A worker that has been silent for so many leases is not coming back soon; after one of them its task is another's. */
const SILENT_LEASES = 4;

const NO_DEMAND: Omit<PoolDemand, 'pool'> = { readyCount: 0, heldCount: 0, leastBytes: 0, mostBytes: 0 };

/**
 * Keeps one YARN application per pool that has work, with as many containers as there are tasks; everything it knows is in
 * the database, so that any replica goes on with it.
 */
export function poolControllerDuty({ config, queue, submit, watch, waits }: ControllerOptions): Duty {
  // Without a task a worker is heard of once per held claim only.
  const workerSilentMs = Math.max(SILENT_LEASES * queue.leaseMs, queue.leaseMs + queue.claimWaitMs);
  const limits: PoolLimits = { ...config, workerSilentMs };
  return createDuty({
    name: 'pool-controller',
    intervalMs: config.controlMs,
    wokenBy: 'task-ready',
    async run(context) {
      const { database, signal } = context;
      const demands = await demandByPool(database, SOON_MS);
      await watch.look(context);
      const applications = new Map((await liveApplications(database)).map((live) => [live.pool, live]));
      const nowMs = await readClock(database);
      for (const pool of await listYarnPools(database)) {
        if (signal.aborted) return;
        const demand = demands.get(pool.name) ?? NO_DEMAND;
        const application = applications.get(pool.name);
        try {
          if (application !== undefined) await steer(context, config, limits, { pool, application, demand });
          if (application?.state === 'RESERVED')
            await submitApplication(submit, pool, application.applicationId, signal);
          const isWanted = application === undefined && demand.readyCount > 0 && pool.notBefore <= nowMs;
          if (isWanted) await startApplication(submit, pool, signal);
        } catch (err) {
          await putOff(context, pool, err);
          continue;
        }
        const isPutOff = pool.notBefore > nowMs;
        await explain(context, waits, { pool, application, demand, isPutOff });
      }
    },
  });
}

/** Containers of a live application: how many, which go, and whether it ends. */
async function steer(
  { database, leadership }: DutyContext,
  config: Config['yarn'],
  limits: PoolLimits,
  state: { readonly pool: YarnPool; readonly application: YarnApplication; readonly demand: typeof NO_DEMAND },
): Promise<void> {
  const { pool, application, demand } = state;
  const { applicationId, wantedCount } = application;
  if (application.finish !== null) return;
  await database.transaction(async (trx) => {
    if (!(await stillLeads(trx, leadership))) return;
    const containers = await liveContainers(trx, applicationId);
    const nodes = await leavingNodes(trx);
    const size = containerSize(config, demand.mostBytes, application.maximum);
    const look = (idleMs: number): PoolPlan =>
      planPool({ wantedCount, containers, demand, size, idleMs, leavingNodes: nodes }, limits);
    const idleMs = await noteIdle(trx, pool.name, look(0).isIdle);
    const plan = look(idleMs);
    await setWantedCount(trx, applicationId, plan.wantedCount);
    await drainContainers(trx, plan.giveBack, DRAIN_REASON);
    await askRelease(trx, plan.giveBack);
    if (plan.finish !== null) await finishApplication(trx, applicationId, plan.finish);
  });
}

/** That nobody can say why something waits is said, and changes nothing else. */
async function explain(context: DutyContext, waits: WaitReasons, look: PoolLook): Promise<void> {
  try {
    await waits.explain(context, look);
  } catch (err) {
    const error = toAppError(err);
    if (error.kind === 'bug') throw err;
    await setWaitReason(context.database, look.pool.name, error.message);
  }
}

/** YARN or HDFS refused it, or did not answer: that is what the pool's work waits for, and the next try comes later. */
async function putOff({ database, logger }: DutyContext, pool: YarnPool, err: unknown): Promise<void> {
  const error = toAppError(err);
  if (error.kind === 'bug') throw err;
  const policy = error.retryable ? PUT_OFF_UNANSWERED : PUT_OFF_REFUSED;
  const failures = await putOffPool(database, pool.name, policy);
  await setWaitReason(database, pool.name, error.message);
  logger.warn('pool_put_off', 'a pool cannot be started', { pool: pool.name, failures, err: error });
}

import type { PoolApplication, PoolEntry } from '#contracts';
import {
  listPools,
  listYarnPools,
  newestApplications,
  runningContainers,
  type Pool,
  type Queryable,
  type YarnApplication,
  type YarnPool,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';

/** All pools as the REST API shows them; those of YARN with what there is in it. */
export async function poolEntries(database: Queryable, liveMs: number): Promise<PoolEntry[]> {
  const ofYarn = new Map((await listYarnPools(database)).map((pool) => [pool.name, pool]));
  const applications = await newestApplications(database);
  const running = await runningContainers(database);
  return (await listPools(database, liveMs)).map((pool) => {
    const application = applications.get(pool.name);
    return poolEntry(
      pool,
      ofYarn.get(pool.name),
      application === undefined ? null : applicationView(application, running.get(application.applicationId) ?? 0),
    );
  });
}

const poolEntry = (pool: Pool, ofYarn: YarnPool | undefined, application: PoolApplication | null): PoolEntry => ({
  name: pool.name,
  archiveSha256: pool.archiveSha256,
  secretCount: pool.secretCount,
  workersLive: pool.liveCount,
  workersDraining: pool.drainingCount,
  userName: ofYarn?.userName ?? null,
  queue: ofYarn?.queue ?? null,
  waitReason: ofYarn?.waitReason ?? null,
  application,
});

const applicationView = (application: YarnApplication, runningCount: number): PoolApplication => ({
  applicationId: application.applicationId,
  state: application.state,
  wantedCount: application.wantedCount,
  pendingCount: application.pendingCount,
  runningCount,
  attempt: application.attempt,
  diagnostics: application.diagnostics,
  createdAt: isoOf(application.createdAt),
  endedAt: application.endedAt === null ? null : isoOf(application.endedAt),
});

/** Why tasks of each pool that nobody holds wait; pools whose tasks do not are not in it. */
export async function waitReasonsByPool(database: Queryable): Promise<Map<string, string>> {
  const pools = await listYarnPools(database);
  return new Map(pools.flatMap(({ name, waitReason }) => (waitReason === null ? [] : [[name, waitReason] as const])));
}

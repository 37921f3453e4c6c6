import {
  AppError,
  AuditEntry,
  Id,
  nullable,
  pageOf,
  PageQuery,
  plainText,
  PoolEntry,
  Sha256,
  strict,
  Type,
  WorkerEntry,
} from '#contracts';
import type { Config } from '#runtime';
import {
  appendAuditEvent,
  drainWorker,
  getWorker,
  keepWorker,
  listAudit,
  listWorkers,
  setPoolArchive,
  type AuditRecord,
  type Worker,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import type { AppContext } from '../context.ts';
import { pageOptionsOf, toPage } from '../http/page.ts';
import { ok, route, type Route } from '../route.ts';
import { poolEntries } from '../services/pool-views.ts';

const tag = 'operations';
/** Workers that were silent for longer are not listed. */
const WORKERS_SHOWN_MS = 3_600_000;
const WORKERS_SHOWN_MAX = 1_000;

/** A worker that was silent for longer than this is lost. */
export const workerLiveMs = (config: Config): number => config.queue.leaseMs + config.queue.claimWaitMs;

function workerEntry(worker: Worker, { config, compute }: AppContext): WorkerEntry {
  const state = worker.drainReason === null ? 'live' : 'draining';
  return {
    id: worker.id,
    pool: worker.pool,
    hostName: worker.hostName,
    processId: worker.processId,
    programVersion: worker.programVersion,
    protocolVersion: worker.protocolVersion,
    archiveSha256: worker.archiveSha256,
    state: worker.silentMs > workerLiveMs(config) ? 'lost' : state,
    drainReason: worker.drainReason,
    memoryBytes: worker.memoryBytes,
    threadCount: worker.threadCount,
    containerId: worker.containerId,
    node: worker.node,
    logUrl: logUrlOf(worker, compute.nodeScheme),
    startedAt: isoOf(worker.registeredAt),
    lastSeenAt: isoOf(worker.seenAt),
  };
}

/** The NodeManager's page of a container's logs; the pool's name ends in the user. */
function logUrlOf({ containerId, nodeHttpAddress, pool }: Worker, scheme: string): string | null {
  if (containerId === null || nodeHttpAddress === null) return null;
  return `${scheme}://${nodeHttpAddress}/node/containerlogs/${containerId}/${pool.split(':').at(-1) ?? ''}`;
}

const workers = route({
  method: 'GET',
  path: '/api/v1/workers',
  summary: 'Workers seen within the last hour',
  tag,
  access: 'user',
  answers: { 200: { description: 'the workers', schema: pageOf(WorkerEntry) } },
  handler: async (app) => {
    const found = await listWorkers(app.database, WORKERS_SHOWN_MS, WORKERS_SHOWN_MAX);
    return ok({ data: found.map((worker) => workerEntry(worker, app)), next: null });
  },
});

const patchWorker = route({
  method: 'PATCH',
  path: '/api/v1/workers/{id}',
  summary: 'Let a worker end after its task, or take that back',
  tag,
  access: 'admin',
  params: strict({ id: Id }),
  body: strict({ draining: Type.Boolean() }),
  answers: { 200: { description: 'the worker', schema: WorkerEntry } },
  handler: async (app, { params, body, caller, checkIfMatch }) =>
    app.database.transaction(async (trx) => {
      const found = await getWorker(trx, params.id);
      if (found === null) throw new AppError('NOT_FOUND', `worker ${params.id}: there is none`);
      checkIfMatch(workerEntry(found, app));
      if (body.draining) await drainWorker(trx, found.id, `asked for by ${caller.userName}`);
      else await keepWorker(trx, found.id);
      const event = body.draining ? 'worker.drained' : 'worker.kept';
      await appendAuditEvent(trx, { event, subject: found.id, detail: `by user ${caller.userId}` });
      return ok(workerEntry((await getWorker(trx, found.id)) ?? found, app));
    }),
});

const pools = route({
  method: 'GET',
  path: '/api/v1/pools',
  summary: 'Pools of workers',
  tag,
  access: 'user',
  answers: { 200: { description: 'the pools', schema: pageOf(PoolEntry) } },
  handler: async ({ database, config }) => ok({ data: await poolEntries(database, workerLiveMs(config)), next: null }),
});

const patchPool = route({
  method: 'PATCH',
  path: '/api/v1/pools/{name}',
  summary: 'Name the archive that a pool’s workers are to run from; workers of another one are drained',
  tag,
  access: 'admin',
  params: strict({ name: plainText({ maxLength: 100 }) }),
  body: strict({ archiveSha256: nullable(Sha256) }),
  answers: { 200: { description: 'the pool', schema: PoolEntry } },
  handler: async ({ database, config }, { params, body, caller, checkIfMatch }) =>
    database.transaction(async (trx) => {
      const find = async () => {
        const found = (await poolEntries(trx, workerLiveMs(config))).find(({ name }) => name === params.name);
        if (found === undefined) throw new AppError('NOT_FOUND', `pool ${params.name}: there is none`);
        return found;
      };
      checkIfMatch(await find());
      await setPoolArchive(trx, params.name, body.archiveSha256);
      const detail = `${body.archiveSha256 ?? 'any archive'}, by user ${caller.userId}`;
      await appendAuditEvent(trx, { event: 'pool.archive', subject: params.name, detail });
      return ok(await find());
    }),
});

const auditEntry = (record: AuditRecord): AuditEntry => ({ ...record, at: isoOf(record.at) });

const audit = route({
  method: 'GET',
  path: '/api/v1/audit',
  summary: 'What was refused to workers, and what operators changed; newest first',
  tag,
  access: 'admin',
  query: strict(PageQuery),
  answers: { 200: { description: 'a page', schema: pageOf(AuditEntry) } },
  handler: async ({ database, queue }, { query, url }) => {
    await queue.refusals.flush();
    return ok(toPage(await listAudit(database, pageOptionsOf(query)), url, auditEntry));
  },
});

/** Routes about workers for operators. */
export const workerRoutes: readonly Route[] = [workers, patchWorker, pools, patchPool, audit];

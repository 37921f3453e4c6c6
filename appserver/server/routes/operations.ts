import {
  AppError,
  Health,
  Id,
  pageOf,
  PageQuery,
  QueueEntry,
  strict,
  Type,
  Version,
  WORKER_PROTOCOL_VERSIONS_ACCEPTED,
} from '#contracts';
import { PROGRAM_VERSION } from '#runtime';
import { countLiveWorkers, getTask, listQueue, readClock, setTaskPriority, type Task } from '#store';
import { isoOf } from '../auth/authenticate.ts';
import type { AppContext } from '../context.ts';
import { pageOptionsOf, toPage } from '../http/page.ts';
import { ok, route, type Route } from '../route.ts';
import { readServers } from '../services/deployments.ts';
import { metricsText } from '../services/metrics.ts';
import { waitReasonsByPool } from '../services/pool-views.ts';
import { workerLiveMs } from './workers.ts';

const tag = 'operations';

const queueEntry = (task: Task, waitReason: string | null): QueueEntry => ({
  taskId: task.id,
  jobId: task.jobId,
  projectId: task.projectId,
  kind: task.kind,
  state: task.state,
  priority: task.priority,
  attemptCount: task.fence,
  workerId: task.workerId,
  pool: task.pool,
  waitReason: task.state === 'READY' ? waitReason : null,
  createdAt: isoOf(task.createdAt),
});

const queue = route({
  method: 'GET',
  path: '/api/v1/queue',
  summary: 'Tasks that are not final, newest first',
  tag,
  access: 'admin',
  query: strict(PageQuery),
  answers: { 200: { description: 'a page', schema: pageOf(QueueEntry) } },
  handler: async ({ database }, { query, url }) => {
    const reasons = await waitReasonsByPool(database);
    const page = await listQueue(database, pageOptionsOf(query));
    return ok(toPage(page, url, (task) => queueEntry(task, reasons.get(task.pool) ?? null)));
  },
});

const PRIORITY_MAX = 1_000;

const patchQueue = route({
  method: 'PATCH',
  path: '/api/v1/queue/{taskId}',
  summary: 'Give a task another priority among those of its project; below 0 after those of all',
  tag,
  access: 'admin',
  params: strict({ taskId: Id }),
  body: strict({ priority: Type.Integer({ minimum: -PRIORITY_MAX, maximum: PRIORITY_MAX }) }),
  answers: { 200: { description: 'the task', schema: QueueEntry } },
  handler: async ({ database }, { params, body, checkIfMatch }) =>
    database.transaction(async (trx) => {
      const found = await getTask(trx, params.taskId);
      if (found === null) throw new AppError('NOT_FOUND', `task ${params.taskId}: there is none`);
      const reason = (await waitReasonsByPool(trx)).get(found.pool) ?? null;
      checkIfMatch(queueEntry(found, reason));
      if (!(await setTaskPriority(trx, found.id, body.priority)))
        throw new AppError('CONFLICT', `task ${found.id}: it is ${found.state}`);
      return ok(queueEntry({ ...found, priority: body.priority }, reason));
    }),
});

type Check = { name: string; status: 'ok' | 'unavailable'; message: string };

/** Database, and what `server.healthNeeds` names. */
async function checksOf({ database, config }: AppContext): Promise<Check[]> {
  const check = async (name: string, find: () => Promise<string | null>): Promise<Check> => {
    try {
      const problem = await find();
      return { name, status: problem === null ? 'ok' : 'unavailable', message: problem ?? 'answers' };
    } catch (err) {
      const message = err instanceof AppError ? err.message : 'does not answer';
      return { name, status: 'unavailable', message };
    }
  };
  const needs = config.server.healthNeeds;
  const checks = [check('database', async () => (Number.isFinite(await readClock(database)) ? null : 'has no clock'))];
  // On YARN workers are started when there is work.
  if (needs.includes('worker') && config.compute.driver === 'local') {
    checks.push(
      check('worker', async () =>
        (await countLiveWorkers(database, workerLiveMs(config))) > 0 ? null : 'no worker is registered',
      ),
    );
  }
  if (needs.includes('predictionServer')) {
    checks.push(
      check('predictionServer', async () =>
        (await readServers(database, config)).some((server) => server.live)
          ? null
          : 'no prediction server has reported',
      ),
    );
  }
  return Promise.all(checks);
}

const health = route({
  method: 'GET',
  path: '/api/v1/health',
  summary: 'Whether everything that is needed answers',
  tag,
  access: 'open',
  answers: { 200: { description: 'all parts answer; else 503 with the parts that do not', schema: Health } },
  handler: async (app) => {
    if (app.closing.aborted) throw new AppError('SHUTTING_DOWN', 'the app server is shutting down');
    const checks = await checksOf(app);
    const failed = checks.filter((entry) => entry.status !== 'ok');
    if (failed.length === 0) return ok({ status: 'ok', checks });
    const code = failed.some((entry) => entry.name === 'database') ? 'DATABASE_UNAVAILABLE' : 'SERVER_UNAVAILABLE';
    throw new AppError(code, failed.map((entry) => `${entry.name}: ${entry.message}`).join('; '), {
      errors: failed.map((entry) => ({ path: `/checks/${entry.name}`, message: entry.message })),
      retryAfterSeconds: 1,
    });
  },
});

const version = route({
  method: 'GET',
  path: '/api/v1/version',
  summary: 'Version of the program and its protocols, and what to know of the installation',
  tag,
  access: 'open',
  answers: { 200: { description: 'the version', schema: Version } },
  handler: async ({ warnings }) =>
    ok({
      program: 'trainyard',
      version: PROGRAM_VERSION,
      api: 'v1',
      protocolVersions: [...WORKER_PROTOCOL_VERSIONS_ACCEPTED],
      warnings,
    }),
});

const metrics = route({
  method: 'GET',
  path: '/api/v1/metrics',
  summary: 'Figures of this app server and the queue for Prometheus',
  tag,
  access: 'user',
  answers: {
    200: { description: 'text exposition format', mediaTypes: ['text/plain', 'application/openmetrics-text'] },
  },
  handler: async (app) => ({
    status: 200,
    raw: await metricsText(app, workerLiveMs(app.config)),
    mediaType: 'text/plain; version=0.0.4; charset=utf-8',
  }),
});

/** Routes for operators. */
export const operationRoutes: readonly Route[] = [queue, patchQueue, health, version, metrics];

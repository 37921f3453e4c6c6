import { AppError, Id, Job, JOB_STATES, oneOf, pageOf, PageQuery, strict, TaskLog, Type } from '#contracts';
import { getJob, getTask, listJobs, readTaskLog, type StoredJob } from '#store';
import { ownedBy, ownerFilter } from '../auth/caller.ts';
import { waitSecondsOf } from '../http/prefer.ts';
import { pageOptionsOf, toPage } from '../http/page.ts';
import { ok, route, type Answer, type Route } from '../route.ts';
import { cancelRunOfJob } from '../services/autopilot-run.ts';
import { jobView, publicProblem, readJob, waitForJob } from '../services/jobs.ts';
import { IdParams } from './params.ts';

const tag = 'jobs';

/** 202 with the job and its path. */
export function acceptedJob(job: StoredJob): Answer {
  return { status: 202, headers: { location: `/api/v1/jobs/${job.id}` }, body: jobView(job), jobId: job.id };
}

const list = route({
  method: 'GET',
  path: '/api/v1/jobs',
  summary: 'Your jobs, newest first',
  tag,
  access: 'user',
  query: strict({ ...PageQuery, state: Type.Optional(oneOf(JOB_STATES)), projectId: Type.Optional(Id) }),
  answers: { 200: { description: 'a page', schema: pageOf(Job) } },
  handler: async ({ database }, { caller, query, url }) => {
    const { state, projectId } = query;
    const filter = { ...pageOptionsOf(query), userId: ownerFilter(caller), state, projectId };
    return ok(toPage(await listJobs(database, filter), url, jobView));
  },
});

const read = route({
  method: 'GET',
  path: '/api/v1/jobs/{id}',
  summary: 'One job; with Prefer: wait=N once it is final',
  tag,
  access: 'user',
  // A key that may only predict waits for its batch predictions.
  scopes: ['read', 'predict'],
  params: IdParams,
  answers: { 200: { description: 'the job', schema: Job } },
  handler: async ({ database }, { caller, params, headers, signal }) => {
    const job = await readJob(database, caller, params.id);
    const seconds = waitSecondsOf(headers['prefer']);
    if (seconds === null) return ok(jobView(job));
    const waited = await waitForJob(database, job.id, seconds, signal);
    return { ...ok(jobView(waited)), headers: { 'preference-applied': `wait=${seconds}` } };
  },
});

const cancel = route({
  method: 'DELETE',
  path: '/api/v1/jobs/{id}',
  summary: 'Cancel a job that is not final',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the job; cancelled once its last task has stopped', schema: Job } },
  handler: async ({ database, queue }, { caller, params, checkIfMatch }) =>
    database.transaction(async (trx) => {
      const found = ownedBy(
        caller,
        (await getJob(trx, params.id)) ?? undefined,
        (entry) => entry.userId,
        `job ${params.id}`,
      );
      checkIfMatch(jobView(found));
      await cancelRunOfJob(trx, found.id);
      return ok(jobView(await queue.cancelJob(trx, found.id)));
    }),
});

const taskLog = route({
  method: 'GET',
  path: '/api/v1/tasks/{id}/log',
  summary: 'Last lines of a task and the cause of its failure',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the log', schema: TaskLog } },
  handler: async ({ database }, { caller, params }) => {
    const task = await getTask(database, params.id);
    if (task === null) throw new AppError('NOT_FOUND', `task ${params.id}: there is none that you may read`);
    const job = (await getJob(database, task.jobId)) ?? undefined;
    ownedBy(caller, job, (entry) => entry.userId, `task ${params.id}`);
    const lines = await readTaskLog(database, task.id);
    return ok({
      taskId: task.id,
      state: task.state,
      lines: lines.map((entry) => entry.line),
      cause: caller.role === 'admin' ? task.problem : publicProblem(task.problem),
    });
  },
});

/** Routes of jobs and tasks. */
export const jobRoutes: readonly Route[] = [list, read, cancel, taskLog];

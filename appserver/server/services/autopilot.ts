import {
  AppError,
  canonicalJson,
  type AutopilotPlan,
  type AutopilotRequest,
  type AutopilotRun,
  type DatePartitions,
  type PartitioningRequest,
} from '#contracts';
import { excludedOfRun, groupColumnsOf, leakagePlan, planAutopilot, untriedOf } from '#ml';
import { newId } from '#runtime';
import {
  countLiveWorkers,
  findLatestRun,
  findProfile,
  findRun,
  findStoredTable,
  fixProject,
  holdTasks,
  insertRun,
  lockJob,
  lockProject,
  modelsOfRun,
  pauseRun,
  readClock,
  releaseTasks,
  resumeRun,
  setRunState,
  setWakeUp,
  shiftDeadlines,
  type AutopilotRunRecord,
  type FixedSettings,
  type ProjectRecord,
  type Queryable,
  type StoredJob,
  type Transaction,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import type { Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import { largestWorkerOf, threadsOf } from '../pools/index.ts';
import { advanceRun, AUTOPILOT_TOPIC, elapsedMsOf, isFinalRunState } from './autopilot-run.ts';
import { failuresOf } from './failures.ts';
import { namedFeatureList } from './feature-lists.ts';
import { startJob } from './jobs.ts';
import { readProject } from './projects.ts';
import { replayView } from './replay-view.ts';

/** Deadlines of a paused run's tasks are put off by so long, and brought back when it goes on. */
const PAUSE_SHIFT_MS = 10 * 365 * 24 * 3600 * 1000;

/** A run as the REST API shows it. */
export async function runView(db: Queryable, run: AutopilotRunRecord): Promise<AutopilotRun> {
  const models = await modelsOfRun(db, run.id);
  const count = (...states: readonly string[]) => models.filter((model) => states.includes(model.state)).length;
  const elapsedMs = elapsedMsOf(run, await readClock(db));
  const { timeBudgetMs, maxModels } = run.plan;
  const searched = models.filter((model) => model.planned.role === 'search').length;
  const isFinal = isFinalRunState(run.state);
  return {
    id: run.id,
    projectId: run.projectId,
    jobId: run.jobId,
    state: run.state,
    plan: run.plan,
    spent: { seconds: elapsedMs / 1000, models: searched },
    remaining: {
      seconds: timeBudgetMs === null ? null : isFinal ? 0 : Math.max(0, timeBudgetMs - elapsedMs) / 1000,
      models: maxModels === null ? null : isFinal ? 0 : Math.max(0, maxModels - searched),
    },
    tasks: {
      planned: models.length,
      running: count('training'),
      succeeded: count('ready'),
      failed: count('failed', 'cancelled'),
    },
    failures: failuresOf(run, models),
    untried: untriedOf(
      run.plan,
      models.map(({ planned }) => planned),
    ),
    leakage: run.leakage,
    excludedForLeakage: run.leakage === null ? [] : excludedOfRun(run.plan, run.leakage),
    recommendedModelId: run.recommendedModelId,
    ...(run.plan.replay === undefined ? {} : { replay: replayView(run, run.plan.replay, models) }),
    createdAt: isoOf(run.startedAt),
    finishedAt: run.finishedAt === null ? null : isoOf(run.finishedAt),
  };
}

/**
 * The plan of a run: everything that it will rest on, checked, before anything is made.
 *
 * @throws whatever is wrong with the request, PROJECT_TARGET_FIXED when the project is fixed to something else
 */
export async function planRun(
  app: AppContext,
  project: ProjectRecord,
  request: AutopilotRequest,
): Promise<AutopilotPlan> {
  const { database, config } = app;
  const profile = await findProfile(database, project.datasetId);
  const table = await findStoredTable(database, project.datasetId);
  if (profile === undefined || table === undefined)
    throw new AppError('DATASET_NOT_READY', `dataset ${project.datasetId} is not ready`);
  const list =
    request.featureList === undefined ? null : await namedFeatureList(database, project, request.featureList, profile);
  const { workersMax, ranksMax, insights } = config.autopilot;
  const parallelTasks = Math.max(1, Math.min(workersMax, await expectedWorkers(app)));
  const workers = { parallelTasks, threadsPerTask: threadsOf(config), workerBytesMax: largestWorkerOf(config) };
  const facts = { profile, table, ranksMax, ...workers };
  const listed = list === null ? request : { ...request, featureNames: list.features };
  const searched: AutopilotPlan = {
    ...planAutopilot(withFixed(listed, project.fixed), facts),
    ...(list === null ? {} : { featureList: list.name }),
    insights,
  };
  const plan = { ...searched, leakage: leakagePlan(searched, groupColumnsOf(searched, facts)) };
  return project.fixed === null ? plan : heldAgainst(project, project.fixed, plan);
}

/** What a later run leaves open is as the first one fixed it. */
function withFixed(request: AutopilotRequest, fixed: FixedSettings | null): AutopilotRequest {
  if (fixed?.target.name !== request.target) return request;
  const positive = fixed.target.positiveClass;
  const label = positive === null ? undefined : fixed.target.classes[positive]?.label;
  return {
    targetType: fixed.target.targetType,
    metric: fixed.metric,
    ...optionsOf(fixed, request),
    ...(label === undefined ? {} : { positiveClass: label }),
    partitioning: requestOf(fixed.partitioning),
    ...request,
  };
}

/** What a target has beside its classes, as the request says it. */
const optionsOf = (
  { metric, target: { offsetColumn, exposureColumn, quantile } }: FixedSettings,
  request: AutopilotRequest,
) => ({
  ...(offsetColumn === undefined ? {} : { offsetColumn }),
  ...(exposureColumn === undefined ? {} : { exposureColumn }),
  ...(quantile === undefined || (request.metric ?? metric) !== metric ? {} : { quantile }),
});

/** The request that gives a partitioning; a partition column decides folds and fractions by itself. */
function requestOf(partitioning: FixedSettings['partitioning']): PartitioningRequest {
  const { method, validation, folds, validationFraction, holdoutFraction, column, dates, duplicates } = partitioning;
  if (method === 'column') return { method, validation, ...(column === null ? {} : { column }) };
  const foldsAsked = validation === 'cv' ? { folds } : {};
  return {
    method,
    validation,
    holdoutFraction,
    ...(dates === undefined ? foldsAsked : { backtests: folds, ...requestOfDates(dates) }),
    ...(validationFraction === null ? {} : { validationFraction }),
    ...(column === null ? {} : { column }),
    ...(duplicates === undefined ? {} : { duplicates: 'together' }),
  };
}

function requestOfDates({ gapSeconds, window, series }: DatePartitions): Partial<PartitioningRequest> {
  const seriesColumn = series?.column ?? null;
  return { gap: `PT${gapSeconds}S`, window, ...(seriesColumn === null ? {} : { seriesColumn }) };
}

function heldAgainst(project: ProjectRecord, fixed: FixedSettings, plan: AutopilotPlan): AutopilotPlan {
  const differs = (a: unknown, b: unknown) => canonicalJson(a) !== canonicalJson(b);
  // Another seed makes other models, never other partitions: those are the project's. So are the features that make rows equal,
  // whichever of them this run models.
  const { seed, duplicates } = fixed.partitioning;
  const together = plan.partitioning.duplicates === undefined || duplicates === undefined ? {} : { duplicates };
  const partitioning = { ...plan.partitioning, seed, ...together };
  const fields = [
    ...(differs(plan.target, fixed.target) ? ['target'] : []),
    ...(plan.metric === fixed.metric ? [] : ['metric']),
    ...(differs(partitioning, fixed.partitioning) ? ['partitioning'] : []),
  ];
  if (fields.length > 0) {
    const target = JSON.stringify(fixed.target.name);
    throw new AppError(
      'PROJECT_TARGET_FIXED',
      `project ${project.id}: ${fields.join(', ')} differ from what the first Autopilot fixed (target ${target}, metric ${fixed.metric})`,
      { errors: fields.map((field) => ({ path: `/${field}`, message: 'is fixed for this project' })) },
    );
  }
  return { ...plan, partitioning: fixed.partitioning };
}

/** Workers that there are, or that YARN is asked for. */
const expectedWorkers = ({ database, config }: AppContext): Promise<number> | number =>
  config.compute.driver === 'yarn'
    ? config.yarn.containersMax
    : countLiveWorkers(database, config.queue.leaseMs + config.queue.claimWaitMs);

/** Starts a run: job, run, first tasks. @throws AUTOPILOT_RUNNING, PROJECT_TARGET_FIXED */
export async function startRun(
  trx: Transaction,
  app: AppContext,
  caller: Caller,
  projectId: string,
  plan: AutopilotPlan,
  queue?: string,
): Promise<StoredJob> {
  await lockProject(trx, projectId);
  const project = await readProject(trx, caller, projectId);
  const latest = await findLatestRun(trx, projectId);
  if (latest !== undefined && !isFinalRunState(latest.state))
    throw new AppError('AUTOPILOT_RUNNING', `project ${projectId}: Autopilot is ${latest.state} (job ${latest.jobId})`);
  // Two first requests at once: the second was planned before the first fixed the project.
  if (project.fixed === null)
    await fixProject(trx, projectId, { target: plan.target, metric: plan.metric, partitioning: plan.partitioning });
  else heldAgainst(project, project.fixed, plan);
  const job = await startJob(
    trx,
    app.compute,
    caller,
    {
      kind: 'autopilot',
      projectId,
      resource: `/api/v1/projects/${projectId}/autopilot`,
    },
    queue,
  );
  const id = newId('run');
  await insertRun(trx, { id, projectId, jobId: job.id, startedBy: caller.userId, plan, startedAt: job.createdAt });
  await advanceRun(trx, app.queue, id);
  return job;
}

/** Claimed tasks go on, others stand aside; time stands still. @throws CONFLICT */
export async function pause(trx: Transaction, runId: string): Promise<AutopilotRunRecord> {
  const run = await locked(trx, runId);
  if (run.state !== 'running') throw wrongState(run, 'running');
  await pauseRun(trx, run.id);
  await holdTasks(trx, run.jobId);
  await shiftDeadlines(trx, run.jobId, PAUSE_SHIFT_MS);
  await setWakeUp(trx, { topic: AUTOPILOT_TOPIC, key: run.jobId }, null);
  return again(trx, run);
}

/** @throws CONFLICT */
export async function resume(trx: Transaction, app: AppContext, runId: string): Promise<AutopilotRunRecord> {
  const run = await locked(trx, runId);
  if (run.state !== 'paused') throw wrongState(run, 'paused');
  await endPause(trx, run, 'running');
  await advanceRun(trx, app.queue, run.id);
  return again(trx, run);
}

/** Ends the search now: what there is is recommended. @throws CONFLICT */
export async function stop(trx: Transaction, app: AppContext, runId: string): Promise<AutopilotRunRecord> {
  const run = await locked(trx, runId);
  if (isFinalRunState(run.state)) throw wrongState(run, 'running');
  if (run.state === 'paused') await endPause(trx, run, 'stopping');
  else await setRunState(trx, run.id, 'stopping');
  await advanceRun(trx, app.queue, run.id);
  return again(trx, run);
}

async function endPause(trx: Transaction, run: AutopilotRunRecord, state: 'running' | 'stopping'): Promise<void> {
  const nowMs = await readClock(trx);
  const pauseMs = Math.max(0, nowMs - (run.pausedAt ?? nowMs));
  await resumeRun(trx, run.id, state, pauseMs);
  await shiftDeadlines(trx, run.jobId, pauseMs - PAUSE_SHIFT_MS);
  await releaseTasks(trx, run.jobId);
}

/** The run as it is once its job is this transaction's. */
async function locked(trx: Transaction, runId: string): Promise<AutopilotRunRecord> {
  const found = await findRun(trx, runId);
  if (found !== undefined) await lockJob(trx, found.jobId);
  return again(trx, { id: runId });
}

async function again(trx: Transaction, { id }: Pick<AutopilotRunRecord, 'id'>): Promise<AutopilotRunRecord> {
  const run = await findRun(trx, id);
  if (run === undefined) throw new AppError('INTERNAL', `run ${id} is gone`);
  return run;
}

const wrongState = (run: AutopilotRunRecord, expected: string) =>
  new AppError('CONFLICT', `Autopilot of project ${run.projectId}: expected state ${expected}; it is ${run.state}`);

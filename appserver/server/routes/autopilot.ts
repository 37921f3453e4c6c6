import {
  AppError,
  AutopilotDryRun,
  AutopilotRequest,
  AutopilotRun,
  complaint,
  FitModelRequest,
  Job,
  Leaderboard,
  METRIC_FACTS,
  MetricNameSchema,
  PAGE_LIMIT_DEFAULT,
  PAGE_LIMIT_MAX,
  ReplayRequest,
  strict,
  Type,
  type AutopilotPlan,
} from '#contracts';
import {
  checkFits,
  checkInputs,
  ENSEMBLE_BLUEPRINT_ID,
  excludedOfRun,
  madeBy,
  missingSeries,
  onFeatureList,
  settingsOf,
  withImbalance,
  withoutFeatures,
  type MadeBy,
} from '#ml';
import { newId } from '#runtime';
import {
  findLatestRun,
  findProfile,
  findStoredTable,
  lockProject,
  readyModels,
  setJobResource,
  type AutopilotRunRecord,
  type ProjectRecord,
  type StoredJob,
  type Transaction,
} from '#store';
import type { Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import type { Compute } from '../pools/index.ts';
import { ok, route, type Route } from '../route.ts';
import { createModelTask } from '../services/autopilot-run.ts';
import { pause, planRun, resume, runView, startRun, stop } from '../services/autopilot.ts';
import { namedFeatureList } from '../services/feature-lists.ts';
import { startJob } from '../services/jobs.ts';
import { planReplay, startReplay } from '../services/replay.ts';
import { leaderboardOf } from '../services/models.ts';
import { readActiveRun, readProject } from '../services/projects.ts';
import { acceptedJob } from './jobs.ts';
import { IdParams } from './params.ts';

const tag = 'autopilot';
const DryRunQuery = strict({ dryRun: Type.Optional(Type.Boolean({ description: 'plan and check only' })) });

/**
 * What was made before an effect, or the error of it when the effect asks: a repeat under an Idempotency-Key gets its first answer even
 * where the same request would be refused by now.
 */
async function thrownLater<T>(work: Promise<T>): Promise<() => T> {
  const [made] = await Promise.allSettled([work]);
  return () => {
    if (made.status === 'rejected') throw made.reason;
    return made.value;
  };
}

const start = route({
  method: 'POST',
  path: '/api/v1/projects/{id}/autopilot',
  summary: 'Search, rank and refit models within a budget',
  tag,
  access: 'user',
  params: IdParams,
  query: DryRunQuery,
  body: AutopilotRequest,
  answers: {
    200: { description: 'dryRun: the plan; nothing was changed', schema: AutopilotDryRun },
    202: { description: 'the job', schema: Job },
  },
  handler: async (app, { caller, params, query, body, effect }) => {
    const project = await readProject(app.database, caller, params.id);
    if (query.dryRun === true) return ok({ dryRun: true, plan: await planRun(app, project, body) });
    // Planned before the transaction: it reads the whole profile. `startRun` checks again what others may have changed.
    const planned = await thrownLater(planRun(app, project, body));
    return effect(async (trx) => acceptedJob(await startRun(trx, app, caller, project.id, planned(), body.queue)));
  },
});

const read = route({
  method: 'GET',
  path: '/api/v1/projects/{id}/autopilot',
  summary: 'State, plan, what is spent and what remains of the latest run',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the run', schema: AutopilotRun } },
  handler: async ({ database }, { caller, params }) => {
    const project = await readProject(database, caller, params.id);
    const run = await findLatestRun(database, project.id);
    if (run === undefined) throw new AppError('NOT_FOUND', `project ${project.id}: Autopilot was never started`);
    return ok(await runView(database, run));
  },
});

const replay = route({
  method: 'POST',
  path: '/api/v1/projects/{id}/autopilot/replay',
  summary: 'Make the models of the latest run again, in a new project, and compare their content hashes',
  tag,
  access: 'user',
  params: IdParams,
  body: ReplayRequest,
  answers: { 202: { description: 'the job; its resource is the run of the new project', schema: Job } },
  handler: async (app, { caller, params, body, effect }) => {
    const project = await readProject(app.database, caller, params.id);
    // Planned before the transaction: it reads manifests.
    const planned = await thrownLater(planReplay(app, project));
    return effect(async (trx) => acceptedJob(await startReplay(trx, app, caller, project, planned(), body)));
  },
});

type Control = (trx: Transaction, app: AppContext, runId: string) => Promise<AutopilotRunRecord>;

const control = (verb: string, summary: string, act: Control): Route =>
  route({
    method: 'POST',
    path: `/api/v1/projects/{id}/autopilot/${verb}`,
    summary,
    tag,
    access: 'user',
    params: IdParams,
    answers: { 200: { description: 'the run', schema: AutopilotRun } },
    handler: async (app, { caller, params, effect }) =>
      effect(async (trx) => {
        const run = await readActiveRun(trx, await readProject(trx, caller, params.id));
        return ok(await runView(trx, await act(trx, app, run.id)));
      }),
  });

const LeaderboardQuery = strict({
  metric: Type.Optional(MetricNameSchema),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_LIMIT_MAX, default: PAGE_LIMIT_DEFAULT })),
});

const leaderboard = route({
  method: 'GET',
  path: '/api/v1/projects/{id}/leaderboard',
  summary: 'Trained models, best first',
  tag,
  access: 'user',
  params: IdParams,
  query: LeaderboardQuery,
  answers: { 200: { description: 'the leaderboard', schema: Leaderboard } },
  handler: async ({ database }, { caller, params, query }) => {
    const project = await readProject(database, caller, params.id);
    const { fixed } = project;
    const metric = query.metric ?? fixed?.metric ?? null;
    const targetType = fixed?.target.targetType;
    if (metric !== null && targetType !== undefined && !METRIC_FACTS[metric].targetTypes.includes(targetType)) {
      const message = `${metric} has no meaning for a ${targetType} target`;
      throw complaint('METRIC_MISMATCH', 'metric', message);
    }
    const models = metric === null ? [] : leaderboardOf(await readyModels(database, project.id), project, metric);
    return ok({
      metric,
      direction: metric === null ? null : METRIC_FACTS[metric].direction,
      holdoutLocked: project.holdoutUnlockedAt === null,
      data: models.slice(0, query.limit ?? PAGE_LIMIT_DEFAULT),
    });
  },
});

const fit = route({
  method: 'POST',
  path: '/api/v1/projects/{id}/models',
  summary: 'Fit one blueprint by hand, on the partitions of the project',
  tag,
  access: 'user',
  params: IdParams,
  body: FitModelRequest,
  answers: { 202: { description: 'the job; its resource is the model', schema: Job } },
  handler: async ({ compute }, { caller, params, body, effect }) => {
    const { featureList, sampleFraction, imbalance } = body;
    const isOwn = body.blueprint !== undefined;
    const wanted = { made: madeByRequest(body), isOwn, featureList, sampleFraction, imbalance };
    return effect(async (trx) => acceptedJob(await startFit(trx, compute, caller, params.id, wanted)));
  },
});

/** What is to be fitted: a blueprint of the catalogue with parameters, or one of the caller's own. */
function madeByRequest({ blueprintId, parameters, blueprint }: FitModelRequest): MadeBy {
  if (blueprint !== undefined) {
    const surplus = blueprintId !== undefined ? 'blueprintId' : parameters !== undefined ? 'parameters' : null;
    if (surplus !== null)
      throw complaint(
        'VALIDATION_FAILED',
        surplus,
        'is there beside blueprint, which says it all; give blueprintId with parameters, or blueprint',
      );
    return madeBy(blueprint);
  }
  if (blueprintId === undefined)
    throw complaint(
      'VALIDATION_FAILED',
      'blueprintId',
      'is missing; give blueprintId, or a blueprint of your own as blueprint',
    );
  if (blueprintId === ENSEMBLE_BLUEPRINT_ID)
    throw complaint(
      'VALIDATION_FAILED',
      'blueprintId',
      'an ensemble is made by Autopilot, of the models of its run; fit one of the other blueprints',
    );
  settingsOf(blueprintId, parameters ?? {});
  return { blueprintId, parameters: parameters ?? {} };
}

/** @throws VALIDATION_FAILED for a naive forecast or a history of what is no series */
function checkSeries(blueprintId: string, plan: AutopilotPlan, field: string): void {
  const needs = missingSeries(blueprintId, plan);
  if (needs !== null) throw complaint('VALIDATION_FAILED', field, `${blueprintId} ${needs}`);
}

/** A model that is to be fitted by hand. */
interface WantedFit {
  readonly made: MadeBy;
  /** Whether it is of a blueprint of the caller's own. */
  readonly isOwn: boolean;
  readonly featureList: string | undefined;
  readonly sampleFraction: number | undefined;
  readonly imbalance: FitModelRequest['imbalance'];
}

/** @throws VALIDATION_FAILED where the blueprint does not suit target, constraints, features or partitioning */
function checkFit({ made, isOwn }: WantedFit, plan: AutopilotPlan): void {
  const { blueprintId, parameters, ownBlueprint } = made;
  const featureSteps = ownBlueprint?.featureSteps;
  const field = isOwn ? 'blueprint' : 'blueprintId';
  const task = { blueprintId, parameters, ...(featureSteps === undefined ? {} : { featureSteps }) };
  checkFits(blueprintId, settingsOf(blueprintId, parameters), plan, field);
  checkInputs(task, plan.features, field);
  checkSeries(blueprintId, plan, field);
}

/** The plan of the latest run, on another feature list where one is named. */
async function planOnList(
  trx: Transaction,
  project: ProjectRecord,
  plan: AutopilotPlan,
  nameOrId: string | undefined,
): Promise<AutopilotPlan> {
  if (nameOrId === undefined) return plan;
  const profile = await findProfile(trx, project.datasetId);
  const table = await findStoredTable(trx, project.datasetId);
  if (profile === undefined || table === undefined)
    throw new AppError('INTERNAL', `dataset ${project.datasetId} of a run is not ready`);
  const list = await namedFeatureList(trx, project, nameOrId, profile);
  return onFeatureList(plan, list, { profile, table });
}

async function startFit(
  trx: Transaction,
  compute: Compute,
  caller: Caller,
  projectId: string,
  request: WantedFit,
): Promise<StoredJob> {
  const project = await readProject(trx, caller, projectId);
  const run = await findLatestRun(trx, project.id);
  if (run === undefined)
    throw new AppError(
      'CONFLICT',
      `project ${projectId}: it has no target yet; start Autopilot first (mode manual makes one model only)`,
    );
  const listed = await planOnList(trx, project, run.plan, request.featureList);
  const plan = withImbalance(listed, request.imbalance, request.made.blueprintId);
  const excludedFeatures =
    request.featureList === undefined && run.leakage !== null ? excludedOfRun(run.plan, run.leakage) : [];
  const left = { ...plan, ...withoutFeatures(plan, excludedFeatures) };
  checkFit(request, left);
  await lockProject(trx, projectId);
  const key = newId('fit');
  const job = await startJob(trx, compute, caller, { kind: 'train', projectId, resource: null });
  const modelId = await createModelTask(trx, {
    projectId,
    datasetId: project.datasetId,
    runId: null,
    jobId: job.id,
    runAs: caller.userId,
    plan,
    planned: {
      key,
      role: 'search',
      ...request.made,
      refitOf: null,
      iterations: null,
      ...(excludedFeatures.length === 0 ? {} : { excludedFeatures }),
      deadlineMs: null,
    },
    position: 0,
    sampleFraction: request.sampleFraction ?? 1,
    idempotencyKey: `train:${key}`,
    deadlineAt: null,
    calibration: null,
    members: [],
    otherList: plan.featureList === run.plan.featureList ? null : (plan.featureList ?? null),
  });
  const resource = `/api/v1/models/${modelId}`;
  await setJobResource(trx, job.id, resource);
  return { ...job, resource };
}

/** Routes of Autopilot, the leaderboard and fits by hand. */
export const autopilotRoutes: readonly Route[] = [
  start,
  replay,
  read,
  control('pause', 'Stop giving out tasks; the budget stands still', async (trx, _app, runId) => pause(trx, runId)),
  control('resume', 'Go on after a pause', resume),
  control('stop', 'Stop searching and recommend what there is', stop),
  leaderboard,
  fit,
];

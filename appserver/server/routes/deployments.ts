import {
  AppError,
  CreateDeploymentRequest,
  Deployment,
  DeploymentDryRun,
  DeploymentHistory,
  DeploymentPage,
  PAGE_LIMIT_DEFAULT,
  pageOf,
  PageQuery,
  PatchDeploymentRequest,
  PredictionServerEntry,
  ReplaceModelRequest,
  strict,
  Type,
  type PredictionIntervals,
  type Static,
} from '#contracts';
import { newId } from '#runtime';
import {
  decodeCursor,
  deleteDeployment,
  encodeCursor,
  findProject,
  insertDeployment,
  keepRow,
  listChanges,
  listDeployments,
  replaceModel,
  updateDeployment,
  type DeploymentRecord,
  type Queryable,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import { ownerFilter, type Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import { nextPath, pageOptionsOf, toPage } from '../http/page.ts';
import { created, noContent, ok, route, type Route } from '../route.ts';
import {
  checkGroup,
  checkThreshold,
  deploymentView,
  readDeployment,
  readServers,
  settingsOf,
} from '../services/deployments.ts';
import { checkInterval, checkMadeFor, intervalsFor } from '../services/intervals.ts';
import { checkAgainstModel, checkStillFits, MODEL_SETTINGS, namesFeatures } from '../services/model-settings.ts';
import { readReadyModel, type ReadyModel } from '../services/models.ts';
import { IdParams } from './params.ts';

const tag = 'deployments';
const DEFAULT_SETTINGS: Deployment['settings'] = { missingColumns: 'warn' };
const DryRunQuery = strict({ dryRun: Type.Optional(Type.Boolean({ description: 'check only' })) });

async function viewOf(db: Queryable, app: AppContext, caller: Caller, id: string): Promise<Deployment> {
  return deploymentView(await readDeployment(db, caller, id), await readServers(db, app.config), app.config);
}

const create = route({
  method: 'POST',
  path: '/api/v1/deployments',
  summary: 'Serve a model under a stable id',
  tag,
  access: 'user',
  query: DryRunQuery,
  body: CreateDeploymentRequest,
  answers: {
    200: { description: 'dryRun: it could be deployed; nothing was changed', schema: DeploymentDryRun },
    201: { description: 'the deployment; `ready` once a prediction server answers', schema: Deployment },
  },
  handler: async (app, { caller, query, body, effect }) => {
    const groupName = checkGroup(body.predictionServerGroup, app.config);
    const settings = settingsOf(DEFAULT_SETTINGS, body.settings);
    if (query.dryRun === true) {
      const owned = await readReadyModel(app.database, caller, body.modelId);
      const { model, project } = owned;
      checkThreshold(settings, project);
      await intervalsFor(app, owned, settings);
      await checkAgainstModel(app.store, owned.trained, settings);
      return ok({ dryRun: true, modelId: model.id, projectId: model.projectId, settings });
    }
    const isPlain = settings.interval === undefined && !namesFeatures(settings);
    // Made before the transaction: it may take seconds.
    const intervals = isPlain ? null : await preparedSettings(app, caller, body.modelId, settings);
    return effect(async (trx) => {
      const { model, project } = await readReadyModel(trx, caller, body.modelId);
      checkThreshold(settings, project);
      if (!(await keepRow(trx, 'projects', model.projectId)))
        throw new AppError('NOT_FOUND', `model ${model.id}: it was deleted meanwhile`);
      const id = newId('dep');
      const { name, description = '' } = body;
      const { projectId } = model;
      const record = {
        id,
        name,
        description,
        modelId: model.id,
        projectId,
        groupName,
        settings,
        intervals,
        createdBy: caller.userId,
      };
      await insertDeployment(trx, record, 'first model');
      return created(`/api/v1/deployments/${id}`, await viewOf(trx, app, caller, id));
    });
  },
});

/** Checks what is held against the model's files, and makes its intervals. */
async function preparedSettings(
  app: AppContext,
  caller: Caller,
  modelId: string,
  settings: Deployment['settings'],
): Promise<PredictionIntervals | null> {
  const owned = await readReadyModel(app.database, caller, modelId);
  await checkAgainstModel(app.store, owned.trained, settings);
  return intervalsFor(app, owned, settings);
}

const list = route({
  method: 'GET',
  path: '/api/v1/deployments',
  summary: 'Your deployments, newest first',
  tag,
  access: 'user',
  query: strict(PageQuery),
  answers: { 200: { description: 'a page', schema: DeploymentPage } },
  handler: async ({ database, config }, { caller, query, url }) => {
    const servers = await readServers(database, config);
    const page = await listDeployments(database, ownerFilter(caller), pageOptionsOf(query));
    return ok(toPage(page, url, (entry) => deploymentView(entry, servers, config)));
  },
});

const read = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}',
  summary: 'One deployment',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the deployment', schema: Deployment } },
  handler: async (app, { caller, params }) => ok(await viewOf(app.database, app, caller, params.id)),
});

const patch = route({
  method: 'PATCH',
  path: '/api/v1/deployments/{id}',
  summary: 'Change name, description or settings',
  tag,
  access: 'user',
  params: IdParams,
  body: PatchDeploymentRequest,
  answers: { 200: { description: 'the changed deployment', schema: Deployment } },
  handler: async (app, { caller, params, body, checkIfMatch }) => {
    const before = await readDeployment(app.database, caller, params.id);
    const intervals =
      body.settings === undefined ? undefined : await patchedIntervals(app, caller, before, body.settings);
    const checked = { ...before, settings: settingsOf(before.settings, body.settings) };
    const isAboutModel = MODEL_SETTINGS.some((name) => body.settings?.[name] !== undefined);
    if (isAboutModel && namesFeatures(checked.settings)) {
      const { trained } = await readReadyModel(app.database, caller, before.modelId);
      await checkAgainstModel(app.store, trained, checked.settings);
    }
    // In a snapshot: settings that somebody else changes meanwhile are not to be overwritten with those that were found.
    return app.database.transaction(
      async (trx) => {
        const found = await readDeployment(trx, caller, params.id);
        checkIfMatch(await viewOf(trx, app, caller, found.id));
        const settings = body.settings === undefined ? undefined : settingsOf(found.settings, body.settings);
        if (settings !== undefined && intervals !== undefined) {
          checkThreshold(settings, await findProject(trx, found.projectId));
          checkMadeFor(intervals, { ...found, settings });
          if (isAboutModel) checkStillFits(checked, { ...found, settings });
        }
        await updateDeployment(trx, found.id, { name: body.name, description: body.description, settings, intervals });
        return ok(await viewOf(trx, app, caller, found.id));
      },
      { snapshot: true },
    );
  },
});

/** Intervals of a deployment whose settings change: those that it has, where neither coverage nor model is another one. */
async function patchedIntervals(
  app: AppContext,
  caller: Caller,
  found: DeploymentRecord,
  changes: NonNullable<Static<typeof PatchDeploymentRequest>['settings']>,
): Promise<PredictionIntervals | null> {
  const settings = settingsOf(found.settings, changes);
  checkInterval(settings, await findProject(app.database, found.projectId));
  if (settings.interval === undefined) return null;
  if (settings.interval === found.intervals?.coverage) return found.intervals;
  return intervalsFor(app, await readReadyModel(app.database, caller, found.modelId), settings);
}

const remove = route({
  method: 'DELETE',
  path: '/api/v1/deployments/{id}',
  summary: 'Stop serving',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 204: { description: 'deleted; prediction servers hear of it at once' } },
  handler: async (app, { caller, params, checkIfMatch }) => {
    await app.database.transaction(async (trx) => {
      checkIfMatch(await viewOf(trx, app, caller, params.id));
      await deleteDeployment(trx, params.id);
    });
    return noContent();
  },
});

const putModel = route({
  method: 'PUT',
  path: '/api/v1/deployments/{id}/model',
  summary: 'Serve another model of the same project; the history keeps the reason',
  tag,
  access: 'user',
  params: IdParams,
  body: ReplaceModelRequest,
  answers: { 200: { description: 'the changed deployment', schema: Deployment } },
  handler: async (app, { caller, params, body, checkIfMatch }) => {
    const before = await readDeployment(app.database, caller, params.id);
    const successor = await successorOf(app.database, caller, before, body.modelId);
    await checkAgainstModel(app.store, successor.trained, before.settings, 'modelId');
    const intervals = await intervalsFor(app, successor, before.settings, '/modelId');
    // In a snapshot: an interval that somebody else asks for meanwhile is not to be lost.
    return app.database.transaction(
      async (trx) => {
        const found = await readDeployment(trx, caller, params.id);
        checkIfMatch(await viewOf(trx, app, caller, found.id));
        const { model } = await successorOf(trx, caller, found, body.modelId);
        checkMadeFor(intervals, { ...found, modelId: model.id });
        checkStillFits({ ...before, modelId: model.id }, { ...found, modelId: model.id });
        await replaceModel(trx, found.id, { modelId: model.id, intervals, reason: body.reason, by: caller.userId });
        return ok(await viewOf(trx, app, caller, found.id));
      },
      { snapshot: true },
    );
  },
});

/** The model that is to take the place of a deployment's. @throws NOT_FOUND, MODEL_NOT_READY, MODEL_MISMATCH */
async function successorOf(
  db: Queryable,
  caller: Caller,
  { projectId }: DeploymentRecord,
  modelId: string,
): Promise<ReadyModel> {
  const owned = await readReadyModel(db, caller, modelId);
  if (owned.model.projectId === projectId) return owned;
  throw new AppError(
    'MODEL_MISMATCH',
    `modelId: expected a model of project ${projectId}; it is of ${owned.model.projectId}`,
    { errors: [{ path: '/modelId', message: 'is a model of another project' }] },
  );
}

const history = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}/history',
  summary: 'Models that were served, newest first',
  tag,
  access: 'user',
  params: IdParams,
  query: strict(PageQuery),
  answers: { 200: { description: 'a page', schema: DeploymentHistory } },
  handler: async ({ database }, { caller, params, query, url }) => {
    const found = await readDeployment(database, caller, params.id);
    const limit = query.limit ?? PAGE_LIMIT_DEFAULT;
    const [before] = query.cursor === undefined ? [] : decodeCursor(query.cursor, ['number']);
    const beforeSequence = before === undefined ? null : Number(before);
    const changes = await listChanges(database, found.id, { limit: limit + 1, beforeSequence });
    const shown = changes.slice(0, limit);
    const last = shown.at(-1);
    const next = changes.length > limit && last !== undefined ? nextPath(url, encodeCursor([last.sequence])) : null;
    return ok({ data: shown.map((change) => ({ ...change, at: isoOf(change.at) })), next });
  },
});

const servers = route({
  method: 'GET',
  path: '/api/v1/prediction-servers',
  summary: 'Prediction servers as they last reported',
  tag,
  access: 'user',
  answers: { 200: { description: 'the servers', schema: pageOf(PredictionServerEntry) } },
  handler: async ({ database, config }, { caller }) => {
    const mine = caller.role === 'admin' ? null : await ownIds(database, caller);
    const data = (await readServers(database, config)).map(({ lastSeenAt, deployments, ...server }) => ({
      ...server,
      lastSeenAt: isoOf(lastSeenAt),
      deployments: deployments.filter((entry) => mine === null || mine.has(entry.deploymentId)),
    }));
    return ok({ data, next: null });
  },
});

/** Deployments of a user that are looked through for a list of servers. */
const OWN_DEPLOYMENTS_MAX = 1_000;

async function ownIds(db: Queryable, caller: Caller): Promise<Set<string>> {
  const page = await listDeployments(db, caller.userId, { limit: OWN_DEPLOYMENTS_MAX });
  return new Set(page.items.map((entry) => entry.id));
}

/** Routes of deployments and prediction servers. */
export const deploymentRoutes: readonly Route[] = [create, list, read, patch, remove, putModel, history, servers];

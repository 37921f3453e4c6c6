import {
  AppError,
  CreateProjectRequest,
  PageQuery,
  PatchProjectRequest,
  Project,
  ProjectPage,
  RecommendedModel,
  strict,
} from '#contracts';
import { newId } from '#runtime';
import { insertProject, keepRow, listProjects, unlockHoldout, updateProject } from '#store';
import { ownerFilter } from '../auth/caller.ts';
import { pageOptionsOf, toPage } from '../http/page.ts';
import { created, noContent, ok, route, type Route } from '../route.ts';
import { readReadyDataset } from '../services/datasets.ts';
import { removeProject } from '../services/deletion.ts';
import { projectView, readProject } from '../services/projects.ts';
import { IdParams } from './params.ts';

const tag = 'projects';

const create = route({
  method: 'POST',
  path: '/api/v1/projects',
  summary: 'Make a project over a dataset',
  tag,
  access: 'user',
  body: CreateProjectRequest,
  answers: { 201: { description: 'the project', schema: Project } },
  handler: async (_app, { caller, body, effect }) =>
    effect(async (trx) => {
      const dataset = await readReadyDataset(trx, caller, body.datasetId);
      if (!(await keepRow(trx, 'datasets', dataset.id)))
        throw new AppError('NOT_FOUND', `dataset ${dataset.id}: it was deleted meanwhile`);
      const id = newId('project');
      const { name, description = '' } = body;
      await insertProject(trx, { id, name, description, datasetId: dataset.id, createdBy: caller.userId });
      return created(`/api/v1/projects/${id}`, projectView(await readProject(trx, caller, id)));
    }),
});

const list = route({
  method: 'GET',
  path: '/api/v1/projects',
  summary: 'Your projects, newest first',
  tag,
  access: 'user',
  query: strict(PageQuery),
  answers: { 200: { description: 'a page', schema: ProjectPage } },
  handler: async ({ database }, { caller, query, url }) =>
    ok(toPage(await listProjects(database, ownerFilter(caller), pageOptionsOf(query)), url, projectView)),
});

const read = route({
  method: 'GET',
  path: '/api/v1/projects/{id}',
  summary: 'One project',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the project', schema: Project } },
  handler: async ({ database }, { caller, params }) => ok(projectView(await readProject(database, caller, params.id))),
});

const patch = route({
  method: 'PATCH',
  path: '/api/v1/projects/{id}',
  summary: 'Change name or description',
  tag,
  access: 'user',
  params: IdParams,
  body: PatchProjectRequest,
  answers: { 200: { description: 'the changed project', schema: Project } },
  handler: async ({ database }, { caller, params, body, checkIfMatch }) =>
    database.transaction(async (trx) => {
      checkIfMatch(projectView(await readProject(trx, caller, params.id)));
      await updateProject(trx, params.id, body);
      return ok(projectView(await readProject(trx, caller, params.id)));
    }),
});

const remove = route({
  method: 'DELETE',
  path: '/api/v1/projects/{id}',
  summary: 'Delete a project with its models and predictions; its jobs are cancelled, nothing of it may be deployed',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 204: { description: 'deleted; its files go within minutes' } },
  handler: async (app, { caller, params, checkIfMatch }) => {
    await removeProject(app, { caller, id: params.id, checkIfMatch });
    return noContent();
  },
});

const recommended = route({
  method: 'GET',
  path: '/api/v1/projects/{id}/recommended-model',
  summary: 'The model to deploy, and why',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the model', schema: RecommendedModel } },
  handler: async ({ database }, { caller, params }) => {
    const project = await readProject(database, caller, params.id);
    if (project.recommendedModelId === null)
      throw new AppError('RECOMMENDED_MODEL_NOT_READY', `project ${project.id}: there is no recommended model yet`);
    return ok({ modelId: project.recommendedModelId, reason: project.recommendedReason ?? '' });
  },
});

const unlock = route({
  method: 'POST',
  path: '/api/v1/projects/{id}/holdout/unlock',
  summary: 'Show the scores on the holdout from now on',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the project', schema: Project } },
  handler: async (_app, { caller, params, effect }) =>
    effect(async (trx) => {
      await readProject(trx, caller, params.id);
      if (!(await unlockHoldout(trx, params.id)))
        throw new AppError('HOLDOUT_ALREADY_UNLOCKED', `project ${params.id}: its holdout is unlocked already`);
      return ok(projectView(await readProject(trx, caller, params.id)));
    }),
});

/** Routes of projects. */
export const projectRoutes: readonly Route[] = [create, list, read, patch, remove, recommended, unlock];

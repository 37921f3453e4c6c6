import { CreateFeatureListRequest, FeatureList, FeatureListPage } from '#contracts';
import { created, ok, route, type Route } from '../route.ts';
import { createFeatureList, listsOf } from '../services/feature-lists.ts';
import { readProject } from '../services/projects.ts';
import { IdParams } from './params.ts';

const tag = 'projects';

const list = route({
  method: 'GET',
  path: '/api/v1/projects/{id}/feature-lists',
  summary: 'Feature lists: the built-in ones, then your own, oldest first',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'all of them', schema: FeatureListPage } },
  handler: async ({ database }, { caller, params }) =>
    ok({ data: await listsOf(database, await readProject(database, caller, params.id)), next: null }),
});

const create = route({
  method: 'POST',
  path: '/api/v1/projects/{id}/feature-lists',
  summary: 'Make a feature list, to be named by `featureList` of Autopilot and of models fitted by hand',
  tag,
  access: 'user',
  params: IdParams,
  body: CreateFeatureListRequest,
  answers: { 201: { description: 'the list', schema: FeatureList } },
  handler: async (_app, { caller, params, body, effect }) =>
    effect(async (trx) => {
      const project = await readProject(trx, caller, params.id);
      const made = await createFeatureList(trx, caller, project, body);
      return created(`/api/v1/projects/${project.id}/feature-lists`, made);
    }),
});

/** Routes of feature lists. */
export const featureListRoutes: readonly Route[] = [list, create];

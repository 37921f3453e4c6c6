import { AppError, Blueprint, BlueprintDocument, BlueprintStepKind, pageOf } from '#contracts';
import { BLUEPRINT_STEP_KINDS, documentOf, SHOWN_BLUEPRINTS, withFound } from '#ml';
import { ok, route, type Route } from '../route.ts';
import { readModel } from '../services/models.ts';
import { readProject } from '../services/projects.ts';
import { IdParams } from './params.ts';

const tag = 'autopilot';

const blueprints = route({
  method: 'GET',
  path: '/api/v1/projects/{id}/blueprints',
  summary: 'Blueprints that can be fitted in this project',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the catalogue', schema: pageOf(Blueprint) } },
  handler: async ({ database }, { caller, params }) => {
    await readProject(database, caller, params.id);
    return ok({ data: [...SHOWN_BLUEPRINTS], next: null });
  },
});

const blueprint = route({
  method: 'GET',
  path: '/api/v1/blueprints/{id}',
  summary: 'One blueprint: its steps, each documented',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the blueprint', schema: Blueprint } },
  handler: async (_app, { params }) => {
    const found = SHOWN_BLUEPRINTS.find((entry) => entry.id === params.id);
    if (found === undefined) throw new AppError('NOT_FOUND', `blueprint ${params.id}: there is none`);
    return ok(found);
  },
});

const stepKinds = route({
  method: 'GET',
  path: '/api/v1/blueprint-steps',
  summary: 'Every kind of step: what it does, and its parameters with type, range, default and source',
  tag,
  access: 'user',
  answers: { 200: { description: 'the kinds', schema: pageOf(BlueprintStepKind) } },
  handler: async () => ok({ data: [...BLUEPRINT_STEP_KINDS], next: null }),
});

const ofModel = route({
  method: 'GET',
  path: '/api/v1/models/{id}/blueprint',
  summary: 'The blueprint of a model, all its parameters told: changed or not, it can be trained',
  tag: 'models',
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the blueprint', schema: BlueprintDocument } },
  handler: async ({ database }, { caller, params }) => {
    const { model } = await readModel(database, caller, params.id);
    const iterations = model.trained?.iterations ?? null;
    return ok(withFound(documentOf(model.planned), iterations === null ? {} : { iterations }));
  },
});

/** Routes of blueprints, whether of the catalogue or of a model. */
export const blueprintRoutes: readonly Route[] = [blueprints, blueprint, stepKinds, ofModel];

import {
  AddChallengerRequest,
  AppError,
  Challenger,
  ChallengerComparison,
  ChallengerPage,
  CHALLENGERS_MAX,
  ChallengersQuery,
  Id,
  strict,
} from '#contracts';
import { COMPARISON_COVERAGE } from '#statistics';
import { deleteChallenger, insertChallenger, listChallengers, seizeRow, type ChallengerRecord } from '#store';
import { isoOf } from '../auth/authenticate.ts';
import { ownerFilter } from '../auth/caller.ts';
import { created, noContent, ok, route, type Route } from '../route.ts';
import { readDeployment } from '../services/deployments.ts';
import { compareChallengers, compareReplayed } from '../services/challenger-comparison.ts';
import { readDataset } from '../services/datasets.ts';
import { targetOf } from '../services/insights.ts';
import { readModel, readReadyModel } from '../services/models.ts';
import { IdParams } from './params.ts';

const tag = 'deployments';
const PATH = '/api/v1/deployments/{id}/challengers';
const SAMPLE_FRACTION_DEFAULT = 1;

const viewOf = ({ addedAt, ...challenger }: ChallengerRecord): Challenger => ({
  ...challenger,
  addedAt: isoOf(addedAt),
});

const list = route({
  method: 'GET',
  path: PATH,
  summary: 'Models that predict beside that of a deployment, the oldest first',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'all of them', schema: ChallengerPage } },
  handler: async ({ database }, { caller, params }) => {
    const { id } = await readDeployment(database, caller, params.id);
    return ok({ data: (await listChallengers(database, id)).map(viewOf), next: null });
  },
});

const add = route({
  method: 'POST',
  path: PATH,
  summary: 'Let another model of the project predict beside that of a deployment, unseen by who asks',
  tag,
  access: 'user',
  params: IdParams,
  body: AddChallengerRequest,
  answers: { 201: { description: 'the challenger', schema: Challenger } },
  handler: async ({ database }, { caller, params, body, effect }) => {
    await readDeployment(database, caller, params.id);
    return effect(async (trx) => {
      // Locked, so that no two requests find the last place free.
      if (!(await seizeRow(trx, 'deployments', params.id)))
        throw new AppError('NOT_FOUND', `deployment ${params.id}: it was deleted meanwhile`);
      const { id, modelId, projectId } = await readDeployment(trx, caller, params.id);
      const { model } = await readReadyModel(trx, caller, body.modelId);
      if (model.projectId !== projectId)
        throw new AppError(
          'MODEL_MISMATCH',
          `modelId: expected a model of project ${projectId}; it is of ${model.projectId}`,
          { errors: [{ path: '/modelId', message: 'is a model of another project' }] },
        );
      if (model.id === modelId)
        throw new AppError('CONFLICT', `model ${modelId} is the one that deployment ${id} serves`);
      const known = await listChallengers(trx, id);
      if (known.some((challenger) => challenger.modelId === model.id))
        throw new AppError(
          'CONFLICT',
          `model ${model.id} is a challenger of deployment ${id} already; delete it first`,
        );
      if (known.length >= CHALLENGERS_MAX)
        throw new AppError('CONFLICT', `deployment ${id} has ${known.length} challengers, the most; delete one first`);
      const { sampleFraction = SAMPLE_FRACTION_DEFAULT } = body;
      await insertChallenger(trx, id, { modelId: model.id, sampleFraction, addedBy: caller.userId });
      const added = (await listChallengers(trx, id)).find((challenger) => challenger.modelId === model.id);
      if (added === undefined) throw new AppError('INTERNAL', `challenger ${model.id} was added and is not there`);
      return created(`${PATH.replace('{id}', id)}/${model.id}`, viewOf(added));
    });
  },
});

const remove = route({
  method: 'DELETE',
  path: `${PATH}/{modelId}`,
  summary: 'Let a model no longer predict beside that of a deployment',
  tag,
  access: 'user',
  params: strict({ id: Id, modelId: Id }),
  answers: { 204: { description: 'prediction servers hear of it at once' } },
  handler: async ({ database }, { caller, params }) => {
    await database.transaction(async (trx) => {
      const { id } = await readDeployment(trx, caller, params.id);
      if (!(await deleteChallenger(trx, id, params.modelId)))
        throw new AppError('NOT_FOUND', `deployment ${id} has no challenger ${params.modelId}`);
    });
    return noContent();
  },
});

const comparison = route({
  method: 'GET',
  path: `${PATH}/comparison`,
  summary: 'How challengers did beside the model that the deployment serves now, on the rows that both have predicted',
  tag: 'monitoring',
  access: 'user',
  params: IdParams,
  query: ChallengersQuery,
  answers: { 200: { description: 'by challenger', schema: ChallengerComparison } },
  handler: async (app, { caller, params, query, signal }) => {
    const deployment = await readDeployment(app.database, caller, params.id);
    const { project } = await readModel(app.database, caller, deployment.modelId);
    const target = targetOf(project);
    const { datasetId = null } = query;
    if (datasetId !== null) await readDataset(app.database, caller, datasetId);
    const challengers =
      datasetId === null
        ? await compareChallengers(app, { deployment, target })
        : await compareReplayed(app, { deployment, target }, { datasetId, createdBy: ownerFilter(caller) }, signal);
    return ok({
      deploymentId: deployment.id,
      championModelId: deployment.modelId,
      targetType: target.targetType,
      datasetId,
      transport: app.config.telemetry.transport,
      coverage: COMPARISON_COVERAGE,
      challengers,
    });
  },
});

/** Routes of challengers. */
export const challengerRoutes: readonly Route[] = [list, add, remove, comparison];

import {
  AppError,
  BatchPrediction,
  BatchPredictionDryRun,
  BatchPredictionPage,
  CreateBatchPredictionRequest,
  Job,
  PageQuery,
  strict,
  Type,
} from '#contracts';
import { isFinalJobState, listBatchPredictions } from '#store';
import { ownerFilter } from '../auth/caller.ts';
import { nextPath, pageOptionsOf } from '../http/page.ts';
import { noContent, ok, route, type Route } from '../route.ts';
import { batchPredictionView, jobOf, readBatchPrediction } from '../services/batch-predictions.ts';
import { removeBatchPrediction } from '../services/deletion.ts';
import { RESULT_FILES } from '../services/scoring-follow-ups.ts';
import { asFile, objectStream } from '../services/streams.ts';
import { findPlaces, partCountOf, planScoring, startScoring } from '../services/scoring.ts';
import { acceptedJob } from './jobs.ts';
import { IdParams } from './params.ts';

const tag = 'batch predictions';

const create = route({
  method: 'POST',
  path: '/api/v1/batch-predictions',
  summary: 'Score a dataset with a model or a deployment',
  tag,
  access: 'user',
  scopes: ['predict'],
  query: strict({ dryRun: Type.Optional(Type.Boolean({ description: 'plan and check only' })) }),
  body: CreateBatchPredictionRequest,
  answers: {
    200: { description: 'dryRun: what would be scored; nothing was changed', schema: BatchPredictionDryRun },
    202: { description: 'the job', schema: Job },
  },
  handler: async (app, { caller, query, body, effect }) => {
    const { database, compute, config } = app;
    const places = await findPlaces(app, caller, body);
    if (query.dryRun === true) {
      const plan = await planScoring(database, caller, body, places, config.parts);
      const { datasetId, columns, missingFeatures } = plan;
      const rowCount = plan.table?.rowCount ?? null;
      const partCount = partCountOf(plan);
      return ok({
        dryRun: true,
        modelId: plan.owned.model.id,
        datasetId,
        rowCount,
        partCount,
        columns,
        missingFeatures,
      });
    }
    return effect(async (trx) =>
      acceptedJob(await startScoring(trx, compute, caller, await planScoring(trx, caller, body, places, config.parts))),
    );
  },
});

const list = route({
  method: 'GET',
  path: '/api/v1/batch-predictions',
  summary: 'Your batch predictions, newest first',
  tag,
  access: 'user',
  query: strict(PageQuery),
  answers: { 200: { description: 'a page', schema: BatchPredictionPage } },
  handler: async ({ database }, { caller, query, url }) => {
    const { items, next } = await listBatchPredictions(database, ownerFilter(caller), pageOptionsOf(query));
    const data = await Promise.all(
      items.map(async (entry) => batchPredictionView(entry, await jobOf(database, entry))),
    );
    return ok({ data, next: next === null ? null : nextPath(url, next) });
  },
});

const read = route({
  method: 'GET',
  path: '/api/v1/batch-predictions/{id}',
  summary: 'One batch prediction',
  tag,
  access: 'user',
  scopes: ['read', 'predict'],
  params: IdParams,
  answers: { 200: { description: 'the batch prediction', schema: BatchPrediction } },
  handler: async ({ database }, { caller, params }) => {
    const found = await readBatchPrediction(database, caller, params.id);
    return ok(batchPredictionView(found, await jobOf(database, found)));
  },
});

const MEDIA_TYPES = Object.keys(RESULT_FILES);

const rows = route({
  method: 'GET',
  path: '/api/v1/batch-predictions/{id}/rows',
  summary: 'The scored rows, in the order of the input',
  tag,
  access: 'user',
  scopes: ['read', 'predict'],
  params: IdParams,
  answers: { 200: { description: 'CSV unless Accept asks for another type', mediaTypes: MEDIA_TYPES } },
  handler: async ({ database, store }, { caller, params, accepted, signal }) => {
    const found = await readBatchPrediction(database, caller, params.id);
    const job = await jobOf(database, found);
    if (!isFinalJobState(job.state))
      throw new AppError('JOB_NOT_FINISHED', `batch prediction ${found.id}: job ${job.id} is ${job.state}`);
    if (found.output !== null)
      throw new AppError(
        'CONFLICT',
        `batch prediction ${found.id}: its rows are in HDFS, in ${found.output.path}; read them there`,
      );
    if (found.resultPath === null)
      throw new AppError(
        'CONFLICT',
        `batch prediction ${found.id}: job ${job.id} ${job.state}: ${job.error?.detail ?? 'there are no rows'}`,
      );
    // The cast holds: `accepted` is one of the route's media types, which are the keys.
    const name = RESULT_FILES[accepted as keyof typeof RESULT_FILES];
    const type = accepted === 'text/csv' ? 'text/csv; charset=utf-8' : accepted;
    return objectStream(store, `${found.resultPath}/${name}`, type, signal, { vary: 'Accept', ...asFile(name) });
  },
});

const remove = route({
  method: 'DELETE',
  path: '/api/v1/batch-predictions/{id}',
  summary: 'Delete a batch prediction with its rows; its job is cancelled if it is in work',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 204: { description: 'deleted; its files go within minutes' } },
  handler: async (app, { caller, params, checkIfMatch }) => {
    await removeBatchPrediction(app, { caller, id: params.id, checkIfMatch });
    return noContent();
  },
});

/** Routes of batch predictions. */
export const batchPredictionRoutes: readonly Route[] = [create, list, read, remove, rows];

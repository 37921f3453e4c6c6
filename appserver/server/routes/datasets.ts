import type { IncomingMessage } from 'node:http';
import {
  AppError,
  CreateDatasetForm,
  CreateDatasetRequest,
  Dataset,
  DatasetPage,
  DatasetQuality,
  DatasetRows,
  FeaturePage,
  FeatureProfile,
  Id,
  Job,
  PAGE_LIMIT_DEFAULT,
  PageQuery,
  PatchFeatureRequest,
  SAMPLE_ROWS_MAX,
  strict,
  Type,
} from '#contracts';
import { newId } from '#runtime';
import { decodeCursor, encodeCursor, findFeatures, findSampleRows, listDatasets } from '#store';
import { ownerFilter, type Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import { nextPath, pageOptionsOf, toPage } from '../http/page.ts';
import { noContent, ok, route, type Answer, type Call, type Route } from '../route.ts';
import { removeDataset } from '../services/deletion.ts';
import { checkSource } from '../services/dataset-sources.ts';
import {
  datasetView,
  featuresOf,
  readDataset,
  readReadyDataset,
  startIngest,
  type NewDataset,
} from '../services/datasets.ts';
import { changeType } from '../services/feature-types.ts';
import { receiveUpload, type Upload } from '../uploads/receive.ts';
import { acceptedJob } from './jobs.ts';
import { IdParams } from './params.ts';

const tag = 'datasets';

const create = route({
  method: 'POST',
  path: '/api/v1/datasets',
  summary: 'Upload a file, or name a source, and turn it into a dataset',
  tag,
  access: 'user',
  body: CreateDatasetRequest,
  multipart: CreateDatasetForm,
  answers: { 202: { description: 'the ingest job', schema: Job } },
  handler: async (app, call) => {
    const body: CreateDatasetRequest | undefined = call.body;
    if (body === undefined) return createFromUpload(app, call);
    const { name, options = {} } = body;
    const { source, input } = await checkSource(body.source, app, call.caller);
    return call.effect(async (trx) =>
      acceptedJob(
        await startIngest(
          trx,
          app.compute,
          call.caller,
          { id: newId('ds'), name, source, uploadPath: null, input, options },
          app.config.parts,
        ),
      ),
    );
  },
});

type UploadCall = Pick<Call<unknown, unknown, unknown>, 'effect' | 'caller'> & { readonly req: IncomingMessage };

async function createFromUpload(
  { store, config, compute }: AppContext,
  { req, effect, caller }: UploadCall,
): Promise<Answer> {
  const id = newId('ds');
  const upload = await receiveUpload(req, store, `uploads/${id}/1`, {
    fileBytesMax: config.server.uploadBytesMax,
    idleMs: config.server.requestTimeoutMs,
  });
  let isUsed = false;
  try {
    const { sha256, fileName, name, options } = upload;
    const answer = await effect(
      async (trx) => {
        const job = await startUploadIngest(trx, { compute, config }, caller, id, upload);
        isUsed = true;
        return acceptedJob(job);
      },
      JSON.stringify([sha256, fileName, name, options]),
    );
    if (!isUsed) await store.delete(upload.objectPath);
    return answer;
  } catch (err) {
    // A database that fell silent may have committed: what a dataset may need is left to the object sweeper.
    if (!isUsed) await store.delete(upload.objectPath);
    throw err;
  }
}

const startUploadIngest = (
  trx: Parameters<typeof startIngest>[0],
  { compute, config }: Pick<AppContext, 'compute' | 'config'>,
  caller: Caller,
  id: string,
  upload: Upload,
) => {
  const dataset: NewDataset = {
    id,
    name: upload.name ?? nameOf(upload.fileName),
    source: { type: 'upload', fileName: upload.fileName, sizeBytes: upload.sizeBytes },
    uploadPath: upload.objectPath,
    input: { type: 'upload', objectPath: upload.objectPath, fileName: upload.fileName },
    options: upload.options,
  };
  return startIngest(trx, compute, caller, dataset, config.parts);
};

/** `adult.csv.gz` -> `adult`. */
function nameOf(fileName: string): string {
  const name = fileName.replace(/(\.(csv|tsv|jsonl|ndjson|json|txt|parquet))?(\.gz)?$/i, '').slice(0, 200);
  return name.trim() === '' ? 'dataset' : name;
}

const list = route({
  method: 'GET',
  path: '/api/v1/datasets',
  summary: 'Your datasets, newest first',
  tag,
  access: 'user',
  query: strict(PageQuery),
  answers: { 200: { description: 'a page', schema: DatasetPage } },
  handler: async ({ database }, { caller, query, url }) =>
    ok(toPage(await listDatasets(database, ownerFilter(caller), pageOptionsOf(query)), url, datasetView)),
});

const read = route({
  method: 'GET',
  path: '/api/v1/datasets/{id}',
  summary: 'One dataset',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the dataset', schema: Dataset } },
  handler: async ({ database }, { caller, params }) => ok(datasetView(await readDataset(database, caller, params.id))),
});

const remove = route({
  method: 'DELETE',
  path: '/api/v1/datasets/{id}',
  summary: 'Delete a dataset that nothing uses',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 204: { description: 'deleted; its files go within minutes' } },
  handler: async (app, { caller, params, checkIfMatch }) => {
    await removeDataset(app, { caller, id: params.id, checkIfMatch });
    return noContent();
  },
});

const features = route({
  method: 'GET',
  path: '/api/v1/datasets/{id}/features',
  summary: 'Profile of each feature, in the order of the file',
  tag,
  access: 'user',
  params: IdParams,
  query: strict(PageQuery),
  answers: { 200: { description: 'a page', schema: FeaturePage } },
  handler: async ({ database }, { caller, params, query, url }) => {
    const dataset = await readReadyDataset(database, caller, params.id);
    const all = await featuresOf(database, dataset);
    const [start = 0] = query.cursor === undefined ? [] : decodeCursor(query.cursor, ['number']);
    const end = Number(start) + (query.limit ?? PAGE_LIMIT_DEFAULT);
    return ok({
      data: all.slice(Number(start), end),
      next: end < all.length ? nextPath(url, encodeCursor([end])) : null,
    });
  },
});

const FeatureParams = strict({ id: Id, name: Type.String({ minLength: 1, maxLength: 1_000 }) });

const feature = route({
  method: 'GET',
  path: '/api/v1/datasets/{id}/features/{name}',
  summary: 'Profile of one feature',
  tag,
  access: 'user',
  params: FeatureParams,
  answers: { 200: { description: 'the profile', schema: FeatureProfile } },
  handler: async ({ database }, { caller, params }) => {
    const dataset = await readReadyDataset(database, caller, params.id);
    const found = (await featuresOf(database, dataset)).find((entry) => entry.name === params.name);
    if (found === undefined) throw new AppError('NOT_FOUND', `dataset ${dataset.id}: it has no feature of this name`);
    return ok(found);
  },
});

const patchFeature = route({
  method: 'PATCH',
  path: '/api/v1/datasets/{id}/features/{name}',
  summary: 'Give a feature another type in a new version of the dataset, which reads the same rows',
  tag,
  access: 'user',
  params: FeatureParams,
  body: PatchFeatureRequest,
  takesKey: true,
  answers: {
    200: { description: 'the dataset: the feature has this type already, and no version is made', schema: Dataset },
    202: { description: 'the job; its resource is the new version', schema: Job },
  },
  handler: async ({ compute }, { caller, params, body, effect, checkIfMatch }) =>
    effect(async (trx) => {
      const { id: datasetId, name } = params;
      const job = await changeType(trx, compute, { caller, datasetId, name, type: body.type, checkIfMatch });
      return job === null ? ok(datasetView(await readDataset(trx, caller, datasetId))) : acceptedJob(job);
    }),
});

const RowsQuery = strict({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: SAMPLE_ROWS_MAX, default: PAGE_LIMIT_DEFAULT })),
});

const rows = route({
  method: 'GET',
  path: '/api/v1/datasets/{id}/rows',
  summary: 'Sample rows: exact cell texts',
  tag,
  access: 'user',
  params: IdParams,
  query: RowsQuery,
  answers: { 200: { description: 'rows by feature name', schema: DatasetRows } },
  handler: async ({ database }, { caller, params, query }) => {
    const dataset = await readReadyDataset(database, caller, params.id);
    const columns = ((await findFeatures(database, dataset.id)) ?? []).map((entry) => entry.name);
    const sample = (await findSampleRows(database, dataset.id)) ?? [];
    // fromEntries makes own properties, whatever the names are.
    const data = sample
      .slice(0, query.limit ?? PAGE_LIMIT_DEFAULT)
      .map((cells) => Object.fromEntries(columns.map((name, position) => [name, cells[position] ?? null])));
    return ok({ columns, data, next: null });
  },
});

const quality = route({
  method: 'GET',
  path: '/api/v1/datasets/{id}/quality',
  summary: 'Warnings about the data, each with what will be done about it',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'warnings about the table, then by feature', schema: DatasetQuality } },
  handler: async ({ database }, { caller, params }) => {
    const dataset = await readReadyDataset(database, caller, params.id);
    const all = await featuresOf(database, dataset);
    const data = [
      ...dataset.warnings.map((warning) => ({ feature: null, ...warning })),
      ...all.flatMap((entry) => entry.warnings.map((warning) => ({ feature: entry.name, ...warning }))),
    ];
    return ok({ datasetId: dataset.id, data, next: null });
  },
});

/** Routes of datasets. */
export const datasetRoutes: readonly Route[] = [
  create,
  list,
  read,
  remove,
  features,
  feature,
  patchFeature,
  rows,
  quality,
];

import { Readable } from 'node:stream';
import {
  AppError,
  Id,
  INSIGHT_KINDS,
  Insight,
  InsightList,
  InsightQuery,
  Job,
  Model,
  ModelParameters,
  oneOf,
  PatchModelRequest,
  strict,
  TASK_INSIGHTS,
  TaskLog,
  type Parameters,
  type TaskSpec,
} from '#contracts';
import { ENSEMBLE_BLUEPRINT_ID, settingsOf } from '#ml';
import { getTask, isFinalJobState, readTaskLog, updateModel } from '#store';
import { route, ok, type Route } from '../route.ts';
import { heldBackBlocks } from '../services/held-back.ts';
import { startInsight } from '../services/insight-tasks.ts';
import { filesOf, insightKinds, readInsight } from '../services/insights.ts';
import { jobView, publicProblem } from '../services/jobs.ts';
import { modelView, readModel, readReadyModel } from '../services/models.ts';
import { asFile } from '../services/streams.ts';
import { trainingPredictionsCsv } from '../services/training-predictions.ts';
import { zipStream } from '../services/zip.ts';
import { acceptedJob } from './jobs.ts';
import { IdParams } from './params.ts';

const tag = 'models';

const read = route({
  method: 'GET',
  path: '/api/v1/models/{id}',
  summary: 'One model',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the model', schema: Model } },
  handler: async ({ database }, { caller, params }) => ok(modelView(await readModel(database, caller, params.id))),
});

const patch = route({
  method: 'PATCH',
  path: '/api/v1/models/{id}',
  summary: 'Star, tag or describe a model',
  tag,
  access: 'user',
  params: IdParams,
  body: PatchModelRequest,
  answers: { 200: { description: 'the changed model', schema: Model } },
  handler: async ({ database }, { caller, params, body, checkIfMatch }) =>
    database.transaction(async (trx) => {
      checkIfMatch(modelView(await readModel(trx, caller, params.id)));
      await updateModel(trx, params.id, body);
      return ok(modelView(await readModel(trx, caller, params.id)));
    }),
});

const parameters = route({
  method: 'GET',
  path: '/api/v1/models/{id}/parameters',
  summary: 'Everything that decides how the model was fitted',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the parameters, defaults filled in', schema: ModelParameters } },
  handler: async ({ database }, { caller, params }) => {
    const { model } = await readModel(database, caller, params.id);
    const { blueprintId, parameters: given } = model.planned;
    const task = await getTask(database, model.taskId);
    const spec = task?.spec.kind === 'train' || task?.spec.kind === 'ensemble' ? task.spec : null;
    return ok({
      modelId: model.id,
      blueprintId,
      parameters: blueprintId === ENSEMBLE_BLUEPRINT_ID ? limitsOf(spec) : { ...settingsOf(blueprintId, given) },
      seed: spec?.seed ?? 0,
      threadCount: model.threadCount,
      iterations: model.trained?.iterations ?? model.planned.iterations,
      features: spec?.features.map((feature) => feature.name) ?? [],
    });
  },
});

/** What limited the choice of an ensemble. */
const limitsOf = (spec: TaskSpec | null): Parameters =>
  spec?.kind === 'ensemble' ? { membersMax: spec.membersMax, stepsMax: spec.stepsMax } : {};

const log = route({
  method: 'GET',
  path: '/api/v1/models/{id}/log',
  summary: 'Last lines of the task that trained the model',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the log', schema: TaskLog } },
  handler: async ({ database }, { caller, params }) => {
    const { model } = await readModel(database, caller, params.id);
    const task = await getTask(database, model.taskId);
    if (task === null) throw new AppError('NOT_FOUND', `model ${model.id}: its task is gone`);
    const lines = (await readTaskLog(database, task.id)).map((entry) => entry.line);
    return ok({ taskId: task.id, state: task.state, lines, cause: publicProblem(task.problem) });
  },
});

const artifact = route({
  method: 'GET',
  path: '/api/v1/models/{id}/artifact',
  summary: 'The artefact: manifest.json, blob and signature.json in a zip archive',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the archive', mediaTypes: ['application/zip'] } },
  handler: async ({ database, store, signer }, { caller, params, signal }) => {
    const { model, trained } = await readReadyModel(database, caller, params.id);
    const stored = async (name: string) => {
      const path = `${trained.artifactPath}/${name}`;
      const stat = await store.stat(path);
      if (stat === null) throw new AppError('STORE_OBJECT_MISSING', `model ${model.id}: ${name} is not in the store`);
      return { name, sizeBytes: stat.sizeBytes, read: () => store.read(path, { signal }) };
    };
    const { manifestSha256, signature } = trained;
    const signed = { modelId: model.id, manifestSha256, signature, publicKey: signer.publicKey };
    const signatureFile = Buffer.from(`${JSON.stringify(signed, null, 2)}\n`);
    const { stream, sizeBytes } = await zipStream([
      await stored('manifest.json'),
      await stored('blob'),
      { name: 'signature.json', sizeBytes: signatureFile.length, read: () => Readable.from([signatureFile]) },
    ]);
    return {
      status: 200,
      headers: { ...asFile(`${model.id}.zip`), 'content-length': String(sizeBytes) },
      raw: stream,
      mediaType: 'application/zip',
    };
  },
});

const trainingPredictions = route({
  method: 'GET',
  path: '/api/v1/models/{id}/training-predictions',
  summary: 'Out-of-fold predictions of the training rows; the holdout’s once it is unlocked',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'one line a row', mediaTypes: ['text/csv'] } },
  handler: async ({ database, store }, { caller, params, signal }) => {
    const { model, project, trained } = await readReadyModel(database, caller, params.id);
    if (model.planned.role === 'refit') {
      const message = `model ${model.id}: a refit has seen every row; ask its twin ${model.planned.refitOf ?? ''}`;
      throw new AppError('CONFLICT', message);
    }
    const target = project.fixed?.target;
    if (target === undefined) throw new AppError('INTERNAL', `project ${project.id} has a model but no target`);
    const blocks = await heldBackBlocks(filesOf(trained), store, signal);
    const rows = trainingPredictionsCsv(blocks, target, project.holdoutUnlockedAt !== null);
    return {
      status: 200,
      headers: asFile(`${model.id}-training-predictions.csv`),
      raw: Readable.from(rows, { objectMode: false }),
      mediaType: 'text/csv; charset=utf-8',
    };
  },
});

const insights = route({
  method: 'GET',
  path: '/api/v1/models/{id}/insights',
  summary: 'The insights that a model has',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'kinds and where they are', schema: InsightList } },
  handler: async ({ database }, { caller, params }) => {
    const kinds = await insightKinds(database, caller, params.id);
    return ok({
      data: kinds.map((kind) => ({ kind, path: `/api/v1/models/${params.id}/insights/${kind}` })),
      next: null,
    });
  },
});

const insight = route({
  method: 'GET',
  path: '/api/v1/models/{id}/insights/{kind}',
  summary: 'One insight, from rows that the predicting model had not seen',
  tag,
  access: 'user',
  params: strict({ id: Id, kind: oneOf(INSIGHT_KINDS) }),
  query: InsightQuery,
  answers: {
    200: { description: 'the insight and the rows it is of', schema: Insight },
    202: { description: 'the job that is computing it', schema: Job },
  },
  handler: async ({ database, store, verifier }, { caller, params, query, signal }) => {
    const asked = { modelId: params.id, kind: params.kind, query };
    const answer = await readInsight({ database, store, verifier }, caller, asked, signal);
    return 'job' in answer ? acceptedJob(answer.job) : ok(answer.insight);
  },
});

const makeInsight = route({
  method: 'POST',
  path: '/api/v1/models/{id}/insights/{kind}',
  summary: 'Have an insight computed that needs the data, once for each model',
  tag,
  access: 'user',
  params: strict({ id: Id, kind: oneOf(TASK_INSIGHTS) }),
  answers: {
    200: { description: 'the job that has computed it', schema: Job },
    202: { description: 'the job that computes it', schema: Job },
  },
  handler: async ({ compute }, { caller, params, effect }) =>
    effect(async (trx) => {
      const job = await startInsight(trx, compute, caller, params.id, params.kind);
      return isFinalJobState(job.state) ? ok(jobView(job)) : acceptedJob(job);
    }),
});

/** Routes of models. */
export const modelRoutes: readonly Route[] = [
  read,
  patch,
  parameters,
  log,
  artifact,
  trainingPredictions,
  insights,
  insight,
  makeInsight,
];

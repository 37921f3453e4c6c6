import { createHash } from 'node:crypto';
import { AppError, canonicalJson, type Blueprint, type FeatureProfile, type TaskSpec } from '#contracts';
import { documentOf, SHOWN_BLUEPRINTS } from '#ml';
import {
  findDataset,
  findFeatures,
  findRun,
  getTask,
  insightsOfModel,
  modelsOfRun,
  readyModels,
  type ModelRecord,
  type ProjectRecord,
  type Queryable,
  type TrainedFacts,
} from '#store';
import type { Caller } from '../auth/caller.ts';
import {
  renderReport,
  STYLE,
  type BlendedFacts,
  type InsightRecordFacts,
  type RenderedReport,
  type ReportFacts,
} from '../compliance/index.ts';
import type { ReportAnswer } from '../verification/index.ts';
import { sha256Of } from './hashes.ts';
import { predictingModel } from './insight-tasks.ts';
import { filesOf, outOfFoldBytes, readStoredInsight, type InsightSource } from './insights.ts';
import { readReadyModel } from './models.ts';
import { datasetFacts, modelFacts, peerFacts, projectFacts, runFacts, taskFacts } from './report-views.ts';

/** Of one byte of predictions a report makes about so many times the work of an insight: two jackknives of ten groups. */
const WORK_FACTOR = 10;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/**
 * The compliance report of a model, made from what is committed of it at the moment; nothing is computed for it by workers.
 *
 * @throws NOT_FOUND, MODEL_NOT_READY; ARTIFACT_INVALID for files that are not what was committed; OVERLOADED
 */
export async function complianceReport(
  source: InsightSource,
  caller: Caller,
  modelId: string,
  signal: AbortSignal,
): Promise<RenderedReport> {
  const facts = await reportFacts(source, caller, modelId, signal);
  return renderReport(facts, sha256Of(Buffer.from(canonicalJson(facts))), STYLE_HASH);
}

async function reportFacts(
  source: InsightSource,
  caller: Caller,
  modelId: string,
  signal: AbortSignal,
): Promise<ReportFacts> {
  const { database } = source;
  const { model, project, trained } = await readReadyModel(database, caller, modelId);
  const run = model.runId === null ? undefined : await findRun(database, model.runId);
  const spec = (await getTask(database, model.taskId))?.spec;
  if (spec?.kind !== 'train' && spec?.kind !== 'ensemble')
    throw new AppError('INTERNAL', `model ${model.id}: its task is gone`);
  const models = run === undefined ? await modelsBefore(database, model) : await modelsOfRun(database, run.id);
  const dataset = await findDataset(database, project.datasetId);
  if (dataset === undefined) throw new AppError('INTERNAL', `project ${project.id}: its dataset is gone`);
  const profiles = (await findFeatures(database, dataset.id)) ?? [];
  const twin = await predictingModel(database, model.id);
  return {
    model: modelFacts(model, trained, project),
    project: projectFacts(project),
    dataset: datasetFacts(dataset, spec.table, profiles),
    task: taskFacts(spec, run),
    run: run === undefined ? null : runFacts(run, project, models),
    peers: models.map((peer) => peerFacts(peer, project, run)),
    blueprint: knownBlueprint(model.planned),
    blended: blendedFacts(trained, models),
    answer: await ask(source, { twin, trained, project, models, spec, profiles }),
    insights: await insightFacts(source, model.id, twin.id, signal),
  };
}

/** The blueprint that a model was made by, with the steps of the user's own; null where the model is of a program that had other ones. */
function knownBlueprint(planned: ModelRecord['planned']): Blueprint | null {
  const known = SHOWN_BLUEPRINTS.find(({ id }) => id === planned.blueprintId) ?? null;
  if (known === null || planned.ownBlueprint === undefined) return known;
  const { name = known.name, description = known.description, steps } = documentOf(planned);
  const own = steps.map(({ id, kind, inputs, description: what = '' }) => ({ id, kind, inputs, description: what }));
  return { ...known, name, description, steps: own };
}

function blendedFacts({ ensemble }: TrainedFacts, models: readonly ModelRecord[]): BlendedFacts[] {
  return (ensemble?.members ?? []).flatMap(({ modelId }) => {
    const model = models.find(({ id }) => id === modelId);
    if (model === undefined) return [];
    const { name, planned } = model;
    return [{ modelId, name, parameters: planned.parameters, blueprint: knownBlueprint(planned) }];
  });
}

/** What stood beside a model that was fitted by hand: models of the project that were ordered before it, and itself. */
async function modelsBefore(db: Queryable, { projectId, createdAt }: ModelRecord): Promise<ModelRecord[]> {
  return (await readyModels(db, projectId)).filter((other) => other.createdAt <= createdAt);
}

interface Asked {
  /** Whose predictions they are: the model, or the twin that a refit repeats. */
  readonly twin: ModelRecord;
  readonly trained: TrainedFacts;
  readonly project: ProjectRecord;
  readonly models: readonly ModelRecord[];
  readonly spec: Extract<TaskSpec, { kind: 'train' | 'ensemble' }>;
  readonly profiles: readonly FeatureProfile[];
}

/** What the files of the model say; a refit’s predictions are its twin’s. */
async function ask(
  { store, verifier }: InsightSource,
  { twin, trained, project, models, spec, profiles }: Asked,
): Promise<ReportAnswer> {
  if (twin.trained === null) throw new AppError('INTERNAL', `model ${twin.id} is not ready`);
  const predictedBy = filesOf(twin.trained);
  const [baseline] = models.flatMap(({ id, planned, trained: made }) =>
    made !== null && planned.blueprintId === 'baseline' && planned.role === 'search' && id !== twin.id ? [made] : [],
  );
  const question = {
    kind: 'report',
    files: filesOf(trained),
    predictedBy,
    baseline: baseline === undefined ? null : filesOf(baseline),
    target: spec.target,
    metric: spec.metric,
    seed: spec.seed,
    isUnlocked: project.holdoutUnlockedAt !== null,
    deviations: Object.fromEntries(profiles.map(({ name, std }) => [name, std])),
  } as const;
  const sizeBytes = trained.sizeBytes + WORK_FACTOR * (await outOfFoldBytes(store, predictedBy));
  return verifier.answer(question, sizeBytes, store);
}

async function insightFacts(
  { database, store }: InsightSource,
  modelId: string,
  twinId: string,
  signal: AbortSignal,
): Promise<InsightRecordFacts[]> {
  const records = await insightsOfModel(database, twinId);
  // By code points: databases have orders of their own.
  const sorted = records.toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
  const found: InsightRecordFacts[] = [];
  for (const { result } of sorted)
    if (result !== null)
      found.push({ sha256: result.sha256, stored: await readStoredInsight(store, modelId, result, signal) });
  return found;
}

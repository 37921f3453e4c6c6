import { AppError, type AutopilotPlan, type FitStops, type RecordedModel, type ReplayRequest } from '#contracts';
import { newId } from '#runtime';
import {
  findLatestRun,
  insertProject,
  keepRow,
  modelsOfRun,
  type AutopilotRunRecord,
  type ModelRecord,
  type ProjectRecord,
  type StoredJob,
  type Transaction,
} from '#store';
import type { Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import { startRun } from './autopilot.ts';
import { readReadyDataset } from './datasets.ts';
import { filesOf } from './insights.ts';

/**
 * The plan that makes the latest run of a project again: everything that the run has recorded of itself, with what its artefacts say
 * of where deadlines ended their fits.
 *
 * @throws NOT_FOUND without a run; CONFLICT for one that is going on, ended without a recommended model, had a budget and was
 * made by a program that did not record where fits ended, or is changed; what the store throws
 */
export async function planReplay(app: AppContext, project: ProjectRecord): Promise<AutopilotPlan> {
  const run = await findLatestRun(app.database, project.id);
  if (run === undefined) throw new AppError('NOT_FOUND', `project ${project.id}: Autopilot was never started`);
  const { recommendedModelId } = run;
  if (run.state !== 'succeeded' || recommendedModelId === null)
    throw new AppError(
      'CONFLICT',
      `project ${project.id}: expected a run that succeeded; run ${run.id} is ${run.state}, and only what was made can be made again`,
    );
  const ready = (await modelsOfRun(app.database, run.id)).filter(({ trained }) => trained !== null);
  const models: RecordedModel[] = [];
  for (const model of ready) models.push(await recorded(app, run, model));
  return {
    ...run.plan,
    timeBudgetMs: null,
    replay: { runId: run.id, projectId: project.id, models, recommendedModelId },
  };
}

async function recorded(app: AppContext, run: AutopilotRunRecord, model: ModelRecord): Promise<RecordedModel> {
  const { id: modelId, planned: task, trained } = model;
  if (trained === null) throw new AppError('INTERNAL', `model ${modelId} is not ready`);
  const stops = (await stopsOf(app, model)) ?? (run.plan.timeBudgetMs === null ? {} : null);
  if (stops === null)
    throw new AppError(
      'CONFLICT',
      `project ${run.projectId}: model ${modelId} does not say where its deadline ended it; it is of a program before replays; run Autopilot again`,
    );
  return { task, modelId, contentHash: trained.contentHash, stops };
}

/** What a model's signed manifest says; an ensemble has nothing that a deadline shortens. Null: it says nothing. */
async function stopsOf({ store, verifier }: AppContext, { planned, trained }: ModelRecord): Promise<FitStops | null> {
  if (planned.members !== undefined || trained === null) return {};
  return verifier.answer({ kind: 'stops', files: filesOf(trained) }, trained.sizeBytes, store);
}

/** Makes a project of the same dataset and begins the replay in it. @throws NOT_FOUND, DATASET_NOT_READY */
export async function startReplay(
  trx: Transaction,
  app: AppContext,
  caller: Caller,
  source: ProjectRecord,
  plan: AutopilotPlan,
  { name }: ReplayRequest,
): Promise<StoredJob> {
  const dataset = await readReadyDataset(trx, caller, source.datasetId);
  if (!(await keepRow(trx, 'datasets', dataset.id)))
    throw new AppError('NOT_FOUND', `dataset ${dataset.id}: it was deleted meanwhile`);
  const id = newId('project');
  await insertProject(trx, {
    id,
    name: name ?? shortened(`Replay of ${source.name}`),
    description: `Models of run ${plan.replay?.runId ?? ''} of project ${source.id}, made again.`,
    datasetId: dataset.id,
    createdBy: caller.userId,
  });
  return startRun(trx, app, caller, id, plan);
}

/** Characters of a name that is made of another: as many as `Name` allows even if each is a surrogate pair. */
const CHARACTERS_MAX = 100;
const shortened = (name: string): string => Array.from(name).slice(0, CHARACTERS_MAX).join('');

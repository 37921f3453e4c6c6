import {
  AppError,
  METRIC_FACTS,
  type LeaderboardEntry,
  type MetricName,
  type Model,
  type ModelScores,
} from '#contracts';
import { rankingScore } from '#ml';
import {
  findModel,
  findProject,
  type ModelRecord,
  type ProjectRecord,
  type Queryable,
  type TrainedFacts,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import { ownedBy, type Caller } from '../auth/caller.ts';
import { publicProblem } from './jobs.ts';

const NO_SCORES: ModelScores = { validation: null, crossValidation: null, holdout: null };

/** Scores as they may be seen: the holdout's only once it is unlocked. */
export function visibleScores(scores: ModelScores, project: ProjectRecord): ModelScores {
  return project.holdoutUnlockedAt === null ? { ...scores, holdout: null } : scores;
}

/** A model with its project. */
export interface OwnedModel {
  readonly model: ModelRecord;
  readonly project: ProjectRecord;
}

/** A model that the caller may see. @throws NOT_FOUND */
export async function readModel(db: Queryable, caller: Caller, id: string): Promise<OwnedModel> {
  const model = await findModel(db, id);
  const project = model === undefined ? undefined : await findProject(db, model.projectId);
  const owned = model === undefined || project === undefined ? undefined : { model, project };
  return ownedBy(caller, owned, (entry) => entry.project.createdBy, `model ${id}`);
}

/** One that is trained. */
export interface ReadyModel extends OwnedModel {
  readonly trained: TrainedFacts;
}

/** A model that is trained. @throws NOT_FOUND, MODEL_NOT_READY */
export async function readReadyModel(db: Queryable, caller: Caller, id: string): Promise<ReadyModel> {
  const { model, project } = await readModel(db, caller, id);
  if (model.trained === null)
    throw new AppError(
      'MODEL_NOT_READY',
      `model ${id}: expected state ready; it is ${model.state} (job ${model.jobId})`,
    );
  return { model, project, trained: model.trained };
}

/** A model as the REST API shows it. */
export function modelView({ model, project }: OwnedModel): Model {
  const { trained } = model;
  const target = project.fixed?.target;
  if (target === undefined) throw new AppError('INTERNAL', `model ${model.id}: its project has no target`);
  const tableRowCount = target.classes.reduce((sum, { rowCount }) => sum + rowCount, 0);
  return {
    id: model.id,
    projectId: model.projectId,
    name: model.name,
    family: model.family,
    blueprintId: model.planned.blueprintId,
    state: model.state,
    target: target.name,
    targetType: target.targetType,
    classes: target.classes.map((entry) => entry.label),
    featureList: model.planned.featureList ?? null,
    excludedForLeakage: model.planned.excludedFeatures ?? [],
    sampleFraction: model.sampleFraction,
    rowCount: trained?.rowCount ?? null,
    scores: visibleScores(trained?.scores ?? NO_SCORES, project),
    fitSeconds: trained === null ? null : trained.fitMs / 1000,
    predictMicrosPerRow: trained?.predictMicrosPerRow ?? null,
    sizeBytes: trained?.sizeBytes ?? null,
    peakMemoryBytes: trained?.peakMemoryBytes ?? null,
    predictedMemoryBytes: model.predictedMemoryBytes,
    iterations: trained?.iterations ?? null,
    calibration: trained?.calibration ?? null,
    imbalance: model.planned.imbalance === undefined ? null : { ...model.planned.imbalance, tableRowCount },
    ensemble: trained?.ensemble ?? null,
    contentHash: trained?.contentHash ?? null,
    manifestSha256: trained?.manifestSha256 ?? null,
    recommended: project.recommendedModelId === model.id,
    refitOf: model.planned.refitOf,
    starred: model.starred,
    tags: [...model.tags],
    description: model.description,
    taskId: model.taskId,
    error: publicProblem(model.error),
    createdAt: isoOf(model.createdAt),
    finishedAt: model.finishedAt === null ? null : isoOf(model.finishedAt),
  };
}

/**
 * Ranks trained models by a metric: cross-validation, or validation where there is no cross-validation. Without a score
 * a model comes last; of equal ones the recommended comes first, then the older.
 */
export function leaderboardOf(
  models: readonly ModelRecord[],
  project: ProjectRecord,
  metric: MetricName,
): LeaderboardEntry[] {
  const sign = METRIC_FACTS[metric].direction === 'higher' ? -1 : 1;
  const rows = models.flatMap((model, order) => {
    if (model.trained === null) return [];
    const score = rankingScore(model.trained.scores, metric);
    const recommended = project.recommendedModelId === model.id;
    return [{ model, trained: model.trained, recommended, order, sortKey: score === null ? Infinity : sign * score }];
  });
  rows.sort(
    (a, b) =>
      compareNumbers(a.sortKey, b.sortKey) || Number(b.recommended) - Number(a.recommended) || a.order - b.order,
  );
  return rows.map(({ model, trained, recommended }, index) => ({
    rank: index + 1,
    modelId: model.id,
    name: model.name,
    family: model.family,
    blueprintId: model.planned.blueprintId,
    featureList: model.planned.featureList ?? null,
    excludedForLeakage: model.planned.excludedFeatures ?? [],
    sampleFraction: model.sampleFraction,
    rowCount: trained.rowCount,
    scores: visibleScores(trained.scores, project),
    fitSeconds: trained.fitMs / 1000,
    predictMicrosPerRow: trained.predictMicrosPerRow,
    sizeBytes: trained.sizeBytes,
    peakMemoryBytes: trained.peakMemoryBytes,
    predictedMemoryBytes: model.predictedMemoryBytes,
    recommended,
    refitOf: model.planned.refitOf,
    starred: model.starred,
  }));
}

/** Infinities compare equal to themselves, which subtraction would make NaN. */
const compareNumbers = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

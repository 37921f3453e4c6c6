import { AppError, type EffectiveSettings, type PredictionIntervals } from '#contracts';
import { coverageOfRows, rowsForCoverage } from '#ml';
import { findFeatures, type DeploymentRecord, type ProjectRecord, type Queryable } from '#store';
import { filesOf, outOfFoldBytes, targetOf, type InsightSource } from './insights.ts';
import { predictingModel } from './insight-tasks.ts';
import type { OwnedModel } from './models.ts';

const SETTING = '/settings/interval';

/** Field of the request that is refused where there can be no intervals: the setting, or the model that takes another one's place. */
export type IntervalField = typeof SETTING | '/modelId';

const refused = (field: IntervalField, message: string): AppError =>
  new AppError('VALIDATION_FAILED', `body: ${field} ${message}`, { errors: [{ path: field, message }] });

/** @throws VALIDATION_FAILED for an interval of a target that is no number, or where a quantile is predicted */
export function checkInterval({ interval }: EffectiveSettings, project: ProjectRecord | undefined): void {
  if (interval === undefined || project === undefined) return;
  const { targetType, quantile } = targetOf(project);
  if (targetType !== 'regression') throw refused(SETTING, `has a meaning for a number only; found ${targetType}`);
  if (quantile !== undefined)
    throw refused(
      SETTING,
      `needs a model that predicts a mean or a median; found quantile ${quantile}. Deploy a model of a project with another metric, such as rmse or mae`,
    );
}

/**
 * The intervals of a model for a deployment's settings; null without the setting. They are made of the out-of-fold predictions of the
 * model, of a refit those of its twin: of the rows that rank models, never the holdout, so that they are the same whenever
 * they are made, and what the holdout says of them is not flattered.
 *
 * @param field what is refused where the model's rows are too few
 * @throws VALIDATION_FAILED; what `Verifier.answer` throws
 */
export async function intervalsFor(
  { database, store, verifier }: InsightSource,
  { model, project }: OwnedModel,
  settings: EffectiveSettings,
  field: IntervalField = SETTING,
): Promise<PredictionIntervals | null> {
  checkInterval(settings, project);
  const { interval: coverage } = settings;
  if (coverage === undefined) return null;
  const { trained } = await predictingModel(database, model.id);
  if (trained === null) throw new AppError('INTERNAL', `model ${model.id} is trained, and its twin is not`);
  const target = targetOf(project);
  const files = filesOf(trained);
  const question = { kind: 'intervals', files, target, coverage } as const;
  const { ranges, effectiveRowCount } = await verifier.answer(question, await outOfFoldBytes(store, files), store);
  if (ranges === null) throw refused(field, tooFewRows(coverage, effectiveRowCount, field));
  const isNonNegative = await hasNoNegative(database, project.datasetId, target.name);
  return { modelId: model.id, coverage, isNonNegative, ranges: [...ranges] };
}

function tooFewRows(coverage: number, rowCount: number, field: IntervalField): string {
  const most = coverageOfRows(rowCount);
  const remedy = most < 0.5 ? 'leave the interval out' : `ask for an interval of ${most} at most`;
  const where = field === SETTING ? '' : ` by PATCH of ${SETTING} first`;
  return `needs ${rowsForCoverage(coverage)} held-back rows of the model for ${coverage}; it has ${rowCount} (rows of unequal weight count as fewer): ${remedy}${where}`;
}

/** By all rows of the dataset. A target under a log link is one that has none. */
async function hasNoNegative(db: Queryable, datasetId: string, target: string): Promise<boolean> {
  const profile = (await findFeatures(db, datasetId))?.find(({ name }) => name === target);
  return (profile?.min ?? -1) >= 0;
}

/**
 * Holds intervals that were made before a transaction against what is to be stored in it.
 *
 * @throws CONFLICT where model or setting were changed meanwhile
 */
export function checkMadeFor(
  intervals: PredictionIntervals | null,
  { id, modelId, settings }: Pick<DeploymentRecord, 'id' | 'modelId' | 'settings'>,
): void {
  if (intervals?.coverage === settings.interval && (intervals?.modelId ?? modelId) === modelId) return;
  throw new AppError('CONFLICT', `deployment ${id}: its model or its interval was changed meanwhile; ask again`);
}

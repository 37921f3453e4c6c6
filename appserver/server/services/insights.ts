import { AppError, OUT_OF_FOLD_INSIGHTS, type Insight, type InsightKind, type InsightQuery } from '#contracts';
import { decodeOutOfFold, insightOf, insightRows } from '#ml';
import type { ObjectStore } from '#object-store';
import type { Queryable } from '#store';
import type { Caller } from '../auth/caller.ts';
import { OUT_OF_FOLD_BYTES_MAX } from '../verification/index.ts';
import { readReadyModel } from './models.ts';

/** Insights that a model has. @throws NOT_FOUND, MODEL_NOT_READY */
export async function insightKinds(db: Queryable, caller: Caller, modelId: string): Promise<readonly InsightKind[]> {
  const { project } = await readReadyModel(db, caller, modelId);
  return project.fixed === null ? [] : OUT_OF_FOLD_INSIGHTS[project.fixed.target.targetType];
}

/**
 * Computes an insight from the out-of-fold predictions that were stored and verified with the model; a refit has seen
 * every row and shows those of its twin, as it carries its scores.
 *
 * @throws NOT_FOUND, MODEL_NOT_READY; NOT_AVAILABLE for kinds that are not built; VALIDATION_FAILED for what does not fit
 *   the target; CONFLICT for the holdout while it is locked
 */
export async function readInsight(
  { database, store }: { readonly database: Queryable; readonly store: ObjectStore },
  caller: Caller,
  { modelId, kind, query }: { readonly modelId: string; readonly kind: InsightKind; readonly query: InsightQuery },
  signal: AbortSignal,
): Promise<Insight> {
  const { model, project } = await readReadyModel(database, caller, modelId);
  if (!Object.values(OUT_OF_FOLD_INSIGHTS).some((kinds) => (kinds as readonly InsightKind[]).includes(kind)))
    throw new AppError('NOT_AVAILABLE', `insight ${kind} is not built yet`);
  if (query.partition === 'holdout' && project.holdoutUnlockedAt === null)
    throw new AppError('CONFLICT', `project ${project.id}: its holdout is locked; unlock it first`);
  const target = project.fixed?.target;
  if (target === undefined) throw new AppError('INTERNAL', `project ${project.id} has a model but no target`);
  const predictedBy = model.planned.refitOf ?? model.id;
  const { trained } = await readReadyModel(database, caller, predictedBy);
  const path = `${trained.artifactPath}/out-of-fold.bin`;
  const data = decodeOutOfFold(await store.readAll(path, { maxBytes: OUT_OF_FOLD_BYTES_MAX, signal }));
  const rows = insightRows(data, target, query.partition);
  return {
    modelId: model.id,
    predictedBy,
    partition: rows.partition,
    rowCount: rows.chosen.length,
    isWeighted: data.weights !== null,
    insight: insightOf(kind, rows, query.label),
  };
}

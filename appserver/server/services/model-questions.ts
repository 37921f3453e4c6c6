import { AppError, type ExplainRequest, type ModelComparison, type RowExplanations } from '#contracts';
import type { Caller } from '../auth/caller.ts';
import { getTask } from '#store';
import { filesOf, outOfFoldBytes, targetOf, type InsightSource } from './insights.ts';
import { readReadyModel } from './models.ts';

const TOP_DEFAULT = 10;

/**
 * Two models of a project on the rows that rank them, each row predicted by models that had not seen it; refits by their twins.
 *
 * @throws NOT_FOUND, MODEL_NOT_READY; VALIDATION_FAILED for the same model twice, another project's, or one of other rows
 */
export async function compareModels(
  { database, store, verifier }: InsightSource,
  caller: Caller,
  modelId: string,
  otherId: string,
): Promise<ModelComparison> {
  const asked = await Promise.all([modelId, otherId].map((id) => readReadyModel(database, caller, id)));
  const [first, second] = asked.map(({ model }) => model.planned.refitOf ?? model.id);
  const [own, other] = asked;
  if (own === undefined || other === undefined || first === undefined || second === undefined)
    throw new AppError('INTERNAL', 'two models were asked for');
  const refuse = (message: string) =>
    new AppError('VALIDATION_FAILED', `query: /with ${message}`, { errors: [{ path: '/with', message }] });
  if (own.project.id !== other.project.id) throw refuse(`${otherId} is of another project`);
  if (first === second)
    throw refuse(`${otherId} has the same predictions as ${modelId}: they are one model and its refit`);
  const twins = await Promise.all([first, second].map((id) => readReadyModel(database, caller, id)));
  const [files, otherFiles] = twins.map(({ trained }) => filesOf(trained));
  if (files === undefined || otherFiles === undefined) throw new AppError('INTERNAL', 'two models were asked for');
  const spec = (await getTask(database, own.model.taskId))?.spec;
  const metric = own.project.fixed?.metric;
  if (metric === undefined) throw new AppError('INTERNAL', `project ${own.project.id} has a model but no metric`);
  const seed = spec?.kind === 'train' || spec?.kind === 'ensemble' ? spec.seed : 0;
  const question = {
    kind: 'comparison',
    files: [files, otherFiles],
    target: targetOf(own.project),
    metric,
    seed,
  } as const;
  const sizeBytes = (await outOfFoldBytes(store, files)) + (await outOfFoldBytes(store, otherFiles));
  const facts = await verifier.answer(question, sizeBytes, store);
  return { modelId, otherId, predictedBy: [first, second], ...facts };
}

/** Predictions of rows with what each feature adds, by the model itself. @throws NOT_FOUND, MODEL_NOT_READY, CELL_UNREADABLE, NOT_AVAILABLE */
export async function explainModelRows(
  { database, store, verifier }: InsightSource,
  caller: Caller,
  modelId: string,
  { rows, top = TOP_DEFAULT }: ExplainRequest,
): Promise<RowExplanations> {
  const { trained } = await readReadyModel(database, caller, modelId);
  const question = { kind: 'explanations', files: filesOf(trained), rows, top } as const;
  return { modelId, data: await verifier.answer(question, trained.sizeBytes, store), next: null };
}

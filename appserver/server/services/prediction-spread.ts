import { AppError, isAppError } from '#contracts';
import type { PredictionSpread } from '#statistics';
import { findModel, findProject } from '#store';
import { predictingModel } from './insight-tasks.ts';
import { filesOf, outOfFoldBytes, targetOf, type InsightSource } from './insights.ts';

/**
 * How the predictions of a model, of a refit those of its twin, were spread over training rows that the predicting model had not seen.
 *
 * @throws NOT_FOUND where there are none that can be read; what `Verifier.answer` throws besides
 */
export async function spreadOfModel(
  { database, store, verifier }: InsightSource,
  modelId: string,
): Promise<PredictionSpread> {
  const model = await findModel(database, modelId);
  const project = model === undefined ? undefined : await findProject(database, model.projectId);
  if (model === undefined || project === undefined) throw new AppError('NOT_FOUND', `model ${modelId}: there is none`);
  const { trained } = await predictingModel(database, modelId);
  if (trained === null) throw new AppError('NOT_FOUND', `model ${modelId}: it is not trained`);
  const files = filesOf(trained);
  try {
    const question = { kind: 'spread', files, target: targetOf(project) } as const;
    return await verifier.answer(question, await outOfFoldBytes(store, files), store);
  } catch (err) {
    if (!isAppError(err) || err.retryable) throw err;
    throw new AppError('NOT_FOUND', `model ${modelId}: its predictions of training rows cannot be read`, {
      cause: err,
    });
  }
}

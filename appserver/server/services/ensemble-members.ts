import { AppError, type EnsembleTask } from '#contracts';
import { findModel, type Queryable } from '#store';

/** Members are models of the same project and run that are there. @throws RESULT_MISMATCH */
export async function checkMembers(db: Queryable, spec: EnsembleTask): Promise<void> {
  const own = await findModel(db, spec.modelId);
  for (const { modelId, manifestSha256 } of spec.members) {
    const model = await findModel(db, modelId);
    if (
      model?.projectId !== spec.projectId ||
      model.runId !== own?.runId ||
      model.trained?.manifestSha256 !== manifestSha256
    )
      throw new AppError('RESULT_MISMATCH', `ensemble: ${modelId} is not a trained model of its run`);
  }
}

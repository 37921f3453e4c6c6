import { now, type Queryable } from './dialect.ts';
import { bumpFeed } from './deployments.ts';
import { rowsOf } from './records.ts';

/** A model that predicts beside that of a deployment. */
export interface ChallengerRecord {
  readonly modelId: string;
  /** Part of the predicted rows, above 0 and at most 1. */
  readonly sampleFraction: number;
  readonly addedAt: number;
  readonly addedBy: string;
}

/** Challengers of a deployment, the oldest first. */
export async function listChallengers(db: Queryable, deploymentId: string): Promise<ChallengerRecord[]> {
  return rowsOf<ChallengerRecord>(
    db
      .knex('deployment_challengers')
      .where({ deployment_id: deploymentId })
      .orderBy(['added_at', 'model_id'])
      .select('model_id as modelId', 'sample_fraction as sampleFraction', 'added_at as addedAt', 'added_by as addedBy'),
  );
}

/** Adds one that is not there yet; prediction servers hear of it. */
export async function insertChallenger(
  db: Queryable,
  deploymentId: string,
  { modelId, sampleFraction, addedBy }: Omit<ChallengerRecord, 'addedAt'>,
): Promise<void> {
  await db.knex('deployment_challengers').insert({
    deployment_id: deploymentId,
    model_id: modelId,
    sample_fraction: sampleFraction,
    added_at: now(db),
    added_by: addedBy,
  });
  await tell(db, deploymentId);
}

/** False where there is no such challenger. */
export async function deleteChallenger(db: Queryable, deploymentId: string, modelId: string): Promise<boolean> {
  const count = await db
    .knex('deployment_challengers')
    .where({ deployment_id: deploymentId, model_id: modelId })
    .delete();
  if (count > 0) await tell(db, deploymentId);
  return count > 0;
}

/** The record of a deployment is another one now. */
async function tell(db: Queryable, deploymentId: string): Promise<void> {
  await db
    .knex('deployments')
    .where({ id: deploymentId })
    .update({ updated_at: now(db) })
    .increment('sequence', 1);
  await bumpFeed(db);
}

import { now, type Queryable } from '../dialect.ts';
import { rowsOf } from '../records.ts';

/** Tables whose rows are of one deployment. */
const DEPLOYMENT_TABLES = [
  'prediction_hour',
  'feature_hour',
  'segment_hour',
  'service_hour',
  'challenger_pair',
  'archive_file',
  'associated_prediction',
] as const;

/** Deployments that the monitoring store has anything of. */
export async function monitoredDeployments({ knex }: Queryable): Promise<string[]> {
  const ids = new Set<string>();
  for (const table of DEPLOYMENT_TABLES) {
    const rows = await rowsOf<{ deployment_id: string }>(knex(table).distinct('deployment_id'));
    for (const { deployment_id } of rows) ids.add(deployment_id);
  }
  return [...ids].sort();
}

/** Forgets all counts of a deployment, and which files it had in the archive. */
export async function forgetDeployment({ knex }: Queryable, deploymentId: string): Promise<void> {
  for (const table of [...DEPLOYMENT_TABLES, 'service_epoch'])
    await knex(table).where({ deployment_id: deploymentId }).delete();
}

/**
 * Forgets hours, pairs of challengers, predictions that outcomes could be joined to, and lives of prediction servers that nothing was heard of, for longer
 * than `keepMs`. What comes of such a life after
 * that is counted again.
 *
 * @returns rows that were deleted
 */
export async function forgetBefore(db: Queryable, keepMs: number): Promise<number> {
  const { knex } = db;
  const before = now(db, -keepMs);
  const epochs = knex('telemetry_epoch').where('seen_at', '<', before);
  // SQLite does as its foreign keys say only where it is told to.
  for (const table of ['telemetry_gap', 'telemetry_loss', 'service_epoch', 'challenger_pair'])
    await knex(table).whereIn('epoch', epochs.clone().select('epoch')).delete();
  let deleted = await epochs.clone().delete();
  for (const table of ['feature_hour', 'segment_hour', 'prediction_hour', 'service_hour'])
    deleted += await knex(table).where('hour', '<', before).delete();
  for (const table of ['challenger_pair', 'associated_prediction'])
    deleted += await knex(table).where('time_ms', '<', before).delete();
  return deleted;
}

import type { TaskInsightKind } from '#contracts';
import type { Transaction } from './database.ts';
import { insertOrIgnore, now, type Queryable } from './dialect.ts';
import { rowOf, rowsOf } from './records.ts';

/** An insight that a task computes, or has computed. */
export interface InsightRecord {
  /** Whose predictions it is of. */
  readonly modelId: string;
  readonly kind: TaskInsightKind;
  /** The job that makes it; its state is the insight's while there is no result. */
  readonly jobId: string;
  /** Where it is, and the hash of its file; null while there is none. */
  readonly result: { readonly path: string; readonly sha256: string } | null;
}

interface InsightRow {
  readonly model_id: string;
  readonly kind: TaskInsightKind;
  readonly job_id: string;
  readonly result_path: string | null;
  readonly result_sha256: string | null;
}

const toInsight = ({ model_id, kind, job_id, result_path, result_sha256 }: InsightRow): InsightRecord => ({
  modelId: model_id,
  kind,
  jobId: job_id,
  result: result_path === null || result_sha256 === null ? null : { path: result_path, sha256: result_sha256 },
});

/** Takes down that a job will make an insight; false, and no effect, where there is a row for it already. */
export const insertInsight = (
  trx: Transaction,
  { modelId, kind, jobId }: Pick<InsightRecord, 'modelId' | 'kind' | 'jobId'>,
): Promise<boolean> =>
  insertOrIgnore(trx, 'insights', { model_id: modelId, kind, job_id: jobId, created_at: now(trx) }, [
    'model_id',
    'kind',
  ]);

/** Another job makes the insight: the one that was to has failed. False when somebody else was faster. */
export async function replaceInsightJob(
  trx: Transaction,
  { modelId, kind, jobId }: Pick<InsightRecord, 'modelId' | 'kind' | 'jobId'>,
  nextJobId: string,
): Promise<boolean> {
  const row = trx.knex('insights').where({ model_id: modelId, kind, job_id: jobId }).whereNull('result_path');
  return (await row.update({ job_id: nextJobId, created_at: now(trx) })) === 1;
}

export async function findInsight(
  db: Queryable,
  modelId: string,
  kind: TaskInsightKind,
): Promise<InsightRecord | undefined> {
  const row = await rowOf<InsightRow>(db.knex('insights').where({ model_id: modelId, kind }));
  return row === undefined ? undefined : toInsight(row);
}

/** All insights of a model that tasks compute. */
export async function insightsOfModel(db: Queryable, modelId: string): Promise<InsightRecord[]> {
  return (await rowsOf<InsightRow>(db.knex('insights').where({ model_id: modelId }).orderBy('kind'))).map(toInsight);
}

/** The result is there; no effect where the insight went with its model, or another job makes it. */
export async function completeInsight(
  db: Queryable,
  jobId: string,
  { path, sha256 }: { readonly path: string; readonly sha256: string },
): Promise<void> {
  await db.knex('insights').where({ job_id: jobId }).update({ result_path: path, result_sha256: sha256 });
}

import type { Database, Transaction } from './database.ts';
import { doomFolder, doomJobs } from './doomed-objects.ts';
import { rawRows, type Queryable } from './dialect.ts';
import { lockJob } from './jobs.ts';
import { rowsOf } from './records.ts';

/** A place in rows ordered by time and id; null: the beginning. */
export type HistoryPosition = readonly [at: number, id: string] | null;

/** What a look through a part of the history did, and where the next one goes on; null when the end was reached. */
export interface HistoryLook {
  readonly deleted: number;
  readonly next: HistoryPosition;
}

/** What still shows a job: a resource that it made, or a run. */
const SHOWN = ['datasets', 'models', 'batch_predictions', 'insights', 'autopilot_runs']
  .map((table) => `exists (select 1 from ${table} where ${table}.job_id = ended.id)`)
  .join(' or ');

/**
 * Deletes jobs that ended `olderThanMs` ago and that no resource shows any more, each in a transaction of its own, with
 * their tasks, attempts, seals, results and logs. Looks at up to `limit` jobs behind `after`.
 */
export async function deleteOldJobs(
  database: Database,
  options: { readonly olderThanMs: number; readonly after: HistoryPosition; readonly limit: number },
): Promise<HistoryLook> {
  const { olderThanMs, after, limit } = options;
  const rows = await rawRows<{ id: string; at: number; shown: number }>(
    database,
    `select id, finished_at as at, case when ${SHOWN} then 1 else 0 end as shown from (
       select id, finished_at from job where finished_at < ${database.dialect.now} - ? and (finished_at, id) > (?, ?)
       order by finished_at, id limit ?) as ended
     order by finished_at, id`,
    [olderThanMs, after?.[0] ?? -1, after?.[1] ?? '', limit],
  );
  let deleted = 0;
  for (const { id, shown } of rows) {
    if (shown === 1) continue;
    if (await database.transaction((trx) => deleteJob(trx, id))) deleted += 1;
  }
  const last = rows.at(-1);
  return { deleted, next: last === undefined || rows.length < limit ? null : [last.at, last.id] };
}

async function deleteJob(trx: Transaction, id: string): Promise<boolean> {
  const job = await lockJob(trx, id);
  if (job === null || job.finishedAt === null) return false;
  // A cancelled job may have ended before the last word of its worker.
  const open = await rowsOf<unknown>(
    trx.knex('task').where({ job_id: id }).whereNull('finished_at').limit(1).select('id'),
  );
  if (open.length > 0) return false;
  await doomJobs(trx, { jobId: id });
  await trx.knex('job').where({ id }).delete();
  return true;
}

/**
 * Deletes what attempts of ended tasks sealed without being their result. Looks at up to `limit` seals behind `after`.
 */
export async function dropUnusedSeals(
  db: Queryable,
  { after, limit }: { readonly after: HistoryPosition; readonly limit: number },
): Promise<HistoryLook> {
  const rows = await rawRows<{ at: number; task_id: string; fence: number; unused: number }>(
    db,
    `select seal.sealed_at as at, seal.task_id, seal.fence,
       case when task.finished_at is not null and (result.fence is null or result.fence <> seal.fence) then 1 else 0 end as unused
     from (select task_id, fence, sealed_at from task_seal where (sealed_at, task_id) > (?, ?)
       order by sealed_at, task_id limit ?) as seal
     join task on task.id = seal.task_id left join result on result.task_id = seal.task_id
     order by seal.sealed_at, seal.task_id`,
    [after?.[0] ?? -1, after?.[1] ?? '', limit],
  );
  let deleted = 0;
  for (const { task_id, fence, unused } of rows) {
    if (unused === 1) deleted += await db.knex('task_seal').where({ task_id, fence }).delete();
  }
  const last = rows.at(-1);
  return { deleted, next: last === undefined || rows.length < limit ? null : [last.at, last.task_id] };
}

/**
 * Lets go of files as they were uploaded, which nobody reads once their dataset is made or has failed, if that was
 * `olderThanMs` ago. Returns how many datasets.
 */
export async function dropOldUploads(trx: Transaction, olderThanMs: number, limit: number): Promise<number> {
  const rows = await rawRows<{ id: string }>(
    trx,
    `select datasets.id from datasets join job on job.id = datasets.job_id
     where upload_path is not null and datasets.state <> 'ingesting' and datasets.created_at < ${trx.dialect.now} - ?
       and job.finished_at < ${trx.dialect.now} - ?
     order by datasets.created_at, datasets.id limit ?`,
    [olderThanMs, olderThanMs, limit],
  );
  for (const { id } of rows) {
    await trx.knex('datasets').where({ id }).update({ upload_path: null });
    await doomFolder(trx, `uploads/${id}`);
  }
  return rows.length;
}

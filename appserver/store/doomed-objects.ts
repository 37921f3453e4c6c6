import type { TaskKind } from '#contracts';
import type { Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';

/**
 * Gives up what the tasks of one job, or of all jobs of a project, wrote, in the transaction that deletes what they were
 * made for: their results count no more, and the sweeper deletes the folders of all their attempts once those have
 * ended. The caller has locked the jobs that are not final.
 */
export async function doomJobs(
  trx: Transaction,
  jobs: { readonly jobId: string } | { readonly projectId: string },
): Promise<void> {
  const [column, id] = 'jobId' in jobs ? ['id', jobs.jobId] : ['project_id', jobs.projectId];
  await doom(trx, `select task.id from task join job on job.id = task.job_id where job.${column} = ?`, [id]);
}

/**
 * Gives up what the tasks of these kinds of a job wrote, when it has served its purpose. The caller has locked the job.
 */
export async function doomTasks(trx: Transaction, jobId: string, kinds: readonly TaskKind[]): Promise<void> {
  const marks = kinds.map(() => '?').join(', ');
  await doom(trx, `select id from task where job_id = ? and kind in (${marks})`, [jobId, ...kinds]);
}

/** @param tasks SQL of their ids */
async function doom(trx: Transaction, tasks: string, bindings: readonly string[]): Promise<void> {
  await rawRows(
    trx,
    `insert into doomed_object (path, since, due_at)
     select path, ${trx.dialect.now}, ${trx.dialect.now} from attempt where task_id in (${tasks})
     on conflict (path) do nothing`,
    bindings,
  );
  await trx.knex.raw(
    `update result set dropped_at = ${trx.dialect.now} where dropped_at is null and task_id in (${tasks})`,
    [...bindings],
  );
}

/** Gives up one folder. */
export async function doomFolder(trx: Transaction, path: string): Promise<void> {
  await trx
    .knex('doomed_object')
    .insert({ path, since: now(trx), due_at: now(trx) })
    .onConflict(['path'])
    .ignore();
}

/** Gives up rows of datasets that no version reads any more, whichever job wrote them. */
export async function doomRows(trx: Transaction, path: string): Promise<void> {
  await doomFolder(trx, path);
  await trx
    .knex('result')
    .where({ path })
    .whereNull('dropped_at')
    .update({ dropped_at: now(trx) });
}

/** Doomed folders that may be looked at now, the first due first. */
export async function dueDoomedFolders(db: Queryable, limit: number): Promise<string[]> {
  const query = db.knex('doomed_object').where('due_at', '<=', now(db)).orderBy(['due_at', 'path']).limit(limit);
  return (await rowsOf<{ path: string }>(query.select('path'))).map(({ path }) => path);
}

/** Nothing of a doomed folder is left. */
export async function forgetDoomedFolder(db: Queryable, path: string): Promise<void> {
  await db.knex('doomed_object').where({ path }).delete();
}

/** A doomed folder is still written to, or could not be deleted: it is looked at again after `delayMs`. */
export async function postponeDoomedFolder(db: Queryable, path: string, delayMs: number): Promise<void> {
  await db
    .knex('doomed_object')
    .where({ path })
    .update({ due_at: now(db, delayMs) });
}

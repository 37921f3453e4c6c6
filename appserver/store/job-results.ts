import type { SealedFile, TaskKind, TaskOutcome } from '#contracts';
import type { Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';
import type { Seal } from './seals.ts';

/** Tasks of a job that have not ended, in order of creation. */
export async function openTasksOfJob(db: Queryable, jobId: string): Promise<string[]> {
  return rowsOf<string>(
    db.knex('task').where({ job_id: jobId }).whereNull('finished_at').orderBy('job_position').pluck('id'),
  );
}

/** What the tasks of a kind of a job have made that have succeeded, in order of creation. */
export async function resultsOfJob(db: Queryable, jobId: string, kind: TaskKind): Promise<Seal[]> {
  const rows = await rowsOf<{ fence: number; path: string; files: string; outcome: string }>(
    db
      .knex('task')
      .join('result', 'result.task_id', 'task.id')
      .join('task_seal', (on) => on.on('task_seal.task_id', 'task.id').on('task_seal.fence', 'result.fence'))
      .where({ 'task.job_id': jobId, 'task.kind': kind })
      .orderBy('task.job_position')
      .select('result.fence', 'result.path', 'task_seal.files', 'task_seal.outcome'),
  );
  return rows.map(({ fence, path, files, outcome }) => ({
    fence,
    attemptPath: path,
    files: JSON.parse(files) as SealedFile[], // written by sealTask from a checked request
    outcome: JSON.parse(outcome) as TaskOutcome, // likewise
  }));
}

import { insertRows, insertUser, migrate, now, openDatabase, rawRows, readClock, type DatabaseOptions } from '#store';

export type SeedOptions = Pick<DatabaseOptions, 'client' | 'file' | 'url'>;

const USER_ID = 'user_bench';

/**
 * Fills an empty database with READY tasks: each project has all of its tasks before the next one has any, which is the
 * hardest for fairness. Each has a job of its own; its id tells its project.
 */
export async function seedQueue(
  options: SeedOptions,
  { tasks, projects }: { readonly tasks: number; readonly projects: number },
): Promise<void> {
  const database = await openDatabase({ ...options, poolMax: 4, statementTimeoutMs: 60_000 });
  try {
    await migrate(database);
    await insertUser(database, { id: USER_ID, name: 'bench', role: 'user', passwordHash: null });
    await database.transaction(async (trx) => {
      const names = Array.from({ length: tasks }, (_, index) => {
        const project = `p${Math.floor((index * projects) / tasks)}`;
        return { id: `task_${project}_${index}`, jobId: `job_${index}`, project, index };
      });
      const job = { kind: 'batch-predict', state: 'queued', user_id: USER_ID, created_at: now(trx) };
      await insertRows(
        trx,
        'job',
        names.map(({ id, jobId, project }) => ({ ...job, id: jobId, project_id: project, task_id: id })),
      );
      const task = { job_position: 0, run_as: USER_ID, kind: 'batch-predict', priority: 0, state: 'READY' };
      const start = await readClock(trx);
      await insertRows(
        trx,
        'task',
        names.map(({ id, jobId, project, index }) => ({
          ...task,
          id,
          job_id: jobId,
          project_id: project,
          dataset_id: `ds_${project}`,
          share_key: project,
          spec: JSON.stringify(specOf(`ds_${project}`)),
          idempotency_key: id,
          not_before: start - tasks,
          created_at: start - tasks + index,
        })),
      );
    });
    if (options.client === 'postgres') await database.knex.raw('vacuum analyze');
  } finally {
    await database.close();
  }
}

/**
 * The projects of the tasks that were claimed, in the order in which they were given out: by the clock, and within one
 * transaction by the place of the row.
 */
export async function claimedProjects(options: SeedOptions): Promise<string[]> {
  const database = await openDatabase({ ...options, poolMax: 1, statementTimeoutMs: 60_000 });
  try {
    const place = options.client === 'postgres' ? 'ctid' : 'rowid';
    const sql = `select task_id from attempt order by claimed_at, ${place}`;
    const rows = await rawRows<{ task_id: string }>(database, sql);
    return rows.map(({ task_id: id }) => id.split('_')[1] ?? '');
  } finally {
    await database.close();
  }
}

const specOf = (datasetId: string) => ({
  kind: 'batch-predict',
  batchPredictionId: 'bp_bench',
  modelId: 'mdl_bench',
  artifactPath: 'models/mdl_bench/1-a',
  manifestSha256: '0'.repeat(64),
  datasetId,
  table: { rowCount: 0, columns: [], files: [] },
  passthroughColumns: [],
});

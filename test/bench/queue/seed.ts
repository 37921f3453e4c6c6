import { insertRows, insertUser, migrate, now, openDatabase, rawRows, readClock, type DatabaseOptions } from '#store';

export type SeedOptions = Pick<DatabaseOptions, 'client' | 'file' | 'url'>;

const USER_ID = 'user_bench';

/** How many tasks of how many projects. */
export interface SeededTasks {
  readonly tasks: number;
  readonly projects: number;
  /** What a task costs: the first project's first, and again from the beginning. @default all cost 1 */
  readonly costs?: readonly number[];
}

/** What a task of a project costs. */
export const costOf = (project: string, costs: readonly number[]): number =>
  costs[Number(project.slice(1)) % costs.length] ?? 1;

/**
 * Fills an empty database with READY tasks: each project has all of its tasks before the next one has any, which is the
 * hardest for fairness. Each has a job of its own; its id tells its project.
 */
export async function seedQueue(options: SeedOptions, { tasks, projects, costs = [1] }: SeededTasks): Promise<void> {
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
          cost: costOf(project, costs),
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

/** What was given out: to which projects, and how evenly. */
export interface Given {
  /** The projects of the tasks that were claimed, in order: by the clock, within a transaction by the place of the row. */
  readonly projects: readonly string[];
  /** Cost times time held, of the project that got the least, as a share of the mean; only of attempts that ended. */
  readonly leastShare: number;
}

/** Reads what became of a load. */
export async function readGiven(options: SeedOptions, costs: readonly number[]): Promise<Given> {
  const database = await openDatabase({ ...options, poolMax: 1, statementTimeoutMs: 60_000 });
  try {
    const place = options.client === 'postgres' ? 'ctid' : 'rowid';
    const sql = `select task_id, coalesce(ended_at - claimed_at, 0) as held_ms from attempt order by claimed_at, ${place}`;
    const rows = await rawRows<{ task_id: string; held_ms: number }>(database, sql);
    const held = new Map<string, number>();
    const projects = rows.map(({ task_id: id, held_ms }) => {
      const project = id.split('_')[1] ?? '';
      held.set(project, (held.get(project) ?? 0) + costOf(project, costs) * held_ms);
      return project;
    });
    const mean = [...held.values()].reduce((sum, value) => sum + value, 0) / held.size;
    return { projects, leastShare: Math.min(...held.values()) / mean };
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

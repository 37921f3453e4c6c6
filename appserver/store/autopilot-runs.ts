import type { AutopilotPlan, AutopilotRunState, LeakageFacts } from '#contracts';
import { now, type Queryable } from './dialect.ts';
import { fromJson, fromJsonOrNull, rowOf, toJson } from './records.ts';

export interface AutopilotRunRecord {
  readonly id: string;
  readonly projectId: string;
  readonly jobId: string;
  /** User as whom tasks run. */
  readonly startedBy: string;
  readonly plan: AutopilotPlan;
  readonly state: AutopilotRunState;
  /** The job's `createdAt`: where the budget begins. */
  readonly startedAt: number;
  /** Since when it is paused; null when it is not. */
  readonly pausedAt: number | null;
  /** All ended pauses together. */
  readonly pausedMs: number;
  readonly finishedAt: number | null;
  readonly recommendedModelId: string | null;
  /** What gives the target away; null where that is not known. */
  readonly leakage: LeakageFacts | null;
}

interface AutopilotRunRow {
  readonly id: string;
  readonly project_id: string;
  readonly job_id: string;
  readonly started_by: string;
  readonly plan: string;
  readonly state: AutopilotRunState;
  readonly started_at: number;
  readonly paused_at: number | null;
  readonly paused_ms: number;
  readonly finished_at: number | null;
  readonly recommended_model_id: string | null;
  readonly leakage: string | null;
}

const toRun = (row: AutopilotRunRow): AutopilotRunRecord => ({
  id: row.id,
  projectId: row.project_id,
  jobId: row.job_id,
  startedBy: row.started_by,
  plan: fromJson<AutopilotPlan>(row.plan),
  state: row.state,
  startedAt: row.started_at,
  pausedAt: row.paused_at,
  pausedMs: row.paused_ms,
  finishedAt: row.finished_at,
  recommendedModelId: row.recommended_model_id,
  leakage: fromJsonOrNull<LeakageFacts>(row.leakage),
});

export async function insertRun(
  db: Queryable,
  run: Pick<AutopilotRunRecord, 'id' | 'projectId' | 'jobId' | 'startedBy' | 'plan' | 'startedAt'>,
): Promise<void> {
  await db.knex('autopilot_runs').insert({
    id: run.id,
    project_id: run.projectId,
    job_id: run.jobId,
    started_by: run.startedBy,
    plan: toJson(run.plan),
    state: 'running',
    started_at: run.startedAt,
    paused_ms: 0,
  });
}

export async function findRun(db: Queryable, id: string): Promise<AutopilotRunRecord | undefined> {
  const row = await rowOf<AutopilotRunRow>(db.knex('autopilot_runs').where({ id }));
  return row === undefined ? undefined : toRun(row);
}

export async function findRunByJob(db: Queryable, jobId: string): Promise<AutopilotRunRecord | undefined> {
  const row = await rowOf<AutopilotRunRow>(db.knex('autopilot_runs').where({ job_id: jobId }));
  return row === undefined ? undefined : toRun(row);
}

/** The newest run of a project. */
export async function findLatestRun(db: Queryable, projectId: string): Promise<AutopilotRunRecord | undefined> {
  const row = await rowOf<AutopilotRunRow>(
    db
      .knex('autopilot_runs')
      .where({ project_id: projectId })
      .orderBy([
        { column: 'started_at', order: 'desc' },
        { column: 'id', order: 'desc' },
      ]),
  );
  return row === undefined ? undefined : toRun(row);
}

/** Keeps what the task that looked for leakage has committed. */
export async function setRunLeakage(db: Queryable, id: string, leakage: LeakageFacts): Promise<void> {
  await db
    .knex('autopilot_runs')
    .where({ id })
    .update({ leakage: toJson(leakage) });
}

export async function setRunState(db: Queryable, id: string, state: AutopilotRunState): Promise<void> {
  await db.knex('autopilot_runs').where({ id }).update({ state });
}

/** Begins a pause: its time is not charged to the budget. */
export async function pauseRun(db: Queryable, id: string): Promise<void> {
  await db
    .knex('autopilot_runs')
    .where({ id })
    .update({ state: 'paused', paused_at: now(db) });
}

/** Ends a pause of `pauseMs`. */
export async function resumeRun(db: Queryable, id: string, state: AutopilotRunState, pauseMs: number): Promise<void> {
  await db.knex('autopilot_runs').where({ id }).update({ state, paused_at: null }).increment('paused_ms', pauseMs);
}

export async function finishRun(
  db: Queryable,
  id: string,
  state: Extract<AutopilotRunState, 'succeeded' | 'failed' | 'cancelled'>,
  recommendedModelId: string | null,
): Promise<void> {
  await db
    .knex('autopilot_runs')
    .where({ id })
    .update({ state, finished_at: now(db), recommended_model_id: recommendedModelId });
}

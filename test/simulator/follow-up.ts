import { AppError, isAppError, type SealedFile } from '#contracts';
import {
  createGroup,
  createTask,
  finishJob,
  lockJob,
  readClock,
  type NewTask,
  type Task,
  type Transaction,
} from '#store';
import type { TaskFollowUp } from '../../appserver/server/queue/index.ts';
import { specOf, type PlannedJob, type PlannedTask } from './workload.ts';

const MANIFEST_BYTES_MAX = 10_000;

/** Where the follow-up of the simulated tasks notes that it ran; the invariants compare it with the tasks' states. */
export const NOTE_TABLE = 'create table if not exists note (task_id varchar(100) not null, what varchar(20) not null)';

/**
 * What the simulated tasks mean to the platform: results are read again, ends are noted once, a chain makes its next
 * task, and a job of many tasks ends with the last of them, all in the transaction of the task's end.
 */
export function createFollowUp(planOf: (taskId: string) => PlannedTask): TaskFollowUp<'batch-predict', string> {
  return {
    async verify(task, { attemptPath }, store) {
      const bytes = await store.readAll(`${attemptPath}/manifest.json`, { maxBytes: MANIFEST_BYTES_MAX });
      const manifest = JSON.parse(Buffer.from(bytes).toString()) as { taskId: string; files: SealedFile[] }; // the simulated child writes it
      if (manifest.taskId !== task.id) throw new AppError('ARTIFACT_INVALID', 'the manifest is of another task');
      return 'verified';
    },
    async committed(trx, task) {
      await note(trx, task, 'SUCCEEDED');
      const { next } = planOf(task.id);
      if (next !== null) await addTask(trx, next);
      await endJob(trx, task);
    },
    async failed(trx, task) {
      await note(trx, task, 'FAILED');
      await endJob(trx, task);
    },
    async cancelled(trx, task) {
      await note(trx, task, 'CANCELLED');
      await endJob(trx, task);
    },
  };
}

/** Creates the tasks of a planned job. */
export async function addTasks(trx: Transaction, { id, shape, tasks }: PlannedJob): Promise<void> {
  if (shape === 'group') {
    const nowMs = await readClock(trx);
    await createGroup(
      trx,
      id,
      tasks.map((task) => newTask(task, nowMs)),
    );
  } else for (const task of tasks) await addTask(trx, task);
}

/** Creates a planned task; a job that is being cancelled takes none. */
async function addTask(trx: Transaction, plan: PlannedTask): Promise<void> {
  try {
    await createTask(trx, newTask(plan, await readClock(trx)));
  } catch (err) {
    if (!isAppError(err, 'JOB_CANCELLED')) throw err;
  }
}

function newTask(plan: PlannedTask, nowMs: number): NewTask {
  const { id, jobId, projectId, priority, deadlineMs, dependsOn } = plan;
  return {
    id,
    jobId,
    projectId,
    runAs: 'user-1',
    spec: specOf(plan),
    idempotencyKey: id,
    priority,
    dependsOn,
    deadlineAt: deadlineMs === null ? null : nowMs + deadlineMs,
  };
}

async function note(trx: Transaction, task: Task, what: string): Promise<void> {
  await trx.knex('note').insert({ task_id: task.id, what });
}

/** A job of many tasks ends with the last one; one that is being cancelled is ended by the queue. */
async function endJob(trx: Transaction, task: Task): Promise<void> {
  const job = await lockJob(trx, task.jobId);
  if (job?.kind !== 'autopilot' || job.finishedAt !== null || job.cancelAsked) return;
  const open = await trx.knex('task').where({ job_id: job.id }).whereNull('finished_at').limit(1).select('id');
  if (open.length === 0) await finishJob(trx, job.id, { state: 'succeeded' });
}

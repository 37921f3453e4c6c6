import {
  AppError,
  PROFILE_STATE_FILE,
  toProblem,
  type IngestOutcome,
  type PlannedPart,
  type ProfilePass,
  type ProfilePartTask,
  type ProfileState,
  type StoredTable,
} from '#contracts';
import { forecastProfile, workerLimitFor } from '#ml';
import {
  completeDataset,
  createTask,
  doomTasks,
  failDataset,
  findDataset,
  finishJob,
  leaveJobOpen,
  openTasksOfJob,
  resultsOfJob,
  tasksOfJob,
  updateJobProgress,
  type Seal,
  type Task,
  type Transaction,
} from '#store';
import type { SealedAttempt, TaskFollowUp, TaskQueue } from '../queue/index.ts';
import { checkProfile, tableBytes } from './ingested-table.ts';

/** Where registering and the passes end in a job's progress; the rest is the last merge. */
const PROGRESS = { first: [0.1, 0.6], second: [0.65, 0.95] } as const;

type ProfileTask = Task<'profile-part'> | Task<'profile-merge'>;

/** What of a task those that it makes have, too. */
const sameJob = ({ jobId, projectId, runAs }: Pick<Task, 'jobId' | 'projectId' | 'runAs'>, table: StoredTable) => ({
  ...{ jobId, projectId, runAs },
  memoryBytes: workerLimitFor(forecastProfile(table).peakBytes),
  // Which merge is the last one is known only when it has put the parts together.
  endsJob: false,
});

/** A table was registered: its job goes on with a first pass over each part. @param parts at least two */
export async function startParts(trx: Transaction, task: Task<'ingest'>, parts: readonly PlannedPart[]): Promise<void> {
  const { datasetId } = task.spec;
  await leaveJobOpen(trx, task.jobId);
  for (const { table, part } of parts)
    await createTask(trx, {
      ...sameJob(task, table),
      idempotencyKey: `profile-part:${datasetId}:first:${part.index}`,
      spec: { kind: 'profile-part', datasetId, table, part },
    });
  await tell(trx, task.jobId, 'first', 0, parts.length);
}

/** A pass over a part is done; the last of a pass makes the task that puts them together. */
export function profilePartFollowUp(queue: TaskQueue): TaskFollowUp<'profile-part', null> {
  return {
    async verify({ spec }, sealed) {
      const { pass, rowCount } = sealed.outcome;
      const expected = passOf(spec);
      if (pass !== expected)
        throw new AppError('RESULT_MISMATCH', `profile: expected the ${expected} pass; found the ${pass}`);
      if (rowCount > spec.part.tableRows)
        throw new AppError('RESULT_MISMATCH', `profile: a part of ${rowCount} rows in ${spec.part.tableRows}`);
      requireState(sealed);
      return null;
    },
    async committed(trx, task) {
      const { jobId, spec } = task;
      const { datasetId, first, part } = spec;
      const pass = passOf(spec);
      const done = await statesOf(trx, jobId, pass);
      await tell(trx, jobId, pass, done.length, part.count);
      if (done.length < part.count) return;
      const { table, columnWarnings = [] } = await registeredOf(trx, jobId);
      await createTask(trx, {
        ...sameJob(task, table),
        idempotencyKey: `profile-merge:${datasetId}:${pass}`,
        spec: {
          kind: 'profile-merge',
          datasetId,
          parts: done,
          columnWarnings,
          // None of its rows is read.
          table: { rowCount: table.rowCount, columns: table.columns, files: [] },
          ...(first === undefined ? {} : { first }),
        },
      });
    },
    failed: (trx, task, problem) => failProfile(trx, queue, task, problem),
    cancelled: cancelProfile,
  };
}

/** All parts of a pass were put together: the dataset is ready, or each part is passed over once more. */
export function profileMergeFollowUp(queue: TaskQueue): TaskFollowUp<'profile-merge', null> {
  return {
    async verify({ spec }, sealed) {
      const { profile } = sealed.outcome;
      if (profile !== undefined) checkProfile(spec.table, profile);
      else if (spec.first === undefined) requireState(sealed);
      else throw new AppError('RESULT_MISMATCH', 'profile: expected one after the second pass; found none');
      return null;
    },
    async committed(trx, task, sealed) {
      const { profile } = sealed.outcome;
      if (profile === undefined) return passAgain(trx, task, requireState(sealed));
      const { table, warnings } = await registeredOf(trx, task.jobId);
      await completeDataset(trx, task.spec.datasetId, { table, profile, warnings, sizeBytes: tableBytes(table) });
      await finishJob(trx, task.jobId, { state: 'succeeded' });
      await dropStates(trx, task.jobId);
    },
    failed: (trx, task, problem) => failProfile(trx, queue, task, problem),
    cancelled: cancelProfile,
  };
}

const passOf = ({ first }: Pick<ProfilePartTask, 'first'>): ProfilePass => (first === undefined ? 'first' : 'second');

/** The second pass over each part, by what the first ones found together. */
async function passAgain(trx: Transaction, task: Task<'profile-merge'>, first: ProfileState): Promise<void> {
  const { jobId, spec } = task;
  const { datasetId } = spec;
  for (const { spec: done } of await tasksOfJob(trx, jobId))
    if (done.kind === 'profile-part')
      await createTask(trx, {
        ...sameJob(task, done.table),
        idempotencyKey: `profile-part:${datasetId}:second:${done.part.index}`,
        spec: { ...done, first },
      });
  await tell(trx, jobId, 'second', 0, spec.parts.length);
}

async function tell(trx: Transaction, jobId: string, pass: ProfilePass, done: number, count: number): Promise<void> {
  const [from, to] = PROGRESS[pass];
  await updateJobProgress(trx, jobId, {
    fraction: from + ((to - from) * done) / count,
    phase: 'profiling',
    message: `${pass} pass: ${done} of ${count} parts`,
  });
}

/** What the committed passes over parts left, in the order of the parts. */
async function statesOf(trx: Transaction, jobId: string, pass: ProfilePass): Promise<ProfileState[]> {
  return (await resultsOfJob(trx, jobId, 'profile-part')).flatMap((seal) =>
    seal.outcome.kind === 'profile-part' && seal.outcome.pass === pass ? requireState(seal) : [],
  );
}

/** What was found before the rows were profiled. */
async function registeredOf(trx: Transaction, jobId: string): Promise<IngestOutcome> {
  const [seal] = await resultsOfJob(trx, jobId, 'ingest');
  if (seal?.outcome.kind === 'ingest') return seal.outcome;
  throw new AppError('INTERNAL', `job ${jobId}: parts of a table that was not registered`);
}

/** The one file of an attempt, which its worker sealed. @throws RESULT_MISMATCH */
function requireState({ attemptPath, files }: Pick<Seal | SealedAttempt, 'attemptPath' | 'files'>): ProfileState {
  const [file, ...others] = files;
  if (file?.name !== PROFILE_STATE_FILE || others.length > 0)
    throw new AppError('RESULT_MISMATCH', `profile: expected the file ${PROFILE_STATE_FILE} and no other`);
  const { name, sizeBytes, sha256 } = file;
  return { path: `${attemptPath}/${name}`, sizeBytes, sha256 };
}

/** One task is given up: the others are of no use, and the dataset has its reason. */
async function failProfile(
  trx: Transaction,
  queue: TaskQueue,
  { jobId, spec }: ProfileTask,
  problem: AppError,
): Promise<void> {
  await finishJob(trx, jobId, { state: 'failed', error: problem });
  await failDataset(trx, spec.datasetId, toProblem(problem, null, true));
  for (const taskId of await openTasksOfJob(trx, jobId)) await queue.cancelTask(trx, taskId);
  await dropStates(trx, jobId);
}

/** Not of a dataset that has its reason already: then another part failed. */
async function cancelProfile(trx: Transaction, { jobId, spec }: ProfileTask): Promise<void> {
  if ((await findDataset(trx, spec.datasetId))?.state !== 'ingesting') return;
  const problem = new AppError('JOB_CANCELLED', 'the job was cancelled');
  await failDataset(trx, spec.datasetId, toProblem(problem, null));
  await dropStates(trx, jobId);
}

/** What the passes found is in the profile, or of no use. */
const dropStates = (trx: Transaction, jobId: string): Promise<void> =>
  doomTasks(trx, jobId, ['profile-part', 'profile-merge']);

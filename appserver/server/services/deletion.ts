import path from 'node:path';
import { AppError } from '#contracts';
import { projectBins } from '#object-store';
import { failpoint } from '#runtime';
import {
  batchPredictionsInWork,
  deleteBatchPrediction,
  deleteDataset,
  deleteProject,
  deploymentsOfProject,
  doomFolder,
  doomJobs,
  doomRows,
  findStoredTable,
  hasOtherVersions,
  isFinalJobState,
  lockJob,
  openJobsOfProject,
  projectsOfDataset,
  seizeRow,
  seizeVersions,
  type DatasetRecord,
  type Transaction,
} from '#store';
import type { Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import type { TaskQueue } from '../queue/index.ts';
import { cancelRunOfJob } from './autopilot-run.ts';
import { batchPredictionView, jobOf, readBatchPrediction } from './batch-predictions.ts';
import { datasetView, readDataset } from './datasets.ts';
import { projectView, readProject } from './projects.ts';
import { clearOutput } from './staging-duty.ts';

/** Who deletes what, and whether it is still what the caller has seen. */
export interface Deletion {
  readonly caller: Caller;
  readonly id: string;
  /** @throws STALE */
  readonly checkIfMatch: (current: unknown) => void;
}

/** Users of a resource that a refusal names. */
const NAMED_MAX = 5;
/** Jobs that are started while a project is being deleted make it begin again, so often at most. */
const TRIES_MAX = 5;

/**
 * Deletes a project: its jobs are cancelled, its runs, models and batch predictions go with it. Its objects are the
 * sweeper's from then on; its jobs stay as history.
 *
 * @throws NOT_FOUND, STALE; CONFLICT naming the deployments of its models
 */
export async function removeProject({ database, queue }: AppContext, deletion: Deletion): Promise<void> {
  await failpoint('delete.beforeDatabase');
  for (let attempt = 1; !(await database.transaction((trx) => removeProjectIn(trx, queue, deletion))); attempt += 1) {
    if (attempt === TRIES_MAX)
      throw new AppError('CONFLICT', `project ${deletion.id}: jobs are started while it is being deleted; try again`);
  }
  await failpoint('delete.afterDatabase');
}

/** False, with no effect but cancelled jobs, when a job was started meanwhile. Locks the jobs first, as everywhere. */
async function removeProjectIn(
  trx: Transaction,
  queue: TaskQueue,
  { caller, id, checkIfMatch }: Deletion,
): Promise<boolean> {
  checkIfMatch(projectView(await readProject(trx, caller, id)));
  await refuseDeployed(trx, id);
  const open = await openJobsOfProject(trx, id);
  for (const jobId of open) await cancelOpenJob(trx, queue, jobId);
  await seizeRow(trx, 'projects', id);
  const known = new Set(open);
  if ((await openJobsOfProject(trx, id)).some((jobId) => !known.has(jobId))) return false;
  await refuseDeployed(trx, id);
  await doomJobs(trx, { projectId: id });
  await doomFolder(trx, projectBins(id));
  await deleteProject(trx, id);
  await failpoint('delete.inDatabase');
  return true;
}

async function cancelOpenJob(trx: Transaction, queue: TaskQueue, jobId: string): Promise<void> {
  await cancelRunOfJob(trx, jobId);
  const job = await lockJob(trx, jobId);
  if (job !== null && !isFinalJobState(job.state)) await queue.cancelJob(trx, jobId);
}

async function refuseDeployed(trx: Transaction, projectId: string): Promise<void> {
  const ids = await deploymentsOfProject(trx, projectId, NAMED_MAX + 1);
  if (ids.length > 0) {
    const message = `project ${projectId}: models of it are deployed; delete ${listed('deployment', ids)} first`;
    throw new AppError('CONFLICT', message);
  }
}

/**
 * Deletes a dataset that nothing uses; its objects are the sweeper's from then on, rows with the last version that reads them.
 *
 * @throws NOT_FOUND, STALE; DATASET_IN_USE naming the job, the projects or the batch predictions
 */
export async function removeDataset({ database }: AppContext, deletion: Deletion): Promise<void> {
  const { caller, id, checkIfMatch } = deletion;
  await failpoint('delete.beforeDatabase');
  await database.transaction(async (trx) => {
    await lockJob(trx, (await readDataset(trx, caller, id)).jobId);
    await seizeVersions(trx, await readDataset(trx, caller, id));
    const dataset = await readDataset(trx, caller, id);
    checkIfMatch(datasetView(dataset));
    if (dataset.state === 'ingesting')
      throw new AppError('DATASET_IN_USE', `dataset ${id}: it is being read; cancel job ${dataset.jobId} first`);
    await refuseUsed(trx, id);
    if (!(await hasOtherVersions(trx, dataset))) await doomDataset(trx, dataset);
    if (dataset.uploadPath !== null) await doomFolder(trx, `uploads/${id}`);
    await deleteDataset(trx, id);
    await failpoint('delete.inDatabase');
  });
  await failpoint('delete.afterDatabase');
}

/** What its job wrote, and the rows, which the job of another version may have written. */
async function doomDataset(trx: Transaction, { id, jobId }: DatasetRecord): Promise<void> {
  await doomJobs(trx, { jobId });
  const { files = [] } = (await findStoredTable(trx, id)) ?? {};
  for (const folder of new Set(files.map((file) => path.posix.dirname(file.path)))) await doomRows(trx, folder);
}

async function refuseUsed(trx: Transaction, datasetId: string): Promise<void> {
  const projects = await projectsOfDataset(trx, datasetId, NAMED_MAX + 1);
  const scoring = await batchPredictionsInWork(trx, datasetId, NAMED_MAX + 1);
  const users = [
    ...(projects.length > 0 ? [listed('project', projects)] : []),
    ...(scoring.length > 0 ? [listed('batch prediction', scoring)] : []),
  ];
  if (users.length > 0)
    throw new AppError(
      'DATASET_IN_USE',
      `dataset ${datasetId}: it is used by ${users.join(' and ')}; delete them first`,
    );
}

/**
 * Deletes a batch prediction with its rows; its job is cancelled if it is in work.
 *
 * @throws NOT_FOUND, STALE
 */
export async function removeBatchPrediction(app: AppContext, deletion: Deletion): Promise<void> {
  const { database, queue } = app;
  const { caller, id, checkIfMatch } = deletion;
  const before = await readBatchPrediction(database, caller, id);
  await failpoint('delete.beforeDatabase');
  await database.transaction(async (trx) => {
    const found = await readBatchPrediction(trx, caller, id);
    checkIfMatch(batchPredictionView(found, await jobOf(trx, found)));
    await cancelOpenJob(trx, queue, found.jobId);
    await doomJobs(trx, { jobId: found.jobId });
    await deleteBatchPrediction(trx, id);
    await failpoint('delete.inDatabase');
  });
  await clearOutput(app, before);
  await failpoint('delete.afterDatabase');
}

/** `deployments dep_1, dep_2 and more`. */
function listed(what: string, ids: readonly string[]): string {
  const names = ids.slice(0, NAMED_MAX).join(', ');
  return `${what}${ids.length === 1 ? '' : 's'} ${names}${ids.length > NAMED_MAX ? ' and more' : ''}`;
}

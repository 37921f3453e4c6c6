import { isDeepStrictEqual } from 'node:util';
import { AppError, toProblem, type FeatureType, type StoredTable } from '#contracts';
import { checkGivenType, withGivenType } from '#ml';
import { newId } from '#runtime';
import {
  completeVersion,
  createTask,
  failDataset,
  findProfile,
  findStoredTable,
  insertVersion,
  seizeVersions,
  type Queryable,
  type StoredJob,
  type Transaction,
} from '#store';
import type { Caller } from '../auth/caller.ts';
import type { Compute } from '../pools/index.ts';
import type { TaskFollowUp } from '../queue/index.ts';
import { featuresOf, readReadyDataset } from './datasets.ts';
import { startJob } from './jobs.ts';

/** Who gives which feature of which dataset another type, and whether the feature is still what the caller has seen. */
export interface TypeChange {
  readonly caller: Caller;
  readonly datasetId: string;
  readonly name: string;
  readonly type: FeatureType;
  /** @throws STALE */
  readonly checkIfMatch: (current: unknown) => void;
}

/**
 * Makes a version of a dataset in which a feature has another type, over the same rows: a task reads the one column, and
 * until it has succeeded the version is in work. The version it is based on stays as it is.
 *
 * @returns the job; null where the feature has this type already, and nothing is made
 * @throws NOT_FOUND, STALE, DATASET_NOT_READY; FEATURE_TYPE_REFUSED as far as can be told without reading the rows, else the job fails so
 */
export async function changeType(trx: Transaction, compute: Compute, change: TypeChange): Promise<StoredJob | null> {
  const { caller, datasetId, name, type, checkIfMatch } = change;
  await seizeVersions(trx, await readReadyDataset(trx, caller, datasetId));
  const base = await readReadyDataset(trx, caller, datasetId);
  const feature = (await featuresOf(trx, base)).find((one) => one.name === name);
  if (feature === undefined) throw new AppError('NOT_FOUND', `dataset ${datasetId}: it has no feature of this name`);
  checkIfMatch(feature);
  if (feature.type === type) return null;
  const { table, profile } = await contentOf(trx, datasetId);
  const column = table.columns[feature.position];
  if (column === undefined) throw new AppError('INTERNAL', `dataset ${datasetId}: profile and table disagree`);
  checkGivenType(profile, column, type);
  const id = newId('ds');
  const job = await startJob(trx, compute, caller, {
    kind: 'feature-type',
    projectId: null,
    resource: `/api/v1/datasets/${id}`,
  });
  await insertVersion(trx, base, { id, jobId: job.id, createdBy: caller.userId });
  await createTask(trx, {
    jobId: job.id,
    projectId: null,
    runAs: caller.userId,
    spec: { kind: 'feature-type', datasetId: id, table, feature: name, type },
    idempotencyKey: `feature-type:${id}`,
  });
  return job;
}

async function contentOf(db: Queryable, id: string) {
  const [table, profile] = [await findStoredTable(db, id), await findProfile(db, id)];
  if (table === undefined || profile === undefined) throw new AppError('INTERNAL', `dataset ${id}: it has no profile`);
  return { table, profile };
}

/** What the end of the task means to the version. */
export const featureTypeFollowUp: TaskFollowUp<'feature-type', null> = {
  async verify({ spec }, { outcome }) {
    const { column, feature } = outcome;
    const known = spec.table.columns.find(({ name }) => name === spec.feature);
    // How it is read may change, and nothing else.
    const isTheSame =
      known !== undefined && isDeepStrictEqual({ ...column, parse: known.parse, hasTwin: known.hasTwin }, known);
    if (!isTheSame || feature.name !== known.name || feature.position !== known.position)
      throw new AppError('RESULT_MISMATCH', `feature type: expected the column ${JSON.stringify(spec.feature)}`);
    if (feature.type !== spec.type && feature.type !== 'constant')
      throw new AppError('RESULT_MISMATCH', `feature type: expected ${spec.type}; found ${feature.type}`);
    return null;
  },
  async committed(trx, { spec }, { outcome }) {
    const { column } = outcome;
    const { table, profile } = await contentOf(trx, spec.datasetId);
    const changed: StoredTable = { ...table, columns: table.columns.with(column.position, column) };
    await completeVersion(trx, spec.datasetId, { table: changed, profile: withGivenType(profile, outcome) });
  },
  failed: (trx, { spec }, problem) => failDataset(trx, spec.datasetId, toProblem(problem, null, true)),
  cancelled: (trx, { spec }) =>
    failDataset(trx, spec.datasetId, toProblem(new AppError('JOB_CANCELLED', 'the job was cancelled'), null)),
};

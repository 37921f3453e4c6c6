import {
  AppError,
  isInPlaceInput,
  type Dataset,
  type FeatureProfile,
  type IngestTask,
  type PartSizes,
} from '#contracts';
import { futureDates } from '#ml';
import {
  createTask,
  findDataset,
  findFeatures,
  insertDataset,
  type DatasetRecord,
  type Queryable,
  type StoredJob,
  type Transaction,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import { ownedBy, type Caller } from '../auth/caller.ts';
import type { Compute } from '../pools/index.ts';
import { publicProblem, startJob } from './jobs.ts';

/** A dataset as the REST API shows it. */
export function datasetView(dataset: DatasetRecord): Dataset {
  return {
    id: dataset.id,
    name: dataset.name,
    state: dataset.state,
    rowCount: dataset.rowCount,
    featureCount: dataset.featureCount,
    sizeBytes: dataset.sizeBytes,
    source: dataset.source,
    inPlace: isInPlace(dataset.source),
    version: dataset.version,
    basedOn: dataset.basedOn,
    createdAt: isoOf(dataset.createdAt),
    createdBy: dataset.createdBy,
    warnings: [...dataset.warnings],
    error: publicProblem(dataset.error),
  };
}

/** Parquet in HDFS is read where it lies, and text of which that was recorded when it was registered. */
export function isInPlace(source: unknown): boolean {
  if (typeof source !== 'object' || source === null || Reflect.get(source, 'type') !== 'hdfs') return false;
  return Reflect.get(source, 'format') === 'parquet' || Reflect.get(source, 'inPlace') === true;
}

/** A dataset that the caller may see. @throws NOT_FOUND */
export async function readDataset(db: Queryable, caller: Caller, id: string): Promise<DatasetRecord> {
  return ownedBy(caller, await findDataset(db, id), (dataset) => dataset.createdBy, `dataset ${id}`);
}

/** A dataset that is ready to be used. @throws NOT_FOUND, DATASET_NOT_READY */
export async function readReadyDataset(db: Queryable, caller: Caller, id: string): Promise<DatasetRecord> {
  const dataset = await readDataset(db, caller, id);
  if (dataset.state !== 'ready')
    throw new AppError(
      'DATASET_NOT_READY',
      `dataset ${id}: expected state ready; it is ${dataset.state} (job ${dataset.jobId})`,
    );
  return dataset;
}

/** Profiles of a dataset's features with all warnings, those that depend on when it was added too; none before it is ready. */
export async function featuresOf(db: Queryable, { id, createdAt }: DatasetRecord): Promise<FeatureProfile[]> {
  const found = (await findFeatures(db, id)) ?? [];
  return found.map((feature) => ({ ...feature, warnings: [...feature.warnings, ...futureDates(feature, createdAt)] }));
}

export interface NewDataset {
  readonly id: string;
  readonly name: string;
  readonly source: unknown;
  readonly uploadPath: string | null;
  readonly input: IngestTask['input'];
  readonly options: IngestTask['options'];
}

/** Bytes on the disk of a cell at least, so that a table of few cells is not taken for one of many. */
const CELL_BYTES_MIN = 1;

/**
 * Said to workers only where it matters, so that those of the program before, which refuse what they do not know, go on with all other
 * tables: of files in place that may have two parts. How many cells there are is known when they are registered.
 */
function partsOf(input: IngestTask['input'], { cellsMin, countMax }: PartSizes): PartSizes | null {
  if (!isInPlaceInput(input) || countMax < 2) return null;
  const sizeBytes = input.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return sizeBytes < 2 * cellsMin * CELL_BYTES_MIN ? null : { cellsMin, countMax };
}

/** Registers a dataset and queues its ingest. @param sizes of the parts that large tables in place are profiled in */
export async function startIngest(
  trx: Transaction,
  compute: Compute,
  caller: Caller,
  dataset: NewDataset,
  sizes: PartSizes,
): Promise<StoredJob> {
  const { id: datasetId, input, options } = dataset;
  const parts = partsOf(input, sizes);
  const job = await startJob(trx, compute, caller, {
    kind: 'ingest',
    projectId: null,
    resource: `/api/v1/datasets/${dataset.id}`,
  });
  await insertDataset(trx, {
    id: dataset.id,
    name: dataset.name,
    source: dataset.source,
    uploadPath: dataset.uploadPath,
    jobId: job.id,
    createdBy: caller.userId,
  });
  await createTask(trx, {
    jobId: job.id,
    projectId: null,
    runAs: caller.userId,
    spec: { kind: 'ingest', datasetId, input, options, ...(parts === null ? {} : { parts }) },
    idempotencyKey: `ingest:${datasetId}`,
  });
  return job;
}

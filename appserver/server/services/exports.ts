import {
  AppError,
  PARITY_CERTIFICATE_VERSION,
  type ExportHome,
  type ExportQuery,
  type ParityCertificate,
} from '#contracts';
import { PARITY_BOUND, type ExportedFile } from '#export';
import { PROGRAM_VERSION } from '#runtime';
import { findFeatures, findSampleRows, readClock, type Queryable } from '#store';
import { isoOf } from '../auth/authenticate.ts';
import type { Caller } from '../auth/caller.ts';
import type { ExportQuestion, ParityQuestion, SampleRows } from '../verification/index.ts';
import { predictingModel } from './insight-tasks.ts';
import { filesOf, outOfFoldBytes, type InsightSource } from './insights.ts';
import { readReadyModel, type OwnedModel } from './models.ts';
import type { Signer } from './signing.ts';

/** Bytes of out-of-fold predictions that are read to tell which rows are of the holdout. */
const HELD_BACK_BYTES_MAX = 256 * 1024 ** 2;
/** Comparing some thousand rows is work of its own, whatever the size of the model: never on the spot. */
const COMPARED_BYTES_MIN = 1024 ** 2;

/** Which export of which model is asked for. */
export interface AskedExport {
  readonly modelId: string;
  readonly home: ExportHome;
}

/** The file that predicts at a home. @throws NOT_FOUND, MODEL_NOT_READY, EXPORT_UNSUPPORTED, OVERLOADED */
export async function exportModel(
  { database, store, verifier }: InsightSource,
  caller: Caller,
  { modelId, home }: AskedExport,
  { table, keep }: ExportQuery,
): Promise<ExportedFile> {
  const { trained } = await readReadyModel(database, caller, modelId);
  const wish = {
    ...{ home, version: PROGRAM_VERSION, keep: keep?.split(',') ?? [] },
    ...(table === undefined ? {} : { table }),
  };
  const question: ExportQuestion = { kind: 'export', files: filesOf(trained), wish, sample: null };
  const [file] = decoded(await verifier.answer(question, trained.sizeBytes, store));
  if (file === undefined) throw new AppError('INTERNAL', `model ${modelId} was exported as no file`);
  return file;
}

/** All that is needed to compare predictions at a home with the model's. @throws see `exportModel` */
export async function parityArchive(
  { database, store, verifier }: InsightSource,
  caller: Caller,
  { modelId, home }: AskedExport,
): Promise<ExportedFile[]> {
  const owned = await readReadyModel(database, caller, modelId);
  const question: ExportQuestion = {
    kind: 'export',
    files: filesOf(owned.trained),
    wish: { home, version: PROGRAM_VERSION },
    sample: await sampleOf(database, owned),
  };
  const sizeBytes = Math.max(COMPARED_BYTES_MIN, owned.trained.sizeBytes);
  return decoded(await verifier.answer(question, sizeBytes, store));
}

/**
 * Compares what a home has predicted with what the model predicts, and vouches for it.
 *
 * @throws see `exportModel`; EXPORT_DIFFERS where a prediction is further off than the bound; BAD_REQUEST
 */
export async function certifyParity(
  { database, store, verifier }: InsightSource,
  signer: Signer,
  caller: Caller,
  { modelId, home }: AskedExport,
  measured: string,
): Promise<ParityCertificate> {
  const owned = await readReadyModel(database, caller, modelId);
  const { trained } = await predictingModel(database, modelId);
  const heldBack = trained === null ? null : filesOf(trained);
  const heldBackBytes = heldBack === null ? Infinity : await outOfFoldBytes(store, heldBack);
  const isToldApart = heldBackBytes > 0 && heldBackBytes <= HELD_BACK_BYTES_MAX;
  const question: ParityQuestion = {
    kind: 'parity',
    files: filesOf(owned.trained),
    wish: { home, version: PROGRAM_VERSION },
    sample: await sampleOf(database, owned),
    measured,
    heldBack: isToldApart ? heldBack : null,
  };
  const sizeBytes = Math.max(COMPARED_BYTES_MIN, owned.trained.sizeBytes);
  const { contentHash, engine, exportSha256, ...facts } = await verifier.answer(question, sizeBytes, store);
  const document = {
    ...{ formatVersion: PARITY_CERTIFICATE_VERSION, modelId, contentHash, home, engine },
    ...{ programVersion: PROGRAM_VERSION, exportSha256, ...facts, bound: PARITY_BOUND },
    ...{ measuredBy: caller.userName, createdAt: isoOf(await readClock(database)) },
  };
  return { ...document, signature: signer.sign(document), publicKey: signer.publicKey };
}

async function sampleOf(db: Queryable, { project }: OwnedModel): Promise<SampleRows> {
  const columns = ((await findFeatures(db, project.datasetId)) ?? []).map(({ name }) => name);
  return { columns, rows: (await findSampleRows(db, project.datasetId)) ?? [] };
}

const decoded = (files: readonly { readonly name: string; readonly base64: string }[]): ExportedFile[] =>
  files.map(({ name, base64 }) => ({ name, bytes: Buffer.from(base64, 'base64') }));

import type { ManifestContent } from '#contracts';
import {
  compareParity,
  exportedFile,
  measuredRows,
  parityFiles,
  portableModel,
  rowsFor,
  type ExportWish,
  type ParityFacts,
} from '#export';
import { HOLDOUT, type OutOfFoldSource } from '#ml';
import { parseCsv } from '#runtime';
import { modelReader, openArtifact } from '#scoring';
import { sha256Of } from '../services/hashes.ts';
import type { ReadableStore } from './check.ts';
import { committedModel, type CommittedFiles } from './committed-files.ts';

/** More than parity archives have. */
const MEASURED_LIMITS = { rowsMax: 100_000, columnsMax: 10_000 };

/** Rows of a dataset, the first ones in its order. */
export interface SampleRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

export interface ExportQuestion {
  readonly kind: 'export';
  readonly files: CommittedFiles;
  readonly wish: ExportWish;
  /** With rows: all that is needed to compare predictions; null: the one file that predicts. */
  readonly sample: SampleRows | null;
}

export interface ParityQuestion {
  readonly kind: 'parity';
  readonly files: CommittedFiles;
  readonly wish: ExportWish;
  readonly sample: SampleRows;
  /** Comma-separated: what the home has predicted. */
  readonly measured: string;
  /** Whose out-of-fold predictions say which rows are of the holdout; null: none are looked at. */
  readonly heldBack: CommittedFiles | null;
}

/** Files in base64: answers are JSON. */
export type ExportAnswer = readonly { readonly name: string; readonly base64: string }[];

export interface ParityAnswer extends ParityFacts {
  readonly contentHash: string;
  readonly exportSha256: string;
  readonly engine: string;
  readonly holdoutRowCount: number | null;
}

/** @throws EXPORT_UNSUPPORTED; ARTIFACT_INVALID for files that are not what was committed */
export async function exportAnswer(
  { files, wish, sample }: ExportQuestion,
  store: ReadableStore,
): Promise<ExportAnswer> {
  const { model, scorer, content } = await opened(files, store);
  const made =
    sample === null
      ? [exportedFile(model, wish)]
      : parityFiles(model, wish, rowsFor(wish.home, model, scorer, cellsOf(content, sample)));
  return made.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString('base64') }));
}

/** @throws EXPORT_UNSUPPORTED, EXPORT_DIFFERS; BAD_REQUEST for what is no comma-separated text; ARTIFACT_INVALID */
export async function parityAnswer(question: ParityQuestion, store: ReadableStore): Promise<ParityAnswer> {
  const { files, wish, sample, heldBack } = question;
  const { model, scorer, content, contentHash } = await opened(files, store);
  const rows = rowsFor(wish.home, model, scorer, cellsOf(content, sample));
  const { header, rows: lines } = parseCsv(question.measured, MEASURED_LIMITS);
  const { rows: measured, engine } = measuredRows(header, lines, content, rows.rows.length);
  const facts = compareParity(scorer, rows, measured);
  const holdout =
    heldBack === null ? null : await holdoutRows(await committedModel(heldBack, store).outOfFold(), sample.rows.length);
  return {
    ...facts,
    ...{ contentHash, engine, exportSha256: sha256Of(exportedFile(model, wish).bytes) },
    holdoutRowCount: holdout === null ? null : rows.dataPlaces.filter((place) => holdout.has(place)).length,
  };
}

async function opened(files: CommittedFiles, store: ReadableStore) {
  const committed = committedModel(files, store);
  const [manifest, blob] = [await committed.manifest(), await committed.blob()];
  const { content, contentHash } = manifest;
  const model = portableModel(content, contentHash, modelReader(content, blob));
  return { model, content, contentHash, scorer: openArtifact(manifest, blob, sha256Of) };
}

/** Rows by the index of a model's features. */
function cellsOf({ features }: ManifestContent, { columns, rows }: SampleRows): (string | null)[][] {
  const places = features.map(({ name }) => columns.indexOf(name));
  return rows.map((cells) => places.map((place) => cells[place] ?? null));
}

/** Numbers of the rows of the holdout below `rowsEnd`. */
async function holdoutRows(predictions: OutOfFoldSource, rowsEnd: number): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  for await (const { rows, partitions } of predictions.blocks())
    for (const [at, row] of rows.entries()) if (row < rowsEnd && partitions[at] === HOLDOUT) found.add(row);
  return found;
}

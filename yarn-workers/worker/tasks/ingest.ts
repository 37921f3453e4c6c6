import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';
import {
  AppError,
  isInPlaceInput,
  planParts,
  type BatchSource,
  type ColumnWarning,
  type DatasetProfile,
  type IngestOutcome,
  type IngestTask,
  type InPlaceInput,
  type StoredTable,
} from '#contracts';
import { profileTable } from '#ml';
import { failpoint } from '#runtime';
import { DEFAULT_INGEST_LIMITS, ingest, limitCells } from '#tables';
import type { TaskHandler, TaskRun } from '../child/task-run.ts';
import { logWarnings, tableWarnings, withWarnings } from './column-warnings.ts';
import { FETCH_SHARE, receiveInput, type ReceivedInput } from './sources/receive-input.ts';
import { registerHdfs } from './sources/register-hdfs.ts';

/** Where the parts of an ingest begin in its progress. */
const PROFILE_AT = 0.7;
/** The same where only footers are read before, and where all of the text is. */
const REGISTER_SHARE = { parquet: 0.1, csv: 0.5, tsv: 0.5 } as const;
const SNAPSHOT_FILE = 'rows.parquet';

/** Makes a dataset of an input, and profiles it: a snapshot, or what is known of files that are read in place. */
export const runIngest: TaskHandler<IngestTask> = async (run) => {
  const { input } = run.task.spec;
  return isInPlaceInput(input)
    ? profileInPlace(run, input)
    : writeSnapshot(run, await receiveInput(input, run.task.spec.options, run));
};

type Run = TaskRun<IngestTask>;

/** Nothing is written: the files stay where they are, and are read there by whoever needs them. A large table is left to tasks of parts. */
async function profileInPlace(run: Run, input: InPlaceInput): Promise<IngestOutcome> {
  const { task, context, reporter } = run;
  const { parts } = task.spec;
  const share = REGISTER_SHARE[input.format];
  const { table, warnings } = await registerHdfs(input, task.spec.options, share, run);
  logWarnings(run, warnings);
  const partCount = parts === undefined ? 0 : planParts(table, { ...parts, rowCells: table.columns.length }).length;
  if (partCount > 0) {
    reporter.log(`to be profiled in ${partCount} parts`);
    return { ...registeredOutcome(table, warnings, input.files), columnWarnings: [...warnings] };
  }
  const source = limitCells(context.openTable(table), context.configuration.ingest.cellBytesMax);
  const profile = await profiled(run, table, source, share);
  return { ...registeredOutcome(table, warnings, input.files), profile: withWarnings(profile, warnings) };
}

async function writeSnapshot(run: Run, input: ReceivedInput): Promise<IngestOutcome> {
  const { task, context, reporter, attempt, scratchDir } = run;
  const { spec } = task;
  // An upload is the app server's own promise: that it is gone is no fault of the user's.
  if (!existsSync(input.path))
    throw new AppError('STORE_OBJECT_MISSING', `the received file ${input.fileName} is gone`);
  const from = spec.input.type === 'url' || spec.input.type === 'hdfs' ? FETCH_SHARE : 0;
  const objectPath = attempt.pathOf(SNAPSHOT_FILE);
  const inPlace = context.store.localPath(objectPath);
  const outputPath = inPlace ?? path.join(scratchDir, SNAPSHOT_FILE);
  if (inPlace !== null) await failpoint('worker.write');
  const { columnsMax, cellBytesMax } = context.configuration.ingest;
  const { table, warnings } = await ingest({
    inputPath: input.path,
    fileName: input.fileName,
    options: spec.options,
    outputPath,
    objectPath,
    scratchDirectory: scratchDir,
    duckdb: context.duckdb,
    limits: { ...DEFAULT_INGEST_LIMITS, columnsMax, cellBytesMax },
    onProgress: ({ phase, fraction }) =>
      reporter.progress({ fraction: from + (PROFILE_AT - from) * fraction, phase, message: input.fileName }),
  });
  reporter.log(`${input.fileName}: ${table.rowCount} rows, ${table.columns.length} columns`);
  logWarnings(run, warnings);
  await failpoint('worker.close');
  if (inPlace === null) {
    await attempt.write(SNAPSHOT_FILE, createReadStream(outputPath));
    await context.objects.keep(objectPath, outputPath);
  } else for (const { sizeBytes, sha256 } of table.files) attempt.note({ name: SNAPSHOT_FILE, sizeBytes, sha256 });
  const profile = await profiled(run, table, context.openTable(table), PROFILE_AT);
  return { ...registeredOutcome(table, warnings, table.files), profile: withWarnings(profile, warnings) };
}

/** @param from part of the progress that is behind */
function profiled({ reporter }: Run, table: StoredTable, source: BatchSource, from: number): Promise<DatasetProfile> {
  return profileTable(table, source, {
    onProgress: async ({ fraction, phase, message }) => {
      reporter.progress({ fraction: from + (1 - from) * fraction, phase, message });
      await reporter.breathe();
    },
  });
}

/** What is known of a table before its rows are profiled. */
const registeredOutcome = (
  table: StoredTable,
  warnings: readonly ColumnWarning[],
  files: readonly { readonly sizeBytes: number }[],
): IngestOutcome => ({
  kind: 'ingest',
  table,
  warnings: tableWarnings(warnings),
  sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
});

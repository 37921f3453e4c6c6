import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';
import { AppError, type DatasetProfile, type FeatureWarning, type IngestTask } from '#contracts';
import { profileTable } from '#ml';
import { failpoint } from '#runtime';
import { DEFAULT_INGEST_LIMITS, ingest, type ColumnWarning } from '#tables';
import type { TaskHandler } from '../child/task-run.ts';
import { FETCH_SHARE, receiveInput } from './sources/receive-input.ts';

/** Where the parts of an ingest begin in its progress. */
const PROFILE_AT = 0.7;
/** Findings about columns that the task's log repeats; all of them are in the profile. */
const WARNINGS_LOGGED_MAX = 50;
const SNAPSHOT_FILE = 'rows.parquet';

/** Turns what was received into an immutable snapshot in the attempt folder, and profiles it. */
export const runIngest: TaskHandler<IngestTask> = async (run) => {
  const { task, context, reporter, attempt, scratchDir } = run;
  const { spec } = task;
  const input = await receiveInput(spec.input, run);
  // An upload is the app server's own promise: that it is gone is no fault of the user's.
  if (!existsSync(input.path))
    throw new AppError('STORE_OBJECT_MISSING', `the received file ${input.fileName} is gone`);
  const from = spec.input.type === 'url' ? FETCH_SHARE : 0;
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
  for (const { warning, name } of warnings.slice(0, WARNINGS_LOGGED_MAX))
    reporter.log(`column ${JSON.stringify(name)}: ${warning.message} ${warning.handling}`);
  await failpoint('worker.close');
  if (inPlace === null) {
    await attempt.write(SNAPSHOT_FILE, createReadStream(outputPath));
    await context.objects.keep(objectPath, outputPath);
  } else for (const { sizeBytes, sha256 } of table.files) attempt.note({ name: SNAPSHOT_FILE, sizeBytes, sha256 });
  const profile = await profileTable(table, context.openTable(table), {
    onProgress: async ({ fraction, phase, message }) => {
      reporter.progress({ fraction: PROFILE_AT + (1 - PROFILE_AT) * fraction, phase, message });
      await reporter.breathe();
    },
  });
  return {
    kind: 'ingest',
    table,
    profile: withWarnings(profile, warnings),
    warnings: tableWarnings(warnings),
    sizeBytes: table.files.reduce((sum, file) => sum + file.sizeBytes, 0),
  };
};

/** Adds what reading found about single columns to what profiling found. */
export function withWarnings(profile: DatasetProfile, found: readonly ColumnWarning[]): DatasetProfile {
  const byPosition = new Map<number, FeatureWarning[]>();
  for (const { position, warning } of found) {
    const list = byPosition.get(position);
    if (list === undefined) byPosition.set(position, [warning]);
    else list.push(warning);
  }
  return {
    ...profile,
    features: profile.features.map((feature) => {
      const more = byPosition.get(feature.position) ?? [];
      const known = new Set(feature.warnings.map(({ code }) => code));
      return { ...feature, warnings: [...more.filter(({ code }) => !known.has(code)), ...feature.warnings] };
    }),
  };
}

/** One sentence about the table for each kind of finding about its columns. */
export function tableWarnings(found: readonly ColumnWarning[]): FeatureWarning[] {
  const byCode = new Map<string, ColumnWarning[]>();
  for (const one of found) byCode.set(one.warning.code, [...(byCode.get(one.warning.code) ?? []), one]);
  return [...byCode.values()].flatMap((list) => {
    const first = list[0];
    if (first === undefined) return [];
    if (list.length === 1) return [first.warning];
    const { code, handling } = first.warning;
    return [
      {
        code,
        message: `${list.length} columns, the first is ${JSON.stringify(first.name)}: ${first.warning.message}`,
        handling,
      },
    ];
  });
}

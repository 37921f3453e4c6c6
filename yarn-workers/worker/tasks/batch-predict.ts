import path from 'node:path';
import { AppError, OUTPUT_ROWS_PER_FILE, type BatchPredictTask } from '#contracts';
import { failpoint } from '#runtime';
import { columnWarnings, levelWarnings, unseenLevelsFacts, withThreshold } from '#scoring';
import { batchRowsOf, writeRows } from '#tables';
import type { TaskHandler, TaskRun } from '../child/task-run.ts';
import { sourceTable } from './sources/source-table.ts';
import { writeStaged, type RowsToWrite } from './staged-output.ts';
import { cellCount, checkPassthrough, predictTable, resultColumns, type ResultBatch } from './predict-table.ts';
import { openStoredArtifact } from './stored-artifact.ts';

/** Part of the work after which only files are closed. */
const PREDICTED_AT = 0.95;

/**
 * Scores a table, or a part of one, with an artefact and writes one row for each row, in order: as CSV, NDJSON and Parquet, or into
 * HDFS. Memory does not grow with the rows.
 */
export const runBatchPredict: TaskHandler<BatchPredictTask> = async (run) => {
  const { task, context, reporter, attempt } = run;
  const { spec } = task;
  const scorer = withThreshold(await openStoredArtifact(context.store, spec), spec.threshold);
  const startedAt = performance.now();
  const processorAt = process.cpuUsage();
  const { columns, rowCount, open } = await sourceTable(run);
  const { passthroughColumns, explanations, intervals, part } = spec;
  const table = { columns };
  const scoring = { table, passthroughColumns, explanations, intervals };
  checkPassthrough(scoring, scorer);
  const levels = scorer.levelTally();
  const rows: RowsToWrite = {
    columns: resultColumns(scoring, scorer),
    batches: told(predictTable(scorer, open(batchRowsOf(cellCount(scoring, scorer))), scoring, levels)),
  };
  const staged =
    spec.output === undefined
      ? null
      : await writeStaged(rows, {
          client: context.hdfs(),
          output: spec.output,
          attemptName: path.posix.basename(attempt.path),
          batchPredictionId: spec.batchPredictionId,
          part,
          duckdb: context.duckdb,
          scratchDir: run.scratchDir,
          rowsPerFile: OUTPUT_ROWS_PER_FILE,
        });
  const written = staged === null ? await writeResult(run, rows) : staged.rowCount;
  if (written !== rowCount)
    throw new AppError('DATA_READ_TRUNCATED', `batch prediction: expected ${rowCount} rows; wrote ${written}`);
  const seconds = (performance.now() - startedAt) / 1_000;
  reporter.log(`${rowCount} rows predicted with model ${spec.modelId} in ${seconds.toFixed(3)} s`);
  const { user, system } = process.cpuUsage(processorAt);
  const unseenLevels = levels.unseen().map(unseenLevelsFacts);
  const ofColumns = columnWarnings(table, scorer);
  return {
    kind: 'batch-predict',
    rowCount,
    rowsPerSecond: rowCount / Math.max(seconds, Number.EPSILON),
    processorSeconds: (user + system) / 1e6,
    ...(part === undefined
      ? { warnings: [...ofColumns, ...levelWarnings(unseenLevels)] }
      : { warnings: ofColumns, unseenLevels }),
    ...(staged === null ? {} : { staged: { path: staged.path, files: staged.files } }),
  };

  async function* told(batches: AsyncIterable<ResultBatch>): AsyncGenerator<ResultBatch> {
    let done = 0;
    for await (const batch of batches) {
      yield batch;
      done += batch.rowCount;
      reporter.progress({ fraction: (PREDICTED_AT * done) / rowCount, phase: 'predicting', message: `${done} rows` });
      await reporter.breathe();
    }
  }
};

/** All formats that may be asked for, as files of the attempt. */
async function writeResult(
  { context, attempt, scratchDir }: TaskRun<BatchPredictTask>,
  rows: RowsToWrite,
): Promise<number> {
  const files = {
    csv: path.join(scratchDir, 'rows.csv'),
    ndjson: path.join(scratchDir, 'rows.ndjson'),
    parquet: path.join(scratchDir, 'rows.parquet'),
  };
  const written = await writeRows({ ...rows, files, duckdb: context.duckdb });
  await failpoint('worker.close');
  for (const file of Object.values(files)) await attempt.adopt(path.basename(file), file);
  return written;
}

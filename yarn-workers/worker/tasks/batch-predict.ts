import path from 'node:path';
import { AppError, type BatchPredictTask } from '#contracts';
import { failpoint } from '#runtime';
import { writeRows } from '#tables';
import type { TaskHandler } from '../child/task-run.ts';
import { checkPassthrough, columnWarnings, predictTable, resultColumns, type ResultBatch } from './predict-table.ts';
import { openStoredArtifact } from './stored-artifact.ts';

/** Part of the work after which only files are closed. */
const PREDICTED_AT = 0.95;

/** Scores a table with an artefact and writes one row for each row, in order, as CSV, NDJSON and Parquet. */
export const runBatchPredict: TaskHandler<BatchPredictTask> = async ({
  task,
  context,
  reporter,
  attempt,
  scratchDir,
}) => {
  const { spec } = task;
  const scorer = await openStoredArtifact(context.store, spec);
  checkPassthrough(spec, scorer);
  const { rowCount } = spec.table;
  const startedAt = performance.now();
  const batches = predictTable(scorer, context.openTable(spec.table), spec);
  const files = {
    csv: path.join(scratchDir, 'rows.csv'),
    ndjson: path.join(scratchDir, 'rows.ndjson'),
    parquet: path.join(scratchDir, 'rows.parquet'),
  };
  const written = await writeRows({
    columns: resultColumns(spec, scorer),
    batches: told(batches),
    files,
    duckdb: context.duckdb,
  });
  if (written !== rowCount)
    throw new AppError('DATA_READ_TRUNCATED', `batch prediction: expected ${rowCount} rows; wrote ${written}`);
  await failpoint('worker.close');
  for (const file of Object.values(files)) await attempt.adopt(path.basename(file), file);
  const seconds = (performance.now() - startedAt) / 1_000;
  reporter.log(`${rowCount} rows predicted with model ${spec.modelId} in ${seconds.toFixed(3)} s`);
  return {
    kind: 'batch-predict',
    rowCount,
    rowsPerSecond: rowCount / Math.max(seconds, Number.EPSILON),
    warnings: columnWarnings(spec.table, scorer),
  };

  async function* told(rows: AsyncIterable<ResultBatch>): AsyncGenerator<ResultBatch> {
    for await (const batch of rows) {
      yield batch;
      const done = batch.firstRow + batch.rowCount;
      reporter.progress({ fraction: (PREDICTED_AT * done) / rowCount, phase: 'predicting', message: `${done} rows` });
      await reporter.breathe();
    }
  }
};

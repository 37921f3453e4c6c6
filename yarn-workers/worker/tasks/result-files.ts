import path from 'node:path';
import { writeRows } from '#tables';
import type { TaskRun } from '../child/task-run.ts';
import type { ResultBatch, ResultColumn } from './predict-table.ts';

/** Writes the result's three files into the scratch folder and makes them part of the attempt. */
export async function writeResultFiles(
  columns: readonly ResultColumn[],
  batches: AsyncIterable<ResultBatch>,
  run: TaskRun,
): Promise<void> {
  const { scratchDir, attempt, context } = run;
  const files = {
    csv: path.join(scratchDir, 'rows.csv'),
    ndjson: path.join(scratchDir, 'rows.ndjson'),
    parquet: path.join(scratchDir, 'rows.parquet'),
  };
  await writeRows({ columns, batches, files, duckdb: context.duckdb });
  for (const file of Object.values(files)) await attempt.adopt(path.basename(file), file);
}

import path from 'node:path';
import { AppError, isInPlaceInput, type BatchPredictTask, type BatchSource, type StoredTable } from '#contracts';
import { DEFAULT_INGEST_LIMITS, ingest, openTable } from '#tables';
import type { TaskRun } from '../../child/task-run.ts';
import { receiveInput } from './receive-input.ts';
import { registerHdfs } from './register-hdfs.ts';
import { openPart } from './table-part.ts';

/** Rows to predict, and what is known of their columns. */
export interface SourceTable {
  readonly columns: StoredTable['columns'];
  readonly rowCount: number;
  /** Batches are numbered by the rows of the whole table. @param batchRows rows of a batch at most */
  readonly open: (batchRows: number) => BatchSource;
}

/** Part of the progress that reading what is needed of a source is. */
const REGISTER_SHARE = 0.05;

/**
 * The table of a batch prediction: that of its dataset, its part of it, or of a source that is read for it alone. Of files in HDFS that are read
 * in place nothing is copied; anything else becomes a snapshot in the task's own scratch folder.
 *
 * @throws as `receiveInput`, `ingest` and `registerInPlace`
 */
export async function sourceTable(run: TaskRun<BatchPredictTask>): Promise<SourceTable> {
  const { context, scratchDir, task } = run;
  const { table, source, part } = task.spec;
  if (table !== null && part !== undefined) {
    const { columns } = table;
    return { columns, ...(await openPart(run, table, part)) };
  }
  if (table !== null) return whole(table, (batchRows) => context.openTable(table, batchRows));
  if (source === undefined) throw new AppError('INTERNAL', 'a batch prediction without a table and without a source');
  if (isInPlaceInput(source)) {
    const found = await registerHdfs(source, {}, REGISTER_SHARE, run);
    return whole(found.table, (batchRows) => context.openTable(found.table, batchRows));
  }
  const input = await receiveInput(source, {}, run);
  const { duckdb, configuration } = context;
  const { columnsMax, cellBytesMax } = configuration.ingest;
  const outputPath = path.join(scratchDir, 'source.parquet');
  const made = await ingest({
    inputPath: input.path,
    fileName: input.fileName,
    options: {},
    outputPath,
    objectPath: 'source.parquet',
    scratchDirectory: scratchDir,
    duckdb,
    limits: { ...DEFAULT_INGEST_LIMITS, columnsMax, cellBytesMax },
  });
  return whole(made.table, (batchRows) => openTable(made.table, { duckdb, resolve: () => outputPath, batchRows }));
}

const whole = ({ columns, rowCount }: StoredTable, open: SourceTable['open']): SourceTable => ({
  ...{ columns, rowCount, open },
});

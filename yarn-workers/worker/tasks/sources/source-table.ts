import path from 'node:path';
import {
  AppError,
  isInPlaceInput,
  type BatchPredictTask,
  type BatchSource,
  type StoredTable,
  type TablePart,
} from '#contracts';
import { DEFAULT_INGEST_LIMITS, hdfsFiles, ingest, openTable, spanOfUnits } from '#tables';
import type { TaskRun } from '../../child/task-run.ts';
import { receiveInput } from './receive-input.ts';
import { registerHdfs } from './register-hdfs.ts';

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
  if (table !== null && part !== undefined) return partOf(run, table, part);
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

/** What of the listed files is the part's, and nothing else of them. */
async function partOf(
  { context, reporter }: TaskRun<BatchPredictTask>,
  table: StoredTable,
  { index, count, rowsBefore, ...span }: TablePart,
): Promise<SourceTable> {
  const rows = await spanOfUnits(table, span, hdfsFiles(context.hdfs()));
  const rowCount = rows.to - rows.from;
  const place = rowCount === 0 ? 'no rows' : `rows ${rowsBefore + rows.from + 1} to ${rowsBefore + rows.to}`;
  reporter.log(`part ${index + 1} of ${count}: ${place}`);
  return {
    columns: table.columns,
    rowCount,
    open: (batchRows) => numberedFrom(context.openRows(table, rows, batchRows), rowsBefore),
  };
}

/** The same batches, of a table that has so many rows before them. */
function numberedFrom(source: BatchSource, rowsBefore: number): BatchSource {
  return {
    rowCount: source.rowCount,
    async *batches(request, signal) {
      for await (const batch of source.batches(request, signal))
        yield { ...batch, firstRow: rowsBefore + batch.firstRow };
    },
  };
}

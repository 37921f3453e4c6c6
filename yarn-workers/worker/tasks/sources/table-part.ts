import type { BatchSource, StoredTable, TablePart } from '#contracts';
import { hdfsFiles, spanOfUnits } from '#tables';
import type { TaskRun } from '../../child/task-run.ts';

/** The rows of a part of a table in place. */
export interface OpenedPart {
  readonly rowCount: number;
  /** Batches are numbered by the rows of the whole table. @param batchRows rows of a batch at most; default: as for a whole table */
  readonly open: (batchRows?: number) => BatchSource;
}

/**
 * What of the listed files is the part's, and nothing else of them.
 *
 * @throws DATASET_CHANGED naming the file; as `spanOfUnits`
 */
export async function openPart(
  { context, reporter }: Pick<TaskRun, 'context' | 'reporter'>,
  table: StoredTable,
  { index, count, rowsBefore, ...span }: TablePart,
): Promise<OpenedPart> {
  const rows = await spanOfUnits(table, span, hdfsFiles(context.hdfs()));
  const rowCount = rows.to - rows.from;
  const place = rowCount === 0 ? 'no rows' : `rows ${rowsBefore + rows.from + 1} to ${rowsBefore + rows.to}`;
  reporter.log(`part ${index + 1} of ${count}: ${place}`);
  return { rowCount, open: (batchRows) => numberedFrom(context.openRows(table, rows, batchRows), rowsBefore) };
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

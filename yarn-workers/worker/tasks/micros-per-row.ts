import type { TrainTask } from '#contracts';
import type { RawRow, Scorer } from '#scoring';
import type { TaskContext } from '../child/context.ts';

/** Rows that are scored at most, and for how long: a budget has better use for seconds. */
const TIMED_ROWS_MAX = 2_000;
const WARM_UP_MS = 20;
const TIMED_MS = 40;

/** Time of one prediction from raw cells, as it is served: some rows of the table, one by one, in microseconds; 0 without rows. */
export async function microsPerRow(
  scorer: Scorer,
  context: Pick<TaskContext, 'openTable'>,
  { table }: Pick<TrainTask, 'table'>,
): Promise<number> {
  const { features } = scorer.manifest.content;
  const wanted = new Set(scorer.inputFeatures);
  const stored = new Set(table.columns.map(({ name }) => name));
  const request = features.filter(({ name }) => wanted.has(name) && stored.has(name));
  const places = new Map(features.map(({ name }, index) => [name, index]));
  const source = context.openTable(table, TIMED_ROWS_MAX);
  const rows: RawRow[] = [];
  for await (const batch of source.batches(request.map(({ name }) => ({ name, view: 'text' })))) {
    for (let row = 0; row < batch.rowCount; row += 1) {
      const cells = new Array<string | null>(features.length).fill(null);
      for (const column of batch.columns)
        if (column.view === 'text') cells[places.get(column.name) ?? 0] = column.values[row] ?? null;
      rows.push(cells);
    }
    break;
  }
  // The first time is for the compiler.
  scoredFor(scorer, rows, WARM_UP_MS);
  const { count, ms } = scoredFor(scorer, rows, TIMED_MS);
  return count === 0 ? 0 : (ms * 1_000) / count;
}

/** Scores rows until all are scored or the time is over, with what that took. */
function scoredFor(scorer: Scorer, rows: readonly RawRow[], msMax: number): { count: number; ms: number } {
  const out = scorer.createPrediction();
  const startedAt = performance.now();
  let count = 0;
  let ms = 0;
  for (const row of rows) {
    scorer.scoreRow(row, out);
    count += 1;
    ms = performance.now() - startedAt;
    if (ms > msMax) break;
  }
  return { count, ms };
}

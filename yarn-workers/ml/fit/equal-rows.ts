import { AppError, type BatchSource, type Partitioning, type TrainTask } from '#contracts';
import { featureDecoder } from '#scoring';
import { rowHashes } from '../leakage/row-hashes.ts';
import { taskFeatures } from './task-columns.ts';

/** The features by which rows are equal. */
export type EqualBy = NonNullable<Partitioning['duplicates']>;

/**
 * The first row that each row equals in all of these features, which is itself where no earlier one does; by 64-bit hashes, as the search
 * for leakage counts equal rows. One pass over the features. Memory: 24 bytes a row, of which 4 stay.
 *
 * @throws CELL_UNREADABLE; COLUMN_UNKNOWN
 */
export async function firstEqualRows(
  { table }: Pick<TrainTask, 'table'>,
  { features }: EqualBy,
  source: BatchSource,
  signal?: AbortSignal,
): Promise<Uint32Array> {
  const { rowCount } = source;
  const inputs = taskFeatures({ table, features });
  const decoders = inputs.map(({ manifest }) => featureDecoder(manifest));
  const hashes = rowHashes();
  const first = firstOf(rowCount);
  for await (const batch of source.batches(
    inputs.map(({ request }) => request),
    signal,
  )) {
    hashes.start(batch.rowCount);
    for (const [index, decode] of decoders.entries()) {
      const column = batch.columns[index];
      if (column === undefined)
        throw new AppError('INTERNAL', `a batch has ${batch.columns.length} columns, expected ${inputs.length}`);
      hashes.add(index, decode(column, batch.rowCount, batch.firstRow));
    }
    const [high, low] = [hashes.high(), hashes.low()];
    for (let row = 0; row < batch.rowCount; row += 1) first.add(batch.firstRow + row, high[row] ?? 0, low[row] ?? 0);
  }
  return first.rows;
}

/** The first row of each hash; an open-addressed table of row numbers, at most half full. */
function firstOf(rowCount: number) {
  const mask = 2 ** Math.ceil(Math.log2(2 * rowCount + 2)) - 1;
  // Row numbers from 1 on; 0 is empty.
  const places = new Uint32Array(mask + 1);
  const highs = new Uint32Array(rowCount);
  const lows = new Uint32Array(rowCount);
  const rows = new Uint32Array(rowCount);
  const firstAt = (row: number): number => {
    for (let place = (lows[row] ?? 0) & mask; ; place = (place + 1) & mask) {
      const known = (places[place] ?? 0) - 1;
      if (known < 0) {
        places[place] = row + 1;
        return row;
      }
      if (highs[known] === highs[row] && lows[known] === lows[row]) return known;
    }
  };
  return {
    rows,
    add: (row: number, high: number, low: number): void => {
      highs[row] = high;
      lows[row] = low;
      rows[row] = firstAt(row);
    },
  };
}

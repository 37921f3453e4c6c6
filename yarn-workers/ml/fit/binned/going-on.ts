import type { EncodedRows } from '../encoder.ts';
import type { FitIo } from '../clock.ts';
import { BinsLost } from './bin-store.ts';

/**
 * Rows in bins that may be lost while they are read, as when somebody deletes what is kept: then the same rows by their values, from where the
 * others ended.
 *
 * @param byValues the same rows
 */
export function goingOn(rows: EncodedRows, byValues: EncodedRows, log: FitIo['log']): EncodedRows {
  const { rowCount, columnCount } = rows;
  return {
    ...{ rowCount, columnCount },
    forEach: async (sink) => {
      let given = 0;
      try {
        await rows.forEach((values, count, first) => {
          sink(values, count, first);
          given = first + count;
        });
      } catch (err) {
        if (!(err instanceof BinsLost)) throw err;
        log?.(`kept bins are lost, the table is read again: ${err.message}`);
        await byValues.forEach((values, count, first) => {
          const skipped = Math.max(0, given - first);
          if (skipped < count)
            sink(values.subarray(skipped * columnCount, count * columnCount), count - skipped, first + skipped);
        });
      }
    },
  };
}

import type { BatchSource } from '#contracts';

/** A source whose reading is told: `onRow` is awaited after each batch with the number of rows read of this pass. */
export function toldSource(source: BatchSource, onRow: (row: number) => Promise<void>): BatchSource {
  return {
    rowCount: source.rowCount,
    batches: async function* (request, signal, wanted) {
      for await (const batch of source.batches(request, signal, wanted)) {
        yield batch;
        await onRow(batch.firstRow + batch.rowCount);
      }
    },
  };
}

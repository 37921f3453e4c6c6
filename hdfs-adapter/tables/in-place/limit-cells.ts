import { AppError, type BatchSource, type Column, type ColumnBatch } from '#contracts';

/**
 * The same rows; a text that is longer than a cell may be ends the read. What becomes a snapshot is measured before it is
 * written; files that stay where they are meet this limit when they are profiled.
 *
 * @param bytesMax of a text in UTF-8
 */
export function limitCells(source: BatchSource, bytesMax: number): BatchSource {
  return {
    rowCount: source.rowCount,
    batches: (request, signal, wanted) => limited(source.batches(request, signal, wanted), bytesMax),
  };
}

/** @throws DATASET_CELL_TOO_LARGE naming the column */
async function* limited(batches: AsyncIterable<ColumnBatch>, bytesMax: number): AsyncGenerator<ColumnBatch> {
  /** Entries of the dictionaries that were measured, by column. */
  const measured = new Map<number, number>();
  for await (const batch of batches) {
    for (const [index, column] of batch.columns.entries()) {
      const from = measured.get(index) ?? 0;
      const texts = textsOf(column);
      for (let at = from; at < texts.length; at += 1) measure(column.name, texts[at] ?? '', bytesMax);
      if (column.view === 'dictionary') measured.set(index, texts.length);
    }
    yield batch;
  }
}

function textsOf(column: Column): readonly (string | null)[] {
  switch (column.view) {
    case 'number':
      return [];
    case 'dictionary':
      return column.dictionary;
    case 'text':
      return column.values;
  }
}

function measure(name: string, text: string, bytesMax: number): void {
  // A UTF-16 unit takes at most three bytes.
  if (text.length * 3 <= bytesMax) return;
  const found = Buffer.byteLength(text);
  if (found <= bytesMax) return;
  throw new AppError(
    'DATASET_CELL_TOO_LARGE',
    `Column ${JSON.stringify(name)}: expected cells of at most ${bytesMax} bytes, found ${found}`,
    { details: { limit: bytesMax, found } },
  );
}

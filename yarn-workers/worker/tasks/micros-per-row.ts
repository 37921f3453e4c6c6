import type { BatchSource, Manifest, TrainTask } from '#contracts';
import { openArtifact, type RawRow } from '#scoring';
import { sha256 } from './stored-artifact.ts';

/** Time of one prediction from raw cells, as it is served: some rows of the table, one by one, in microseconds. */
export async function microsPerRow(
  manifest: Manifest,
  blob: Uint8Array,
  source: BatchSource,
  { table }: Pick<TrainTask, 'table'>,
): Promise<number> {
  const { features } = manifest.content;
  const scorer = openArtifact(manifest, blob, sha256);
  const wanted = new Set(scorer.inputFeatures);
  const stored = new Set(table.columns.map(({ name }) => name));
  const request = features.filter(({ name }) => wanted.has(name) && stored.has(name));
  const places = new Map(features.map(({ name }, index) => [name, index]));
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
  if (rows.length === 0) return 0;
  const out = scorer.createPrediction();
  // The first pass is for the compiler.
  for (const row of rows) scorer.scoreRow(row, out);
  const startedAt = performance.now();
  for (const row of rows) scorer.scoreRow(row, out);
  return ((performance.now() - startedAt) * 1_000) / rows.length;
}

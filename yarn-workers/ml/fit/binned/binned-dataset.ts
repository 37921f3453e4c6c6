import type { RowSpan } from '#contracts';
import type { FitIo } from '../clock.ts';
import type { TableEncoder } from '../encoder.ts';
import type { BoostingEngine, EngineDataset, EngineDatasetFacts } from '../engine.ts';
import type { KeptRows } from '../kept-rows.ts';
import { requireSame } from '../rank-group.ts';
import { rankMeeting } from '../rank-meeting.ts';
import { rowBinner, type BinnedRows } from './binned-rows.ts';
import { chunkLayout, type ChunkLayout } from './chunk-layout.ts';
import type { ChunkSink } from './chunk-spool.ts';
import type { BinReference } from './dataset-file.ts';
import { datasetParts } from './dataset-parts.ts';
import { BIN_PARTS, ofParts, partCounts, partOf, type OfParts, type RowUses } from './row-uses.ts';

/** So that each group of a data set is one column, a byte or two a row: its size is known beforehand, and we can write it. */
const plain = <Facts extends EngineDatasetFacts>(facts: Facts): Facts => ({
  ...facts,
  parameters: { ...facts.parameters, enable_bundle: false, is_enable_sparse: false },
});

/**
 * The engine's bins, as the sample has them, for `readReference`; nothing else is kept of it.
 *
 * @throws INTERNAL where another rank finds other bins
 */
export async function findReference(
  { engine, io }: { readonly engine: BoostingEngine; readonly io: FitIo },
  facts: EngineDatasetFacts,
  sampleOf: () => Promise<Pick<KeptRows, 'values' | 'rowCount'>>,
): Promise<Uint8Array> {
  const { values, rowCount } = await sampleOf();
  const reference = engine.findBins({ ...plain(facts), sample: values, sampleRowCount: rowCount });
  const meeting = rankMeeting(io);
  if (meeting !== null) requireSame('bins', await meeting.tell('the bins that they find', io.sha256(reference)));
  return reference;
}

/** Rows that are put into bins, with the target of those that train: of this rank, where several fit the model. */
export interface RowsToBin extends RowUses {
  /** Of the training rows, as the engine wants them. */
  readonly labels: Float32Array;
  readonly weights: Float32Array | null;
}

/** How the rows of a span lie in chunks, part by part. */
export function partLayouts(
  reference: BinReference,
  uses: RowUses,
  span: RowSpan,
  chunkRowsMax?: number,
): OfParts<ChunkLayout> {
  const counts = partCounts(uses, span);
  return ofParts((part) => chunkLayout(reference, counts[part], chunkRowsMax));
}

/**
 * Puts rows of a span into the engine's bins in one pass over it. A value takes a byte there instead of eight, and none is read again from
 * where the table is.
 *
 * Memory: a chunk of each part, and what the sinks hold.
 */
export async function binRows(
  reference: BinReference,
  encoder: Pick<TableEncoder, 'columnCount' | 'pass'>,
  uses: RowUses,
  span: RowSpan,
  layouts: OfParts<ChunkLayout>,
  sinks: OfParts<ChunkSink>,
): Promise<void> {
  const binners = ofParts((part) => rowBinner(reference, encoder.columnCount, layouts[part], sinks[part]));
  const part = partOf(uses);
  await encoder.pass(async (values, count, firstRow) => {
    for (let row = 0; row < count; row += 1) {
      const found = part(firstRow + row);
      const full = found === null ? undefined : binners[found].add(values, row);
      if (full !== undefined) await full;
    }
  }, span);
  for (const each of BIN_PARTS) await binners[each].end();
}

/**
 * Has the engine read training rows that are in bins.
 *
 * Memory: LightGBM's bins and labels; while it reads, labels and a column again.
 *
 * @throws what reading the bins throws
 */
export function readBinned(
  engine: BoostingEngine,
  facts: EngineDatasetFacts,
  reference: BinReference,
  { labels, weights }: Pick<RowsToBin, 'labels' | 'weights'>,
  rows: BinnedRows,
): Promise<EngineDataset> {
  return engine.readDataset(plain(facts), datasetParts(reference, { rowCount: rows.rowCount, labels, weights }, rows));
}

import type { FitIo } from '../clock.ts';
import type { TableEncoder } from '../encoder.ts';
import type { BoostingEngine, EngineDataset, EngineDatasetFacts } from '../engine.ts';
import type { KeptRows } from '../kept-rows.ts';
import { checkAgreement } from '../rank-group.ts';
import { countRows } from '../row-roles.ts';
import { rowBinner, type BinnedRows, type ChunkSink } from './binned-rows.ts';
import { chunkLayout, type ChunkLayout } from './chunk-layout.ts';
import type { BinReference } from './dataset-file.ts';
import { datasetParts } from './dataset-parts.ts';

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
  { engine, io }: { readonly engine: BoostingEngine; readonly io: Pick<FitIo, 'ranks' | 'sha256'> },
  facts: EngineDatasetFacts,
  sampleOf: () => Promise<Pick<KeptRows, 'values' | 'rowCount'>>,
): Promise<Uint8Array> {
  const { values, rowCount } = await sampleOf();
  const reference = engine.findBins({ ...plain(facts), sample: values, sampleRowCount: rowCount });
  checkAgreement(io.ranks ?? null, 'bins', io.sha256(reference));
  return reference;
}

/** What rows are put into bins for. */
export const BIN_PARTS = ['training', 'validation', 'holdout'] as const;
export type BinPart = (typeof BIN_PARTS)[number];

/** Something of each part. */
export type OfParts<T> = Readonly<Record<BinPart, T>>;

export const ofParts = <T>(of: (part: BinPart) => T): OfParts<T> => ({
  training: of('training'),
  validation: of('validation'),
  holdout: of('holdout'),
});

/** Which rows are put into bins, and the target of those that train: of this rank, where several fit the model. */
export interface RowsToBin {
  readonly trains: (row: number) => boolean;
  readonly validates: (row: number) => boolean;
  readonly isHeldOut: (row: number) => boolean;
  /** Of the training rows, as the engine wants them. */
  readonly labels: Float32Array;
  readonly weights: Float32Array | null;
}

/** @param tableRows rows of the table */
export function partLayouts(
  reference: BinReference,
  { validates, isHeldOut, labels }: RowsToBin,
  tableRows: number,
  chunkRowsMax?: number,
): OfParts<ChunkLayout> {
  const counts = {
    training: labels.length,
    validation: countRows(tableRows, validates),
    holdout: countRows(tableRows, isHeldOut),
  };
  return ofParts((part) => chunkLayout(reference, counts[part], chunkRowsMax));
}

/**
 * Puts rows into the engine's bins in one pass over the table. A value takes a byte there instead of eight, and none is read again from
 * where the table is.
 *
 * Memory: a chunk of each part, and what the sinks hold.
 */
export async function binRows(
  reference: BinReference,
  encoder: Pick<TableEncoder, 'columnCount' | 'pass'>,
  { trains, validates, isHeldOut }: RowsToBin,
  layouts: OfParts<ChunkLayout>,
  sinks: OfParts<ChunkSink>,
): Promise<void> {
  const { training, validation, holdout } = ofParts((part) =>
    rowBinner(reference, encoder.columnCount, layouts[part], sinks[part]),
  );
  const binnerOf = (row: number): typeof training | null =>
    trains(row) ? training : validates(row) ? validation : isHeldOut(row) ? holdout : null;
  await encoder.pass(async (values, count, firstRow) => {
    for (let row = 0; row < count; row += 1) {
      const full = binnerOf(firstRow + row)?.add(values, row);
      if (full !== undefined) await full;
    }
  });
  for (const binner of [training, validation, holdout]) await binner.end();
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

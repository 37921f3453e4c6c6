import type { FitIo, Spool } from '../clock.ts';
import type { TableEncoder } from '../encoder.ts';
import type { BoostingEngine, EngineDataset, EngineDatasetFacts } from '../engine.ts';
import type { KeptRows } from '../kept-rows.ts';
import { checkAgreement } from '../rank-group.ts';
import { chunksInMemory, rowBinner, type BinnedRows } from './binned-rows.ts';
import { readReference, type BinReference } from './dataset-file.ts';
import { datasetParts } from './dataset-parts.ts';

/** So that each group of a data set is one column, a byte or two a row: its size is known beforehand, and we can write it. */
const plain = <Facts extends EngineDatasetFacts>(facts: Facts): Facts => ({
  ...facts,
  parameters: { ...facts.parameters, enable_bundle: false, is_enable_sparse: false },
});

/**
 * The engine's bins, as the sample has them; nothing else is kept of it.
 *
 * @throws INTERNAL where another rank finds other bins
 */
export async function findReference(
  { engine, io }: { readonly engine: BoostingEngine; readonly io: Pick<FitIo, 'ranks' | 'sha256'> },
  facts: EngineDatasetFacts,
  sampleOf: () => Promise<Pick<KeptRows, 'values' | 'rowCount'>>,
): Promise<BinReference> {
  const { values, rowCount } = await sampleOf();
  const reference = engine.findBins({ ...plain(facts), sample: values, sampleRowCount: rowCount });
  checkAgreement(io.ranks ?? null, 'bins', io.sha256(reference));
  return readReference(reference);
}

/** Which rows are put into bins, and the target of those that train: of this rank, where several fit the model. */
export interface RowsToBin {
  readonly trains: (row: number) => boolean;
  readonly validates: (row: number) => boolean;
  readonly isHeldOut: (row: number) => boolean;
  /** Of the training rows, as the engine wants them. */
  readonly labels: Float32Array;
  readonly weights: Float32Array | null;
}

/** The parts of a table in bins. */
export interface BinnedParts {
  readonly dataset: EngineDataset;
  readonly training: BinnedRows;
  readonly validation: BinnedRows;
  readonly holdout: BinnedRows;
}

/**
 * Puts rows into the engine's bins in one pass over the table, and makes a data set of the training rows. Those are kept in a spool too, for
 * boosting that begins anew from scores, and so are the rows of the holdout; those that validate, which are looked at again and again, stay in
 * memory. A value takes a byte there instead of eight, and none is read again from where the table is.
 *
 * Memory: LightGBM's bins and labels, the bins of the validation rows, a chunk of each part; while the data set is read, labels and a
 * column again.
 */
export async function binnedDataset(
  engine: BoostingEngine,
  facts: EngineDatasetFacts,
  reference: BinReference,
  encoder: Pick<TableEncoder, 'columnCount' | 'pass'>,
  { trains, validates, isHeldOut, labels, weights }: RowsToBin,
  spools: { readonly training: Spool; readonly holdout: Spool },
): Promise<BinnedParts> {
  const { columnCount } = encoder;
  const training = rowBinner(reference, columnCount, spools.training);
  const validation = rowBinner(reference, columnCount, chunksInMemory());
  const holdout = rowBinner(reference, columnCount, spools.holdout);
  const binnerOf = (row: number): typeof training | null =>
    trains(row) ? training : validates(row) ? validation : isHeldOut(row) ? holdout : null;
  await encoder.pass(async (values, count, firstRow) => {
    for (let row = 0; row < count; row += 1) {
      const full = binnerOf(firstRow + row)?.add(values, row);
      if (full !== undefined) await full;
    }
  });
  const rows = await training.end();
  const file = datasetParts(reference, { rowCount: rows.rowCount, labels, weights }, rows);
  return {
    training: rows,
    validation: await validation.end(),
    holdout: await holdout.end(),
    dataset: await engine.readDataset(plain(facts), file),
  };
}

import type { Spool } from '../clock.ts';
import type { EncodedRows, TableEncoder } from '../encoder.ts';
import type { BoostingEngine, EngineDataset, EngineDatasetSpec } from '../engine.ts';
import { chunksInMemory, rowBinner } from './binned-rows.ts';
import { readReference } from './dataset-file.ts';
import { datasetParts } from './dataset-parts.ts';

/** So that each group of a data set is one column, a byte or two a row: its size is known beforehand, and we can write it. */
const PLAIN_BINS = { enable_bundle: false, is_enable_sparse: false };

/** Which rows are put into bins. */
export interface RowsToBin {
  readonly trains: (row: number) => boolean;
  readonly validates: (row: number) => boolean;
  /** Of the training rows, as the engine wants them. */
  readonly labels: Float32Array;
  readonly weights: Float32Array | null;
}

/**
 * Puts a member's rows into the engine's bins in one pass over the table, and makes a data set of the training rows. Those are kept in the
 * spool too, for boosting that begins anew from scores; the validation rows stay in memory. A value takes a byte there instead of eight, and
 * none is read again from where the table is.
 *
 * Memory: LightGBM's bins and labels, the bins of the validation rows, a chunk of each part; while the data set is read, labels and a
 * column again.
 *
 * @param spec its sample is what bins are found from
 */
export async function binMember(
  engine: BoostingEngine,
  spec: EngineDatasetSpec,
  encoder: TableEncoder,
  { trains, validates, labels, weights }: RowsToBin,
  spool: Spool,
): Promise<{ readonly dataset: EngineDataset; readonly training: EncodedRows; readonly validation: EncodedRows }> {
  const plain = { ...spec, parameters: { ...spec.parameters, ...PLAIN_BINS } };
  const reference = readReference(engine.findBins(plain));
  const { columnCount } = encoder;
  const trainingBinner = rowBinner(reference, columnCount, spool);
  const validationBinner = rowBinner(reference, columnCount, chunksInMemory());
  await encoder.pass(async (values, count, firstRow) => {
    for (let row = 0; row < count; row += 1) {
      const full = trains(firstRow + row)
        ? trainingBinner.add(values, row)
        : validates(firstRow + row)
          ? validationBinner.add(values, row)
          : undefined;
      if (full !== undefined) await full;
    }
  });
  const training = await trainingBinner.end();
  const validation = await validationBinner.end();
  const rows = { rowCount: training.rowCount, labels, weights };
  const dataset = await engine.readDataset(plain, datasetParts(reference, rows, training));
  return { dataset, training, validation };
}

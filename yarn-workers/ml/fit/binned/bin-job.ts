import type { EncodedRows, TableEncoder } from '../encoder.ts';
import type { BoostingEngine, EngineDataset, EngineDatasetFacts } from '../engine.ts';
import type { RowsToBin } from './binned-dataset.ts';
import type { BinReference } from './dataset-file.ts';
import type { OfParts, RowUses } from './row-uses.ts';

/** What bins are made from. */
export interface BinJob {
  readonly engine: BoostingEngine;
  readonly facts: EngineDatasetFacts;
  readonly reference: BinReference;
  readonly encoder: Pick<TableEncoder, 'columnCount' | 'pass' | 'encode'>;
  /** Of this rank, where several fit the model. */
  readonly rows: RowsToBin;
  /** Of all ranks. */
  readonly anywhere: RowUses;
  /** Rows of the table. */
  readonly tableRows: number;
  /** The key of all that the bins depend on, of those that a program makes; null where that cannot be said. */
  readonly keyOf: (program: string) => string | null;
}

/** A member's rows in bins, of this rank where several fit the model. */
export interface MemberBins extends OfParts<EncodedRows> {
  readonly dataset: EngineDataset;
  /** Lets go of all but the rows of the holdout. */
  readonly close: () => Promise<void>;
  readonly closeHoldout: () => Promise<void>;
}

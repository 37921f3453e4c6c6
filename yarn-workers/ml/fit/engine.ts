import type { XgboostEngine } from './xgboost/engine.ts';

/**
 * What fitting needs of a gradient boosting engine. `ml` touches no native code: the worker passes in an engine
 * (LightGBM by koffi), tests may pass in a fake. All calls are made on one thread, and all but `readDataset` are synchronous.
 */

/** Parameters in the engine's own words, passed on as they are. */
export type EngineParameters = Readonly<Record<string, string | number | boolean>>;

/** What is known of a data set beside its rows. */
export interface EngineDatasetFacts {
  readonly rowCount: number;
  readonly columnCount: number;
  /** Columns whose values are category codes. */
  readonly categoricalColumns: readonly number[];
  readonly hasWeights: boolean;
  readonly threadCount: number;
  readonly parameters: EngineParameters;
}

/** The same with the rows that its bins are found from. */
export interface EngineDatasetSpec extends EngineDatasetFacts {
  /** `sampleRowCount` x `columnCount`, row-major. */
  readonly sample: Float64Array;
  readonly sampleRowCount: number;
}

/** A binned data set with its rows. */
export interface EngineDataset {
  /** Raw scores that boosting starts from: rows x outputs, output-major (all rows of output 0 first). */
  setInitialScores(scores: Float64Array): void;
  createBooster(parameters: EngineParameters): EngineBooster;
  /** Frees the native memory; repeated calls do nothing. */
  close(): void;
}

/** What takes the rows of a data set. Chunks are pushed in row order, then `finish` is called once. */
export interface RowSink {
  /**
   * Appends rows. The arrays may be reused as soon as the call returns.
   *
   * @param values rowCount x columnCount, row-major; NaN is missing
   * @param labels one a row: class index or value
   * @param weights one a row; null if and only if the data set has no weights
   * @throws INTERNAL when more rows arrive than the data set was made for
   */
  push(values: Float64Array, rowCount: number, labels: Float32Array, weights: Float32Array | null): void;
  /** @throws INTERNAL unless exactly `rowCount` rows were pushed */
  finish(): void;
}

/** A data set that is to be filled before boosters are made. */
export interface FillableDataset extends EngineDataset, RowSink {}

/** A model being boosted. Must be closed before its data set. */
export interface EngineBooster {
  /** One iteration. True when no further split could be found: the iteration added nothing, and none ever will. */
  update(): boolean;
  /** LightGBM model text of iterations [firstIteration, firstIteration + iterationCount). */
  modelText(firstIteration: number, iterationCount: number): string;
  close(): void;
}

/** A trained model as the engine itself evaluates it; only tests use it, as the oracle of our own evaluator. */
export interface EngineOracle {
  /** Raw scores, rows x outputs, row-major; of a forest the sum, not the mean. `values` is rowCount x columnCount, row-major. */
  predictRaw(values: Float64Array, rowCount: number, columnCount: number): Float64Array;
  close(): void;
}

export interface BoostingEngine {
  /** Name and version, for logs: `LightGBM 4.7.0`. */
  readonly name: string;
  /** @throws INTERNAL with the engine's own text */
  createDataset(spec: EngineDatasetSpec): FillableDataset;
  /**
   * The bins that a data set would have: LightGBM's reference, without rows, for `readReference`. One column a group, none sparse.
   * The table may have more rows than one process can.
   *
   * @throws INTERNAL with the engine's own text
   */
  findBins(spec: EngineDatasetSpec): Uint8Array;
  /**
   * A data set of rows that are in bins already, read from LightGBM's binary file without a file; not on this thread, which goes on to make it.
   *
   * @param facts as `findBins` had them
   * @param parts the bytes of the file, in order
   * @throws INTERNAL where it is no such file, and what `parts` throws
   */
  readDataset(facts: EngineDatasetFacts, parts: AsyncIterable<Uint8Array>): Promise<EngineDataset>;
  /** Reads a model text back. */
  loadModel(modelText: string): EngineOracle;
  /**
   * The second engine, loaded when it is first asked for.
   *
   * @throws NATIVE_LIBRARY
   */
  xgboost(): XgboostEngine;
}

/** Boosting on rows of which each process has a part: bins are found once, so that all parts are binned alike. */
export interface PartitionedEngine {
  /**
   * An empty data set for one process's rows, with bins that {@link BoostingEngine.findBins} gave; columns, categories and parameters
   * are those of there. Whoever stores the bytes must see that they stay whole: the engine does not look closely.
   *
   * @throws INTERNAL with the engine's own text
   */
  createPart(bins: Uint8Array, facts: EngineDatasetFacts): FillableDataset;
}

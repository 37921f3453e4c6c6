import koffi from 'koffi';
import { AppError } from '#contracts';
import type {
  BoostingEngine,
  EngineBooster,
  EngineDataset,
  EngineDatasetFacts,
  EngineDatasetSpec,
  EngineOracle,
  EngineParameters,
  FillableDataset,
  PartitionedEngine,
} from '#ml';
import { checkRead, readByPipe } from './lightgbm-file.ts';
import { check, loadLibrary, type Handle, type LightgbmOptions, type Native } from './lightgbm-library.ts';
import { openNetwork, type LightgbmNetwork } from './lightgbm-network.ts';

/**
 * LightGBM 4.7 through its C API, whose functions are in `lightgbm-library.ts`.
 *
 * All calls but one are synchronous: the last error is thread-local, and so is everything that matters for determinism.
 * Nothing is printed (`verbosity=-1` everywhere, and the log callback is a sink) but one line on stderr before a fatal
 * error, which LightGBM writes itself; the same text is in the error that is thrown. Native handles are freed by `close()`;
 * a constructor that fails half-way frees what it had made.
 *
 * @see LightGBM 4.7.0, include/LightGBM/c_api.h
 */

const DTYPE_FLOAT64 = 1;
const PREDICT_RAW = 1;
/** First size tried for a model text; a larger one is fetched by a second call. */
const MODEL_TEXT_BYTES = 1 << 20;
/** LightGBM counts rows in int32. */
const ROWS_MAX = 2 ** 31 - 1;

/** What this engine can do: boost alone, boost on a part of the rows beside other processes, and be joined to those. */
export interface LightgbmEngine extends Omit<BoostingEngine, 'xgboost'>, PartitionedEngine, LightgbmNetwork {}

/** What boosters are made with beyond what each asks for. */
interface Boosting {
  readonly parameters: EngineParameters;
}

/** koffi keeps a callback until it is unregistered; one sink serves for the life of the process. */
let logSink: Handle | undefined;

/**
 * Loads LightGBM. Loading the same library again costs nothing.
 *
 * @throws NATIVE_LIBRARY when it (or libgomp) cannot be loaded or lacks a function
 */
export function openLightgbm(options: LightgbmOptions): LightgbmEngine {
  const native = loadLibrary(options);
  logSink ??= koffi.register(() => undefined, koffi.pointer(koffi.proto('void LightgbmLogSink(const char *text)')));
  check(native, native.registerLogCallback(logSink), 'LGBM_RegisterLogCallback');
  const network = openNetwork(native);
  const assertAlone = (operation: string): void => {
    // LightGBM would look for bins together with the other ranks, of a sample that is of all rows on each.
    if (network.size !== null) throw new AppError('INTERNAL', `LightGBM: ${operation} while a network is joined`);
  };
  return {
    name: 'LightGBM',
    createDataset(spec) {
      assertAlone('createDataset');
      return fillableDataset(native, datasetFromSample(native, spec, spec.rowCount), spec, network);
    },
    findBins(spec) {
      assertAlone('findBins');
      return findBins(native, spec);
    },
    createPart: (bins, facts) => fillableDataset(native, datasetFromBins(native, bins, facts), facts, network),
    readDataset: (facts, parts) => readDataset(native, facts, parts, network),
    loadModel: (text) => loadModel(native, text),
    joinNetwork: (ranks, end) => network.join(ranks, end),
    leaveNetwork: () => network.leave(),
  };
}

const parameterText = (parameters: EngineParameters): string =>
  Object.entries(parameters)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');

/** Each column's sampled values that are not zero (NaN is kept) with their rows, as LightGBM wants them. */
function sampledColumns({ sample, sampleRowCount, columnCount }: EngineDatasetSpec) {
  const values: Float64Array[] = [];
  const indices: Int32Array[] = [];
  const counts = new Int32Array(columnCount);
  for (let column = 0; column < columnCount; column += 1) {
    const columnValues = new Float64Array(sampleRowCount);
    const columnRows = new Int32Array(sampleRowCount);
    let count = 0;
    for (let row = 0, at = column; row < sampleRowCount; row += 1, at += columnCount) {
      const value = sample[at] ?? NaN;
      if (value === 0) continue;
      columnValues[count] = value;
      columnRows[count] = row;
      count += 1;
    }
    values.push(columnValues);
    indices.push(columnRows);
    counts[column] = count;
  }
  return { values, indices, counts };
}

/** A data set that has its bins from the sample, and room for some rows of all that `spec` counts. */
function datasetFromSample(native: Native, spec: EngineDatasetSpec, localRows: number): Handle {
  const { rowCount, columnCount, sampleRowCount } = spec;
  assertRows(localRows);
  if (spec.sample.length < sampleRowCount * columnCount)
    throw new AppError('INTERNAL', 'LightGBM: the sample is shorter than its row count says');
  const { values, indices, counts } = sampledColumns(spec);
  const out = new BigUint64Array(1);
  check(
    native,
    native.datasetFromSample(
      ...([values, indices, columnCount, counts, sampleRowCount] as const),
      ...([localRows, rowCount, datasetText(spec), out] as const),
    ),
    'LGBM_DatasetCreateFromSampledColumn',
  );
  return out[0] ?? 0n;
}

/** A data set that has its bins from another one, and room for its part of the rows. */
function datasetFromBins(native: Native, bins: Uint8Array, facts: EngineDatasetFacts): Handle {
  assertRows(facts.rowCount);
  const out = new BigUint64Array(1);
  check(
    native,
    // A number of classes would make initial scores of zero, with which boosting does not begin at the average.
    native.datasetFromReference(bins, bins.length, facts.rowCount, 0, datasetText(facts), out),
    'LGBM_DatasetCreateFromSerializedReference',
  );
  return out[0] ?? 0n;
}

function assertRows(rowCount: number): void {
  if (rowCount > ROWS_MAX) throw new AppError('INTERNAL', `LightGBM: ${rowCount} rows, at most ${ROWS_MAX}`);
}

/** The parameters of a data set as text. */
const datasetText = ({ parameters, categoricalColumns, threadCount }: EngineDatasetFacts): string =>
  parameterText({
    ...parameters,
    ...(categoricalColumns.length > 0 ? { categorical_feature: categoricalColumns.join(',') } : {}),
    ...fixedParameters(threadCount),
  });

/** Frees the data set if it fails. */
function initStreaming(native: Native, dataset: Handle, { hasWeights, threadCount }: EngineDatasetFacts): void {
  try {
    const code = native.initStreaming(dataset, hasWeights ? 1 : 0, 0, 0, 1, 1, threadCount);
    check(native, code, 'LGBM_DatasetInitStreaming');
  } catch (err) {
    native.freeDataset(dataset);
    throw err;
  }
}

/** The bins alone: room for one row is as good as for all. */
function findBins(native: Native, spec: EngineDatasetSpec): Uint8Array {
  const handle = datasetFromSample(native, spec, 1);
  try {
    const buffer = new BigUint64Array(1);
    const length = new Int32Array(1);
    check(native, native.serializeReference(handle, buffer, length), 'LGBM_DatasetSerializeReferenceToBinary');
    try {
      return copyOf(native, buffer[0] ?? 0n, length[0] ?? 0);
    } finally {
      native.freeBytes(buffer[0] ?? 0n);
    }
  } finally {
    native.freeDataset(handle);
  }
}

/** LightGBM gives a byte at a time: 0.2 us each. */
function copyOf(native: Native, buffer: Handle, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1)
    check(native, native.byteAt(buffer, index, bytes.subarray(index)), 'LGBM_ByteBufferGetAt');
  return bytes;
}

async function readDataset(
  native: Native,
  facts: EngineDatasetFacts,
  parts: AsyncIterable<Uint8Array>,
  boosting: Boosting,
): Promise<EngineDataset> {
  const handle = await readByPipe(parts, async (path) => {
    const out = new BigUint64Array(1);
    const code = await new Promise<number>((resolve, reject) => {
      native.datasetFromFile(path, datasetText(facts), null, out, (err, result) => {
        if (err === null) resolve(result);
        else reject(err);
      });
    });
    checkRead(code);
    return out[0] ?? 0n;
  });
  return openDataset(native, handle, facts.threadCount, boosting, () => undefined);
}

/** What every data set and booster of ours is made with. */
const fixedParameters = (threadCount: number): EngineParameters => ({
  deterministic: true,
  force_col_wise: true,
  num_threads: threadCount,
  verbosity: -1,
});

/** A data set that rows can be pushed into; it owns the handle from the beginning. */
function fillableDataset(
  native: Native,
  handle: Handle,
  spec: EngineDatasetFacts,
  boosting: Boosting,
): FillableDataset {
  const { rowCount, columnCount, threadCount } = spec;
  initStreaming(native, handle, spec);
  let pushed = 0;
  let finished = false;
  let isOpen = true;
  const dataset = openDataset(native, handle, threadCount, boosting, () => {
    if (!finished) throw new AppError('INTERNAL', 'LightGBM: the data set is not finished');
  });
  const assertOpen = (operation: string): void => {
    if (!isOpen) throw new AppError('INTERNAL', `LightGBM: ${operation} on a closed data set`);
  };
  return {
    ...dataset,
    push(values, count, labels, weights) {
      assertOpen('push');
      if (values.length < count * columnCount || labels.length < count)
        throw new AppError('INTERNAL', 'LightGBM: pushed arrays are too short');
      if ((weights !== null) !== spec.hasWeights || (weights !== null && weights.length < count)) {
        throw new AppError('INTERNAL', 'LightGBM: pushed weights do not fit the data set');
      }
      if (pushed + count > rowCount)
        throw new AppError('INTERNAL', `LightGBM: ${pushed + count} rows pushed, expected ${rowCount}`);
      if (count === 0) return;
      const code = native.pushRows(
        ...([handle, values, DTYPE_FLOAT64, count, columnCount, pushed] as const),
        ...([labels, weights, null, null, 0] as const),
      );
      check(native, code, 'LGBM_DatasetPushRowsWithMetadata');
      pushed += count;
    },
    finish() {
      assertOpen('finish');
      if (pushed !== rowCount) throw new AppError('INTERNAL', `LightGBM: ${pushed} rows pushed, expected ${rowCount}`);
      check(native, native.markFinished(handle), 'LGBM_DatasetMarkFinished');
      finished = true;
    },
    close() {
      isOpen = false;
      dataset.close();
    },
  };
}

/** @param assertReady throws while boosters cannot be made yet */
function openDataset(
  native: Native,
  handle: Handle,
  threadCount: number,
  boosting: Boosting,
  assertReady: () => void,
): EngineDataset {
  let open = true;
  const assertOpen = (operation: string): void => {
    if (!open) throw new AppError('INTERNAL', `LightGBM: ${operation} on a closed data set`);
  };
  return {
    setInitialScores(scores) {
      assertOpen('setInitialScores');
      check(
        native,
        native.setField(handle, 'init_score', scores, scores.length, DTYPE_FLOAT64),
        'LGBM_DatasetSetField',
      );
    },
    createBooster(parameters) {
      assertOpen('createBooster');
      assertReady();
      const out = new BigUint64Array(1);
      const text = parameterText({ ...parameters, ...boosting.parameters, ...fixedParameters(threadCount) });
      check(native, native.createBooster(handle, text, out), 'LGBM_BoosterCreate');
      return openBooster(native, out[0] ?? 0n);
    },
    close() {
      if (open) native.freeDataset(handle);
      open = false;
    },
  };
}

function openBooster(native: Native, handle: Handle): EngineBooster {
  const finished = new Int32Array(1);
  let open = true;
  const assertOpen = (operation: string): void => {
    if (!open) throw new AppError('INTERNAL', `LightGBM: ${operation} on a closed booster`);
  };
  return {
    update() {
      assertOpen('update');
      check(native, native.update(handle, finished), 'LGBM_BoosterUpdateOneIter');
      return finished[0] === 1;
    },
    modelText(firstIteration, iterationCount) {
      assertOpen('modelText');
      const length = new BigInt64Array(1);
      for (let size = MODEL_TEXT_BYTES; ; size = Number(length[0] ?? 0n)) {
        const buffer = Buffer.allocUnsafe(size);
        const code = native.saveModel(handle, firstIteration, iterationCount, 0, size, length, buffer);
        check(native, code, 'LGBM_BoosterSaveModelToString');
        const needed = Number(length[0] ?? 0n);
        // The last byte is the terminating zero.
        if (needed <= size) return buffer.toString('utf8', 0, needed - 1);
      }
    },
    close() {
      if (open) native.freeBooster(handle);
      open = false;
    },
  };
}

function loadModel(native: Native, text: string): EngineOracle {
  const out = new BigUint64Array(1);
  check(native, native.loadBooster(text, new Int32Array(1), out), 'LGBM_BoosterLoadModelFromString');
  const handle = out[0] ?? 0n;
  const outputs = new Int32Array(1);
  let open = true;
  try {
    check(native, native.classCount(handle, outputs), 'LGBM_BoosterGetNumClasses');
  } catch (err) {
    native.freeBooster(handle);
    throw err;
  }
  return {
    predictRaw(values, rowCount, columnCount) {
      if (!open) throw new AppError('INTERNAL', 'LightGBM: predictRaw on a closed model');
      if (values.length < rowCount * columnCount)
        throw new AppError('INTERNAL', 'LightGBM: fewer values than rows x columns');
      const scores = new Float64Array(rowCount * (outputs[0] ?? 1));
      const length = new BigInt64Array(1);
      const code = native.predict(
        handle,
        values,
        DTYPE_FLOAT64,
        rowCount,
        columnCount,
        1,
        PREDICT_RAW,
        0,
        -1,
        'verbosity=-1',
        length,
        scores,
      );
      check(native, code, 'LGBM_BoosterPredictForMat');
      if (Number(length[0] ?? 0n) !== scores.length)
        throw new AppError('INTERNAL', 'LightGBM: another number of scores than expected');
      return scores;
    },
    close() {
      if (open) native.freeBooster(handle);
      open = false;
    },
  };
}

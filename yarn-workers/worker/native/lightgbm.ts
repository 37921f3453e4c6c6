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
} from '#ml';
import { checkRead, readByPipe } from './lightgbm-file.ts';

/**
 * LightGBM 4.7 through its C API. The only file that knows koffi and the C signatures.
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

/** Where the native libraries are. */
export interface LightgbmOptions {
  readonly libraryPath: string;
  /** Only where the dynamic loader does not find libgomp.so.1 by itself. */
  readonly libgompPath?: string;
}

/** A native handle or a pointer: koffi hands them out as BigInt. */
type Handle = bigint;
type Pointer = ArrayBufferView | Handle | null;

/** The C functions used, typed; every one but `lastError` answers 0 for success. */
interface Native {
  lastError: () => string;
  registerLogCallback: (callback: Handle) => number;
  datasetFromSample: (
    values: Float64Array[],
    indices: Int32Array[],
    columnCount: number,
    counts: Int32Array,
    sampleCount: number,
    localRows: number,
    totalRows: number,
    parameters: string,
    out: BigUint64Array,
  ) => number;
  initStreaming: (
    dataset: Handle,
    weights: number,
    initScores: number,
    queries: number,
    classes: number,
    threads: number,
    openMp: number,
  ) => number;
  pushRows: (
    dataset: Handle,
    data: Float64Array,
    dtype: number,
    rowCount: number,
    columnCount: number,
    firstRow: number,
    labels: Float32Array,
    weights: Float32Array | null,
    initScores: null,
    queries: null,
    thread: number,
  ) => number;
  markFinished: (dataset: Handle) => number;
  serializeReference: (dataset: Handle, out: BigUint64Array, length: Int32Array) => number;
  byteAt: (buffer: Handle, index: number, out: Uint8Array) => number;
  freeBytes: (buffer: Handle) => number;
  datasetFromFile: (
    file: string,
    parameters: string,
    reference: null,
    out: BigUint64Array,
    done: (err: Error | null, code: number) => void,
  ) => void;
  setField: (dataset: Handle, name: string, data: Pointer, length: number, dtype: number) => number;
  freeDataset: (dataset: Handle) => number;
  createBooster: (dataset: Handle, parameters: string, out: BigUint64Array) => number;
  loadBooster: (text: string, iterations: Int32Array, out: BigUint64Array) => number;
  classCount: (booster: Handle, out: Int32Array) => number;
  update: (booster: Handle, finished: Int32Array) => number;
  saveModel: (
    booster: Handle,
    first: number,
    count: number,
    importance: number,
    size: number,
    length: BigInt64Array,
    out: Uint8Array,
  ) => number;
  predict: (
    booster: Handle,
    data: Float64Array,
    dtype: number,
    rowCount: number,
    columnCount: number,
    rowMajor: number,
    kind: number,
    first: number,
    count: number,
    parameters: string,
    length: BigInt64Array,
    out: Float64Array,
  ) => number;
  freeBooster: (booster: Handle) => number;
}

function bind({ libraryPath, libgompPath }: LightgbmOptions): Native {
  // libgomp reads this when it is loaded. Its threads wait by spinning otherwise, which is ruinous where processes share
  // cores: 26,000 x 14, 2 threads on 2 busy cores, 91 to 116 ms an iteration spinning, 8 to 15 ms asleep.
  process.env['OMP_WAIT_POLICY'] ??= 'passive';
  try {
    // Loaded under its own name first, libgomp is what the dynamic loader then finds for LightGBM's need of it.
    if (libgompPath !== undefined) koffi.load(libgompPath, { global: true });
    const library = koffi.load(libraryPath);
    // The casts hold by the C declarations beside them: koffi's own type of a function is (...any) => any.
    const declare = <F>(signature: string): F => library.func(signature) as unknown as F;
    return {
      lastError: declare('const char *LGBM_GetLastError()'),
      registerLogCallback: declare('int LGBM_RegisterLogCallback(void *callback)'),
      datasetFromSample: declare(
        'int LGBM_DatasetCreateFromSampledColumn(double **values, int **indices, int32_t columns, const int *counts, int32_t sampled, int32_t localRows, int64_t totalRows, const char *parameters, void *out)',
      ),
      initStreaming: declare(
        'int LGBM_DatasetInitStreaming(void *dataset, int32_t weights, int32_t initScores, int32_t queries, int32_t classes, int32_t threads, int32_t openMp)',
      ),
      pushRows: declare(
        'int LGBM_DatasetPushRowsWithMetadata(void *dataset, const void *data, int dtype, int32_t rows, int32_t columns, int32_t start, const void *label, const void *weight, const void *init, const void *query, int32_t thread)',
      ),
      markFinished: declare('int LGBM_DatasetMarkFinished(void *dataset)'),
      serializeReference: declare('int LGBM_DatasetSerializeReferenceToBinary(void *dataset, void *out, void *length)'),
      byteAt: declare('int LGBM_ByteBufferGetAt(void *buffer, int32_t index, void *out)'),
      freeBytes: declare('int LGBM_ByteBufferFree(void *buffer)'),
      datasetFromFile: library.func(
        'int LGBM_DatasetCreateFromFile(const char *file, const char *parameters, void *reference, void *out)',
      ).async, // on a thread of its own, as it waits for what this one writes
      setField: declare(
        'int LGBM_DatasetSetField(void *dataset, const char *name, const void *data, int length, int dtype)',
      ),
      freeDataset: declare('int LGBM_DatasetFree(void *dataset)'),
      createBooster: declare('int LGBM_BoosterCreate(void *dataset, const char *parameters, void *out)'),
      loadBooster: declare('int LGBM_BoosterLoadModelFromString(const char *text, void *iterations, void *out)'),
      classCount: declare('int LGBM_BoosterGetNumClasses(void *booster, void *out)'),
      update: declare('int LGBM_BoosterUpdateOneIter(void *booster, void *finished)'),
      saveModel: declare(
        'int LGBM_BoosterSaveModelToString(void *booster, int first, int count, int importance, int64_t size, void *length, void *out)',
      ),
      predict: declare(
        'int LGBM_BoosterPredictForMat(void *booster, const void *data, int dtype, int32_t rows, int32_t columns, int rowMajor, int kind, int first, int count, const char *parameters, void *length, void *out)',
      ),
      freeBooster: declare('int LGBM_BoosterFree(void *booster)'),
    };
  } catch (err) {
    throw new AppError(
      'NATIVE_LIBRARY',
      `LightGBM's library ${libraryPath} cannot be loaded: ${err instanceof Error ? err.message : String(err)}`,
      {
        cause: err,
      },
    );
  }
}

/** koffi keeps a callback until it is unregistered; one sink serves for the life of the process. */
let logSink: Handle | undefined;

/**
 * Loads LightGBM. Loading the same library again costs nothing.
 *
 * @throws NATIVE_LIBRARY when it (or libgomp) cannot be loaded or lacks a function
 */
export function openLightgbm(options: LightgbmOptions): Omit<BoostingEngine, 'xgboost'> {
  const native = bind(options);
  logSink ??= koffi.register(() => undefined, koffi.pointer(koffi.proto('void LightgbmLogSink(const char *text)')));
  check(native, native.registerLogCallback(logSink), 'LGBM_RegisterLogCallback');
  return {
    name: 'LightGBM',
    createDataset: (spec) => createDataset(native, spec),
    findBins: (spec) => findBins(native, spec),
    readDataset: (facts, parts) => readDataset(native, facts, parts),
    loadModel: (text) => loadModel(native, text),
  };
}

function check(native: Native, code: number, operation: string): void {
  if (code === 0) return;
  throw new AppError('INTERNAL', `LightGBM: ${operation}: ${native.lastError()}`);
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

/** A data set that has its bins from the sample, and room for some rows. */
function datasetFromSample(native: Native, spec: EngineDatasetSpec, localRows: number): Handle {
  const { rowCount, columnCount, sampleRowCount } = spec;
  if (rowCount > ROWS_MAX) throw new AppError('INTERNAL', `LightGBM: ${rowCount} rows, at most ${ROWS_MAX}`);
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

/** The parameters of a data set as text. */
const datasetText = ({ parameters, categoricalColumns, threadCount }: EngineDatasetFacts): string =>
  parameterText({
    ...parameters,
    ...(categoricalColumns.length > 0 ? { categorical_feature: categoricalColumns.join(',') } : {}),
    ...fixedParameters(threadCount),
  });

function createDataset(native: Native, spec: EngineDatasetSpec): FillableDataset {
  const handle = datasetFromSample(native, spec, spec.rowCount);
  try {
    check(
      native,
      native.initStreaming(handle, spec.hasWeights ? 1 : 0, 0, 0, 1, 1, spec.threadCount),
      'LGBM_DatasetInitStreaming',
    );
  } catch (err) {
    native.freeDataset(handle);
    throw err;
  }
  return fillableDataset(native, handle, spec);
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
  return openDataset(native, handle, facts.threadCount, () => undefined);
}

/** What every data set and booster of ours is made with. */
const fixedParameters = (threadCount: number): EngineParameters => ({
  deterministic: true,
  force_col_wise: true,
  num_threads: threadCount,
  verbosity: -1,
});

function fillableDataset(native: Native, handle: Handle, spec: EngineDatasetSpec): FillableDataset {
  const { rowCount, columnCount, threadCount } = spec;
  let pushed = 0;
  let finished = false;
  let isOpen = true;
  const dataset = openDataset(native, handle, threadCount, () => {
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
function openDataset(native: Native, handle: Handle, threadCount: number, assertReady: () => void): EngineDataset {
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
      const text = parameterText({ ...parameters, ...fixedParameters(threadCount) });
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

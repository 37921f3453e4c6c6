import koffi from 'koffi';
import { AppError } from '#contracts';

/**
 * The functions of LightGBM 4.7's C API that are called, with their types.
 *
 * @see LightGBM 4.7.0, include/LightGBM/c_api.h and meta.h
 */

/** Where the native libraries are. */
export interface LightgbmOptions {
  readonly libraryPath: string;
  /** Only where the dynamic loader does not find libgomp.so.1 by itself. */
  readonly libgompPath?: string;
}

/** A native handle or a pointer: koffi hands them out as BigInt. */
export type Handle = bigint;
type Pointer = ArrayBufferView | Handle | null;

/** The C functions used, typed; every one but `lastError` answers 0 for success. */
export interface Native {
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
  datasetFromReference: (
    reference: Uint8Array,
    sizeBytes: number,
    rowCount: number,
    classes: number,
    parameters: string,
    out: BigUint64Array,
  ) => number;
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
  initNetwork: (size: number, rank: number, reduceScatter: Handle, allgather: Handle) => number;
  freeNetwork: () => number;
}

export function loadLibrary({ libraryPath, libgompPath }: LightgbmOptions): Native {
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
      datasetFromReference: declare(
        'int LGBM_DatasetCreateFromSerializedReference(const void *buffer, int32_t size, int64_t rows, int32_t classes, const char *parameters, void *out)',
      ),
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
      initNetwork: declare(
        'int LGBM_NetworkInitWithFunctions(int size, int rank, void *reduceScatter, void *allgather)',
      ),
      freeNetwork: declare('int LGBM_NetworkFree()'),
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

export function check(native: Native, code: number, operation: string): void {
  if (code === 0) return;
  throw new AppError('INTERNAL', `LightGBM: ${operation}: ${native.lastError()}`);
}

import path from 'node:path';
import koffi from 'koffi';
import { AppError } from '#contracts';
import type { XgboostBooster, XgboostDataset, XgboostDatasetSpec, XgboostEngine } from '#ml';

/**
 * XGBoost 3.2 through its C API: codes in, gradients in, trees out. With `lightgbm.ts` the only file that knows koffi.
 *
 * All calls are synchronous and on one thread: the last error, the generator and the buffers that functions answer are
 * thread-local. Nothing is printed. Native handles are freed by `close()`; a constructor that fails half-way frees what
 * it had made.
 *
 * @see XGBoost 3.2.0, include/xgboost/c_api.h; arrays are passed as JSON of NumPy's `__array_interface__`, version 3
 */

const VERSION = [3, 2] as const;
/** The wheel's own libgomp, which the library asks for by this name; it lies beside it. */
const LIBGOMP = 'libgomp-e985bcbb.so.1.0.0';

export interface XgboostOptions {
  readonly libraryPath: string;
}

type Handle = bigint;

/** The C functions used, typed; every one but `lastError` and `version` answers 0 for success. */
interface Native {
  lastError: () => string;
  version: (major: Int32Array, minor: Int32Array, patch: Int32Array) => void;
  registerLogCallback: (callback: Handle) => number;
  setGlobalConfig: (json: string) => number;
  createProxy: (out: BigUint64Array) => number;
  setProxyDense: (proxy: Handle, data: string) => number;
  createQuantile: (
    iterator: null,
    proxy: Handle,
    reference: null,
    reset: Handle,
    next: Handle,
    config: string,
    out: BigUint64Array,
  ) => number;
  createDense: (data: string, config: string, out: BigUint64Array) => number;
  setInfo: (matrix: Handle, field: string, data: string) => number;
  setFeatureTypes: (matrix: Handle, field: string, types: readonly string[], count: bigint) => number;
  freeMatrix: (matrix: Handle) => number;
  createBooster: (matrices: BigUint64Array, count: bigint, out: BigUint64Array) => number;
  setParameter: (booster: Handle, name: string, value: string) => number;
  trainOne: (booster: Handle, matrix: Handle, iteration: number, gradients: string, hessians: string) => number;
  predict: (
    booster: Handle,
    matrix: Handle,
    config: string,
    shape: BigUint64Array,
    dimensions: BigUint64Array,
    out: BigUint64Array,
  ) => number;
  slice: (booster: Handle, begin: number, end: number, step: number, out: BigUint64Array) => number;
  saveModel: (booster: Handle, config: string, length: BigUint64Array, out: BigUint64Array) => number;
  freeBooster: (booster: Handle) => number;
}

function bind({ libraryPath }: XgboostOptions): Native {
  // As in lightgbm.ts: threads that wait must not spin where processes share cores.
  process.env['OMP_WAIT_POLICY'] ??= 'passive';
  try {
    // Loaded first, it is what the dynamic loader then finds for the library's need of it.
    if (libraryPath.includes('/')) koffi.load(path.join(path.dirname(libraryPath), LIBGOMP));
    const library = koffi.load(libraryPath);
    // The casts hold by the C declarations beside them: koffi's own type of a function is (...any) => any.
    const declare = <F>(signature: string): F => library.func(signature) as unknown as F;
    return {
      lastError: declare('const char *XGBGetLastError()'),
      version: declare('void XGBoostVersion(void *major, void *minor, void *patch)'),
      registerLogCallback: declare('int XGBRegisterLogCallback(void *callback)'),
      setGlobalConfig: declare('int XGBSetGlobalConfig(const char *json)'),
      createProxy: declare('int XGProxyDMatrixCreate(void *out)'),
      setProxyDense: declare('int XGProxyDMatrixSetDataDense(void *proxy, const char *data)'),
      createQuantile: declare(
        'int XGQuantileDMatrixCreateFromCallback(void *iter, void *proxy, void *ref, void *reset, void *next, const char *config, void *out)',
      ),
      createDense: declare('int XGDMatrixCreateFromDense(const char *data, const char *config, void *out)'),
      setInfo: declare('int XGDMatrixSetInfoFromInterface(void *matrix, const char *field, const char *data)'),
      setFeatureTypes: declare(
        'int XGDMatrixSetStrFeatureInfo(void *matrix, const char *field, const char **types, uint64_t count)',
      ),
      freeMatrix: declare('int XGDMatrixFree(void *matrix)'),
      createBooster: declare('int XGBoosterCreate(void *matrices, uint64_t count, void *out)'),
      setParameter: declare('int XGBoosterSetParam(void *booster, const char *name, const char *value)'),
      trainOne: declare(
        'int XGBoosterTrainOneIter(void *booster, void *matrix, int iteration, const char *gradients, const char *hessians)',
      ),
      predict: declare(
        'int XGBoosterPredictFromDMatrix(void *booster, void *matrix, const char *config, void *shape, void *dimensions, void *out)',
      ),
      slice: declare('int XGBoosterSlice(void *booster, int begin, int end, int step, void *out)'),
      saveModel: declare('int XGBoosterSaveModelToBuffer(void *booster, const char *config, void *length, void *out)'),
      freeBooster: declare('int XGBoosterFree(void *booster)'),
    };
  } catch (err) {
    throw new AppError(
      'NATIVE_LIBRARY',
      `XGBoost's library ${libraryPath} cannot be loaded: ${err instanceof Error ? err.message : String(err)}`,
      { cause: err },
    );
  }
}

/** koffi keeps a callback until it is unregistered; one sink serves for the life of the process. */
let logSink: Handle | undefined;

const NEXT = koffi.pointer(koffi.proto('int XgboostNext(void *iterator)'));
const RESET = koffi.pointer(koffi.proto('void XgboostReset(void *iterator)'));

/**
 * Loads XGBoost. Loading the same library again costs nothing.
 *
 * @throws NATIVE_LIBRARY when it (or its libgomp) cannot be loaded, lacks a function or is of another version
 */
export function openXgboost(options: XgboostOptions): XgboostEngine {
  const native = bind(options);
  const version = [new Int32Array(1), new Int32Array(1), new Int32Array(1)] as const;
  native.version(...version);
  const found = version.map((part) => part[0] ?? 0);
  if (found[0] !== VERSION[0] || found[1] !== VERSION[1]) {
    throw new AppError(
      'NATIVE_LIBRARY',
      `XGBoost's library ${options.libraryPath} is of version ${found.join('.')}, expected ${VERSION.join('.')}`,
    );
  }
  logSink ??= koffi.register(() => undefined, koffi.pointer(koffi.proto('void XgboostLogSink(const char *text)')));
  check(native, native.registerLogCallback(logSink), 'XGBRegisterLogCallback');
  check(native, native.setGlobalConfig('{"verbosity":0}'), 'XGBSetGlobalConfig');
  return { createDataset: (spec) => createDataset(native, spec) };
}

function check(native: Native, code: number, operation: string): void {
  if (code === 0) return;
  // Without the time and place before it and the stack trace after it.
  const text = native.lastError().split('\nStack trace:')[0] ?? '';
  throw new AppError('INTERNAL', `XGBoost: ${operation}: ${text.replace(/^\[[^\]]*\] \S+: /, '').trim()}`);
}

/** The handle that a call writes. */
function handleFrom(native: Native, operation: string, call: (out: BigUint64Array) => number): Handle {
  const out = new BigUint64Array(1);
  check(native, call(out), operation);
  return out[0] ?? 0n;
}

type Numbers = Float32Array | Uint8Array | Uint16Array;

/** `data` as XGBoost reads it; the caller keeps `data` alive as long as it does. */
function arrayInterface(data: Numbers, shape: readonly number[]): string {
  const type = data instanceof Float32Array ? '<f4' : data instanceof Uint8Array ? '|u1' : '<u2';
  return `{"data":[${koffi.address(data)},true],"shape":[${shape.join(',')}],"typestr":"${type}","version":3}`;
}

const featureTypes = (isCategory: readonly boolean[]): string[] => isCategory.map((is) => (is ? 'c' : 'q'));

/** One batch, handed out in each of the passes that XGBoost makes over the data. */
function createDataset(native: Native, spec: XgboostDatasetSpec): XgboostDataset {
  const { rowCount, columnCount, codes, labels } = spec;
  if (codes.length !== rowCount * columnCount || labels.length !== rowCount)
    throw new AppError('INTERNAL', 'XGBoost: codes or labels do not fit rows x columns');
  const data = arrayInterface(codes, [rowCount, columnCount]);
  const types = featureTypes(spec.isCategory);
  const proxy = handleFrom(native, 'XGProxyDMatrixCreate', (out) => native.createProxy(out));
  let isRead = false;
  let failed = 0;
  const next = koffi.register(() => {
    if (isRead) return 0;
    isRead = true;
    failed ||= native.setProxyDense(proxy, data);
    failed ||= native.setFeatureTypes(proxy, 'feature_type', types, BigInt(columnCount));
    return failed === 0 ? 1 : 0;
  }, NEXT);
  const reset = koffi.register(() => {
    isRead = false;
  }, RESET);
  try {
    const config = `{"missing":${spec.missingCode},"max_bin":${spec.binsMax},"nthread":${spec.threadCount}}`;
    const handle = handleFrom(native, 'XGQuantileDMatrixCreateFromCallback', (out) =>
      native.createQuantile(null, proxy, null, reset, next, config, out),
    );
    return openDataset(native, handle, spec);
  } finally {
    koffi.unregister(next);
    koffi.unregister(reset);
    native.freeMatrix(proxy);
  }
}

function openDataset(native: Native, handle: Handle, spec: XgboostDatasetSpec): XgboostDataset {
  const { rowCount, labels, weights, binsMax, threadCount } = spec;
  let open = true;
  const setInfo = (field: string, data: Float32Array, shape: readonly number[]): void => {
    if (!open) throw new AppError('INTERNAL', `XGBoost: ${field} of a closed data set`);
    check(native, native.setInfo(handle, field, arrayInterface(data, shape)), 'XGDMatrixSetInfoFromInterface');
  };
  const close = (): void => {
    if (open) native.freeMatrix(handle);
    open = false;
  };
  try {
    setInfo('label', labels, [rowCount]);
    if (weights !== null) setInfo('weight', weights, [rowCount]);
  } catch (err) {
    close();
    throw err;
  }
  return {
    setMargins: (margins, outputCount) => setInfo('base_margin', margins, [rowCount, outputCount]),
    createBooster(parameters) {
      if (!open) throw new AppError('INTERNAL', 'XGBoost: createBooster on a closed data set');
      const booster = handleFrom(native, 'XGBoosterCreate', (out) =>
        native.createBooster(BigUint64Array.of(handle), 1n, out),
      );
      try {
        const all = { ...parameters, tree_method: 'hist', max_bin: binsMax, nthread: threadCount, verbosity: 0 };
        for (const [name, value] of Object.entries(all))
          check(native, native.setParameter(booster, name, String(value)), `parameter ${name}`);
      } catch (err) {
        native.freeBooster(booster);
        throw err;
      }
      return openBooster(native, booster, handle, rowCount);
    },
    close,
  };
}

/** All iterations so far, of which the training rows' own scores are kept by XGBoost. */
const MARGINS = '{"type":1,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true}';

function openBooster(native: Native, handle: Handle, matrix: Handle, rowCount: number): XgboostBooster {
  let open = true;
  let made = 0;
  const assertOpen = (operation: string): void => {
    if (!open) throw new AppError('INTERNAL', `XGBoost: ${operation} on a closed booster`);
  };
  const predicted = (of: Handle, config: string, length: number | null): Float32Array => {
    const [shape, dimensions, out] = [new BigUint64Array(1), new BigUint64Array(1), new BigUint64Array(1)];
    check(native, native.predict(handle, of, config, shape, dimensions, out), 'XGBoosterPredictFromDMatrix');
    const sizes = new BigUint64Array(koffi.view(shape[0] ?? 0n, 8 * Number(dimensions[0] ?? 0n)));
    const count = sizes.reduce((product, size) => product * Number(size), 1);
    if (length !== null && count !== length)
      throw new AppError('INTERNAL', `XGBoost: ${count} scores, expected ${length}`);
    return new Float32Array(koffi.view(out[0] ?? 0n, 4 * count));
  };
  return {
    readMargins(out) {
      assertOpen('readMargins');
      out.set(predicted(matrix, MARGINS, out.length));
    },
    boost(gradients, hessians) {
      assertOpen('boost');
      const shape = [rowCount, gradients.length / rowCount];
      const [first, second] = [arrayInterface(gradients, shape), arrayInterface(hessians, shape)];
      check(native, native.trainOne(handle, matrix, made, first, second), 'XGBoosterTrainOneIter');
      made += 1;
    },
    model(first, count) {
      assertOpen('model');
      const part = handleFrom(native, 'XGBoosterSlice', (out) => native.slice(handle, first, first + count, 1, out));
      try {
        const [length, out] = [new BigUint64Array(1), new BigUint64Array(1)];
        check(native, native.saveModel(part, '{"format":"ubj"}', length, out), 'XGBoosterSaveModelToBuffer');
        return new Uint8Array(koffi.view(out[0] ?? 0n, Number(length[0] ?? 0n))).slice();
      } finally {
        native.freeBooster(part);
      }
    },
    predict(rows, first, count) {
      assertOpen('predict');
      const config = `{"type":1,"training":false,"iteration_begin":${first},"iteration_end":${first + count},"strict_shape":true}`;
      return withMatrix(native, rows, (of) => predicted(of, config, null).slice());
    },
    close() {
      if (open) native.freeBooster(handle);
      open = false;
    },
  };
}

/** Rows as a matrix of their own, for as long as `use` runs. */
function withMatrix<T>(
  native: Native,
  { rowCount, columnCount, codes, missingCode, isCategory }: Parameters<XgboostBooster['predict']>[0],
  use: (matrix: Handle) => T,
): T {
  const matrix = handleFrom(native, 'XGDMatrixCreateFromDense', (out) =>
    native.createDense(arrayInterface(codes, [rowCount, columnCount]), `{"missing":${missingCode}}`, out),
  );
  try {
    const types = featureTypes(isCategory);
    check(native, native.setFeatureTypes(matrix, 'feature_type', types, BigInt(columnCount)), 'feature types');
    return use(matrix);
  } finally {
    native.freeMatrix(matrix);
  }
}

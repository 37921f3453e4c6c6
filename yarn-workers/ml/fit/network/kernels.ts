import {
  add,
  and,
  divide,
  f32,
  i32,
  i32Add,
  i32LessThan,
  i32Multiply,
  i32ShiftLeft,
  i32x4GreaterUnsigned,
  i32x4ShiftLeft,
  i32x4ShiftRight,
  load,
  loadSplat,
  instantiate,
  compileWasm,
  multiply,
  nearest,
  repeat,
  sequence,
  splatF32,
  splatI32,
  squareRoot,
  store,
  subtract,
  toI32,
  xor,
  type Code,
  type WasmFunction,
  variables,
  type WasmMemory,
  type WasmModule,
} from '#wasm';

/**
 * The arithmetic of a network's fit on four single-precision numbers at a time, as a module of WebAssembly: there addition, multiplication,
 * division and square root are those of IEEE 754, none are fused or reordered, so the same numbers come out on every machine. V8 is 20 times as slow
 * with the same loops in TypeScript (ADR 52). Addresses are in bytes; all arrays begin at multiples of 16.
 */
export interface Kernels {
  /**
   * c = a b: c is m x n and b k x n, row-major; the element (i, p) of a is at `a + i * aRow + p * aStep`. Each element is summed over p from 0 on.
   *
   * @param m a multiple of 4
   * @param n a multiple of 8
   */
  product(c: number, a: number, b: number, m: number, k: number, n: number, aRow: number, aStep: number): void;
  /** Adds a row of `width` numbers to each of some rows. @param width a multiple of 4, as below */
  addRow(rows: number, row: number, rowCount: number, width: number): void;
  /** Writes each of some rows times a row, element by element. */
  multiplyRow(out: number, rows: number, row: number, rowCount: number, width: number): void;
  /** Writes the sums over some rows, added up from the first on. */
  sumRows(out: number, rows: number, rowCount: number, width: number): void;
  /** Writes the products of the elements of two arrays. @param count a multiple of 4, as below */
  multiply(out: number, a: number, b: number, count: number): void;
  /** Writes the cosines of `z`, and their derivatives (negative sines); absolute errors below 1e-6 for |z| up to 1e4. */
  cosines(z: number, cosine: number, slope: number, count: number): void;
  /**
   * Leaves out elements of two arrays at random places, the same of both, and multiplies the others by `scale`.
   *
   * @param state four words of random numbers that go on (Marsaglia 2003, "Xorshift RNGs"), none 0
   * @param threshold a word above it leaves out: of 2^32 - 1 none is
   */
  drop(a: number, b: number, count: number, state: number, threshold: number, scale: number): void;
  /**
   * One step of Adam with decoupled decay.
   *
   * @param keep what is left of a parameter before the step, which decay makes less than 1
   * @param first and `second`: 1 / (1 - beta^t) of the two moments
   * @see Kingma and Ba 2015, "Adam", algorithm 1; Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2
   */
  adam(
    parameter: number,
    gradient: number,
    moment: number,
    square: number,
    count: number,
    rate: number,
    keep: number,
    first: number,
    second: number,
  ): void;
}

/** Decay of the two moments, and what keeps the denominator from 0. */
export const ADAM = { moment: 0.9, square: 0.95, epsilon: 1e-8 } as const;

const VECTOR_BYTES = 16;
const TILE_ROWS = [0, 1, 2, 3] as const;

/** Four times the same number. */
const constant = (value: number): Code => splatF32(f32(value));

/** Sums of a tile of four rows and two vectors are kept at once. */
const TILE_SUMS = Object.fromEntries(
  TILE_ROWS.flatMap((row) => [`left${row}`, `right${row}`]).map((name) => [name, 'v128' as const]),
);

function productKernel(): WasmFunction {
  type Counter = 'i' | 'j' | 'p' | 'pa' | 'pb' | 'pc' | 'bRow';
  type Name =
    | 'c'
    | 'a'
    | 'b'
    | 'm'
    | 'k'
    | 'n'
    | 'aRow'
    | 'aStep'
    | Counter
    | 'left'
    | 'right'
    | 'factor'
    | `left${number}`
    | `right${number}`;
  const { read, write, step, ...types } = variables<Name>(
    { c: 'i32', a: 'i32', b: 'i32', m: 'i32', k: 'i32', n: 'i32', aRow: 'i32', aStep: 'i32' },
    {
      ...{ i: 'i32', j: 'i32', p: 'i32', pa: 'i32', pb: 'i32', pc: 'i32', bRow: 'i32' },
      ...{ left: 'v128', right: 'v128', factor: 'v128' },
      ...TILE_SUMS,
    },
  );
  const rowOf = (row: number): Code =>
    row === 0 ? read('pa') : i32Add(read('pa'), i32Multiply(i32(row), read('aRow')));
  const added = (sum: `left${number}` | `right${number}`, factor: 'left' | 'right'): Code =>
    write(sum, add(read(sum), multiply(read('factor'), read(factor))));
  const inner = sequence(
    write('left', load(read('pb'))),
    write('right', load(read('pb'), VECTOR_BYTES)),
    ...TILE_ROWS.map((row) =>
      sequence(write('factor', loadSplat(rowOf(row))), added(`left${row}`, 'left'), added(`right${row}`, 'right')),
    ),
    step('pa', read('aStep')),
    step('pb', read('bRow')),
    step('p', i32(1)),
  );
  const columnAt = i32ShiftLeft(read('j'), i32(2));
  const tile = sequence(
    ...TILE_ROWS.flatMap((row) => [write(`left${row}`, constant(0)), write(`right${row}`, constant(0))]),
    write('pa', i32Add(read('a'), i32Multiply(read('i'), read('aRow')))),
    write('pb', i32Add(read('b'), columnAt)),
    write('p', i32(0)),
    repeat(inner, i32LessThan(read('p'), read('k'))),
    write('pc', i32Add(read('c'), i32Add(i32Multiply(read('i'), read('bRow')), columnAt))),
    ...TILE_ROWS.map((row) =>
      sequence(
        store(read('pc'), read(`left${row}`)),
        store(read('pc'), read(`right${row}`), VECTOR_BYTES),
        step('pc', read('bRow')),
      ),
    ),
    step('j', i32(8)),
  );
  const rows = sequence(
    write('j', i32(0)),
    repeat(tile, i32LessThan(read('j'), read('n'))),
    step('i', i32(TILE_ROWS.length)),
  );
  const body = sequence(
    write('bRow', i32ShiftLeft(read('n'), i32(2))),
    write('i', i32(0)),
    repeat(rows, i32LessThan(read('i'), read('m'))),
  );
  return { name: 'product', ...types, body };
}

/** A function that goes over rows, and over vectors of each. */
function rowKernel(name: 'addRow' | 'multiplyRow'): WasmFunction {
  type Name = 'out' | 'rows' | 'row' | 'rowCount' | 'width' | 'i' | 'j' | 'at';
  const isSum = name === 'addRow';
  const { read, write, step, ...types } = variables<Name>(
    isSum
      ? { rows: 'i32', row: 'i32', rowCount: 'i32', width: 'i32' }
      : { out: 'i32', rows: 'i32', row: 'i32', rowCount: 'i32', width: 'i32' },
    { i: 'i32', j: 'i32', at: 'i32' },
  );
  const [from, factor] = [load(read('rows')), load(read('at'))];
  const inner = sequence(
    isSum ? store(read('rows'), add(from, factor)) : store(read('out'), multiply(from, factor)),
    step('rows', i32(VECTOR_BYTES)),
    ...(isSum ? [] : [step('out', i32(VECTOR_BYTES))]),
    step('at', i32(VECTOR_BYTES)),
    step('j', i32(4)),
  );
  const body = repeat(
    sequence(
      write('at', read('row')),
      write('j', i32(0)),
      repeat(inner, i32LessThan(read('j'), read('width'))),
      step('i', i32(1)),
    ),
    i32LessThan(read('i'), read('rowCount')),
  );
  return { name, ...types, body };
}

function sumRowsKernel(): WasmFunction {
  type Name = 'out' | 'rows' | 'rowCount' | 'width' | 'i' | 'j' | 'at' | 'sum';
  const { read, write, step, ...types } = variables<Name>(
    { out: 'i32', rows: 'i32', rowCount: 'i32', width: 'i32' },
    { i: 'i32', j: 'i32', at: 'i32', sum: 'v128' },
  );
  const inner = sequence(
    write('sum', add(read('sum'), load(read('at')))),
    step('at', i32ShiftLeft(read('width'), i32(2))),
    step('i', i32(1)),
  );
  const body = repeat(
    sequence(
      write('sum', constant(0)),
      write('at', i32Add(read('rows'), i32ShiftLeft(read('j'), i32(2)))),
      write('i', i32(0)),
      repeat(inner, i32LessThan(read('i'), read('rowCount'))),
      store(read('out'), read('sum')),
      step('out', i32(VECTOR_BYTES)),
      step('j', i32(4)),
    ),
    i32LessThan(read('j'), read('width')),
  );
  return { name: 'sumRows', ...types, body };
}

function multiplyKernel(): WasmFunction {
  type Name = 'out' | 'a' | 'b' | 'count' | 'i';
  const { read, step, ...types } = variables<Name>({ out: 'i32', a: 'i32', b: 'i32', count: 'i32' }, { i: 'i32' });
  const body = repeat(
    sequence(
      store(read('out'), multiply(load(read('a')), load(read('b')))),
      ...(['out', 'a', 'b'] as const).map((name) => step(name, i32(VECTOR_BYTES))),
      step('i', i32(4)),
    ),
    i32LessThan(read('i'), read('count')),
  );
  return { name: 'multiply', ...types, body };
}

/** Terms of the power series around 0: both are right to 1e-8 within half a turn's half. */
const COSINE_TERMS = 7;
/** Pi in three parts, the first two of few enough bits that their products with whole numbers up to 2^12 are exact. @see Cody and Waite 1980 */
const PI_PARTS = [3.140625, 0.0009670257568359375, 6.2771141529083252e-7] as const;

function cosinesKernel(): WasmFunction {
  type Name = 'z' | 'cosine' | 'slope' | 'count' | 'i' | 'turns' | 'rest' | 'square' | 'sign';
  const { read, write, step, ...types } = variables<Name>(
    { z: 'i32', cosine: 'i32', slope: 'i32', count: 'i32' },
    { i: 'i32', turns: 'v128', rest: 'v128', square: 'v128', sign: 'v128' },
  );
  // 1 - x^2 / 2! + x^4 / 4! ..., or from the odd powers without their first factor x.
  const series = (odd: 0 | 1): Code => {
    const coefficients = Array.from({ length: COSINE_TERMS }, (_, term) => (-1) ** term / factorial(2 * term + odd));
    return coefficients.reduceRight<Code>(
      (inner, value) => (inner.length === 0 ? constant(value) : add(multiply(inner, read('square')), constant(value))),
      [],
    );
  };
  const reduced = PI_PARTS.reduce<Code>(
    (left, part) => subtract(left, multiply(read('turns'), constant(part))),
    load(read('z')),
  );
  const body = repeat(
    sequence(
      write('turns', nearest(multiply(load(read('z')), constant(1 / Math.PI)))),
      write('rest', reduced),
      // Each half turn changes the sign.
      write('sign', i32x4ShiftLeft(toI32(read('turns')), i32(31))),
      write('square', multiply(read('rest'), read('rest'))),
      store(read('cosine'), xor(series(0), read('sign'))),
      store(read('slope'), xor(xor(multiply(series(1), read('rest')), read('sign')), splatI32(i32(-0x8000_0000)))),
      ...(['z', 'cosine', 'slope'] as const).map((name) => step(name, i32(VECTOR_BYTES))),
      step('i', i32(4)),
    ),
    i32LessThan(read('i'), read('count')),
  );
  return { name: 'cosines', ...types, body };
}

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));

function dropKernel(): WasmFunction {
  type Name = 'a' | 'b' | 'count' | 'state' | 'threshold' | 'scale' | 'i' | 'word' | 'factor';
  const { read, write, step, ...types } = variables<Name>(
    { a: 'i32', b: 'i32', count: 'i32', state: 'i32', threshold: 'i32', scale: 'f32' },
    { i: 'i32', word: 'v128', factor: 'v128' },
  );
  const scaled = (name: 'a' | 'b'): Code =>
    sequence(store(read(name), multiply(load(read(name)), read('factor'))), step(name, i32(VECTOR_BYTES)));
  const body = sequence(
    write('word', load(read('state'))),
    repeat(
      sequence(
        write('word', xor(read('word'), i32x4ShiftLeft(read('word'), i32(13)))),
        write('word', xor(read('word'), i32x4ShiftRight(read('word'), i32(17)))),
        write('word', xor(read('word'), i32x4ShiftLeft(read('word'), i32(5)))),
        // All bits of `scale` where the word is not above the threshold, else none: 0.
        write(
          'factor',
          and(
            splatF32(read('scale')),
            xor(i32x4GreaterUnsigned(read('word'), splatI32(read('threshold'))), splatI32(i32(-1))),
          ),
        ),
        ...[scaled('a'), scaled('b')],
        step('i', i32(4)),
      ),
      i32LessThan(read('i'), read('count')),
    ),
    store(read('state'), read('word')),
  );
  return { name: 'drop', ...types, body };
}

function adamKernel(): WasmFunction {
  type Name =
    | 'parameter'
    | 'gradient'
    | 'moment'
    | 'square'
    | 'count'
    | 'rate'
    | 'keep'
    | 'first'
    | 'second'
    | 'i'
    | 'g'
    | 'm'
    | 's';
  const { read, write, step, ...types } = variables<Name>(
    {
      ...{ parameter: 'i32', gradient: 'i32', moment: 'i32', square: 'i32', count: 'i32' },
      ...{ rate: 'f32', keep: 'f32', first: 'f32', second: 'f32' },
    },
    { i: 'i32', g: 'v128', m: 'v128', s: 'v128' },
  );
  const mixed = (old: Code, share: number, fresh: Code): Code =>
    add(multiply(old, constant(share)), multiply(fresh, constant(1 - share)));
  const change = divide(
    multiply(multiply(read('m'), splatF32(read('first'))), splatF32(read('rate'))),
    add(squareRoot(multiply(read('s'), splatF32(read('second')))), constant(ADAM.epsilon)),
  );
  const body = repeat(
    sequence(
      write('g', load(read('gradient'))),
      write('m', mixed(load(read('moment')), ADAM.moment, read('g'))),
      write('s', mixed(load(read('square')), ADAM.square, multiply(read('g'), read('g')))),
      store(read('moment'), read('m')),
      store(read('square'), read('s')),
      store(read('parameter'), subtract(multiply(load(read('parameter')), splatF32(read('keep'))), change)),
      ...(['parameter', 'gradient', 'moment', 'square'] as const).map((name) => step(name, i32(VECTOR_BYTES))),
      step('i', i32(4)),
    ),
    i32LessThan(read('i'), read('count')),
  );
  return { name: 'adam', ...types, body };
}

const KERNELS: readonly (() => WasmFunction)[] = [
  productKernel,
  () => rowKernel('addRow'),
  () => rowKernel('multiplyRow'),
  sumRowsKernel,
  multiplyKernel,
  cosinesKernel,
  dropKernel,
  adamKernel,
];

let compiled: WasmModule | null = null;

/** A memory of so many bytes, all 0, and the kernels over it. */
export function kernelsWith(bytes: number): { readonly memory: WasmMemory; readonly kernels: Kernels } {
  compiled ??= compileWasm(KERNELS.map((make) => make()));
  const { memory, exports } = instantiate(compiled, bytes);
  // The cast holds: these are the functions that the module was made of.
  return { memory, kernels: exports as Kernels };
}

/** Code of a WebAssembly function: bytes that push values, or take them. */
export type Code = readonly number[];

/** A function whose parameters and variables are 32-bit integers, floats of both precisions and vectors, and which gives nothing back. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  /** Variables beside the parameters; their numbers come after those. */
  readonly variables: readonly ValueType[];
  readonly body: Code;
}

export type ValueType = 'i32' | 'f32' | 'f64' | 'v128';

const TYPE_BYTE: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** An unsigned number in LEB128. @see WebAssembly core specification 2.0, 5.2.2 */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    const low = left % 0x80;
    left = Math.floor(left / 0x80);
    bytes.push(left > 0 ? low + 0x80 : low);
  } while (left > 0);
  return bytes;
}

/** A signed number of 32 bits in LEB128. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (;;) {
    const low = left & 0x7f;
    left >>= 7;
    const isLast = (left === 0 && (low & 0x40) === 0) || (left === -1 && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}

const float32 = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)];
const float64 = (value: number): number[] => [...new Uint8Array(Float64Array.of(value).buffer)];

const text = (value: string): number[] => {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
};

const vector = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const section = (id: number, content: Code): number[] => [id, ...unsigned(content.length), ...content];

/** Joins code that is run one after the other. */
export const sequence = (...parts: readonly Code[]): Code => parts.flat();

export const get = (variable: number): Code => [0x20, ...unsigned(variable)];
export const set = (variable: number, value: Code): Code => [...value, 0x21, ...unsigned(variable)];

export const i32 = (value: number): Code => [0x41, ...signed(value)];
export const f32 = (value: number): Code => [0x43, ...float32(value)];
export const f64 = (value: number): Code => [0x44, ...float64(value)];
const unary =
  (code: number) =>
  (a: Code): Code => [...a, code];
const binary =
  (code: number) =>
  (a: Code, b: Code): Code => [...a, ...b, code];
export const i32Add = binary(0x6a);
export const i32Multiply = binary(0x6c);
export const i32And = binary(0x71);
export const i32ShiftLeft = binary(0x74);
/** 32 of 0. */
export const i32LeadingZeros = unary(0x67);
export const f64Add = binary(0xa0);
export const f64Divide = binary(0xa3);
export const f64Absolute = unary(0x99);
/** 1 or 0; 0 of NaN, but where they are to be unequal. */
export const f64Unequal = binary(0x62);
export const f64LessThan = binary(0x63);
export const f64GreaterThan = binary(0x64);
export const f64AtMost = binary(0x65);
/** Without its fraction; what is too large is the nearest number of 32 bits, NaN is 0. */
export const i32OfF64 = (a: Code): Code => [...a, 0xfc, 0x02];
/** One of two values, both of which are computed. */
export const choose = (condition: Code, yes: Code, no: Code): Code => [...yes, ...no, ...condition, 0x1b];

/** Memory is read and written at multiples of 8 bytes. */
const at8 = (offset: number): number[] => [0x03, ...unsigned(offset)];
export const f64Load = (address: Code, offset = 0): Code => [...address, 0x2b, ...at8(offset)];
export const f64Store = (address: Code, value: Code, offset = 0): Code => [...address, ...value, 0x39, ...at8(offset)];

/** Runs the body, which must change what `isLeft` looks at, as long as that is so; at least once. */
export const repeat = (body: Code, isLeft: Code): Code => [0x03, 0x40, ...body, ...isLeft, 0x0d, 0x00, 0x0b];
export const i32LessThan = binary(0x49); // unsigned

/** Instructions of vectors have a prefix and a number of their own. @see WebAssembly core specification 2.0, 5.4.8 */
const simd = (code: number): number[] => [0xfd, ...unsigned(code)];
const simdBinary =
  (code: number) =>
  (a: Code, b: Code): Code => [...a, ...b, ...simd(code)];
const simdUnary =
  (code: number) =>
  (a: Code): Code => [...a, ...simd(code)];
/** Memory is read and written at multiples of 4 bytes. */
const at = (offset: number): number[] => [0x02, ...unsigned(offset)];

export const load = (address: Code, offset = 0): Code => [...address, ...simd(0), ...at(offset)];
/** Four times the same number of memory. */
export const loadSplat = (address: Code, offset = 0): Code => [...address, ...simd(9), ...at(offset)];
export const store = (address: Code, value: Code, offset = 0): Code => [
  ...address,
  ...value,
  ...simd(11),
  ...at(offset),
];
/** One of the four integers of a vector. */
export const i32Lane = (a: Code, lane: number): Code => [...a, ...simd(27), lane];
export const splatI32 = simdUnary(17);
export const splatF32 = simdUnary(19);
export const and = simdBinary(78);
export const xor = simdBinary(81);
export const i32x4GreaterUnsigned = simdBinary(60);
export const i32x4ShiftLeft = simdBinary(171);
export const i32x4ShiftRight = simdBinary(173); // unsigned
export const nearest = simdUnary(106);
export const squareRoot = simdUnary(227);
export const add = simdBinary(228);
export const subtract = simdBinary(229);
export const multiply = simdBinary(230);
export const divide = simdBinary(231);
export const toI32 = simdUnary(248);

/** The bytes of a module that imports its memory as `env.memory` and exports its functions. */
export function moduleOf(functions: readonly WasmFunction[]): Uint8Array {
  const types = functions.map(({ parameters }) => [
    0x60,
    ...vector(parameters.map((type) => [TYPE_BYTE[type]])),
    ...vector([]),
  ]);
  const imported = [...text('env'), ...text('memory'), 0x02, 0x00, ...unsigned(1)];
  const exported = functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]);
  const bodies = functions.map(({ variables, body }) => {
    const code = [...vector(variables.map((type) => [1, TYPE_BYTE[type]])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([imported])),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(7, vector(exported)),
    ...section(10, vector(bodies)),
  ]);
}

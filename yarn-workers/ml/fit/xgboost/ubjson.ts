import { AppError } from '#contracts';

/** A value of Universal Binary JSON; arrays of one type are typed arrays (64-bit integers as doubles). */
export type Ubjson =
  null | boolean | number | string | NumberArray | readonly Ubjson[] | { readonly [key: string]: Ubjson };

export type NumberArray = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** Nested deeper than any model of XGBoost is. */
const DEPTH_MAX = 32;

/**
 * Reads Universal Binary JSON as XGBoost writes it. Strict: unknown markers, surplus bytes and lengths beyond the end are
 * refused.
 *
 *     value  = "{" ( length utf8 value )* "}" | "[" value* "]" | "[#" length value* | "[$" type "#" length number*
 *            | "S" length utf8 | type number | "T" | "F" | "Z"          length = type integer, numbers are big endian
 *     type   = "i" int8 | "U" uint8 | "I" int16 | "l" int32 | "L" int64 | "d" float32 | "D" float64
 *
 * @throws ARTIFACT_INVALID naming the byte
 * @see XGBoost 3.2.0, src/common/json.cc (UBJReader, UBJWriter); https://ubjson.org, draft 12
 */
export function parseUbjson(bytes: Uint8Array): Ubjson {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = new TextDecoder('utf-8', { fatal: true });
  let at = 0;
  const fail = (what: string): never => {
    throw new AppError('ARTIFACT_INVALID', `XGBoost model: byte ${at}: ${what}`);
  };
  const need = (count: number): number => {
    if (!(count >= 0) || at + count > bytes.length) fail(`${count} bytes more are said to follow`);
    at += count;
    return at - count;
  };
  const marker = (): string => String.fromCharCode(bytes[need(1)] ?? 0);
  const typeOf = (name: string): NumberType => TYPES[name] ?? fail(`${JSON.stringify(name)} is no type of numbers`);
  const numberOf = ({ size, read }: NumberType): number => read(view, need(size));
  const length = (): number => numberOf(typeOf(marker()));
  const string = (): string => {
    const count = length();
    const from = need(count);
    return text.decode(bytes.subarray(from, from + count));
  };
  const numbers = (): NumberArray => {
    const { size, read, make } = typeOf(marker());
    if (marker() !== '#') fail('an array has a type but no length');
    const count = length();
    const from = need(count * size);
    const out = make(count);
    for (let i = 0; i < count; i += 1) out[i] = read(view, from + i * size);
    return out;
  };
  const value = (depth: number): Ubjson => {
    if (depth > DEPTH_MAX) return fail('nested too deep');
    const name = marker();
    if (name === 'S') return string();
    if (name === 'T' || name === 'F') return name === 'T';
    if (name === 'Z') return null;
    if (name === '{') {
      const entries: [string, Ubjson][] = [];
      while (bytes[at] !== OBJECT_END) entries.push([string(), value(depth + 1)]);
      need(1);
      return Object.fromEntries(entries);
    }
    if (name !== '[') return numberOf(typeOf(name));
    if (bytes[at] === TYPED) {
      need(1);
      return numbers();
    }
    const items: Ubjson[] = [];
    if (bytes[at] === COUNTED) {
      need(1);
      for (let left = length(); left > 0; left -= 1) items.push(value(depth + 1));
      return items;
    }
    while (bytes[at] !== ARRAY_END) items.push(value(depth + 1));
    need(1);
    return items;
  };
  const all = value(0);
  if (at !== bytes.length) fail('more follows the model');
  return all;
}

const OBJECT_END = 0x7d;
const ARRAY_END = 0x5d;
const TYPED = 0x24;
const COUNTED = 0x23;

interface NumberType {
  readonly size: number;
  readonly read: (view: DataView, at: number) => number;
  readonly make: (count: number) => NumberArray;
}

const TYPES: Readonly<Record<string, NumberType>> = {
  i: { size: 1, read: (view, at) => view.getInt8(at), make: (count) => new Int8Array(count) },
  U: { size: 1, read: (view, at) => view.getUint8(at), make: (count) => new Uint8Array(count) },
  I: { size: 2, read: (view, at) => view.getInt16(at), make: (count) => new Int16Array(count) },
  l: { size: 4, read: (view, at) => view.getInt32(at), make: (count) => new Int32Array(count) },
  L: { size: 8, read: (view, at) => Number(view.getBigInt64(at)), make: (count) => new Float64Array(count) },
  d: { size: 4, read: (view, at) => view.getFloat32(at), make: (count) => new Float32Array(count) },
  D: { size: 8, read: (view, at) => view.getFloat64(at), make: (count) => new Float64Array(count) },
};

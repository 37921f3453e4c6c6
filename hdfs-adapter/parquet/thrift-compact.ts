import { AppError } from '#contracts';

/**
 * Thrift's compact protocol as a tree, so that a footer can be changed and written back with what is not known kept.
 *
 *     struct = field* 0x00 ; field = header value, header = (delta << 4 | type) | type zigzag(id)
 *     list   = (size << 4 | type) | (0xf0 | type) varint(size), value*
 *     value  = bool in the header | byte | zigzag varint | 8 bytes | varint(length) bytes | list | struct
 *
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export type ThriftValue = number | boolean | Buffer | ThriftList | ThriftStruct;

export interface ThriftList {
  readonly type: number;
  readonly items: ThriftValue[];
}

export interface ThriftStruct {
  /** By field id, in the order of the file (ascending). */
  readonly fields: Map<number, { readonly type: number; value: ThriftValue }>;
}

const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const I16 = 4;
const I32 = 5;
const I64 = 6;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const STRUCT = 12;
const LONG_LIST = 15;
const DEPTH_MAX = 32;

export function isStruct(value: ThriftValue | undefined): value is ThriftStruct {
  return typeof value === 'object' && 'fields' in value;
}

export function isList(value: ThriftValue | undefined): value is ThriftList {
  return typeof value === 'object' && 'items' in value;
}

/** Reads one struct from the start of `bytes`. @throws INTERNAL for bytes that are none */
export function readThrift(bytes: Buffer): ThriftStruct {
  return new Reader(bytes).struct(0);
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  struct(depth: number): ThriftStruct {
    if (depth > DEPTH_MAX) throw broken('too deep');
    const fields: ThriftStruct['fields'] = new Map();
    let id = 0;
    for (;;) {
      const header = this.#byte();
      if (header === 0) return { fields };
      const type = header & 15;
      id = header >> 4 === 0 ? this.#zigzag() : id + (header >> 4);
      fields.set(id, { type, value: type === TRUE || type === FALSE ? type === TRUE : this.#value(type, depth) });
    }
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case TRUE:
      case FALSE:
        return this.#byte() === TRUE;
      case BYTE:
        return this.#byte();
      case I16:
      case I32:
      case I64:
        return this.#zigzag();
      case DOUBLE:
        return this.#take(8);
      case BINARY:
        return this.#take(this.#varint());
      case LIST:
      case SET: {
        const header = this.#byte();
        const size = header >> 4 === LONG_LIST ? this.#varint() : header >> 4;
        const items: ThriftValue[] = [];
        for (let i = 0; i < size; i += 1) items.push(this.#value(header & 15, depth + 1));
        return { type: header & 15, items };
      }
      case STRUCT:
        return this.struct(depth + 1);
      default:
        throw broken(`type ${type}`);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw broken('it ends early');
    this.#at += 1;
    return byte;
  }

  #take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw broken('it ends early');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (!Number.isSafeInteger(value)) throw broken('an integer above 2^53');
      if (byte < 128) return value;
    }
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/** The bytes of a struct; `readThrift` gives it back. */
export function writeThrift(struct: ThriftStruct): Buffer {
  const out: Buffer[] = [];
  writeStruct(struct, out);
  return Buffer.concat(out);
}

function writeStruct(struct: ThriftStruct, out: Buffer[]): void {
  let last = 0;
  for (const [id, { type, value }] of struct.fields) {
    const wire = typeof value === 'boolean' ? (value ? TRUE : FALSE) : type;
    const delta = id - last;
    if (delta > 0 && delta < 16) out.push(Buffer.of((delta << 4) | wire));
    else out.push(Buffer.of(wire), zigzag(id));
    last = id;
    if (typeof value !== 'boolean') writeValue(type, value, out);
  }
  out.push(Buffer.of(0));
}

function writeValue(type: number, value: ThriftValue, out: Buffer[]): void {
  if (typeof value === 'number') out.push(type === BYTE ? Buffer.of(value & 255) : zigzag(value));
  else if (typeof value === 'boolean') out.push(Buffer.of(value ? TRUE : FALSE));
  else if (isStruct(value)) writeStruct(value, out);
  else if (isList(value)) {
    const { items } = value;
    if (items.length < LONG_LIST) out.push(Buffer.of((items.length << 4) | value.type));
    else out.push(Buffer.of((LONG_LIST << 4) | value.type), varint(items.length));
    for (const item of items) writeValue(value.type, item, out);
  } else out.push(...(type === BINARY ? [varint(value.length), value] : [value]));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function zigzag(value: number): Buffer {
  return varint(value >= 0 ? value * 2 : -value * 2 - 1);
}

function broken(found: string): AppError {
  return new AppError('INTERNAL', `A Parquet footer that was just written cannot be read: ${found}`);
}

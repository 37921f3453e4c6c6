/**
 * The wire format of protocol buffers, as far as ONNX needs it: messages are written, never read.
 *
 *     message = field*        field = tag value        tag = varint(number << 3 | wire type)
 *     value   = varint (type 0) | varint length, bytes (type 2) | 4 bytes (type 5)
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
const VARINT = 0;
const LENGTH = 2;

/** Pieces of a message; joined once, at the end. */
export type Message = readonly Uint8Array[];

/** A whole number from 0 to 2^53; negative ones are not written here. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

const tag = (field: number, type: number): Uint8Array => varint(field * 8 + type);

/** int32, int64 or an enum, not negative. */
export const integerField = (field: number, value: number): Message => [tag(field, VARINT), varint(value)];

export const bytesField = (field: number, bytes: Uint8Array): Message => [
  tag(field, LENGTH),
  varint(bytes.length),
  bytes,
];

export const textField = (field: number, text: string): Message => bytesField(field, new TextEncoder().encode(text));

/** A message within. */
export const messageField = (field: number, message: Message): Message => [
  tag(field, LENGTH),
  varint(message.reduce((sum, piece) => sum + piece.length, 0)),
  ...message,
];

/** Repeated whole numbers, packed. */
export const packedIntegers = (field: number, values: readonly number[]): Message =>
  bytesField(field, joined(values.map(varint)));

/** All bytes of a message. */
export function joined(pieces: Message): Uint8Array {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

import { Type, parse, strict, type Static } from '#contracts';
import type { Sha256Function } from '#scoring';
import { invalidState, readStateFile, writeStateFile } from '../state-file.ts';
import type { NumberArray, StateParts } from './state-parts.ts';

/**
 * Format and version of a span's state as bytes: a file as {@link writeStateFile} says, in whose blob the arrays stand one after the other, each
 * at a multiple of 8.
 */
const MAGIC = 'TYSPAN01';
const ALIGNMENT = 8;

const TYPES = {
  f64: Float64Array,
  i32: Int32Array,
  u32: Uint32Array,
  u16: Uint16Array,
  u8: Uint8Array,
} as const;
type TypeName = keyof typeof TYPES;

const ArrayFacts = strict({
  type: Type.Union([
    Type.Literal('f64'),
    Type.Literal('i32'),
    Type.Literal('u32'),
    Type.Literal('u16'),
    Type.Literal('u8'),
  ]),
  length: Type.Integer({ minimum: 0 }),
});
const Head = strict({ state: Type.Unknown(), arrays: Type.Array(ArrayFacts) });

const sizeOf = ({ type, length }: Static<typeof ArrayFacts>): number =>
  Math.ceil((length * TYPES[type].BYTES_PER_ELEMENT) / ALIGNMENT) * ALIGNMENT;

function typeOf(array: NumberArray): TypeName {
  if (array instanceof Float64Array) return 'f64';
  if (array instanceof Int32Array) return 'i32';
  if (array instanceof Uint32Array) return 'u32';
  return array instanceof Uint16Array ? 'u16' : 'u8';
}

const factsOf = (array: NumberArray) => ({ type: typeOf(array), length: array.length });

/** A state as bytes, with a digest of them. */
export function encodeParts({ head, arrays }: StateParts, sha256: Sha256Function): Uint8Array {
  const facts = arrays.map(factsOf);
  const blob = new Uint8Array(facts.reduce((sum, each) => sum + sizeOf(each), 0));
  let at = 0;
  for (const array of arrays) {
    blob.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += sizeOf(factsOf(array));
  }
  return writeStateFile(MAGIC, { state: head, arrays: facts }, blob, sha256);
}

/** The state that was written. @throws ARTIFACT_INVALID where the bytes are not those that were */
export function decodeParts(bytes: Uint8Array, sha256: Sha256Function): StateParts {
  const { head, blob } = readStateFile(MAGIC, bytes, sha256);
  const { state, arrays: facts } = parse(Head, head, 'state of a span', 'ARTIFACT_INVALID');
  // A copy, which begins at a multiple of 8; a slice of a Buffer of Node's is a view.
  const { buffer } = new Uint8Array(blob);
  let at = 0;
  const arrays = facts.map((each) => {
    const first = at;
    at += sizeOf(each);
    if (at > blob.length) return invalidState(`an array ends at ${at} of ${blob.length} bytes`);
    return new TYPES[each.type](buffer, first, each.length);
  });
  return { head: state, arrays };
}

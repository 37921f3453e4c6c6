import { AppError, Type, parse, strict } from '#contracts';

/** What the rows of a span have told, as plain data: it can be written down, and merged with that of the span that follows. */
export interface StateParts {
  /** What JSON takes, to the last bit: no NaN, no number that is not finite. */
  readonly head: unknown;
  readonly arrays: readonly NumberArray[];
}

export type NumberArray = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

/** Of nothing. */
export const NO_PARTS: StateParts = { head: null, arrays: [] };

const Joined = strict({ heads: Type.Array(Type.Unknown()), counts: Type.Array(Type.Integer({ minimum: 0 })) });

/** Several states as one; see {@link partsOf}. */
export const joinParts = (states: readonly StateParts[]): StateParts => ({
  head: { heads: states.map(({ head }) => head), counts: states.map(({ arrays }) => arrays.length) },
  arrays: states.flatMap(({ arrays }) => arrays),
});

/** The states that were joined. @throws INTERNAL where they are not so many */
export function partsOf({ head, arrays }: StateParts, count: number): StateParts[] {
  const { heads, counts } = parse(Joined, head, 'states of a span', 'INTERNAL');
  const expected = counts.reduce((sum, own) => sum + own, 0);
  if (heads.length !== count || counts.length !== count || arrays.length !== expected)
    throw new AppError('INTERNAL', `${heads.length} states with ${arrays.length} arrays, expected ${count}`);
  let next = 0;
  return heads.map((own, index) => {
    const first = next;
    next += counts[index] ?? 0;
    return { head: own, arrays: arrays.slice(first, next) };
  });
}

/**
 * An array of a state.
 *
 * @param length that it must have
 * @throws INTERNAL where it is another one
 */
export function arrayAt<A extends NumberArray>(
  { arrays }: StateParts,
  index: number,
  type: abstract new (...args: never[]) => A,
  length?: number,
): A {
  const found = arrays[index];
  if (!(found instanceof type) || (length !== undefined && found.length !== length))
    throw new AppError('INTERNAL', `array ${index} of a state: ${typeof found}, ${found?.length ?? 0} numbers`);
  return found;
}

/** Arrays one after the other; each is let go of as it is copied. @param make an empty array */
export function takeJoined<A extends NumberArray>(pieces: A[], make: (length: number) => A): A {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) {
    pieces.pop();
    return only;
  }
  const all = make(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

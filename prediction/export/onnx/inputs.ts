import { markedNumbers } from '#scoring';
import { unsupported, type PortableInput } from '../model/portable-model.ts';
import { INT64 } from './messages.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

/** A feature in a graph. */
export interface OnnxInput {
  /** A double where NaN is missing: the number, or seconds since 1970 of a date; null of a category. */
  readonly number: Value | null;
  /** int64: the place of its key, the first after them for a missing cell, the second for an unseen key. */
  readonly placeAmong: (keys: readonly string[]) => Value;
}

/** How cells are to be given to the graph. */
const READ_AS = {
  number: 'a number; NaN is missing',
  date: 'seconds since 1970-01-01T00:00Z; NaN is missing',
  text: 'the text of the level; the empty text is missing',
  numeral: 'the number of the level in shortest decimal form, as JavaScript writes it; the empty text is missing',
} as const;

/**
 * The input of a feature: a tensor of rows x 1 under its name, doubles of numbers and dates, strings of categories. Null markers count as
 * they do elsewhere. Of a category whose key rule is `number` the texts must be in one form, since a graph cannot read numbers.
 */
export function onnxInput({ feature }: PortableInput, builder: GraphBuilder): OnnxInput {
  const { name, parse } = feature;
  const { apply, number, constant, input } = builder;
  switch (parse.kind) {
    case 'number': {
      input({ name, type: 'double', width: 1, description: READ_AS.number });
      const value = markedNumbers(parse.nullMarkers).reduce(
        (of, marker) => apply('Where', [apply('Equal', [of, number(marker)]), number(NaN), of]),
        name,
      );
      return { number: value, placeAmong: (keys) => placeOfNumber(value, keys, builder) };
    }
    case 'date':
      input({ name, type: 'double', width: 1, description: READ_AS.date });
      return { number: name, placeAmong: (keys) => constant({ type: 'int64', dims: [1, 1], values: [keys.length] }) };
    case 'category': {
      const isNumeral = parse.keyRule === 'number';
      input({ name, type: 'string', width: 1, description: isNumeral ? READ_AS.numeral : READ_AS.text });
      return {
        number: null,
        placeAmong: (keys) => {
          const places = new Map<string, number>();
          for (const [place, key] of keys.entries())
            for (const text of parse.keyRule === 'boolean' ? spellings(key) : [key]) places.set(text, place);
          for (const marker of ['', ...parse.nullMarkers]) places.set(marker, keys.length);
          return builder.applyMl('LabelEncoder', [name], {
            keys_strings: { kind: 'strings', values: [...places.keys()] },
            values_int64s: { kind: 'ints', values: [...places.values()] },
            default_int64: { kind: 'int', value: keys.length + 1 },
          });
        },
      };
    }
    case 'geo':
      throw unsupported(`feature ${JSON.stringify(name)} is a place, which has no equal outside of Trainyard`);
  }
}

/** A truth in all cases of its letters; any other text as it is. */
function spellings(key: string): string[] {
  if (key !== 'true' && key !== 'false') return [key];
  return Array.from({ length: 2 ** key.length }, (_, cases) =>
    Array.from(key, (letter, at) => (((cases >> at) & 1) === 1 ? letter.toUpperCase() : letter)).join(''),
  );
}

/** The place of a number among keys that are numbers. */
function placeOfNumber(value: Value, keys: readonly string[], { apply, constant }: GraphBuilder): Value {
  const places = new Map<number, number>();
  for (const [place, key] of keys.entries()) if (!Number.isNaN(Number(key))) places.set(Number(key), place);
  const row = (type: 'double' | 'int64', values: readonly number[]): Value =>
    constant({ type, dims: [1, values.length], values });
  const integer = (of: number): Value => row('int64', [of]);
  const unseen = integer(keys.length + 1);
  const missing = apply('Where', [apply('IsNaN', [value]), integer(keys.length), unseen]);
  if (places.size === 0) return missing;
  // At most one of them is equal: what it is nearer to the start than an unseen key adds up to itself.
  const isEqual = apply('Cast', [apply('Equal', [value, row('double', [...places.keys()])])], {
    to: { kind: 'int', value: INT64 },
  });
  const nearer = apply('Mul', [
    isEqual,
    row(
      'int64',
      [...places.values()].map((place) => keys.length + 1 - place),
    ),
  ]);
  const sum = apply('ReduceSum', [nearer, constant({ type: 'int64', dims: [1], values: [1] })]);
  return apply('Sub', [missing, sum]);
}

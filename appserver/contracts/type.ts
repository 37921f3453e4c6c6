import type { Static, TObject, TSchema, Type as TypeBox } from 'typebox';

export type { Static, TObject, TSchema };

/** Those of TypeBox's builders that are here. */
type Builder =
  | 'Array'
  | 'Boolean'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe';

type Json = Readonly<Record<string, unknown>>;

/** What `Optional` has made: an object does not require them. */
const optional = new WeakSet<Json>();

const ofType =
  (type: string) =>
  (options: Json = {}): Json => ({ type, ...options });

const builders: Readonly<Record<Builder, unknown>> = {
  Array: (items: Json, options: Json = {}) => ({ type: 'array', items, ...options }),
  Boolean: ofType('boolean'),
  Integer: ofType('integer'),
  Literal: (value: string | number | boolean, options: Json = {}) => ({ type: typeof value, const: value, ...options }),
  Null: ofType('null'),
  Number: ofType('number'),
  Object: (properties: Readonly<Record<string, Json>>, options: Json = {}) => {
    const required = Object.keys(properties).filter((name) => !optional.has(properties[name] ?? {}));
    return { type: 'object', ...(required.length === 0 ? {} : { required }), properties, ...options };
  },
  Optional: (schema: Json) => {
    const own = { ...schema };
    optional.add(own);
    return own;
  },
  Record: (_key: Json, value: Json, options: Json = {}) => ({
    type: 'object',
    patternProperties: { '^.*$': value },
    ...options,
  }),
  String: ofType('string'),
  Union: (anyOf: readonly Json[], options: Json = {}) => ({ anyOf, ...options }),
  Unknown: (options: Json = {}) => ({ ...options }),
  Unsafe: (schema: Json) => ({ ...schema }),
};

/**
 * Makes JSON Schema (2020-12) whose TypeScript type is known: the builders of TypeBox that this program uses, with TypeBox's types. Only its
 * types are TypeBox's: the package itself is 700 modules, 12 MiB and 90 ms of each process, for the few lines here.
 *
 * @see https://json-schema.org/draft/2020-12
 */
// The cast holds: a test compares what each of them makes with what TypeBox makes.
export const Type = builders as Pick<typeof TypeBox, Builder>;

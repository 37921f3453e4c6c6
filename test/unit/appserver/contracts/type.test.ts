import { expect } from 'chai';
import { Type as TypeBox } from 'typebox';
import { Type } from '#contracts';

type Builders = Pick<typeof TypeBox, keyof typeof Type>;

/** A schema of every builder, in every place that decides what comes out. */
const SCHEMAS: Readonly<Record<string, (T: Builders) => object>> = {
  string: (T) => T.String(),
  'string with options': (T) => T.String({ minLength: 1, pattern: '^a', description: 'text' }),
  integer: (T) => T.Integer({ minimum: 0 }),
  number: (T) => T.Number(),
  boolean: (T) => T.Boolean({ default: false }),
  null: (T) => T.Null(),
  unknown: (T) => T.Unknown({ description: 'anything' }),
  'literal text': (T) => T.Literal('a'),
  'literal number': (T) => T.Literal(3, { description: 'three' }),
  'literal boolean': (T) => T.Literal(true),
  array: (T) => T.Array(T.Array(T.Number(), { maxItems: 2 })),
  union: (T) => T.Union([T.Null(), T.String()], { description: 'either' }),
  record: (T) => T.Record(T.String(), T.Array(T.Number())),
  'record with options': (T) => T.Record(T.String(), T.Unknown(), { maxProperties: 3 }),
  'of another make': (T) => T.Unsafe<string>({ type: 'string', enum: ['a', 'b'] }),
  object: (T) => T.Object({ a: T.String(), b: T.Integer() }, { additionalProperties: false, $id: 'Pair' }),
  'object without a property': (T) => T.Object({}),
  'object that requires nothing': (T) => T.Object({ a: T.Optional(T.String()) }),
  'object that requires some': (T) =>
    T.Object({ a: T.Optional(T.String({ default: 'x' })), b: T.Number(), c: T.Optional(T.Object({ d: T.Null() })) }),
};

/** A schema that is used twice is optional only where it was made so. */
const shared = (T: Builders): object => {
  const text = T.String();
  return T.Object({ a: T.Optional(text), b: text, c: T.Optional(T.Object({ d: text })) });
};

describe('contracts/type', () => {
  for (const [name, make] of Object.entries(SCHEMAS))
    it(`makes the JSON that TypeBox makes: ${name}`, () => {
      expect(JSON.stringify(make(Type))).to.equal(JSON.stringify(make(TypeBox)));
    });

  it('leaves a schema as it was that is made optional', () => {
    expect(JSON.stringify(shared(Type))).to.equal(JSON.stringify(shared(TypeBox)));
    expect(shared(Type)).to.have.property('required').that.deep.equals(['b']);
  });

  it('is compared with TypeBox by each of its builders', () => {
    const asked = new Set<string | symbol>();
    const watched = new Proxy(Type, { get: (target, name) => (asked.add(name), Reflect.get(target, name) as unknown) });
    for (const make of Object.values(SCHEMAS)) make(watched);
    expect([...asked]).to.have.members(Object.keys(Type));
  });
});

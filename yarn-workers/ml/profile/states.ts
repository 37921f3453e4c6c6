import { BoundingBox, TimeCounts, ValueCount, nullable, strict, Type, type Static } from '#contracts';
import { DistinctCounterData, HistogramData, MomentsData, QuantileSketchData, TopValuesData } from '#statistics';

/** A part of another version is profiled anew. */
export const PROFILE_PART_VERSION = 1;

const Count = Type.Integer({ minimum: 0 });
/** A double as ECMAScript writes it: JSON has no infinities. */
const Double = Type.String();
/** Doubles, little-endian, in base64. */
const Doubles = Type.String();

/** What a first pass over some rows has found in a column of numbers or dates. */
export const NumberState = strict({
  kind: Type.Literal('number'),
  moments: MomentsData,
  quantiles: QuantileSketchData,
  distinct: DistinctCounterData,
  order: strict({
    allIntegers: Type.Boolean(),
    isAscending: Type.Boolean(),
    first: nullable(Double),
    last: nullable(Double),
  }),
  few: nullable(
    Type.Array(strict({ value: Double, count: Count }), { description: 'in order of appearance; null: too many' }),
  ),
  times: nullable(TimeCounts),
});
export type NumberState = Static<typeof NumberState>;

/** The same of a category, all of whose texts are known. */
export const DictionaryState = strict({
  kind: Type.Literal('dictionary'),
  nullCount: Count,
  values: Type.Array(ValueCount, { description: 'in order of appearance, with those that mean missing' }),
});
export type DictionaryState = Static<typeof DictionaryState>;

/** The same of a category of too many texts. */
export const TextState = strict({
  kind: Type.Literal('text'),
  missingCount: Count,
  distinct: DistinctCounterData,
  top: TopValuesData,
  few: nullable(Type.Array(ValueCount, { description: 'in order of appearance; null: too many' })),
  sums: strict({
    cells: Count,
    characters: Count,
    words: Count,
    onlyBooleans: Type.Boolean(),
    places: strict({ placeCount: Count, otherCount: Count, markedCount: Count, box: nullable(BoundingBox) }),
  }),
});
export type TextState = Static<typeof TextState>;

export const FirstState = Type.Union([NumberState, DictionaryState, TextState]);
export type FirstState = Static<typeof FirstState>;

/** What a second pass over some rows has found in a column of numbers or dates: exact texts, or a histogram and a survey. */
export const SecondState = strict({
  texts: nullable(Type.Array(ValueCount, { description: 'in order of appearance, with those that mean missing' })),
  histogram: nullable(HistogramData),
  survey: nullable(
    strict({
      zeroCount: Count,
      minCount: Count,
      maxCount: Count,
      nextUp: Double,
      nextDown: Double,
      below: Count,
      above: Count,
    }),
  ),
});
export type SecondState = Static<typeof SecondState>;

/** Rows that features are held against each other by: of each column its numbers, or codes of its texts. */
export const ComparedState = strict({
  rowCount: Count,
  columns: Type.Array(
    strict({
      values: Doubles,
      texts: nullable(Type.Array(Type.String(), { description: 'by code; null of numbers' })),
    }),
  ),
});
export type ComparedState = Static<typeof ComparedState>;

/** What the first pass over a part of a table has found. */
export const FirstPart = strict({
  version: Type.Literal(PROFILE_PART_VERSION),
  rowCount: Count,
  columns: Type.Array(FirstState, { description: 'by position' }),
  compared: ComparedState,
  sampleRows: Type.Array(Type.Array(nullable(Type.String())), { description: 'the first rows of the part' }),
});
export type FirstPart = Static<typeof FirstPart>;

/** What the second pass over a part of a table has found. */
export const SecondPart = strict({
  version: Type.Literal(PROFILE_PART_VERSION),
  columns: Type.Array(nullable(SecondState), { description: 'by position; null where it is not looked at again' }),
});
export type SecondPart = Static<typeof SecondPart>;

/** Doubles as text that does not depend on the machine. */
export function packDoubles(values: Float64Array): string {
  const bytes = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, at) => bytes.setFloat64(8 * at, value, true));
  return Buffer.from(bytes.buffer).toString('base64');
}

export function unpackDoubles(text: string): Float64Array {
  const bytes = Buffer.from(text, 'base64');
  return Float64Array.from({ length: Math.floor(bytes.length / 8) }, (_, at) => bytes.readDoubleLE(8 * at));
}

import { Type, parse, strict, type Column, type Static } from '#contracts';
import type { ReadRows } from '../encoder.ts';
import { arrayAt, type NumberArray, type StateParts } from './state-parts.ts';

const ColumnHead = Type.Union([
  strict({ view: Type.Literal('number'), name: Type.String() }),
  strict({ view: Type.Literal('dictionary'), name: Type.String(), dictionary: Type.Array(Type.String()) }),
  strict({
    view: Type.Literal('text'),
    name: Type.String(),
    values: Type.Array(Type.Union([Type.String(), Type.Null()])),
  }),
]);
const Head = strict({ columns: Type.Array(ColumnHead) });

/** Rows as they were read, as a state; dictionaries have the texts of these rows alone. */
export function rowParts({ rows, columns }: ReadRows): StateParts {
  const own = columns.map(withOwnTexts);
  const heads = own.map((column): Static<typeof ColumnHead> => {
    const { view, name } = column;
    if (view === 'number') return { view, name };
    return view === 'dictionary'
      ? { view, name, dictionary: [...column.dictionary] }
      : { view, name, values: [...column.values] };
  });
  const arrays = own.flatMap((column): NumberArray[] =>
    column.view === 'number' ? [column.values] : column.view === 'dictionary' ? [column.codes] : [],
  );
  return { head: { columns: heads }, arrays: [rows, ...arrays] };
}

/** The rows of such a state. @throws INTERNAL where it is of something else */
export function rowsOfParts(state: StateParts): ReadRows {
  const { columns } = parse(Head, state.head, 'rows of a span', 'INTERNAL');
  const rows = arrayAt(state, 0, Uint32Array);
  let next = 1;
  return {
    rows,
    columns: columns.map((column): Column => {
      if (column.view === 'number') return { ...column, values: arrayAt(state, next++, Float64Array, rows.length) };
      if (column.view === 'dictionary') return { ...column, codes: arrayAt(state, next++, Int32Array, rows.length) };
      return column;
    }),
  };
}

/** A column whose dictionary has its own texts alone, in the order in which they come. */
function withOwnTexts(column: Column): Column {
  if (column.view !== 'dictionary') return column;
  const codeOf = new Map<number, number>();
  const dictionary: string[] = [];
  const codes = column.codes.map((code) => {
    if (code < 0) return -1;
    const known = codeOf.get(code);
    if (known !== undefined) return known;
    codeOf.set(code, dictionary.length);
    return dictionary.push(column.dictionary[code] ?? '') - 1;
  });
  return { ...column, codes, dictionary };
}

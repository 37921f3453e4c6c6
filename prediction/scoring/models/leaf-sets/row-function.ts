import {
  and,
  choose,
  f64,
  f64Absolute,
  f64Add,
  f64AtMost,
  f64Divide,
  f64GreaterThan,
  f64LessThan,
  f64Load,
  f64Store,
  f64Unequal,
  i32,
  i32Add,
  i32And,
  i32Lane,
  i32LeadingZeros,
  i32LessThan,
  i32Multiply,
  i32OfF64,
  i32ShiftLeft,
  load,
  repeat,
  sequence,
  variables,
  type Code,
  type NamedVariables,
  type WasmFunction,
} from '#wasm';
import { ZERO_THRESHOLD } from '../tree-arrays.ts';
import { missingCell, zeroCell, type ColumnCells } from './column-cells.ts';
import { LEAF_PLACES, NUMBER_BYTES, searchSteps, setBytes, type Layout } from './layout.ts';
import { VECTOR_WORDS, type LeafWords } from './leaf-words.ts';

/** What the compiled function is called. @param count of rows, at least 1 and at most what the layout holds */
export interface RowFunctions {
  readonly score: (count: number) => void;
}

type Name = 'count' | 'row' | 'out' | 'word' | 'end' | 'leaf' | 'place' | 'x' | 'sum' | 'left' | `set${number}`;

const VECTOR_BYTES = 16;
const LANES = [0, 1, 2, 3] as const;
/** log2 of {@link NUMBER_BYTES}. */
const NUMBER_SHIFT = 3;

/**
 * The function that scores rows: for each column it finds the cell of the row's number, intersects the sets of all columns four words at a
 * time, and adds up the leaf that is left of each tree, in tree order. No branch depends on a row. Places in memory, cuts and categories are
 * constants of the code, some 200 bytes a column.
 *
 * @param divisor of sums; 1 for none
 */
export function rowFunction(
  columns: readonly ColumnCells[],
  words: LeafWords,
  layout: Layout,
  divisor: number,
): WasmFunction {
  const named = variables<Name>(
    { count: 'i32' },
    {
      ...{ row: 'i32', out: 'i32', word: 'i32', end: 'i32', leaf: 'i32', place: 'i32' },
      ...Object.fromEntries(columns.map((_, index) => [`set${index}`, 'i32' as const])),
      ...{ x: 'f64', sum: 'f64', left: 'v128' },
    },
  );
  const { read, write, step } = named;
  const outputBytes = words.wordsPerOutput * (setBytes(words) / words.wordCount);
  const sum = divisor === 1 ? read('sum') : f64Divide(read('sum'), f64(divisor));
  const oneOutput = sequence(
    write('sum', f64(0)),
    write('end', i32Add(read('word'), i32(outputBytes))),
    repeat(intersectAndAdd(columns, layout, named), i32LessThan(read('word'), read('end'))),
    f64Store(read('out'), sum, layout.outputs),
    step('out', i32(NUMBER_BYTES)),
  );
  const oneRow = sequence(
    ...columns.map((column, index) => findSet(column, index, words, layout, named)),
    write('word', i32(0)),
    write('leaf', i32(0)),
    repeat(oneOutput, i32LessThan(read('word'), i32(setBytes(words)))),
    step('row', i32(columns.length * NUMBER_BYTES)),
    step('count', i32(-1)),
  );
  return { name: 'score', ...named, body: repeat(oneRow, read('count')) };
}

/** Writes where the set of a column's cell begins to its variable. */
function findSet(
  column: ColumnCells,
  index: number,
  words: LeafWords,
  layout: Layout,
  { read, write, step }: NamedVariables<Name>,
): Code {
  const x = read('x');
  const sets = layout.sets[index] ?? 0;
  const bytes = setBytes(words);
  const value = write('x', f64Load(read('row'), layout.rows + index * NUMBER_BYTES));
  if (column.isCategory) {
    const others = column.cellCount - 1;
    const isCategory = i32And(f64GreaterThan(x, f64(-1)), f64LessThan(x, f64(others)));
    const cell = choose(isCategory, i32OfF64(x), i32(others));
    return sequence(value, write(`set${index}`, i32Add(i32Multiply(cell, i32(bytes)), i32(sets))));
  }
  // The place of a cell is counted in bytes of cuts, so that it is an address without being multiplied.
  const halvings = Array.from({ length: searchSteps(column) }, (_, done) => {
    const half = searchSteps(column) - 1 - done;
    const cut = f64Load(read('place'), (layout.cuts[index] ?? 0) + (2 ** half - 1) * NUMBER_BYTES);
    return step('place', i32ShiftLeft(f64LessThan(cut, x), i32(half + NUMBER_SHIFT)));
  });
  const isZero = f64AtMost(f64Absolute(x), f64(ZERO_THRESHOLD));
  const isMissing = f64Unequal(x, x);
  return sequence(
    value,
    write('place', i32(0)),
    ...halvings,
    write('place', choose(isZero, i32(zeroCell(column) * NUMBER_BYTES), read('place'))),
    write('place', choose(isMissing, i32(missingCell(column) * NUMBER_BYTES), read('place'))),
    write(`set${index}`, i32Add(i32Multiply(read('place'), i32(bytes / NUMBER_BYTES)), i32(sets))),
  );
}

/** What is left of four words, and the values of their leaves added one after the other. */
function intersectAndAdd(
  columns: readonly ColumnCells[],
  { leaves }: Layout,
  { read, write, step }: NamedVariables<Name>,
): Code {
  const [first, ...others] = columns.map((_, index) => load(i32Add(read(`set${index}`), read('word'))));
  const leaf = (lane: number): Code =>
    f64Load(
      i32Add(read('leaf'), i32ShiftLeft(i32LeadingZeros(i32Lane(read('left'), lane)), i32(NUMBER_SHIFT))),
      leaves + lane * LEAF_PLACES * NUMBER_BYTES,
    );
  return sequence(
    write(
      'left',
      others.reduce((left, set) => and(left, set), first ?? []),
    ),
    ...LANES.map((lane) => write('sum', f64Add(read('sum'), leaf(lane)))),
    step('leaf', i32(VECTOR_WORDS * LEAF_PLACES * NUMBER_BYTES)),
    step('word', i32(VECTOR_BYTES)),
  );
}

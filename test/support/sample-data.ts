import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { REPOSITORY_ROOT } from './repository.ts';

/** A cell as a CSV file can say it: null is nothing between the commas, `''` is a quoted empty string. */
export type Cell = string | null;

export interface SampleTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** Numbers in [0, 1) that are the same at every run. @see Numerical Recipes (1992), section 7.1, ranqd1 */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A cell as RFC 4180 text. */
export function csvCell(cell: Cell, delimiter = ','): string {
  if (cell === null) return '';
  return cell === '' || cell.includes(delimiter) || /["\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export function csvText({ columns, rows }: SampleTable, delimiter = ',', lineEnd = '\n'): string {
  return [columns, ...rows]
    .map((cells) => cells.map((cell) => csvCell(cell, delimiter)).join(delimiter) + lineEnd)
    .join('');
}

/** One row as an ETL job would send it: every cell as its text, null for nothing. */
export const jsonRow = ({ columns }: SampleTable, row: readonly Cell[]): Record<string, Cell> =>
  Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null]));

/** The same table without some columns. */
export function without(table: SampleTable, ...names: readonly string[]): SampleTable {
  const kept = table.columns.flatMap((name, index) => (names.includes(name) ? [] : [index]));
  return {
    columns: kept.map((index) => table.columns[index] ?? ''),
    rows: table.rows.map((row) => kept.map((index) => row[index] ?? null)),
  };
}

const ADULT = path.join(REPOSITORY_ROOT, 'examples/data/adult');

/** The first rows of the adult sample; its cells hold neither quotes nor commas. */
export function adultSample(rowCount: number, file: 'train' | 'test' = 'train'): SampleTable {
  const [header = '', ...lines] = gunzipSync(readFileSync(path.join(ADULT, `${file}.csv.gz`)))
    .toString('utf8')
    .split('\n');
  const rows = lines.slice(0, rowCount).map((line) => line.split(',').map((cell): Cell => (cell === '' ? null : cell)));
  return { columns: header.split(','), rows };
}

const pick = <T>(values: readonly [T, ...T[]], draw: number): T =>
  values[Math.floor(draw * values.length)] ?? values[0];

/**
 * A binary target over cells that are easily read in two ways: leading zeros, `1.0`, booleans in many spellings, dates,
 * nothing, quoted nothing, integers above 2^53, decimals, zoned times, commas, quotes and line breaks.
 */
export function hostileSample(rowCount: number, seed = 7): SampleTable {
  const random = randomNumbers(seed);
  const rows = Array.from({ length: rowCount }, (_, index): Cell[] => {
    const amount = pick(['1.0', '1', '1.50', '2e0', ' 3.25', '-0', '0.1', '12.5', '7', null, 'NA'], random());
    const flag = pick(['TRUE', 'true', 'True', 'FALSE', 'false', null], random());
    const code = pick(['007', '7', '08', '070', '0', '12', null], random());
    const day = `2026-0${1 + Math.floor(random() * 9)}-${String(1 + Math.floor(random() * 28)).padStart(2, '0')}`;
    const word = pick(['plain', 'comma, inside', 'a "quoted" word', 'líne\nbreak', '', null, 'ж', '0'], random());
    const value = (Number(amount) || 0) + (flag?.toLowerCase() === 'true' ? 4 : 0) + (word === 'ж' ? 6 : 0);
    return [
      String(9007199254740993n + BigInt(index)),
      code,
      amount,
      flag,
      random() < 0.1 ? null : day,
      word,
      pick(['', null, '=1+1', ' lead', 'x\r\ny', 'NULL', '""', '😀'], random()),
      `2026-11-23T10:${String(index % 60).padStart(2, '0')}:00+02:00`,
      `${index}.10`,
      value + random() * 4 > 8 ? 'yes' : 'no',
    ];
  });
  return {
    columns: ['id', 'code', 'amount', 'flag', 'day', 'word', 'note', 'when', 'price', 'bought'],
    rows,
  };
}

/** Three classes that are told by `width` and `colour`. */
export function multiclassSample(rowCount: number, seed = 11): SampleTable {
  const random = randomNumbers(seed);
  const rows = Array.from({ length: rowCount }, (): Cell[] => {
    const width = random() * 10;
    const colour = pick(['red', 'green', 'blue', null], random());
    const kind = width + random() < 4 ? 'setosa' : colour === 'red' || random() < 0.1 ? 'versicolor' : 'virginica';
    return [width.toFixed(2), colour, String(Math.floor(random() * 100)), kind];
  });
  return { columns: ['width', 'colour', 'noise', 'kind'], rows };
}

/** A number that follows from two others, a category and a little noise. */
export function regressionSample(rowCount: number, seed = 13): SampleTable {
  const random = randomNumbers(seed);
  const rows = Array.from({ length: rowCount }, (): Cell[] => {
    const rooms = 1 + Math.floor(random() * 8);
    const area = rooms * 18 + random() * 40;
    const town = pick(['Ulm', 'Köln', 'Bonn'], random());
    const price = area * (town === 'Ulm' ? 2.5 : 4) + rooms * 3 + random() * 5;
    return [
      String(rooms),
      area.toFixed(1),
      town,
      `2026-${String(1 + Math.floor(random() * 12)).padStart(2, '0')}-15`,
      price.toFixed(2),
    ];
  });
  return { columns: ['rooms', 'area', 'town', 'sold', 'price'], rows };
}

import { AppError } from '#contracts';
import { anyDateValue, isOneOf, readsAsNumber } from '../cell-sql.ts';
import { sqlText, type DuckDb } from '../duckdb.ts';
import { formatsOf } from './count-cells.ts';
import type { Reading } from './decide.ts';

/** Cells that do not read in some way, and are not missing. */
export interface Misfits {
  readonly position: number;
  /** Null: no cell does. */
  readonly reading: Reading | null;
  /** How many there are, by what was counted before; at least 1. */
  readonly count: number;
}

/** A cell that does not read so. */
export interface Misfit {
  /** From 0. */
  readonly row: number;
  /** Its form without its content. */
  readonly shape: string;
}

export interface FirstMisfitsOptions {
  readonly duckdb: DuckDb;
  /** SQL of a relation with the VARCHAR columns `c<position>` and `file_row_number`. */
  readonly relation: string;
  readonly nullMarkers: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** Asked for by one statement: the time DuckDB plans grows with the square of what it aggregates. */
const ASKED_TOGETHER = 16;

/** The first of the misfits of each kind that is asked for. @throws INTERNAL where another count is found */
export async function firstMisfits(asked: readonly Misfits[], options: FirstMisfitsOptions): Promise<Misfit[]> {
  const found: Misfit[] = [];
  for (let from = 0; from < asked.length; from += ASKED_TOGETHER) {
    const some = asked.slice(from, from + ASKED_TOGETHER);
    const [row = []] = await options.duckdb.rows(sqlOf(some, options), options.signal);
    for (const [index, { position, count }] of some.entries()) {
      const [counted, first, value] = row.slice(3 * index, 3 * index + 3);
      if (Number(counted) !== count || typeof value !== 'string')
        throw new AppError(
          'INTERNAL',
          `Column c${position}: expected ${count} cells of another form, found ${String(counted)}`,
        );
      found.push({ row: Number(first), shape: shapeOf(value) });
    }
  }
  return found;
}

function sqlOf(asked: readonly Misfits[], { relation, nullMarkers }: FirstMisfitsOptions): string {
  const sums = asked.flatMap(({ position, reading }) => {
    const column = `c${position}`;
    const filter = `FILTER (NOT ${isOneOf(column, 'VARCHAR', nullMarkers.map(sqlText))}${misfitSql(column, reading)})`;
    return [`count(*) ${filter}`, `min(file_row_number) ${filter}`, `arg_min(${column}, file_row_number) ${filter}`];
  });
  return `SELECT ${sums.join(', ')} FROM ${relation}`;
}

function misfitSql(column: string, reading: Reading | null): string {
  if (reading === null) return '';
  if (reading === 'number') return ` AND NOT ${readsAsNumber(column)}`;
  return ` AND ${anyDateValue(column, formatsOf(reading))} IS NULL`;
}

const SHAPE_LENGTH_MAX = 40;

/** A value's form without its content: digits become 9, letters a or A, other signs stay. */
export function shapeOf(value: string): string {
  const shape = value
    .slice(0, SHAPE_LENGTH_MAX)
    .replace(/\p{Nd}/gu, '9')
    .replace(/\p{Lu}/gu, 'A')
    .replace(/\p{L}/gu, (letter) => (letter === 'A' ? 'A' : 'a'));
  return value.length > SHAPE_LENGTH_MAX ? `${shape}...` : shape;
}

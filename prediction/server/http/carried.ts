import { AppError, PASSTHROUGH_COLUMNS_MAX, shapeOf } from '#contracts';
import { cellText } from '#scoring';
import { csvCell } from '#runtime';

const PARAMETER = 'passthroughColumns';

/**
 * The columns that each answered row is to have beside its prediction, by `?passthroughColumns=A&passthroughColumns=B`, in that
 * order: once for each, since a name may have commas.
 *
 * @throws VALIDATION_FAILED for one that is asked for twice, or too many
 */
export function passthroughAsked(query: string): readonly string[] {
  if (!query.includes(PARAMETER)) return NONE;
  const names = new URLSearchParams(query).getAll(PARAMETER);
  if (names.length > PASSTHROUGH_COLUMNS_MAX)
    throw refused(PARAMETER, `names ${names.length} columns, at most ${PASSTHROUGH_COLUMNS_MAX}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refused(PARAMETER, `names ${JSON.stringify(twice)} twice`);
  return names;
}

const NONE: readonly string[] = [];

/** The column of an association id where a request names none. */
export const ASSOCIATION_COLUMN = 'associationId';
const ASSOCIATION_PARAMETER = 'associationColumn';

/** The column of the ids by which outcomes are joined later, by `?associationColumn=NAME`. @throws VALIDATION_FAILED where two are named */
export function associationAsked(query: string): string {
  if (!query.includes(ASSOCIATION_PARAMETER)) return ASSOCIATION_COLUMN;
  const names = new URLSearchParams(query).getAll(ASSOCIATION_PARAMETER);
  if (names.length > 1) throw refused(ASSOCIATION_PARAMETER, `names ${names.length} columns, at most 1`);
  return names[0] ?? ASSOCIATION_COLUMN;
}

/** @param own columns of the answer. @throws PREDICTION_COLUMN_RESERVED where one is carried that would have its name */
export function checkPassthrough(passthrough: readonly string[], own: Iterable<string>): void {
  const reserved = new Set(own);
  const taken = passthrough.find((name) => reserved.has(name));
  if (taken === undefined) return;
  const message = `${JSON.stringify(taken)} is the name of a column of the answer`;
  throw new AppError('PREDICTION_COLUMN_RESERVED', `query: ${PARAMETER}: ${message}`, {
    errors: [{ path: `/${PARAMETER}`, message }],
  });
}

function refused(parameter: string, message: string): AppError {
  return new AppError('VALIDATION_FAILED', `query: ${parameter} ${message}`, {
    errors: [{ path: `/${parameter}`, message }],
  });
}

/** The JSON text of a cell that is carried along; of one that the row lacks `null`. @throws CELL_UNREADABLE for objects and arrays */
export function carriedJson(cell: unknown, column: string, row: number): string {
  if (cell === undefined || (typeof cell === 'number' && !Number.isFinite(cell))) return 'null';
  checkCell(cell, column, row);
  return JSON.stringify(cell);
}

/** The same as a cell of a CSV: empty where it is missing. */
export function carriedCsv(cell: unknown, column: string, row: number): string {
  checkCell(cell, column, row);
  return csvCell(cellText(cell) ?? '');
}

/** The id by which an outcome is joined later, as text; null where the row has none. @throws CELL_UNREADABLE */
export function associationId(cell: unknown, column: string, row: number): string | null {
  checkCell(cell, column, row);
  const text = cellText(cell) ?? '';
  return text === '' ? null : text;
}

/** @param row index from 0 */
function checkCell(cell: unknown, column: string, row: number): void {
  if (typeof cell !== 'object' || cell === null) return;
  const place = `row ${row + 1}, column ${JSON.stringify(column)}`;
  const message = `expected text, number or boolean to pass through; found ${shapeOf(cell)}`;
  throw new AppError('CELL_UNREADABLE', `${place}: ${message}`, {
    errors: [{ path: place, message }],
    details: { row: row + 1, column },
  });
}

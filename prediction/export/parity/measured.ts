import { AppError, type ManifestContent } from '#contracts';
import type { MeasuredRow } from './compare.ts';

/** The column that says which of the rows a line is of, from 0. */
export const ROW_COLUMN = 'parity_row';
/** The column that says what has predicted: the same in every line. */
export const ENGINE_COLUMN = 'parity_engine';

/** What a home has predicted. */
export interface Measured {
  /** By the number of the row. */
  readonly rows: readonly MeasuredRow[];
  /** Program and version. */
  readonly engine: string;
}

/** Characters of an engine's name that are kept. */
const ENGINE_CHARACTERS_MAX = 200;

/**
 * Reads the lines of a home, in any order: `parity_row`, `prediction`, of classes `probability_<label>` for each, and `parity_engine`. Names
 * are compared without regard to case, since some databases write them small; columns of classes are taken in their order.
 *
 * @param rowCount rows that must be there, each once
 * @throws EXPORT_DIFFERS where lines or columns are missing, doubled or surplus
 */
export function measuredRows(
  header: readonly string[],
  lines: readonly (readonly string[])[],
  { classes }: Pick<ManifestContent, 'classes'>,
  rowCount: number,
): Measured {
  const expected = [ROW_COLUMN, 'prediction', ...classes.map((label) => `probability_${label}`), ENGINE_COLUMN];
  // Beeline puts the name of the sub-select before each.
  const found = header.map((name) => name.replace(/^p\./, '').toLowerCase());
  if (found.join('\n') !== expected.join('\n').toLowerCase())
    throw refused(`expected the columns ${expected.join(', ')}; found ${header.join(', ')}`);
  const rows = new Map<number, MeasuredRow>();
  let engine = '';
  for (const [index, cells] of lines.entries()) {
    const row = Number(cells[0] === '' ? NaN : cells[0]);
    if (cells.length !== expected.length)
      throw refused(`line ${index + 1}: expected ${expected.length} cells; found ${cells.length}`);
    if (!Number.isInteger(row) || row < 0 || row >= rowCount || rows.has(row))
      throw refused(`line ${index + 1}: expected another row from 0 to ${rowCount - 1}; found ${cells[0] ?? 'none'}`);
    const probabilities = cells.slice(2, -1).map((cell) => (cell.trim() === '' ? NaN : Number(cell)));
    rows.set(row, { prediction: cells[1] ?? '', probabilities });
    engine = cells.at(-1) ?? '';
  }
  if (rows.size !== rowCount) throw refused(`expected ${rowCount} rows; found ${rows.size}`);
  const inOrder = [...rows].sort(([a], [b]) => a - b).map(([, row]) => row);
  return { rows: inOrder, engine: engine.slice(0, ENGINE_CHARACTERS_MAX) };
}

const refused = (what: string): AppError =>
  new AppError('EXPORT_DIFFERS', `measured predictions: ${what}`, { errors: [{ path: '/measured', message: what }] });

import { AppError } from '#contracts';
import type { ColumnDifferences, RawRow, RowPrediction, Scorer } from '#scoring';
import type { ObjectRow } from './json-rows.ts';
import type { InputRows, TableRows } from './rows.ts';

/** Rows as the scorer takes them, and what is odd about their columns. */
export interface ScorerRows {
  readonly count: number;
  /** Valid until the next call. */
  row(index: number): RawRow;
  /** Null when all columns are known or carried along, and none is missing. */
  differences(index: number, prediction: RowPrediction): ColumnDifferences | null;
  /** What reads a column's cells, undefined where a row lacks it; null where no row can have it. */
  cells(column: string): ((index: number) => unknown) | null;
}

/**
 * @param carried columns that are not told as unknown: the answer has them
 * @throws VALIDATION_FAILED for a column of a type that has no cells
 */
export function scorerRows(scorer: Scorer, input: InputRows, carried: ReadonlySet<string>): ScorerRows {
  return input.kind === 'objects' ? objectRows(scorer, input.rows, carried) : tableRows(scorer, input, carried);
}

function differencesOf(
  scorer: Scorer,
  names: readonly string[],
  carried: ReadonlySet<string>,
): ColumnDifferences | null {
  const { missing, unknown } = scorer.columnDifferences(names);
  const ignored = unknown.filter((name) => !carried.has(name));
  return missing.length === 0 && ignored.length === 0 ? null : { missing, unknown: ignored };
}

function objectRows(scorer: Scorer, rows: readonly ObjectRow[], carried: ReadonlySet<string>): ScorerRows {
  let lastNames: readonly string[] | null = null;
  let last: ColumnDifferences | null = null;
  return {
    count: rows.length,
    row: (index) => rows[index] ?? {},
    differences: (index, { missingColumnCount, unknownColumnCount }) => {
      if (missingColumnCount === 0 && unknownColumnCount === 0) return null;
      const names = Object.keys(rows[index] ?? {});
      // Rows of one sender mostly have the same columns.
      const known = lastNames;
      if (known === null || names.length !== known.length || names.some((name, i) => name !== known[i])) {
        lastNames = names;
        last = differencesOf(scorer, names, carried);
      }
      return last;
    },
    cells: (column) => (index) => {
      const row = rows[index];
      return row !== undefined && Object.hasOwn(row, column) ? row[column] : undefined;
    },
  };
}

function tableRows(scorer: Scorer, { header, rowCount, reader }: TableRows, carried: ReadonlySet<string>): ScorerRows {
  const { features } = scorer.manifest.content;
  const columnOf = new Map(header.map((name, column) => [name, column]));
  const inputs = new Set(scorer.inputFeatures);
  const readers = features.map(({ name, parse }) => {
    const column = inputs.has(name) ? columnOf.get(name) : undefined;
    return column === undefined ? null : reader(column, parse);
  });
  const cells = new Array<unknown>(features.length);
  const found = differencesOf(scorer, header, carried);
  return {
    count: rowCount,
    row: (index) => {
      for (let feature = 0; feature < readers.length; feature += 1) cells[feature] = readers[feature]?.(index);
      return cells;
    },
    differences: () => found,
    cells: (name) => {
      const column = columnOf.get(name);
      return column === undefined ? null : reader(column, null);
    },
  };
}

/** Cells of a column that is carried along. @throws COLUMN_UNKNOWN */
export function carriedCells(rows: ScorerRows, column: string): (index: number) => unknown {
  const cells = rows.cells(column);
  if (cells !== null) return cells;
  const message = `the request has no column ${JSON.stringify(column)}`;
  throw new AppError('COLUMN_UNKNOWN', `query: passthroughColumns: ${message}`, {
    errors: [{ path: '/passthroughColumns', message }],
  });
}

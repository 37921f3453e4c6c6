import type { ParseRule } from '#contracts';
import { DIALECTS, type SqlDialect, type SqlDialectName } from '../sql/dialect.ts';
import { writeSql } from '../sql/write-sql.ts';
import type { PortableModel } from '../model/portable-model.ts';
import { ENGINE_COLUMN, ROW_COLUMN } from './measured.ts';
import type { ParityRows } from './parity-rows.ts';
import { typedCell } from './typed-cells.ts';

/**
 * A statement that predicts the rows in a database: the very text of the export over a table that it has in itself. Its answer has `parity_row`,
 * the columns of a prediction, and `parity_engine`.
 *
 * @throws EXPORT_UNSUPPORTED see `writeSql`
 */
export function sqlParity(model: PortableModel, name: SqlDialectName, { rows }: ParityRows): string {
  const dialect = DIALECTS[name];
  const columns = [ROW_COLUMN, ...model.inputs.map(({ feature }) => feature.name)].map(dialect.identifier);
  const literals = rows.map((row, at) => [
    String(at),
    ...model.inputs.map(({ index, feature }) =>
      literal(typedCell(feature, row[index] ?? null), feature.parse.kind, dialect),
    ),
  ]);
  const text = writeSql(model, name, { source: `(${tableOf(literals, columns, name)})`, keep: [ROW_COLUMN] });
  return `SELECT p.*, version() AS ${ENGINE_COLUMN}\nFROM (\n${text}) AS p;\n`;
}

function tableOf(rows: readonly (readonly string[])[], columns: readonly string[], name: SqlDialectName): string {
  const lines = rows.map((row) => `(${row.join(', ')})`).join(',\n');
  if (name === 'postgresql') return `SELECT * FROM (VALUES\n${lines}\n) AS v(${columns.join(', ')})`;
  const structs = rows.map((row) => `struct(${row.join(', ')})`).join(',\n');
  const cells = columns.map((column, at) => `s.col${at + 1} AS ${column}`);
  return `SELECT ${cells.join(', ')} FROM (SELECT explode(array(\n${structs}\n)) AS s) AS e`;
}

function literal(cell: string | number | null, kind: ParseRule['kind'], dialect: SqlDialect): string {
  switch (kind) {
    case 'number':
      return cell === null ? dialect.asNumber('NULL') : dialect.number(Number(cell));
    case 'date':
      return cell === null ? 'CAST(NULL AS timestamp)' : `(timestamp 'epoch' + ${microseconds(Number(cell))})`;
    case 'category':
    case 'geo':
      return cell === null ? dialect.asText('NULL') : (dialect.text(String(cell)) ?? dialect.asText('NULL'));
  }
}

/** Whole days apart: an interval of many microseconds alone loses some. */
function microseconds(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  return `interval '${days} days' + interval '${(seconds - days * 86_400).toFixed(6)} seconds'`;
}

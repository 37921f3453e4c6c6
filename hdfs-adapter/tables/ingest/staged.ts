import { AppError } from '#contracts';
import { sqlFile, type DuckDb } from '../duckdb.ts';
import { rowGroupRows } from '../parquet/row-groups.ts';
import { csvRelation, type CopiedCsv } from './csv-relation.ts';
import type { ScannedText } from './scan-text.ts';
import type { ColumnGroup } from './scratch.ts';

/** Keeps one scanned group as text in Parquet, so that each later pass reads only the columns it needs. */
export async function stageGroup(
  duckdb: DuckDb,
  text: Pick<ScannedText, 'groups' | 'files' | keyof CopiedCsv>,
  index: number,
  file: string,
  signal?: AbortSignal,
): Promise<void> {
  const { from, to } = groupAt(text.groups, index);
  const columns = Array.from({ length: to - from }, (_, offset) => `c${from + offset}`);
  // What a group of one column has besides.
  const copied = columns.length === 1 ? [...columns, 'only_one_column'] : columns;
  const relation = csvRelation(text.files[index] ?? '', copied, text);
  await duckdb.execute(
    `COPY (SELECT ${columns.join(', ')} FROM ${relation}) TO ${sqlFile(file)} ` +
      `(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${rowGroupRows(to - from)})`,
    signal,
  );
}

/** SQL of a relation with a staged group's columns `c<position>` and `file_row_number`. */
export function stagedRelation(file: string): string {
  return `read_parquet(${sqlFile(file)}, file_row_number = true)`;
}

/** Two counts by two programs (our scanner, DuckDB) of the same cells: a difference means that one read them wrongly. */
export function assertCount(what: string, expected: number, found: number): void {
  if (expected === found) return;
  throw new AppError('DATA_READ_TRUNCATED', `Ingest: expected ${expected} ${what} as scanned, found ${found}`);
}

function groupAt(groups: readonly ColumnGroup[], index: number): ColumnGroup {
  const group = groups[index];
  if (group === undefined) throw new AppError('INTERNAL', `There is no column group ${index}`);
  return group;
}

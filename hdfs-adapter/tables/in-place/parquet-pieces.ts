import path from 'node:path';
import type { InPlaceFile, RowSpan, StoredColumn, StoredTable } from '#contracts';
import { sqlFile, type DuckDb } from '../duckdb.ts';
import { columnNames } from '../ingest/column-names.ts';
import { columnForm } from '../parquet/column-types.ts';
import { readLayout, type ParquetLayout } from '../parquet/layout.ts';
import { groupBytes, writeMiniFile, type MiniColumn } from '../parquet/mini-file.ts';
import { notRegistered } from './not-registered.ts';
import { partitionValues } from './partition-columns.ts';
import type { LocalPiece, PieceOptions, WantedColumns } from './pieces.ts';
import { groupsIn, placedFiles, requireRows } from './row-span.ts';

/**
 * Parquet by pieces: of each file with rows of the span the footer is read and then, by ranges, the wanted columns of a few row
 * groups at a time, which become a small local Parquet file. Each file is compared with its registration again after its last byte, and must have the
 * rows that its footer promised. Memory: a footer, a few chunks of what is read.
 *
 * @see docs/adr/0016-parquet-in-place.md
 */
export async function* parquetPieces(
  table: StoredTable,
  rows: RowSpan,
  columns: WantedColumns,
  folder: string,
  options: PieceOptions,
  signal: AbortSignal,
): AsyncGenerator<LocalPiece> {
  let count = 0;
  for (const { registered, firstRow } of placedFiles(table)) {
    if (firstRow + registered.rowCount <= rows.from || firstRow >= rows.to) continue;
    const file = await options.files.open(registered, signal);
    const layout = await readLayout(file, signal);
    requireRows(registered, layout);
    const taken = miniColumns(registered.path, layout, columns.stored);
    const units = unitsOf(layout, taken, options.pieceBytes, groupsIn(layout, firstRow, rows));
    for (const [index, groups] of units.entries()) {
      const local = path.join(folder, `${count}.parquet`);
      count += 1;
      await writeMiniFile({ file, layout, groups, columns: taken, target: local, signal });
      if (index === units.length - 1) await file.confirm(signal);
      const rowCount = groups.reduce((sum, group) => sum + (layout.groups[group]?.rowCount ?? 0), 0);
      yield {
        local,
        rowCount,
        registered,
        relation: () => storedRelation(local, registered, columns, options.duckdb, signal),
      };
    }
  }
}

/** Row groups that go into one mini file each: as many as fit, and at least one. @param groups to choose from, by index */
export function unitsOf(
  layout: ParquetLayout,
  columns: readonly MiniColumn[],
  bytesMax: number,
  groups: readonly number[],
): number[][] {
  const units: number[][] = [];
  let bytes = 0;
  for (const index of groups) {
    const more = groupBytes(layout, index, columns);
    const last = units.at(-1);
    if (last !== undefined && bytes + more <= bytesMax) {
      last.push(index);
      bytes += more;
    } else {
      units.push([index]);
      bytes = more;
    }
  }
  return units;
}

/** The file's own columns of the table's columns, called `c<position>`. */
function miniColumns(file: string, layout: ParquetLayout, columns: readonly StoredColumn[]): MiniColumn[] {
  const { names } = columnNames(layout.columns.map(({ name }) => name));
  const byName = new Map(names.map((name, index) => [name, layout.columns[index]]));
  return columns.map(({ name, position }) => {
    const column = byName.get(name);
    if (column === undefined) throw notRegistered(file, `column ${JSON.stringify(name)}`, 'none');
    return { column, name: `c${position}` };
  });
}

/** SQL of a mini file's rows with its columns in the form that the table says, and `file_row_number`. */
async function storedRelation(
  local: string,
  registered: InPlaceFile,
  { stored, partitions }: WantedColumns,
  duckdb: DuckDb,
  signal: AbortSignal,
): Promise<string> {
  const parquet = `read_parquet(${sqlFile(local)}, hive_partitioning = false, file_row_number = true)`;
  const types = await duckdb.rows(`SELECT column_type FROM (DESCRIBE SELECT * FROM ${parquet})`, signal);
  const values = stored.map(({ name, position, storage, parse }, index) => {
    const type = String(types[index]?.[0]);
    const form = columnForm(type, `c${position}`, parse.nullMarkers);
    if (form.storage !== storage)
      throw notRegistered(registered.path, `column ${JSON.stringify(name)} as ${storage}`, type);
    return `${form.value} AS c${position}`;
  });
  return `(SELECT ${[...values, ...partitionValues(registered, partitions), 'file_row_number'].join(', ')} FROM ${parquet})`;
}

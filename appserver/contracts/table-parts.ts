import type { InPlaceFile, StoredTable } from './dataset.ts';
import { strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/** Parts of a table at most that tasks of their own work on. */
export const TABLE_PARTS_MAX = 256;

/**
 * The part of a table that one of several tasks works on: what of the listed files begins at rows [from, to) of theirs, row groups of
 * Parquet or whole files of text. So parts that meet have each row once, and a part may have none.
 */
export const TablePart = strict({
  index: Type.Integer({ minimum: 0, maximum: TABLE_PARTS_MAX - 1 }),
  count: Type.Integer({ minimum: 2, maximum: TABLE_PARTS_MAX, description: 'parts of the table' }),
  tableRows: Type.Integer({ minimum: 1, description: 'rows of the whole table' }),
  rowsBefore: Type.Integer({ minimum: 0, description: 'rows of the table before those of the listed files' }),
  from: Type.Integer({ minimum: 0 }),
  to: Type.Integer({ minimum: 0 }),
});
export type TablePart = Static<typeof TablePart>;

/** When a table is more than one task's work, and how many tasks' at most. */
export const PartSizes = strict({
  cellsMin: Type.Integer({ minimum: 1, description: 'of a part: below, starting a task costs more than is won' }),
  countMax: Type.Integer({ minimum: 1, maximum: TABLE_PARTS_MAX }),
});
export type PartSizes = Static<typeof PartSizes>;

/** A part of a table with the files that it needs of it. */
export interface PlannedPart {
  readonly table: StoredTable;
  readonly part: TablePart;
}

export interface PartLimits extends PartSizes {
  /** Cells that a task reads and writes for each row. */
  readonly rowCells: number;
}

/** An end of a part is moved to where a file begins if that is no further away than this share of a part. */
const SNAP_SHARE = 0.25;

/**
 * Cuts a table in place into parts that tasks of their own work on: contiguous, in the order of the table, each row in one of them,
 * about equal in cells. Where they end follows from rows of files alone: of Parquet a worker finds the row groups, whose sizes are
 * not known here, text is cut between files. A function of the table and the limits, so that the same tasks come out each time.
 *
 * @returns none where the table is one task's work
 */
export function planParts(table: StoredTable, limits: PartLimits): PlannedPart[] {
  if (table.inPlaceFiles === undefined) return [];
  const files = placed(table.inPlaceFiles);
  const ends = endsOf(table, files, limits);
  if (ends.length < 3) return [];
  const count = ends.length - 1;
  return ends.slice(0, -1).map((from, index) => {
    const to = ends[index + 1] ?? from;
    const needed = files.filter((file) => file.firstRow < to && file.firstRow + file.file.rowCount > from);
    const rowsBefore = needed[0]?.firstRow ?? 0;
    const inPlaceFiles = needed.map(({ file }) => file);
    const rowCount = inPlaceFiles.reduce((sum, file) => sum + file.rowCount, 0);
    return {
      table: { ...table, rowCount, inPlaceFiles },
      part: { index, count, tableRows: table.rowCount, rowsBefore, from: from - rowsBefore, to: to - rowsBefore },
    };
  });
}

interface Placed {
  readonly file: InPlaceFile;
  readonly firstRow: number;
}

/** Files with rows, and which row of the table is the first one of each. */
function placed(files: readonly InPlaceFile[]): Placed[] {
  let firstRow = 0;
  return files.flatMap((file) => {
    const at = firstRow;
    firstRow += file.rowCount;
    return file.rowCount === 0 ? [] : [{ file, firstRow: at }];
  });
}

/** Rows at which parts begin and, last, the number of rows. */
function endsOf(
  { rowCount, inPlaceText }: StoredTable,
  files: readonly Placed[],
  { rowCells, cellsMin, countMax }: PartLimits,
): number[] {
  const count = Math.max(1, Math.min(countMax, Math.floor((rowCount * rowCells) / cellsMin)));
  const partRows = rowCount / count;
  const isText = inPlaceText !== undefined;
  const starts = [...files.map(({ firstRow }) => firstRow), rowCount];
  const ends = [0];
  let next = 0;
  for (let index = 1; index < count; index += 1) {
    const wanted = Math.round(index * partRows);
    while ((starts[next] ?? rowCount) < wanted) next += 1;
    const nearest = nearer(starts[next - 1] ?? 0, starts[next] ?? rowCount, wanted);
    const end = isText || Math.abs(nearest - wanted) <= SNAP_SHARE * partRows ? nearest : wanted;
    if (end > (ends.at(-1) ?? 0) && end < rowCount) ends.push(end);
  }
  return rowCount === 0 ? ends : [...ends, rowCount];
}

const nearer = (below: number, above: number, wanted: number): number =>
  wanted - below <= above - wanted ? below : above;

import type { BatchSource, Column, ColumnRequest, ParseRule, StoredColumn, StoredTable } from '#contracts';
import { DEFAULT_NULL_MARKERS } from '#contracts';
import { cellReader } from '#scoring';

/** A column of a table in memory: its cell texts (null is NULL) and how they are read. */
export interface MemoryColumn {
  readonly name: string;
  readonly cells: readonly (string | null)[];
  readonly parse: ParseRule;
}

const nullMarkers = [...DEFAULT_NULL_MARKERS];

export const numberRule: ParseRule = { kind: 'number', nullMarkers };
export const textRule: ParseRule = { kind: 'category', keyRule: 'text', nullMarkers };
export const booleanRule: ParseRule = { kind: 'category', keyRule: 'boolean', nullMarkers };
export const dateRule: ParseRule = { kind: 'date', formats: ['iso-date', 'iso-datetime'], nullMarkers };

/** A table of raw cell texts as a snapshot describes it. */
export function storedTable(columns: readonly MemoryColumn[]): StoredTable {
  return {
    rowCount: columns[0]?.cells.length ?? 0,
    columns: columns.map(({ name, parse }, position): StoredColumn => ({
      name,
      position,
      storage: 'string',
      hasTwin: parse.kind !== 'category',
      parse,
    })),
    files: [],
  };
}

/** The same table as a source of batches of `batchRows` rows. */
export function memorySource(columns: readonly MemoryColumn[], batchRows = 1000): BatchSource {
  const rowCount = columns[0]?.cells.length ?? 0;
  const byName = new Map(columns.map((column) => [column.name, column]));
  const find = (name: string): MemoryColumn => {
    const column = byName.get(name);
    if (column === undefined) throw new Error(`no column ${name}`);
    return column;
  };
  return {
    rowCount,
    batches: async function* (request) {
      const views = request.map((wanted) => viewOf(find(wanted.name), wanted));
      for (let firstRow = 0; firstRow < rowCount; firstRow += batchRows) {
        const count = Math.min(batchRows, rowCount - firstRow);
        yield { firstRow, rowCount: count, columns: views.map((view) => view(firstRow, count)) };
      }
    },
  };
}

function viewOf(
  { name, cells, parse }: MemoryColumn,
  { view }: ColumnRequest,
): (firstRow: number, rowCount: number) => Column {
  const part = (firstRow: number, rowCount: number) => cells.slice(firstRow, firstRow + rowCount);
  if (view === 'text') return (firstRow, rowCount) => ({ view, name, values: part(firstRow, rowCount) });
  if (view === 'dictionary') {
    const dictionary: string[] = [];
    const codeOf = new Map<string, number>();
    const code = (text: string): number => {
      const known = codeOf.get(text);
      if (known !== undefined) return known;
      codeOf.set(text, dictionary.length);
      return dictionary.push(text) - 1;
    };
    return (firstRow, rowCount) => ({
      view,
      name,
      codes: Int32Array.from(part(firstRow, rowCount), (text) => (text === null ? -1 : code(text))),
      dictionary,
    });
  }
  const reader = cellReader(parse);
  if (reader.kind === 'category') throw new Error(`${name} has no numbers`);
  return (firstRow, rowCount) => {
    const values = new Float64Array(rowCount);
    part(firstRow, rowCount).forEach((text, row) => {
      if (!reader.read(text, values, row)) throw new Error(`row ${firstRow + row} of ${name} is no ${parse.kind}`);
    });
    return { view, name, values };
  };
}

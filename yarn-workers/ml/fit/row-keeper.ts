import { AppError, type Column, type ColumnBatch } from '#contracts';
import type { ReadRows } from './encoder.ts';

/** Keeps some rows of the batches of a read as they are. */
export interface RowKeeper {
  add(batch: ColumnBatch): void;
  rows(): ReadRows;
}

/**
 * Memory: eight bytes a number, four a code, and the texts, of the rows that are kept.
 *
 * @param isKept asked for each row once, in order
 */
export function rowKeeper(isKept: (row: number) => boolean): RowKeeper {
  const rows: number[] = [];
  let keepers: ColumnKeeper[] | null = null;
  return {
    add: ({ firstRow, rowCount, columns }) => {
      keepers ??= columns.map(columnKeeper);
      for (let index = 0; index < rowCount; index += 1) {
        if (!isKept(firstRow + index)) continue;
        rows.push(firstRow + index);
        for (const [place, column] of columns.entries()) keepers[place]?.add(column, index);
      }
    },
    rows: () => ({ rows: Uint32Array.from(rows), columns: (keepers ?? []).map((keeper) => keeper.column()) }),
  };
}

interface ColumnKeeper {
  add(column: Column, index: number): void;
  column(): Column;
}

const otherView = (name: string): AppError =>
  new AppError('INTERNAL', `column ${JSON.stringify(name)} comes in another view than before`);

function columnKeeper({ name, view }: Column): ColumnKeeper {
  switch (view) {
    case 'number': {
      const values: number[] = [];
      return {
        add: (column, index) => {
          if (column.view !== view) throw otherView(name);
          values.push(column.values[index] ?? NaN);
        },
        column: () => ({ view, name, values: Float64Array.from(values) }),
      };
    }
    case 'dictionary': {
      const codes: number[] = [];
      let dictionary: readonly string[] = [];
      return {
        add: (column, index) => {
          if (column.view !== view) throw otherView(name);
          // It grows while codes keep their meaning.
          ({ dictionary } = column);
          codes.push(column.codes[index] ?? -1);
        },
        column: () => ({ view, name, codes: Int32Array.from(codes), dictionary }),
      };
    }
    case 'text': {
      const values: (string | null)[] = [];
      return {
        add: (column, index) => {
          if (column.view !== view) throw otherView(name);
          values.push(column.values[index] ?? null);
        },
        column: () => ({ view, name, values }),
      };
    }
  }
}

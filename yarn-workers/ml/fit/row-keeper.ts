import { AppError, type Column, type ColumnBatch } from '#contracts';
import type { ReadRows } from './encoder.ts';
import { grownArray } from './grown-array.ts';

/** Keeps some rows of the batches of a read as they are. */
export interface RowKeeper {
  add(batch: ColumnBatch): void;
  /** Once, at the end. */
  rows(): ReadRows;
}

/**
 * Memory: eight bytes a number, four a code, and the texts, of the rows that are kept.
 *
 * @param isKept asked for each row once, in order
 */
export function rowKeeper(isKept: (row: number) => boolean): RowKeeper {
  const rows = grownArray((length) => new Uint32Array(length));
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
    rows: () => ({ rows: rows.take(), columns: (keepers ?? []).map((keeper) => keeper.column()) }),
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
      const values = grownArray((length) => new Float64Array(length));
      return {
        add: (column, index) => {
          if (column.view !== view) throw otherView(name);
          values.push(column.values[index] ?? NaN);
        },
        column: () => ({ view, name, values: values.take() }),
      };
    }
    case 'dictionary': {
      const codes = grownArray((length) => new Int32Array(length));
      let dictionary: readonly string[] = [];
      return {
        add: (column, index) => {
          if (column.view !== view) throw otherView(name);
          // It grows while codes keep their meaning.
          ({ dictionary } = column);
          codes.push(column.codes[index] ?? -1);
        },
        column: () => ({ view, name, codes: codes.take(), dictionary }),
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

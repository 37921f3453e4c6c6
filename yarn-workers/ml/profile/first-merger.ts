import { AppError, parse, type StoredTable } from '#contracts';
import { textProfiler } from './category-profile.ts';
import type { ColumnProfiler } from './column-profile.ts';
import { SAMPLE_CHARS_MAX } from './limits.ts';
import { rowComparison } from './near-duplicates.ts';
import { newProfilers, sampleRowsMax, type FirstLook, type ProfileOptions } from './profile-table.ts';
import { FirstPart, type FirstState } from './states.ts';

/** Puts first passes together, one part at a time: what it holds is that of one part, whatever their number. */
export interface FirstMerger {
  /** @param part the rows behind those so far; @throws VALIDATION_FAILED */
  add(part: FirstPart): void;
  rowCount(): number;
  look(): FirstLook;
}

/** @param table whole */
export function firstMerger(table: StoredTable, options: ProfileOptions): FirstMerger {
  const profilers = newProfilers(table, () => false, options);
  const comparison = rowComparison(table.columns, table.rowCount);
  const sampleRows: (string | null)[][] = [];
  const wanted = sampleRowsMax(table);
  let rowCount = 0;
  let chars = 0;
  const merged = (profiler: ColumnProfiler, position: number, state: FirstState): ColumnProfiler => {
    if (profiler.mergeFirst(state)) return profiler;
    // A category whose dictionaries are too large together, or that was one of texts in some part.
    const column = table.columns[position];
    const givenType = options.givenTypes?.get(column?.name ?? '');
    const texts = column?.parse.kind === 'category' ? textProfiler({ ...column, givenType }) : null;
    if (texts?.mergeFirst(profiler.firstState()) !== true || !texts.mergeFirst(state))
      throw new AppError('VALIDATION_FAILED', `column ${position} of a part is of another kind than the table's`);
    return texts;
  };
  /** The first rows of the table, by the limits of one part. */
  const addRows = (rows: FirstPart['sampleRows']): void => {
    for (const row of rows) {
      chars += row.reduce((sum, cell) => sum + (cell?.length ?? 0), 0);
      if (sampleRows.length >= wanted || (sampleRows.length > 0 && chars > SAMPLE_CHARS_MAX)) return;
      sampleRows.push(row);
    }
  };
  return {
    add: (part) => {
      const { columns, compared, sampleRows: rows, ...checked } = parse(FirstPart, part, 'first part');
      if (checked.rowCount === 0) return;
      for (const [position, profiler] of profilers.entries()) {
        const state = columns[position];
        if (state === undefined)
          throw new AppError(
            'VALIDATION_FAILED',
            `a part has ${columns.length} columns, expected ${table.columns.length}`,
          );
        profilers[position] = merged(profiler, position, state);
      }
      comparison.merge(compared);
      addRows(rows);
      rowCount += checked.rowCount;
    },
    rowCount: () => rowCount,
    look: () => ({ profilers, comparison, sampleRows }),
  };
}

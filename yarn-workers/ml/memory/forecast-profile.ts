import type { StoredTable } from '#contracts';
import { forecastOf, type MemoryForecast } from './forecast.ts';
import * as limits from './limits.ts';

/** What profiling a table, or a part of it, is predicted to take: columns count, rows do not. What levels and texts take is a guess. */
export function forecastProfile({ columns }: Pick<StoredTable, 'columns'>): MemoryForecast {
  const texts = columns.filter(({ storage }) => storage === 'string').length;
  return forecastOf(
    [
      { what: 'program', bytes: limits.PROGRAM_BYTES },
      { what: 'freed pages', bytes: limits.RETAINED_BYTES },
      { what: 'reading', bytes: limits.READING_BYTES },
      { what: 'numbers', bytes: (columns.length - texts) * limits.PROFILED_NUMBERS_BYTES },
      { what: 'levels and texts', bytes: texts * limits.PROFILED_TEXTS_BYTES },
    ],
    [],
  );
}

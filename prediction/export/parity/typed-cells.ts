import type { ManifestFeature } from '#contracts';
import { cellReader, isMissing, parseNumber } from '#scoring';
import type { Cell } from './edge-cells.ts';

/**
 * A cell as a table of types has it: a number (a marked one too, such as -999), seconds since 1970 of a date, or the text of a category;
 * null where it has none.
 */
export function typedCell({ parse }: ManifestFeature, cell: Cell): Cell {
  if (cell === null) return null;
  switch (parse.kind) {
    case 'number': {
      const value = typeof cell === 'number' ? cell : parseNumber(cell);
      return Number.isNaN(value) ? null : value;
    }
    case 'date': {
      const seconds = new Float64Array(1).fill(NaN);
      const reader = cellReader(parse);
      if (reader.kind === 'date' && !isMissing(String(cell), parse.nullMarkers)) reader.read(cell, seconds, 0);
      return Number.isNaN(seconds[0]) ? null : (seconds[0] ?? null);
    }
    case 'category':
    case 'geo':
      return String(cell);
  }
}

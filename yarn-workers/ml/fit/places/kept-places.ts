import type { ManifestStep } from '#contracts';
import type { Member, TrainingGroups } from '../row-roles.ts';
import { CELL_DEPTH_MAX, CELL_ROWS_MIN, CELL_STEP } from './limits.ts';
import { growCells } from './place-cells.ts';

type Cells = Pick<Extract<ManifestStep, { kind: 'place-cells' }>, 'depths' | 'onLongitude' | 'cuts'>;

/** Some rows of a place, of which cells are made. */
export interface KeptPlaces {
  /** Both must be given the same rows. */
  readonly addLatitudes: (values: Float64Array, rowCount: number, firstRow: number) => void;
  readonly addLongitudes: (values: Float64Array, rowCount: number, firstRow: number) => void;
  /** Cells of a member's training rows; null where these are too few. */
  readonly cellsOf: (member: Member, width: number) => Cells | null;
}

/**
 * Memory: three numbers a row that is kept.
 *
 * @param isKept false of all rows that train no member
 * @param sizes of cells, at most
 */
export function keptPlaces(groups: TrainingGroups, isKept: (row: number) => boolean, sizes: number): KeptPlaces {
  const latitudes: number[] = [];
  const longitudes: number[] = [];
  const groupOf: number[] = [];
  return {
    addLatitudes: (values, rowCount, firstRow) => {
      for (let row = 0; row < rowCount; row += 1) {
        if (!isKept(firstRow + row)) continue;
        latitudes.push(values[row] ?? NaN);
        groupOf.push(groups.of(firstRow + row));
      }
    },
    addLongitudes: (values, rowCount, firstRow) => {
      for (let row = 0; row < rowCount; row += 1) if (isKept(firstRow + row)) longitudes.push(values[row] ?? NaN);
    },
    cellsOf: (member, width) => {
      const trains = groups.trains(member);
      const own = [...latitudes.keys()].filter(
        (place) =>
          trains(groupOf[place] ?? -1) && !Number.isNaN((latitudes[place] ?? NaN) + (longitudes[place] ?? NaN)),
      );
      const depths = depthsOf(own.length, sizes);
      const deepest = depths.at(-1);
      if (deepest === undefined) return null;
      const places = {
        latitudes: Float64Array.from(own, (place) => latitudes[place] ?? NaN),
        longitudes: Float64Array.from(own, (place) => longitudes[place] ?? NaN),
      };
      return { depths, ...growCells(places, width, deepest) };
    },
  };
}

/** Cuts to cells of each size, ascending: as many as leave the smallest cells their rows. */
function depthsOf(rowCount: number, sizes: number): number[] {
  const deepest = Math.min(CELL_DEPTH_MAX, Math.floor(Math.log2(rowCount / CELL_ROWS_MIN)));
  return Array.from({ length: sizes }, (_, size) => deepest - CELL_STEP * (sizes - 1 - size)).filter(
    (depth) => depth > 0,
  );
}

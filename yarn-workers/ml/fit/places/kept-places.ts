import type { ManifestStep } from '#contracts';
import { grownArray } from '../grown-array.ts';
import type { Member, TrainingGroups } from '../row-roles.ts';
import { arrayAt, type StateParts } from '../survey/state-parts.ts';
import { CELL_DEPTH_MAX, CELL_ROWS_MIN, CELL_STEP } from './limits.ts';
import { growCells } from './place-cells.ts';

type Cells = Pick<Extract<ManifestStep, { kind: 'place-cells' }>, 'depths' | 'onLongitude' | 'cuts'>;

/** Keeps some rows of a place in a span. */
export interface PlaceKeeper {
  /** Both must be given the same rows. */
  readonly addLatitudes: (values: Float64Array, rowCount: number, firstRow: number) => void;
  readonly addLongitudes: (values: Float64Array, rowCount: number, firstRow: number) => void;
  /** Once. */
  readonly parts: () => StateParts;
}

/** Some rows of a place, of which cells are made. */
export interface KeptPlaces {
  readonly gather: () => PlaceKeeper;
  readonly merge: (state: StateParts) => void;
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
    gather: () => placeKeeper(groups, isKept),
    merge: (state) => {
      const north = arrayAt(state, 0, Float64Array);
      const [east, own] = [arrayAt(state, 1, Float64Array, north.length), arrayAt(state, 2, Int32Array, north.length)];
      for (let place = 0; place < north.length; place += 1) {
        latitudes.push(north[place] ?? NaN);
        longitudes.push(east[place] ?? NaN);
        groupOf.push(own[place] ?? -1);
      }
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

function placeKeeper(groups: TrainingGroups, isKept: (row: number) => boolean): PlaceKeeper {
  const latitudes = grownArray((length) => new Float64Array(length));
  const longitudes = grownArray((length) => new Float64Array(length));
  const groupOf = grownArray((length) => new Int32Array(length));
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
    parts: () => ({ head: null, arrays: [latitudes.take(), longitudes.take(), groupOf.take()] }),
  };
}

/** Cuts to cells of each size, ascending: as many as leave the smallest cells their rows. */
function depthsOf(rowCount: number, sizes: number): number[] {
  const deepest = Math.min(CELL_DEPTH_MAX, Math.floor(Math.log2(rowCount / CELL_ROWS_MIN)));
  return Array.from({ length: sizes }, (_, size) => deepest - CELL_STEP * (sizes - 1 - size)).filter(
    (depth) => depth > 0,
  );
}

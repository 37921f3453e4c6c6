import type { PlaceCuts } from '#scoring';
import { indicesWhere } from '#statistics';

/** Places in degrees; NaN is missing. */
export interface Places {
  readonly latitudes: Float64Array;
  readonly longitudes: Float64Array;
}

/**
 * Parts places into 2^`depth` cells of as many rows as equal numbers allow: the rows of a part are cut at their median along the side on which
 * they lie farther apart. Cells that would have no row are empty, and their cuts are 0. Missing places say nothing.
 *
 * @param width length of a degree of longitude in degrees of latitude
 * @see J. Bentley, Multidimensional binary search trees used for associative searching, Communications of the ACM 18 (1975)
 */
export function growCells({ latitudes, longitudes }: Places, width: number, depth: number): PlaceCuts {
  const isThere = (row: number): boolean => !Number.isNaN(latitudes[row]) && !Number.isNaN(longitudes[row]);
  const onLongitude: boolean[] = [];
  const cuts: number[] = [];
  let parts = [indicesWhere(latitudes.length, isThere)];
  for (let level = 0; level < depth; level += 1) {
    const next: Uint32Array<ArrayBuffer>[] = [];
    for (const rows of parts) {
      const isWide = extentOf(longitudes, rows) * width > extentOf(latitudes, rows);
      const along = isWide ? longitudes : latitudes;
      const cut = lowerMedian(along, rows);
      onLongitude.push(isWide);
      cuts.push(cut);
      next.push(
        rows.filter((row) => (along[row] ?? NaN) <= cut),
        rows.filter((row) => (along[row] ?? NaN) > cut),
      );
    }
    parts = next;
  }
  return { onLongitude, cuts };
}

function extentOf(values: Float64Array, rows: Uint32Array): number {
  let [least, most] = [Infinity, -Infinity];
  for (const row of rows) {
    least = Math.min(least, values[row] ?? NaN);
    most = Math.max(most, values[row] ?? NaN);
  }
  return rows.length === 0 ? 0 : most - least;
}

/** 0 of no rows. */
function lowerMedian(values: Float64Array, rows: Uint32Array): number {
  const sorted = Float64Array.from(rows, (row) => values[row] ?? NaN).sort();
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

import { cellOf, type PlaceValues } from '#scoring';
import { growCells } from '../../fit/places/place-cells.ts';
import type { FeatureBin } from './feature-bins.ts';

const CELL_DEPTH_MAX = 4;

/**
 * Up to `most` cells of as many rows, at most 16, named by what they span: latitudes, then longitudes. The donor is the row nearest to the mean place.
 *
 * @returns the bins, none of them empty, and the bin of each row, 0 where the place is missing
 */
export function placeBins(places: PlaceValues, most: number): { bins: FeatureBin[]; binOf: Uint32Array<ArrayBuffer> } {
  const depth = Math.max(0, Math.min(CELL_DEPTH_MAX, Math.floor(Math.log2(most))));
  const cuts = growCells(places, 1, depth);
  const rowsOf = Array.from({ length: 1 << depth }, (): number[] => []);
  for (const [row, latitude] of places.latitudes.entries())
    rowsOf[cellOf(cuts, depth, latitude, places.longitudes[row] ?? NaN)]?.push(row);
  const filled = rowsOf.filter((rows) => rows.length > 0);
  const binOf = new Uint32Array(places.latitudes.length);
  for (const [bin, rows] of filled.entries()) for (const row of rows) binOf[row] = bin;
  return { bins: filled.map((rows) => cellBin(places, rows)), binOf };
}

function cellBin({ latitudes, longitudes }: PlaceValues, rows: readonly number[]): FeatureBin {
  const [north, east] = [latitudes, longitudes].map((values) => {
    const own = rows.map((row) => values[row] ?? NaN);
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    return { mean, span: `${Math.min(...own)} to ${Math.max(...own)}` };
  });
  const distanceOf = (row: number): number =>
    Math.hypot((latitudes[row] ?? NaN) - (north?.mean ?? 0), (longitudes[row] ?? NaN) - (east?.mean ?? 0));
  const donor = rows.reduce((best, row) => (distanceOf(row) < distanceOf(best) ? row : best), rows[0] ?? 0);
  const level = `${north?.span ?? ''}, ${east?.span ?? ''}`;
  return { kind: 'level', from: null, to: null, at: null, level, donor };
}

import { createRandom } from '#statistics';
import { numberRule, textRule, type MemoryColumn } from './memory-table.ts';
import { mixedTable } from './mixed-table.ts';

/** Features of {@link placesTable} that are no target and play no other part. */
export const PLACES_FEATURES = ['x', 'colour', 'homeLat', 'homeLng', 'latitude', 'longitude'] as const;

/** As {@link mixedTable}, with two places whose cells are missing, and spelt in another way, now and then. */
export function placesTable(rowCount: number, seed = 1): MemoryColumn[] {
  const random = createRandom(seed + 1);
  const degrees = (middle: number): (string | null)[] =>
    Array.from({ length: rowCount }, () => {
      const spelling = random.below(20);
      if (spelling === 0) return null;
      if (spelling === 1) return 'NA';
      const value = middle + 4 * (random.uniform() - 0.5);
      return spelling === 2 ? ` ${value.toExponential()}` : String(value);
    });
  const places = { homeLat: 52, homeLng: 13, latitude: -33, longitude: 151 };
  return [
    ...mixedTable(rowCount, seed),
    ...Object.entries(places).map(([name, middle]) => ({ name, cells: degrees(middle), parse: numberRule })),
  ];
}

/** Features of {@link geoTable} that are no target and play no other part. */
export const GEO_FEATURES = ['x', 'colour', 'home', 'work'] as const;

/** As {@link mixedTable}, with two features that are places, in each spelling, whose cells are missing now and then. */
export function geoTable(rowCount: number, seed = 1): MemoryColumn[] {
  const random = createRandom(seed + 1);
  const cells = (north: number, east: number): (string | null)[] =>
    Array.from({ length: rowCount }, () => {
      const degrees = (middle: number): string => String(middle + 4 * (random.uniform() - 0.5));
      const [latitude, longitude] = [degrees(north), degrees(east)];
      const spellings = [null, 'NA', `${latitude} ${longitude}`, `(${latitude}, ${longitude})`];
      const spelling = random.below(20);
      if (spelling === 4) return `POINT (${longitude} ${latitude})`;
      return spellings[spelling] === undefined ? `${latitude},${longitude}` : (spellings[spelling] ?? null);
    });
  return [
    ...mixedTable(rowCount, seed),
    { name: 'home', cells: cells(52, 13), parse: textRule },
    { name: 'work', cells: cells(-33, 151), parse: textRule },
  ];
}

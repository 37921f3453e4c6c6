import { createRandom } from '#statistics';
import { numberRule, type MemoryColumn } from './memory-table.ts';
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

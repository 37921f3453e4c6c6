import { createRandom } from '#statistics';
import { dateRule, type MemoryColumn } from './memory-table.ts';
import { mixedTable } from './mixed-table.ts';

/** Different towns, more than categories need to be encoded as numbers. */
const TOWNS = 150;

/** Features of {@link levelsTable} that are no target and play no other part. */
export const LEVELS_FEATURES = ['x', 'colour', 'town', 'day', 'sent'] as const;

/**
 * As {@link mixedTable}, with a category of many levels of which some are spelt in several ways, and a second date that follows the
 * first, each missing now and then.
 */
export function levelsTable(rowCount: number, seed = 1): MemoryColumn[] {
  const table = mixedTable(rowCount, seed);
  const random = createRandom(seed + 1);
  const days = table.find(({ name }) => name === 'day')?.cells ?? [];
  const town = Array.from({ length: rowCount }, () => {
    const draw = random.below(TOWNS);
    const spelling = random.below(20);
    if (spelling === 0) return null;
    if (spelling === 1) return 'NA';
    return spelling === 2 ? `${draw}.0` : spelling === 3 ? ` ${draw}` : String(draw);
  });
  const sent = days.map((day) => {
    const begin = Date.parse(day ?? '');
    if (Number.isNaN(begin) || random.uniform() < 0.05) return null;
    return new Date(begin + random.below(40) * 43_200_000).toISOString().slice(0, 19);
  });
  const { nullMarkers } = dateRule;
  return [
    ...table,
    { name: 'town', cells: town, parse: { kind: 'category', keyRule: 'number', nullMarkers } },
    { name: 'sent', cells: sent, parse: dateRule },
  ];
}

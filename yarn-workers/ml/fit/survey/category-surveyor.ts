import { AppError } from '#contracts';
import { keyTable } from '#scoring';
import { compareCodePoints } from '../../text-order.ts';
import { CATEGORY_LEVELS_MAX, LEVEL_ROWS_MAX, LEVEL_ROWS_MIN, LEVEL_ROWS_SHARE } from '../limits.ts';
import type { TrainingGroups } from '../row-roles.ts';
import type { TaskFeature } from '../task-columns.ts';
import { categoryStatistics } from '../training-statistics.ts';
import { keyCounts, sumOf, type KeyCounts } from './key-counts.ts';
import { arrayAt } from './state-parts.ts';
import type { Gatherer, LevelCounts, Surveyor } from './surveyor.ts';

const MISSING = -1;

/** Categories: rows of each key and of none, by group. Memory: its dictionary x groups. */
export function categorySurveyor({ manifest }: TaskFeature, groups: TrainingGroups): Surveyor {
  const counts = keyCounts(groups.count);
  const missing = new Float64Array(groups.count);
  const all = (): boolean => true;
  return {
    gather: () => categoryGatherer(manifest.name, groups),
    merge: (state) => {
      counts.merge(state);
      for (const [group, count] of arrayAt(state, 1, Float64Array, groups.count).entries())
        missing[group] = (missing[group] ?? 0) + count;
    },
    steps: (member, feature) => [
      { kind: 'category-codes', feature, ...codesOf(counts, missing, groups.trains(member)) },
    ],
    levels: (member, rowsMin, most) => levelsOf(counts, missing, groups.trains(member), rowsMin, most),
    statistics: (feature) => {
      const totals = counts.totals(all).map(({ key, count }) => ({ value: key, count }));
      return categoryStatistics(feature, totals, sumOf(missing, all));
    },
  };
}

/** Each key's place is looked up once a dictionary. */
function categoryGatherer(name: string, groups: TrainingGroups): Gatherer {
  const counts = keyCounts(groups.count);
  const missing = new Float64Array(groups.count);
  const placesOf = keyTable((key) => (key === null ? MISSING : counts.placeOf(key)));
  return {
    add: (decoded, rowCount, firstRow) => {
      if (decoded.kind !== 'category')
        throw new AppError('INTERNAL', `${JSON.stringify(name)} does not decode as a category`);
      const { codes, keys } = decoded;
      const places = placesOf(keys);
      for (let row = 0; row < rowCount; row += 1) {
        const group = groups.of(firstRow + row);
        if (group < 0) continue;
        const code = codes[row] ?? -1;
        const place = code < 0 ? MISSING : (places[code] ?? MISSING);
        if (place === MISSING) missing[group] = (missing[group] ?? 0) + 1;
        else counts.add(place, group);
      }
    },
    parts: () => {
      const { head, arrays } = counts.parts();
      return { head, arrays: [...arrays, missing] };
    },
  };
}

/** The keys of a member's training rows by their number of rows, then by code points; those with too few rows are left out. */
function levelsOf(
  counts: KeyCounts,
  missing: Float64Array,
  trains: (group: number) => boolean,
  rowsMin: number,
  most: number,
): LevelCounts {
  const levels = counts.totals(trains);
  const kept = levels
    .filter(({ count }) => count >= rowsMin)
    .sort((a, b) => b.count - a.count || compareCodePoints(a.key, b.key))
    .slice(0, most);
  return {
    keys: kept.map(({ key }) => key),
    counts: kept.map(({ count }) => count),
    missingCount: sumOf(missing, trains),
    levelCount: levels.filter(({ count }) => count > 0).length,
  };
}

/** Codes of a member's levels; rare ones, and all beyond CATEGORY_LEVELS_MAX, read as unseen. Missing is a level of its own. */
function codesOf(
  counts: KeyCounts,
  missing: Float64Array,
  trains: (group: number) => boolean,
): { keys: string[]; missingCode: number | null } {
  const missingCount = sumOf(missing, trains);
  const rowCount = counts.totals(trains).reduce((sum, { count }) => sum + count, missingCount);
  const rowsMin = Math.min(LEVEL_ROWS_MAX, Math.max(LEVEL_ROWS_MIN, Math.round(rowCount * LEVEL_ROWS_SHARE)));
  const keys = [...levelsOf(counts, missing, trains, rowsMin, CATEGORY_LEVELS_MAX).keys];
  return { keys, missingCode: missingCount > 0 ? keys.length : null };
}

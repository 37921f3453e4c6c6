import { Type, parse } from '#contracts';
import { arrayAt, type StateParts } from './state-parts.ts';

/** Rows of keys, by group of training rows. */
export interface KeyCounts {
  /** Where a key's rows are counted; a new one is given a place. */
  placeOf(key: string): number;
  add(place: number, group: number): void;
  /** Each key with its rows of the groups that are wanted. */
  totals(isWanted: (group: number) => boolean): { readonly key: string; readonly count: number }[];
  /** Keys that have rows. */
  parts(): StateParts;
  /** Adds the counts of other rows; arrays after the first are not its own. */
  merge(state: StateParts): void;
}

const FIRST_KEYS = 64;
const Keys = Type.Array(Type.String());

/** Memory: eight bytes a key and group, and the keys. */
export function keyCounts(groupCount: number): KeyCounts {
  const places = new Map<string, number>();
  const groups = Array.from({ length: groupCount }, (_, group) => group);
  let counts = new Float64Array(FIRST_KEYS * groupCount);
  const placeOf = (key: string): number => {
    const found = places.get(key);
    if (found !== undefined) return found;
    const place = places.size;
    places.set(key, place);
    if ((place + 1) * groupCount > counts.length) {
      const larger = new Float64Array(2 * counts.length);
      larger.set(counts);
      counts = larger;
    }
    return place;
  };
  return {
    placeOf,
    add: (place, group) => {
      const at = place * groupCount + group;
      counts[at] = (counts[at] ?? 0) + 1;
    },
    totals: (isWanted) =>
      [...places].map(([key, place]) => {
        const own = counts.subarray(place * groupCount, (place + 1) * groupCount);
        return { key, count: sumOf(own, isWanted) };
      }),
    parts: () => {
      // A dictionary has keys of rows that are not counted, too.
      const isCounted = (place: number): boolean => groups.some((group) => counts[place * groupCount + group] !== 0);
      const counted = [...places].filter(([, place]) => isCounted(place));
      const own = new Float64Array(counted.length * groupCount);
      for (const [index, [, place]] of counted.entries())
        own.set(counts.subarray(place * groupCount, (place + 1) * groupCount), index * groupCount);
      return { head: counted.map(([key]) => key), arrays: [own] };
    },
    merge: (state) => {
      const keys = parse(Keys, state.head, 'keys of a span', 'INTERNAL');
      const added = arrayAt(state, 0, Float64Array, keys.length * groupCount);
      for (const [index, key] of keys.entries()) {
        const first = placeOf(key) * groupCount;
        for (let group = 0; group < groupCount; group += 1)
          counts[first + group] = (counts[first + group] ?? 0) + (added[index * groupCount + group] ?? 0);
      }
    },
  };
}

/** The sum of the groups that are wanted. */
export function sumOf(byGroup: Float64Array, isWanted: (group: number) => boolean): number {
  let sum = 0;
  for (let group = 0; group < byGroup.length; group += 1) if (isWanted(group)) sum += byGroup[group] ?? 0;
  return sum;
}

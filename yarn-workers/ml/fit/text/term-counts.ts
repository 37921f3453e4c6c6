import { forEachTerm, type TextAnalysis } from '#scoring';
import { compareCodePoints } from '../../text-order.ts';
import { LEVEL_ROWS_MAX, LEVEL_ROWS_MIN, LEVEL_ROWS_SHARE } from '../limits.ts';
import { COUNTED_TERMS_KEPT, COUNTED_TERMS_MAX } from './limits.ts';

/** In how many texts of each group each term is. */
export interface TermCounter {
  add(text: string, group: number): void;
  /**
   * Terms that are in most texts, in the order of code points: those of at least one text in 2,000 (2 at least, 10 at most)
   * of some groups; of equally many texts the first by code points.
   */
  mostFrequent(isWanted: (group: number) => boolean, termsMax: number): string[];
  /** In how many texts a term is, whatever their group. */
  documentsOf(term: string): number;
  /** Lets go of all terms: nothing is asked any more. */
  release(): void;
}

/** The same text, which keeps nothing alive: a part of a string is, in V8, a view of the whole. */
const ownCopy = (term: string): string => ` ${term}`.slice(1);

/**
 * Counts in bounded memory. Where there are more than COUNTED_TERMS_MAX terms, those that are in fewest texts are dropped
 * until fewer than COUNTED_TERMS_KEPT are left; a term that comes back begins at 0, so counts of rare terms may be too low and none is too high.
 * Depends on the texts and their order only.
 *
 * @see Manku and Motwani 2002, "Approximate frequency counts over data streams", lossy counting
 */
export function termCounter(analysis: TextAnalysis, groupCount: number): TermCounter {
  let places = new Map<string, number>();
  let counts = new Int32Array(1024 * groupCount);
  const textCounts = new Float64Array(groupCount);
  const terms = new Set<string>();
  const all = (): boolean => true;
  const totalOf = (place: number, isWanted: (group: number) => boolean): number => {
    let total = 0;
    for (let group = 0; group < groupCount; group += 1)
      if (isWanted(group)) total += counts[place * groupCount + group] ?? 0;
    return total;
  };
  const grow = (): void => {
    const larger = new Int32Array(2 * counts.length);
    larger.set(counts);
    counts = larger;
  };
  const drop = (): void => {
    const totals = Int32Array.from({ length: places.size }, (_, place) => totalOf(place, all));
    const least = totals.toSorted().at(-COUNTED_TERMS_KEPT) ?? 0;
    const kept = [...places].filter(([, place]) => (totals[place] ?? 0) > least);
    const left = new Int32Array(counts.length);
    for (const [place, [, old]] of kept.entries())
      left.set(counts.subarray(old * groupCount, (old + 1) * groupCount), place * groupCount);
    places = new Map(kept.map(([term], place) => [term, place]));
    counts = left;
  };
  return {
    add: (text, group) => {
      terms.clear();
      forEachTerm(text, analysis, (term) => terms.add(term));
      textCounts[group] = (textCounts[group] ?? 0) + 1;
      for (const term of terms) {
        let place = places.get(term);
        if (place === undefined) places.set(ownCopy(term), (place = places.size));
        if ((place + 1) * groupCount > counts.length) grow();
        const at = place * groupCount + group;
        counts[at] = (counts[at] ?? 0) + 1;
      }
      if (places.size > COUNTED_TERMS_MAX) drop();
    },
    mostFrequent: (isWanted, termsMax) => {
      const texts = textCounts.reduce((sum, count, group) => (isWanted(group) ? sum + count : sum), 0);
      const least = Math.min(LEVEL_ROWS_MAX, Math.max(LEVEL_ROWS_MIN, Math.round(texts * LEVEL_ROWS_SHARE)));
      return [...places]
        .map(([term, place]) => ({ term, count: totalOf(place, isWanted) }))
        .filter(({ count }) => count >= least)
        .sort((a, b) => b.count - a.count || compareCodePoints(a.term, b.term))
        .slice(0, termsMax)
        .map(({ term }) => term)
        .sort(compareCodePoints);
    },
    documentsOf: (term) => {
      const place = places.get(term);
      return place === undefined ? 0 : totalOf(place, all);
    },
    release: () => {
      places = new Map();
      counts = new Int32Array(groupCount);
    },
  };
}

import { Type, parse } from '#contracts';
import { forEachTerm, type TextAnalysis } from '#scoring';
import { compareCodePoints } from '../../text-order.ts';
import { LEVEL_ROWS_MAX, LEVEL_ROWS_MIN, LEVEL_ROWS_SHARE } from '../limits.ts';
import { arrayAt, type StateParts } from '../survey/state-parts.ts';
import { COUNTED_TERMS_KEPT, COUNTED_TERMS_MAX } from './limits.ts';

const Terms = Type.Array(Type.String());

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
  parts(): StateParts;
  /** Adds the counts of texts that follow. */
  merge(state: StateParts): void;
  /** Lets go of all terms: nothing is asked any more. */
  release(): void;
}

/** The same text, which keeps nothing alive: a part of a string is, in V8, a view of the whole. */
const ownCopy = (term: string): string => ` ${term}`.slice(1);
const asItIs = (term: string): string => term;

/** Fewer than COUNTED_TERMS_KEPT terms: those that are in most texts. */
function frequentTerms(places: ReadonlyMap<string, number>, totalOf: (place: number) => number): [string, number][] {
  const totals = Int32Array.from({ length: places.size }, (_, place) => totalOf(place));
  const least = totals.toSorted().at(-COUNTED_TERMS_KEPT) ?? 0;
  return [...places].filter(([, place]) => (totals[place] ?? 0) > least);
}

/** The same numbers in twice the room. */
function grown(counts: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * counts.length);
  larger.set(counts);
  return larger;
}

/** Texts that a term needs, of so many. */
const leastOf = (texts: number): number =>
  Math.min(LEVEL_ROWS_MAX, Math.max(LEVEL_ROWS_MIN, Math.round(texts * LEVEL_ROWS_SHARE)));

/**
 * Counts in bounded memory. Where there are more than COUNTED_TERMS_MAX terms, those that are in fewest texts are dropped
 * until fewer than COUNTED_TERMS_KEPT are left; a term that comes back begins at 0, so counts of rare terms may be too low and none is too high.
 * Depends on the texts and their order only, and on where counts were merged.
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
  const drop = (): void => {
    const kept = frequentTerms(places, (place) => totalOf(place, all));
    const left = new Int32Array(counts.length);
    for (const [place, [, old]] of kept.entries())
      left.set(counts.subarray(old * groupCount, (old + 1) * groupCount), place * groupCount);
    places = new Map(kept.map(([term], place) => [term, place]));
    counts = left;
  };
  const count = (term: string, group: number, more: number, kept: (term: string) => string): void => {
    let place = places.get(term);
    if (place === undefined) places.set(kept(term), (place = places.size));
    if ((place + 1) * groupCount > counts.length) counts = grown(counts);
    const at = place * groupCount + group;
    counts[at] = (counts[at] ?? 0) + more;
  };
  return {
    add: (text, group) => {
      terms.clear();
      forEachTerm(text, analysis, (term) => terms.add(term));
      textCounts[group] = (textCounts[group] ?? 0) + 1;
      for (const term of terms) count(term, group, 1, ownCopy);
      if (places.size > COUNTED_TERMS_MAX) drop();
    },
    parts: () => ({ head: [...places.keys()], arrays: [counts.slice(0, places.size * groupCount), textCounts] }),
    merge: (state) => {
      const added = parse(Terms, state.head, 'terms of a span', 'INTERNAL');
      const addedCounts = arrayAt(state, 0, Int32Array, added.length * groupCount);
      for (const [index, term] of added.entries())
        for (let group = 0; group < groupCount; group += 1)
          count(term, group, addedCounts[index * groupCount + group] ?? 0, asItIs);
      for (const [group, texts] of arrayAt(state, 1, Float64Array, groupCount).entries())
        textCounts[group] = (textCounts[group] ?? 0) + texts;
      if (places.size > COUNTED_TERMS_MAX) drop();
    },
    mostFrequent: (isWanted, termsMax) => {
      const texts = textCounts.reduce((sum, count, group) => (isWanted(group) ? sum + count : sum), 0);
      const least = leastOf(texts);
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

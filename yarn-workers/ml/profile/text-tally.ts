import { DISTINCT_VALUES_MAX, type ParseRule, type ValueCount } from '#contracts';
import { categoryKey } from '#scoring';
import {
  addTextsToDistinct,
  addToTopValues,
  createDistinctCounter,
  createTopValues,
  distinctCountOf,
  distinctFromData,
  distinctToData,
  isExactDistinct,
  mergeDistinct,
  mergeTopValues,
  topValuesFromData,
  topValuesOf,
  topValuesToData,
} from '#statistics';
import type { Findings } from './column-profile.ts';
import { TOP_VALUES_CAPACITY, TOP_VALUES_SHOWN } from './limits.ts';
import type { TextState } from './states.ts';
import { textSums } from './text-sums.ts';

export type CategoryRule = Extract<ParseRule, { kind: 'category' }>;

/** What is found in a category of very many texts, in memory that does not depend on their number. */
export interface TextTally {
  /** @param text null is missing */
  add(text: string | null, count: number): void;
  toData(): TextState;
  /** What was found in the rows behind. */
  merge(state: TextState): void;
  found(): Pick<Findings, 'missingCount' | 'uniqueCount' | 'uniqueIsEstimate' | 'texts'> & {
    readonly topValues: ValueCount[];
    /** In order of appearance; null: too many. */
    readonly distinctValues: ValueCount[] | null;
  };
}

export function textTally({ nullMarkers, keyRule }: CategoryRule): TextTally {
  const markers = new Set(['', ...nullMarkers]);
  const distinct = createDistinctCounter();
  const top = createTopValues(TOP_VALUES_CAPACITY);
  const sums = textSums();
  let few: Map<string, number> | null = new Map();
  let missingCount = 0;
  const one: string[] = [''];
  const countFew = (text: string, count: number): void => {
    few?.set(text, (few.get(text) ?? 0) + count);
    if (few !== null && few.size > DISTINCT_VALUES_MAX) few = null;
  };
  const fewValues = (): ValueCount[] | null =>
    few === null ? null : Array.from(few, ([value, count]) => ({ value, count }));
  return {
    add: (text, count) => {
      if (text === null || markers.has(text)) {
        missingCount += count;
        return;
      }
      one[0] = categoryKey(text, keyRule);
      addTextsToDistinct(distinct, one);
      addToTopValues(top, text, count);
      sums.add(text, count);
      countFew(text, count);
    },
    toData: () => ({
      kind: 'text',
      missingCount,
      distinct: distinctToData(distinct),
      top: topValuesToData(top),
      few: fewValues(),
      sums: sums.toData(),
    }),
    merge: (state) => {
      missingCount += state.missingCount;
      mergeDistinct(distinct, distinctFromData(state.distinct));
      mergeTopValues(top, topValuesFromData(state.top));
      sums.merge(state.sums);
      if (state.few === null) few = null;
      else for (const { value, count } of state.few) countFew(value, count);
    },
    found: () => ({
      missingCount,
      uniqueCount: distinctCountOf(distinct),
      uniqueIsEstimate: !isExactDistinct(distinct),
      topValues: topValuesOf(top, TOP_VALUES_SHOWN),
      texts: sums.means(),
      distinctValues: fewValues(),
    }),
  };
}

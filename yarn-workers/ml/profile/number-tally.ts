import { DISTINCT_VALUES_MAX, type ParseRule } from '#contracts';
import {
  addAllToMoments,
  addAllToQuantiles,
  addNumbersToDistinct,
  createDistinctCounter,
  createMoments,
  createQuantileSketch,
  distinctFromData,
  distinctToData,
  mergeDistinct,
  mergeMoments,
  mergeQuantiles,
  momentsFromData,
  momentsToData,
  quantilesFromData,
  quantilesToData,
  type DistinctCounter,
  type Moments,
  type QuantileSketch,
} from '#statistics';
import type { NumberState } from './states.ts';
import { timeCounter, type TimeCounter } from './time-counts.ts';

/** What the first pass finds in a column of numbers or dates. */
export interface NumberTally {
  readonly moments: Moments;
  readonly quantiles: QuantileSketch;
  readonly distinct: DistinctCounter;
  /** Null of numbers. */
  readonly times: TimeCounter | null;
  readonly order: () => { readonly allIntegers: boolean; readonly isAscending: boolean };
  /** Value -> count, in order of appearance, while there are at most DISTINCT_VALUES_MAX; then null. */
  readonly few: () => ReadonlyMap<number, number> | null;
  add(values: Float64Array, rowCount: number): void;
  toData(): NumberState;
  /** What was found in the rows behind. */
  merge(state: NumberState): void;
}

/** @param timeBucketsMax of dates: different times that are counted each by itself */
export function numberTally(parse: ParseRule, timeBucketsMax: number): NumberTally {
  const moments = createMoments();
  const quantiles = createQuantileSketch();
  const distinct = createDistinctCounter();
  const order = orderTracker();
  const times = parse.kind === 'date' ? timeCounter(timeBucketsMax) : null;
  let few: Map<number, number> | null = new Map();
  return {
    ...{ moments, quantiles, distinct, times },
    order: order.result,
    few: () => few,
    add: (values, rowCount) => {
      addAllToMoments(moments, values, 0, rowCount);
      addAllToQuantiles(quantiles, values, 0, rowCount);
      addNumbersToDistinct(distinct, values, 0, rowCount);
      order.add(values, rowCount);
      times?.add(values, rowCount);
      if (few !== null && !countValues(few, values, rowCount)) few = null;
    },
    toData: () => ({
      kind: 'number',
      moments: momentsToData(moments),
      quantiles: quantilesToData(quantiles),
      distinct: distinctToData(distinct),
      order: order.toData(),
      few: few === null ? null : Array.from(few, ([value, count]) => ({ value: String(value), count })),
      times: times?.finish() ?? null,
    }),
    merge: (state) => {
      mergeMoments(moments, momentsFromData(state.moments));
      mergeQuantiles(quantiles, quantilesFromData(state.quantiles));
      mergeDistinct(distinct, distinctFromData(state.distinct));
      order.merge(state.order);
      if (state.times !== null) times?.merge(state.times);
      few = few === null || state.few === null ? null : mergedValues(few, state.few);
    },
  };
}

/** Whether all finite values are integers, and whether each is above the one before. */
function orderTracker() {
  let allIntegers = true;
  let isAscending = true;
  let first: number | null = null;
  let last = -Infinity;
  return {
    add: (values: Float64Array, rowCount: number): void => {
      if (!allIntegers && !isAscending) return;
      for (let row = 0; row < rowCount; row += 1) {
        const value = values[row] ?? NaN;
        if (Number.isNaN(value)) continue;
        if (allIntegers && !Number.isInteger(value)) allIntegers = false;
        if (value <= last) isAscending = false;
        first ??= value;
        last = value;
      }
    },
    toData: (): NumberState['order'] => ({
      ...{ allIntegers, isAscending },
      first: first === null ? null : String(first),
      last: first === null ? null : String(last),
    }),
    /** Of the rows behind. */
    merge: (other: NumberState['order']): void => {
      if (other.first === null || other.last === null) return;
      allIntegers &&= other.allIntegers;
      isAscending &&= other.isAscending && Number(other.first) > last;
      first ??= Number(other.first);
      last = Number(other.last);
    },
    result: () => ({ allIntegers, isAscending }),
  };
}

/** Counts values; false when there are more than DISTINCT_VALUES_MAX. */
function countValues(counts: Map<number, number>, values: Float64Array, rowCount: number): boolean {
  for (let row = 0; row < rowCount; row += 1) {
    const value = values[row] ?? NaN;
    if (Number.isNaN(value)) continue;
    counts.set(value, (counts.get(value) ?? 0) + 1);
    if (counts.size > DISTINCT_VALUES_MAX) return false;
  }
  return true;
}

/** Counts of both; null when there are more than DISTINCT_VALUES_MAX. */
function mergedValues(counts: Map<number, number>, more: NonNullable<NumberState['few']>): Map<number, number> | null {
  for (const { value: text, count } of more) {
    const value = Number(text);
    counts.set(value, (counts.get(value) ?? 0) + count);
  }
  return counts.size > DISTINCT_VALUES_MAX ? null : counts;
}

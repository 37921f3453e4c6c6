import { AppError, DISTINCT_VALUES_MAX, type StoredColumn, type ValueCount } from '#contracts';
import { categoryKey, isMissing } from '#scoring';
import { featureProfile, type ColumnProfiler, type ColumnToProfile } from './column-profile.ts';
import { DICTIONARY_TEXTS_MAX } from './limits.ts';
import { mostFrequent } from './number-profile.ts';
import { textCounter } from './text-counter.ts';
import { textSums } from './text-sums.ts';
import { textTally, type CategoryRule } from './text-tally.ts';

const NO_NUMBERS = {
  infiniteCount: 0,
  min: null,
  max: null,
  mean: null,
  std: null,
  quantiles: null,
  histogram: null,
  numbers: null,
  survey: null,
} as const;

/** All that is told of a category is found in one pass. */
const NO_SECOND_PASS = {
  secondRequest: () => null,
  addSecond: () => undefined,
  secondState: () => null,
  mergeSecond: () => undefined,
} as const;

function ruleOf({ name, parse }: StoredColumn): CategoryRule {
  if (parse.kind === 'category') return parse;
  throw new AppError('INTERNAL', `column ${JSON.stringify(name)} is read as ${parse.kind}, not as a category`);
}

/**
 * Profile of a category column by its dictionary: everything is exact. Gives up (and is replaced by {@link textProfiler})
 * when the dictionary grows beyond DICTIONARY_TEXTS_MAX.
 */
export function dictionaryProfiler(column: ColumnToProfile): ColumnProfiler {
  const { name } = column;
  const { nullMarkers, keyRule } = ruleOf(column);
  const counter = textCounter();
  let nullsBefore = 0;
  return {
    request: { name, view: 'dictionary' },
    add: (batch, rowCount) => {
      if (batch.view !== 'dictionary')
        throw new AppError('INTERNAL', `column ${JSON.stringify(name)} was asked for as a dictionary`);
      if (batch.dictionary.length > DICTIONARY_TEXTS_MAX) return false;
      counter.add(batch.codes, batch.dictionary, rowCount);
      return true;
    },
    ...NO_SECOND_PASS,
    firstState: () => ({ kind: 'dictionary', nullCount: nullsBefore + counter.nullCount(), values: counter.all() }),
    mergeFirst: (state) => {
      if (state.kind !== 'dictionary' || counter.countWith(state.values) > DICTIONARY_TEXTS_MAX) return false;
      nullsBefore += state.nullCount;
      counter.merge(state.values);
      return true;
    },
    finish: (rowCount) => {
      const sums = textSums();
      const keys = new Set<string>();
      const values: ValueCount[] = [];
      let missingCount = nullsBefore + counter.nullCount();
      for (const { value, count } of counter.all()) {
        if (isMissing(value, nullMarkers)) {
          missingCount += count;
          continue;
        }
        values.push({ value, count });
        keys.add(categoryKey(value, keyRule));
        sums.add(value, count);
      }
      const feature = featureProfile(column, rowCount, {
        ...NO_NUMBERS,
        missingCount,
        uniqueCount: keys.size,
        uniqueIsEstimate: false,
        topValues: mostFrequent(values),
        values,
        texts: sums.means(),
      });
      return { feature, distinctValues: values.length > DISTINCT_VALUES_MAX ? null : values, timeCounts: null };
    },
  };
}

/** Profile of a category column of very many different texts, in memory that does not depend on their number. */
export function textProfiler(column: ColumnToProfile): ColumnProfiler {
  const { name } = column;
  const tally = textTally(ruleOf(column));
  return {
    request: { name, view: 'text' },
    add: (batch, rowCount) => {
      if (batch.view !== 'text')
        throw new AppError('INTERNAL', `column ${JSON.stringify(name)} was asked for as texts`);
      for (let row = 0; row < rowCount; row += 1) tally.add(batch.values[row] ?? null, 1);
      return true;
    },
    ...NO_SECOND_PASS,
    firstState: () => tally.toData(),
    mergeFirst: (state) => {
      if (state.kind === 'text') tally.merge(state);
      else if (state.kind === 'dictionary') {
        tally.add(null, state.nullCount);
        for (const { value, count } of state.values) tally.add(value, count);
      }
      return state.kind !== 'number';
    },
    finish: (rowCount) => {
      const { distinctValues, topValues, ...found } = tally.found();
      const feature = featureProfile(column, rowCount, {
        ...NO_NUMBERS,
        ...found,
        topValues,
        values: distinctValues ?? topValues,
      });
      return { feature, distinctValues, timeCounts: null };
    },
  };
}

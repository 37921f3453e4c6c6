import { AppError, DISTINCT_VALUES_MAX, type ParseRule, type StoredColumn, type ValueCount } from '#contracts';
import { categoryKey, isMissing } from '#scoring';
import {
  addTextsToDistinct,
  addToTopValues,
  createDistinctCounter,
  createTopValues,
  distinctCountOf,
  isExactDistinct,
  topValuesOf,
} from '#statistics';
import { featureProfile, type ColumnProfiler, type ColumnToProfile, type Findings } from './column-profile.ts';
import { DICTIONARY_TEXTS_MAX, TOP_VALUES_CAPACITY, TOP_VALUES_SHOWN } from './limits.ts';
import { mostFrequent } from './number-profile.ts';
import { placeCounter, type PlaceCounter } from './place-facts.ts';

type CategoryRule = Extract<ParseRule, { kind: 'category' }>;

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

/** Weighted sums over cells, for the means that tell texts from categories. */
interface TextSums {
  cells: number;
  characters: number;
  words: number;
  onlyBooleans: boolean;
  readonly places: PlaceCounter;
}

const noSums = (): TextSums => ({ cells: 0, characters: 0, words: 0, onlyBooleans: true, places: placeCounter() });

function addText(sums: TextSums, text: string, count: number): void {
  sums.cells += count;
  sums.characters += count * text.length;
  sums.words += count * wordCount(text);
  const key = sums.onlyBooleans ? categoryKey(text, 'boolean') : '';
  sums.onlyBooleans &&= key === 'true' || key === 'false';
  sums.places.add(text, count);
}

/** Runs of characters that are not blanks. */
function wordCount(text: string): number {
  let words = 0;
  let inWord = false;
  for (let i = 0; i < text.length; i += 1) {
    const isBlank = text.charCodeAt(i) <= 32;
    if (!isBlank && !inWord) words += 1;
    inWord = !isBlank;
  }
  return words;
}

const meansOf = ({ cells, characters, words, onlyBooleans, places }: TextSums): Findings['texts'] => ({
  onlyBooleans: onlyBooleans && cells > 0,
  meanLength: cells === 0 ? 0 : characters / cells,
  meanWords: cells === 0 ? 0 : words / cells,
  places: places.facts(),
});

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
  let counts = new Float64Array(16);
  let dictionary: readonly string[] = [];
  let nullCount = 0;
  return {
    request: { name, view: 'dictionary' },
    add: (batch, rowCount) => {
      if (batch.view !== 'dictionary')
        throw new AppError('INTERNAL', `column ${JSON.stringify(name)} was asked for as a dictionary`);
      dictionary = batch.dictionary;
      if (dictionary.length > DICTIONARY_TEXTS_MAX) return false;
      if (counts.length < dictionary.length) {
        const larger = new Float64Array(2 * dictionary.length);
        larger.set(counts);
        counts = larger;
      }
      for (let row = 0; row < rowCount; row += 1) {
        const code = batch.codes[row] ?? -1;
        if (code < 0) nullCount += 1;
        else counts[code] = (counts[code] ?? 0) + 1;
      }
      return true;
    },
    secondRequest: () => null,
    addSecond: () => undefined,
    finish: (rowCount) => {
      const sums = noSums();
      const keys = new Set<string>();
      const values: ValueCount[] = [];
      for (const [code, value] of dictionary.entries()) {
        const count = counts[code] ?? 0;
        if (count === 0 || isMissing(value, nullMarkers)) continue;
        values.push({ value, count });
        keys.add(categoryKey(value, keyRule));
        addText(sums, value, count);
      }
      const markers = [...dictionary.entries()].filter(([, value]) => isMissing(value, nullMarkers));
      const feature = featureProfile(column, rowCount, {
        ...NO_NUMBERS,
        missingCount: markers.reduce((sum, [code]) => sum + (counts[code] ?? 0), nullCount),
        uniqueCount: keys.size,
        uniqueIsEstimate: false,
        topValues: mostFrequent(values),
        values,
        texts: meansOf(sums),
      });
      return { feature, distinctValues: values.length > DISTINCT_VALUES_MAX ? null : values, timeCounts: null };
    },
  };
}

/** Profile of a category column of very many different texts, in memory that does not depend on their number. */
export function textProfiler(column: ColumnToProfile): ColumnProfiler {
  const { name } = column;
  const { nullMarkers, keyRule } = ruleOf(column);
  const markers = new Set(['', ...nullMarkers]);
  const distinct = createDistinctCounter();
  const top = createTopValues(TOP_VALUES_CAPACITY);
  const sums = noSums();
  let few: Map<string, number> | null = new Map();
  let missingCount = 0;
  const one: string[] = [''];
  return {
    request: { name, view: 'text' },
    add: (batch, rowCount) => {
      if (batch.view !== 'text')
        throw new AppError('INTERNAL', `column ${JSON.stringify(name)} was asked for as texts`);
      for (let row = 0; row < rowCount; row += 1) {
        const text = batch.values[row] ?? null;
        if (text === null || markers.has(text)) {
          missingCount += 1;
          continue;
        }
        one[0] = categoryKey(text, keyRule);
        addTextsToDistinct(distinct, one);
        addToTopValues(top, text);
        addText(sums, text, 1);
        few?.set(text, (few.get(text) ?? 0) + 1);
        if (few !== null && few.size > DISTINCT_VALUES_MAX) few = null;
      }
      return true;
    },
    secondRequest: () => null,
    addSecond: () => undefined,
    finish: (rowCount) => {
      const topValues = topValuesOf(top, TOP_VALUES_SHOWN);
      const distinctValues = few === null ? null : Array.from(few, ([value, count]) => ({ value, count }));
      const feature = featureProfile(column, rowCount, {
        ...NO_NUMBERS,
        missingCount,
        uniqueCount: distinctCountOf(distinct),
        uniqueIsEstimate: !isExactDistinct(distinct),
        topValues,
        values: distinctValues ?? topValues,
        texts: meansOf(sums),
      });
      return { feature, distinctValues, timeCounts: null };
    },
  };
}

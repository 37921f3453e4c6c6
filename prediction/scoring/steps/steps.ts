import { AppError, type ManifestStep, type MatrixColumn, type ParseRule } from '#contracts';
import { checkCross, crossTable, rowPlaces, type CrossStep } from './category-cross.ts';
import { categoryTable, checkCategoryStep, isCategoryStep, type CategoryStep } from './category-table.ts';
import { datePart } from './date-parts.ts';
import { checkHolidays, compileHolidays, holidayColumns } from './holidays.ts';
import {
  checkHistoryStep,
  historyColumns,
  historyTable,
  type HistoryStep,
  type HistoryTable,
} from './series-history.ts';
import { checkTextStep, compileTexts, textGroups, type PlacedTextStep } from '../text/text-scores.ts';
import { isPairStep, isPlacePair, pairInputs, writePair, type PairStep } from './pair-steps.ts';
import {
  checkDistance,
  distanceInputs,
  kilometresBetween,
  placesOf,
  writeDistance,
  type DistanceStep,
} from './place-distance.ts';
import { checkCells, writePlace } from './place-steps.ts';
import { isText, type CategoryValues, type FeatureValues, type InputFeature } from './feature-values.ts';

/**
 * Writes a step's columns for rows `from` (inclusive) to `to` (exclusive) of its feature's values into a row-major buffer:
 * row r, column c of the step at `out[(r - from + outRow) * columnCount + firstColumn + c]`.
 */
export type StepApply = (
  values: FeatureValues,
  from: number,
  to: number,
  out: Float64Array,
  columnCount: number,
  firstColumn: number,
  outRow: number,
) => void;

/** The parse rules that a kind of step can read. */
const READABLE: Readonly<Record<ManifestStep['kind'], readonly ParseRule['kind'][]>> = {
  numeric: ['number', 'date'],
  'category-codes': ['category'],
  'date-parts': ['date'],
  'text-scores': ['category'],
  'category-numbers': ['category'],
  'category-cross': ['category', 'number'],
  'date-difference': ['date'],
  holidays: ['date'],
  'place-directions': ['number'],
  'place-parts': ['geo'],
  'place-cells': ['geo', 'number'],
  'place-distance': ['geo', 'number'],
  'series-history': ['date'],
};

/** The features that a step reads, by index. */
export function stepInputs(step: ManifestStep): readonly number[] {
  if (isPairStep(step)) return pairInputs(step);
  if (step.kind === 'category-cross') return [step.feature, step.other];
  if (step.kind === 'place-distance') return distanceInputs(step);
  return step.kind === 'series-history' && step.series !== null ? [step.feature, step.series] : [step.feature];
}

/**
 * Proves that a step can be applied: its feature exists and has a rule that it can read, its keys are different and are
 * keys under that rule, its codes fit int32, its numbers are finite.
 *
 * @throws ARTIFACT_INVALID
 */
export function checkStep(step: ManifestStep, index: number, features: readonly InputFeature[]): void {
  const fail = (what: string): never => {
    throw new AppError('ARTIFACT_INVALID', `step ${index} (${step.kind}): ${what}`);
  };
  const feature = features[step.feature];
  if (feature === undefined) return fail(`feature ${step.feature} of ${features.length}`);
  const { parse } = feature;
  if (!READABLE[step.kind].includes(parse.kind))
    return fail(`reads ${parse.kind}, expected ${READABLE[step.kind].join(' or ')}`);
  if (isText(feature) !== (step.kind === 'text-scores'))
    return fail(`feature ${JSON.stringify(feature.name)} is ${feature.type ?? 'no text'}`);
  if (step.kind === 'text-scores') checkTextStep(step, fail);
  if (step.kind === 'date-difference' && features[step.minus]?.parse.kind !== 'date')
    fail(`takes off feature ${step.minus}, which is no date`);
  if (step.kind === 'holidays') checkHolidays(step, fail);
  if (step.kind === 'place-cells') {
    checkCells(step, fail);
    if ((step.longitude === null) !== (parse.kind === 'geo'))
      fail(`reads ${parse.kind} with ${step.longitude === null ? 'no' : 'a'} longitude beside`);
  }
  if (isPlacePair(step) && features[step.longitude]?.parse.kind !== 'number')
    fail(`has feature ${step.longitude} as longitude, which is no number`);
  if (step.kind === 'place-distance') checkDistance(step, features, fail);
  if (step.kind === 'series-history') checkHistory(step, features, fail);
  if (step.kind === 'category-cross') {
    const other = features[step.other];
    if (other === undefined || isText(other) || !READABLE[step.kind].includes(other.parse.kind))
      fail(`crosses feature ${step.other}, which is no category or number`);
    checkCross(step, fail);
  }
  if (isCategoryStep(step) && parse.kind === 'category') checkCategoryStep(step, parse.keyRule, fail);
}

function checkHistory(step: HistoryStep, features: readonly InputFeature[], fail: (what: string) => never): void {
  const series = step.series === null ? null : features[step.series];
  if (
    series === undefined ||
    (series !== null && (isText(series) || !['category', 'number'].includes(series.parse.kind)))
  )
    return fail(`has series by feature ${String(step.series)}, which is no category or number`);
  checkHistoryStep(step, series?.parse.kind === 'number', fail);
}

/**
 * Matrix columns that a step makes, in order. A date part's column is `<feature>.<part>`, a text's `<feature>.<tokens>` (of its components
 * `<feature>.<tokens>.component`), that
 * of a level's number `<feature>.<meaning>`; of several outputs the last two have `.<output>` after that. A difference is
 * `<feature> - <other>` and counts as the first one's; so do the directions of a place, `<latitude>, <longitude>.north-east` and
 * `.north-west`, as the latitude's; parts of a feature that is a place are `<feature>.<part>`, cells `<place>.cells.<how many>`. A cross is `<feature> x <other>`
 * and counts as the first one's; so does a distance, `<place> to <place>.<measure>`. Columns of a history and of holidays are `<feature>.<what>` and count as the date's.
 */
export function stepColumns(step: ManifestStep, features: readonly { readonly name: string }[]): MatrixColumn[] {
  const name = features[step.feature]?.name ?? '';
  switch (step.kind) {
    case 'numeric':
      return [{ name, sourceFeature: name, kind: 'dense' }];
    case 'category-codes':
      return [{ name, sourceFeature: name, kind: 'category' }];
    case 'date-parts':
    case 'place-parts':
      return step.parts.map((part) => ({ name: `${name}.${part}`, sourceFeature: name, kind: 'dense' }));
    case 'date-difference':
      return [{ name: `${name} - ${features[step.minus]?.name ?? ''}`, sourceFeature: name, kind: 'dense' }];
    case 'place-directions': {
      const place = placeName(step.feature, step.longitude, features);
      return ['north-east', 'north-west'].map((direction) => ({
        name: `${place}.${direction}`,
        sourceFeature: name,
        kind: 'dense',
      }));
    }
    case 'category-cross':
      return [{ name: `${name} x ${features[step.other]?.name ?? ''}`, sourceFeature: name, kind: 'category' }];
    case 'place-cells': {
      const place = placeName(step.feature, step.longitude, features);
      return step.depths.map((depth) => ({
        name: `${place}.cells.${2 ** depth}`,
        sourceFeature: name,
        kind: 'category',
      }));
    }
    case 'place-distance': {
      const from = placeName(step.feature, step.longitude, features);
      const to = placeName(step.other, step.otherLongitude, features);
      return step.measures.map((measure) => ({
        name: `${from} to ${to}.${measure}`,
        sourceFeature: name,
        kind: 'dense',
      }));
    }
    case 'series-history':
      return historyColumns(step).map((what) => ({ name: `${name}.${what}`, sourceFeature: name, kind: 'dense' }));
    case 'holidays':
      return holidayColumns(step).map((what) => ({ name: `${name}.${what}`, sourceFeature: name, kind: 'dense' }));
    case 'text-scores':
      return outputColumns(name, step.components === true ? `${step.tokens}.component` : step.tokens, step.outputCount);
    case 'category-numbers':
      return outputColumns(name, step.meaning, step.outputCount);
  }
}

/** A place by its features: of two numbers `<latitude>, <longitude>`. */
const placeName = (feature: number, longitude: number | null, features: readonly { readonly name: string }[]): string =>
  [feature, ...(longitude === null ? [] : [longitude])].map((index) => features[index]?.name ?? '').join(', ');

const outputColumns = (feature: string, what: string, outputCount: number): MatrixColumn[] =>
  Array.from({ length: outputCount }, (_, output) => ({
    name: `${feature}.${what}${outputCount === 1 ? '' : `.${output}`}`,
    sourceFeature: feature,
    kind: 'dense',
  }));

/** How many matrix columns a step makes. */
export function stepColumnCount(step: ManifestStep): number {
  switch (step.kind) {
    case 'text-scores':
    case 'category-numbers':
      return step.outputCount;
    case 'date-parts':
    case 'place-parts':
      return step.parts.length;
    case 'place-cells':
      return step.depths.length;
    case 'place-distance':
      return step.measures.length;
    case 'place-directions':
      return 2;
    case 'series-history':
      return historyColumns(step).length;
    case 'holidays':
      return holidayColumns(step).length;
    case 'numeric':
    case 'category-codes':
    case 'category-cross':
    case 'date-difference':
      return 1;
  }
}

/** How many matrix columns steps make together. */
export const columnCountOf = (steps: readonly ManifestStep[]): number =>
  steps.reduce((count, step) => count + stepColumnCount(step), 0);

/** Where each step's columns begin in the matrix of all of them. */
export function firstColumnsOf(steps: readonly ManifestStep[]): number[] {
  let column = 0;
  return steps.map((step) => {
    const first = column;
    column += stepColumnCount(step);
    return first;
  });
}

/** A step that reads one feature. */
export type OneFeatureStep = Exclude<ManifestStep, PairStep | HistoryStep | CrossStep | DistanceStep>;

export const isOneFeature = (step: ManifestStep): step is OneFeatureStep =>
  !isPairStep(step) &&
  step.kind !== 'series-history' &&
  step.kind !== 'category-cross' &&
  step.kind !== 'place-distance';

/** Compiles a step for many rows. Not re-entrant; a category step remembers the codes of the dictionary it saw last. */
export function compileStep(step: OneFeatureStep): StepApply {
  switch (step.kind) {
    case 'numeric':
      return (values, from, to, out, columnCount, firstColumn, outRow) => {
        const numbers = numbersOf(values);
        for (let row = from, at = outRow * columnCount + firstColumn; row < to; row += 1, at += columnCount) {
          out[at] = numbers[row] ?? NaN;
        }
      };
    case 'date-parts':
      return (values, from, to, out, columnCount, firstColumn, outRow) => {
        const seconds = numbersOf(values);
        for (const [part, name] of step.parts.entries()) {
          for (let row = from, at = outRow * columnCount + firstColumn + part; row < to; row += 1, at += columnCount) {
            out[at] = datePart(seconds[row] ?? NaN, name);
          }
        }
      };
    case 'holidays': {
      const write = compileHolidays(step);
      return (values, from, to, out, columnCount, firstColumn, outRow) => {
        const seconds = numbersOf(values);
        for (let row = from, at = outRow * columnCount + firstColumn; row < to; row += 1, at += columnCount)
          write(seconds[row] ?? NaN, out, at);
      };
    }
    case 'place-parts':
    case 'place-cells':
      return (values, from, to, out, columnCount, firstColumn, outRow) => {
        if (values.kind !== 'place')
          throw new AppError('INTERNAL', `a step of places was given values of kind ${values.kind}`);
        const { latitudes, longitudes } = values;
        for (let row = from, at = outRow * columnCount + firstColumn; row < to; row += 1, at += columnCount)
          writePlace(step, latitudes[row] ?? NaN, longitudes[row] ?? NaN, out, at);
      };
    case 'category-codes':
    case 'category-numbers':
      return compileCategoryStep(step);
    case 'text-scores':
      return compileTextSteps([{ step, column: 0 }]);
  }
}

function compileTextSteps(steps: readonly PlacedTextStep[]): StepApply {
  const score = compileTexts(steps);
  return (values, from, to, out, columnCount, firstColumn, outRow) => {
    if (values.kind !== 'text') throw new AppError('INTERNAL', `a text step was given values of kind ${values.kind}`);
    for (let row = from, at = outRow * columnCount + firstColumn; row < to; row += 1, at += columnCount)
      score(values.texts[row] ?? null, out, at);
  };
}

/** A compiled step in its place of a matrix, or several that read one text. */
export interface CompiledStep {
  readonly inputs: readonly number[];
  /** Writes rows `from` to `to` into `out` from its first row on; features that were not decoded leave their columns as they are. */
  readonly apply: (
    decoded: ReadonlyMap<number, FeatureValues>,
    from: number,
    to: number,
    out: Float64Array,
    columnCount: number,
  ) => void;
}

/**
 * Compiles steps for the matrix that has the columns of all of them in their order.
 *
 * @param isUsed false for steps whose columns are left as they are; all are used by default
 */
export function compileSteps(
  steps: readonly ManifestStep[],
  isUsed: (index: number) => boolean = () => true,
): { readonly compiled: readonly CompiledStep[]; readonly columnCount: number } {
  const compiled: CompiledStep[] = [];
  const texts: PlacedTextStep[] = [];
  const firstColumns = firstColumnsOf(steps);
  for (const [index, step] of steps.entries()) {
    const firstColumn = firstColumns[index] ?? 0;
    if (!isUsed(index)) continue;
    if (step.kind === 'text-scores') texts.push({ step, column: firstColumn });
    else if (isPairStep(step)) compiled.push(placedPair(step, firstColumn));
    else if (step.kind === 'series-history') compiled.push(placedHistory(step, firstColumn));
    else if (step.kind === 'category-cross') compiled.push(placedCross(step, firstColumn));
    else if (step.kind === 'place-distance') compiled.push(placedDistance(step, firstColumn));
    else compiled.push(placed(step.feature, firstColumn, compileStep(step)));
  }
  for (const group of textGroups(texts)) compiled.push(placed(group[0]?.step.feature ?? 0, 0, compileTextSteps(group)));
  return { compiled, columnCount: columnCountOf(steps) };
}

function placed(feature: number, firstColumn: number, apply: StepApply): CompiledStep {
  return {
    inputs: [feature],
    apply: (decoded, from, to, out, columnCount) => {
      const values = decoded.get(feature);
      if (values !== undefined) apply(values, from, to, out, columnCount, firstColumn, 0);
    },
  };
}

function placedPair(step: PairStep, firstColumn: number): CompiledStep {
  const [own, other] = pairInputs(step);
  return {
    inputs: [own, other],
    apply: (decoded, from, to, out, columnCount) => {
      const [ownValues, otherValues] = [decoded.get(own), decoded.get(other)];
      if (ownValues === undefined || otherValues === undefined) return;
      const [owns, others] = [numbersOf(ownValues), numbersOf(otherValues)];
      for (let row = from, at = firstColumn; row < to; row += 1, at += columnCount)
        writePair(step, owns[row] ?? NaN, others[row] ?? NaN, out, at);
    },
  };
}

function placedDistance(step: DistanceStep, firstColumn: number): CompiledStep {
  return {
    inputs: distanceInputs(step),
    apply: (decoded, from, to, out, columnCount) => {
      const own = placesOf(decoded, step.feature, step.longitude);
      const other = placesOf(decoded, step.other, step.otherLongitude);
      if (own === null || other === null) return;
      for (let row = from, at = firstColumn; row < to; row += 1, at += columnCount) {
        const kilometres = kilometresBetween(
          own.latitudes[row] ?? NaN,
          own.longitudes[row] ?? NaN,
          other.latitudes[row] ?? NaN,
          other.longitudes[row] ?? NaN,
        );
        writeDistance(step, kilometres, out, at);
      }
    },
  };
}

function placedCross(step: CrossStep, column: number): CompiledStep {
  const { sides, codeAt } = crossTable(step);
  const [placesOf, otherPlacesOf] = [rowPlaces(sides[0]), rowPlaces(sides[1])];
  return {
    inputs: stepInputs(step),
    apply: (decoded, from, to, out, columnCount) => {
      const [own, other] = [decoded.get(step.feature), decoded.get(step.other)];
      if (own === undefined || other === undefined) return;
      const [placeAt, otherPlaceAt] = [placesOf(own), otherPlacesOf(other)];
      for (let row = from, at = column; row < to; row += 1, at += columnCount)
        out[at] = codeAt(placeAt(row), otherPlaceAt(row));
    },
  };
}

function placedHistory(step: HistoryStep, column: number): CompiledStep {
  const inputs = stepInputs(step);
  const placesOf = historyPlaces(step);
  return {
    inputs,
    apply: (decoded, from, to, out, columnCount) => {
      const dates = decoded.get(step.feature);
      const series = step.series === null ? null : decoded.get(step.series);
      if (dates === undefined || series === undefined) return;
      const seconds = numbersOf(dates);
      const { table, placeAt } = placesOf(series);
      for (let row = from, at = column; row < to; row += 1, at += columnCount)
        table.write(placeAt(row), seconds[row] ?? NaN, out, at);
    },
  };
}

/** The table of a history with the place in it of each row, by what its series column was decoded as; null: there is none. */
export function historyPlaces(
  step: HistoryStep,
): (series: FeatureValues | null) => { readonly table: HistoryTable; readonly placeAt: (row: number) => number } {
  let made: { readonly table: HistoryTable; readonly placesOf: ReturnType<typeof rowPlaces> } | null = null;
  return (series) => {
    if (made === null) {
      const table = historyTable(step, series?.kind === 'number');
      made = { table, placesOf: rowPlaces(table) };
    }
    const { table, placesOf } = made;
    return { table, placeAt: series === null ? () => table.placeOf('') : placesOf(series) };
  };
}

function compileCategoryStep(step: CategoryStep): StepApply {
  const { placeOf, missingPlace, unseenPlace, columnCount: ownCount, values: numbers } = categoryTable(step);
  let known: CategoryValues['keys'] | null = null;
  let places = new Int32Array(0);
  let placed = 0;
  return (values, from, to, out, columnCount, firstColumn, outRow) => {
    if (values.kind !== 'category')
      throw new AppError('INTERNAL', `a category step was given values of kind ${values.kind}`);
    const { codes, keys } = values;
    if (known !== keys) [known, placed] = [keys, 0];
    if (places.length < keys.length) {
      const larger = new Int32Array(Math.max(keys.length, 2 * places.length));
      larger.set(places.subarray(0, placed));
      places = larger;
    }
    for (; placed < keys.length; placed += 1) {
      const key = keys[placed] ?? null;
      places[placed] = key === null ? missingPlace : (placeOf.get(key) ?? unseenPlace);
    }
    for (let row = from, at = outRow * columnCount + firstColumn; row < to; row += 1, at += columnCount) {
      const code = codes[row] ?? -1;
      const place = code < 0 ? missingPlace : (places[code] ?? unseenPlace);
      if (ownCount === 1) out[at] = numbers[place] ?? NaN;
      else
        for (let column = 0; column < ownCount; column += 1)
          out[at + column] = numbers[place * ownCount + column] ?? NaN;
    }
  };
}

function numbersOf(values: FeatureValues): Float64Array {
  if (values.kind !== 'number')
    throw new AppError('INTERNAL', `a numeric step was given values of kind ${values.kind}`);
  return values.values;
}

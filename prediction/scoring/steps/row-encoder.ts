import type { DatePart, ManifestStep } from '#contracts';
import { categoryKey, isMissing, type KeyRule } from '../parse/category.ts';
import { cellReader, cellText, type KeyReader, type NumberReader } from '../parse/cell-reader.ts';
import { rowCrosses, type CrossSeat, type RowCrosses } from './category-cross.ts';
import { categoryTable, type CategoryStep, type CategoryTable } from './category-table.ts';
import { datePart } from './date-parts.ts';
import { compileHolidays, type HolidayWriter } from './holidays.ts';
import { stepKeys } from './known-levels.ts';
import { isPairStep, pairInputs, writePair } from './pair-steps.ts';
import { writePlace, type PlaceStep } from './place-steps.ts';
import { compileTexts, textGroups, type PlacedTextStep, type TextScorer } from '../text/text-scores.ts';
import { rowHistories, type HistoryTarget } from './row-histories.ts';
import { unreadable, type InputFeature } from './feature-values.ts';
import { rowDistances } from './place-distance.ts';
import { placedSteps, type PlacedStep } from './placed-steps.ts';
import { columnCountOf, stepInputs } from './steps.ts';

/** Cells by column name (a parsed JSON object), or by feature index (`undefined`: no such column). */
export type RawRow = Readonly<Record<string, unknown>> | readonly unknown[];

/** What was odd about a row's columns and cells. */
export interface ColumnCounts extends LevelCounts {
  /** columns of the row that the model does not know */
  unknownColumnCount: number;
  /** features that steps read and the row does not have; they are missing values */
  missingColumnCount: number;
}

/** Which of a row's categories are none of the levels that the model knows, see `knownLevels`. */
export interface LevelCounts {
  unseenLevelCount: number;
  /** indices of their features: the first `unseenLevelCount`, in the order of the row's cells; as long as there are features */
  readonly unseenFeatures: Int32Array;
}

/** Encodes one raw row into `values`, the columns of all steps; allocates nothing. Not re-entrant. */
export interface RowEncoder {
  readonly values: Float64Array;
  /** @throws CELL_UNREADABLE naming `rowNumber` and the column */
  encode(row: RawRow, rowNumber: number, counts: ColumnCounts): void;
}

/** A category step of a feature. */
interface CategoryTarget {
  readonly column: number;
  readonly table: CategoryTable;
  /** exact cell text -> place: keys, and null markers, which win */
  readonly byText: ReadonlyMap<string, number>;
}

interface DateTarget {
  readonly column: number;
  readonly part: DatePart;
}

interface HolidayTarget {
  readonly column: number;
  readonly write: HolidayWriter;
}

interface PlaceTarget {
  readonly column: number;
  readonly step: PlaceStep;
}

/** What is done with a feature's cell. */
interface FeaturePlan {
  readonly feature: InputFeature;
  readonly index: number;
  readonly isUsed: boolean;
  /** A step knows a level of it: others are told as unseen. */
  readonly hasLevels: boolean;
  readonly read: NumberReader | null;
  readonly keyRule: KeyRule;
  /** dense columns that are the number itself */
  readonly numberColumns: readonly number[];
  readonly dateTargets: readonly DateTarget[];
  readonly holidayTargets: readonly HolidayTarget[];
  /** place among the numbers that steps of several features read; -1: none reads it */
  readonly numberPlace: number;
  readonly categoryTargets: readonly CategoryTarget[];
  /** places of the row's key in histories of series and in crosses */
  readonly keyTargets: readonly (HistoryTarget | CrossSeat)[];
  readonly readKey: KeyReader | null;
  readonly placeTargets: readonly PlaceTarget[];
  /** Reads latitude and longitude of a feature that is a place. */
  readonly readPlace: NumberReader | null;
  /** write all columns that are made of the text */
  readonly textScorers: readonly TextScorer[];
}

/**
 * @param steps all steps, in matrix column order; those in `usedSteps` are applied, columns of the others stay NaN
 */
export function rowEncoder(
  features: readonly InputFeature[],
  steps: readonly ManifestStep[],
  usedSteps: ReadonlySet<number>,
): RowEncoder {
  const placed = placedSteps(steps, usedSteps);
  const histories = rowHistories(features, placed);
  const crosses = rowCrosses(placed);
  const plans = features.map((feature, index) => featurePlan(feature, index, placed, histories.byStep, crosses.seats));
  const planAt = planFinder(plans);
  const usedCount = plans.filter((plan) => plan.isUsed).length;
  const defaults = defaultValues(plans, steps);
  const values = Float64Array.from(defaults);
  const pairs = pairTargets(placed);
  const distances = rowDistances(features.length, placed);
  // Those of each feature, then the longitudes of features that are places.
  const numbers = new Float64Array(2 * features.length);
  const readsNumbers = pairs.length > 0 || distances.count > 0 || histories.byStep.size > 0;

  const encodeObject = (row: Readonly<Record<string, unknown>>, rowNumber: number, counts: ColumnCounts): void => {
    let position = 0;
    let usedSeen = 0;
    let unknown = 0;
    // Own `__proto__` keys, as JSON.parse makes them, are seen by for-in and read as own properties.
    for (const name in row) {
      const plan = planAt(name, position);
      position += 1;
      if (plan === undefined) unknown += 1;
      else if (plan.isUsed) {
        usedSeen += 1;
        if (!write(plan, row[name], values, numbers, counts)) throw unreadable(plan.feature, rowNumber, row[name]);
      }
    }
    counts.unknownColumnCount = unknown;
    counts.missingColumnCount = usedCount - usedSeen;
  };

  const encodeCells = (cells: readonly unknown[], rowNumber: number, counts: ColumnCounts): void => {
    let missing = 0;
    for (let index = 0; index < plans.length; index += 1) {
      const plan = plans[index];
      if (plan?.isUsed !== true) continue;
      const cell = cells[index];
      if (cell === undefined) missing += 1;
      else if (!write(plan, cell, values, numbers, counts)) throw unreadable(plan.feature, rowNumber, cell);
    }
    counts.unknownColumnCount = Math.max(0, cells.length - plans.length);
    counts.missingColumnCount = missing;
  };

  return {
    values,
    encode: (row, rowNumber, counts) => {
      for (let column = 0; column < defaults.length; column += 1) values[column] = defaults[column] ?? NaN;
      if (readsNumbers) numbers.fill(NaN);
      histories.reset();
      crosses.reset();
      counts.unseenLevelCount = 0;
      // The cast holds: what is no array is the record of the union (Array.isArray does not narrow readonly arrays).
      if (Array.isArray(row)) encodeCells(row, rowNumber, counts);
      else encodeObject(row as Readonly<Record<string, unknown>>, rowNumber, counts);
      writePairs(pairs, numbers, values);
      distances.write(numbers, values);
      histories.write(numbers, values);
      crosses.write(values);
    },
  };
}

/** Finds plans by name. Remembers the columns of the last row in its order: rows of one sender mostly agree, and comparing beats looking up. */
function planFinder(plans: readonly FeaturePlan[]): (name: string, position: number) => FeaturePlan | undefined {
  const planOf = new Map(plans.map((plan) => [plan.feature.name, plan]));
  const lastNames: string[] = [];
  const lastPlans: (FeaturePlan | undefined)[] = [];
  return (name, position) => {
    if (lastNames[position] === name) return lastPlans[position];
    const plan = planOf.get(name);
    if (position < NAMES_MAX) {
      lastNames[position] = name;
      lastPlans[position] = plan;
    }
    return plan;
  };
}

/** Where a number is read that does not go to one column only, or a place. */
const scratch = new Float64Array(2);

/** Columns whose order is remembered. */
const NAMES_MAX = 10_000;

/** Writes all columns of a feature; false: the cell is unreadable. */
function write(
  plan: FeaturePlan,
  cell: unknown,
  values: Float64Array,
  numbers: Float64Array,
  counts: LevelCounts,
): boolean {
  const { read, numberColumns, numberPlace } = plan;
  if (plan.textScorers.length > 0) return writeText(plan, cell, values);
  if (plan.readPlace !== null) return writePlaceCell(plan, cell, values, numbers);
  if (read === null) return writeCategory(plan, cell, values, counts);
  const first = numberColumns[0];
  if (
    first !== undefined &&
    numberColumns.length === 1 &&
    plan.dateTargets.length === 0 &&
    plan.holidayTargets.length === 0 &&
    numberPlace < 0 &&
    plan.keyTargets.length === 0
  )
    return read(cell, values, first);
  if (!read(cell, scratch, 0)) return false;
  const value = scratch[0] ?? NaN;
  if (numberPlace >= 0) numbers[numberPlace] = value;
  for (const target of plan.keyTargets) target.place = target.table.placeOf(value);
  for (const column of numberColumns) values[column] = value;
  for (const { column, part } of plan.dateTargets) values[column] = datePart(value, part);
  for (const target of plan.holidayTargets) target.write(value, values, target.column);
  return true;
}

/** Writes a category's columns and finds its key in histories and crosses; it is unseen where none of them knows it. */
function writeCategory(plan: FeaturePlan, cell: unknown, values: Float64Array, counts: LevelCounts): boolean {
  const { categoryTargets, keyTargets, readKey, keyRule } = plan;
  let isKnown = !plan.hasLevels;
  if (keyTargets.length > 0 && readKey !== null) {
    const key = readKey(cell);
    if (key === undefined) return false;
    isKnown ||= key === null;
    for (const target of keyTargets) {
      target.place = target.table.placeOf(key);
      isKnown ||= target.place !== target.table.unseenPlace;
    }
  }
  for (let i = 0; i < categoryTargets.length; i += 1) {
    const target = categoryTargets[i];
    if (target === undefined) continue;
    const place = placeOfCell(target, keyRule, cell);
    if (place === undefined) return false;
    writeLevel(target.table, place, values, target.column);
    isKnown ||= place !== target.table.unseenPlace;
  }
  if (!isKnown) {
    counts.unseenFeatures[counts.unseenLevelCount] = plan.index;
    counts.unseenLevelCount += 1;
  }
  return true;
}

function writePlaceCell(
  { readPlace, placeTargets, numberPlace }: FeaturePlan,
  cell: unknown,
  values: Float64Array,
  numbers: Float64Array,
): boolean {
  if (readPlace?.(cell, scratch, 0) !== true) return false;
  for (const { step, column } of placeTargets) writePlace(step, scratch[0] ?? NaN, scratch[1] ?? NaN, values, column);
  if (numberPlace < 0) return true;
  numbers[numberPlace] = scratch[0] ?? NaN;
  numbers[numbers.length / 2 + numberPlace] = scratch[1] ?? NaN;
  return true;
}

function writeText({ feature, textScorers }: FeaturePlan, cell: unknown, values: Float64Array): boolean {
  const text = cellText(cell);
  if (text === undefined) return false;
  const known = text === null || isMissing(text, feature.parse.nullMarkers) ? null : text;
  for (const score of textScorers) score(known, values, 0);
  return true;
}

/** The place of a cell in a step's table; undefined: the cell is unreadable. */
function placeOfCell({ table, byText }: CategoryTarget, keyRule: KeyRule, cell: unknown): number | undefined {
  const text = typeof cell === 'string' ? cell : cellText(cell);
  if (text === undefined) return undefined;
  if (text === null) return table.missingPlace;
  let place = byText.get(text);
  // Numbers and booleans are keys as they are; a text may be another spelling of one.
  if (place === undefined && keyRule !== 'text' && typeof cell === 'string')
    place = table.placeOf.get(categoryKey(text, keyRule));
  return place ?? table.unseenPlace;
}

function writeLevel(
  { values: numbers, columnCount }: CategoryTable,
  place: number,
  values: Float64Array,
  column: number,
) {
  for (let i = 0; i < columnCount; i += 1) values[column + i] = numbers[place * columnCount + i] ?? NaN;
}

function featurePlan(
  feature: InputFeature,
  index: number,
  steps: readonly PlacedStep[],
  histories: ReadonlyMap<number, HistoryTarget>,
  crosses: RowCrosses['seats'],
): FeaturePlan {
  const reader = cellReader(feature.parse);
  const numberColumns: number[] = [];
  const dateTargets: DateTarget[] = [];
  const holidayTargets: HolidayTarget[] = [];
  const categoryTargets: CategoryTarget[] = [];
  const texts: PlacedTextStep[] = [];
  const placeTargets: PlaceTarget[] = [];
  let isUsed = false;
  let hasLevels = false;
  const keyTargets: (HistoryTarget | CrossSeat)[] = [];
  let isNumberKept = false;
  for (const { number, step, first } of steps) {
    if (!stepInputs(step).includes(index)) continue;
    isUsed = true;
    hasLevels ||= stepKeys(step, index).length > 0;
    if (step.kind === 'numeric') numberColumns.push(first);
    else if (step.kind === 'date-parts')
      dateTargets.push(...step.parts.map((part, i) => ({ column: first + i, part })));
    else if (step.kind === 'holidays') holidayTargets.push({ column: first, write: compileHolidays(step) });
    else if (isPairStep(step) || step.kind === 'place-distance') isNumberKept = true;
    else if (step.kind === 'place-parts' || step.kind === 'place-cells') placeTargets.push({ column: first, step });
    else if (step.kind === 'series-history') {
      const history = histories.get(number);
      if (step.feature === index) isNumberKept = true;
      else if (history !== undefined) keyTargets.push(history);
    } else if (step.kind === 'category-cross') {
      for (const [side, seat] of (crosses.get(number) ?? []).entries())
        if ([step.feature, step.other][side] === index) keyTargets.push(seat);
    } else if (step.kind === 'text-scores') texts.push({ step, column: first });
    else categoryTargets.push(categoryTarget(step, first, feature.parse.nullMarkers));
  }
  return {
    feature,
    index,
    isUsed,
    hasLevels,
    read: reader.kind === 'number' || reader.kind === 'date' ? reader.read : null,
    keyRule: feature.parse.kind === 'category' ? feature.parse.keyRule : 'text',
    numberColumns,
    dateTargets,
    holidayTargets,
    numberPlace: isNumberKept ? index : -1,
    categoryTargets,
    keyTargets,
    readKey: reader.kind === 'category' ? reader.read : null,
    placeTargets,
    readPlace: reader.kind === 'geo' ? reader.read : null,
    textScorers: textGroups(texts).map(compileTexts),
  };
}

/** The steps of two features with their first columns. */
function pairTargets(steps: readonly PlacedStep[]) {
  return steps.flatMap(({ step, first }) => {
    if (!isPairStep(step)) return [];
    const [own, other] = pairInputs(step);
    return [{ step, column: first, own, other }];
  });
}

function writePairs(pairs: ReturnType<typeof pairTargets>, numbers: Float64Array, values: Float64Array): void {
  for (const { step, column, own, other } of pairs)
    writePair(step, numbers[own] ?? NaN, numbers[other] ?? NaN, values, column);
}

function categoryTarget(step: CategoryStep, column: number, nullMarkers: readonly string[]): CategoryTarget {
  const table = categoryTable(step);
  const missing = ['', ...nullMarkers].map((marker): [string, number] => [marker, table.missingPlace]);
  return { column, table, byText: new Map([...table.placeOf, ...missing]) };
}

/** The values of a row without any column. */
function defaultValues(plans: readonly FeaturePlan[], steps: readonly ManifestStep[]): Float64Array {
  const values = new Float64Array(columnCountOf(steps)).fill(NaN);
  for (const plan of plans)
    for (const { table, column } of plan.categoryTargets) writeLevel(table, table.missingPlace, values, column);
  return values;
}

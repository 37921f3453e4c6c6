import { AppError, type DateFormat, type ParseRule } from '#contracts';
import { FOUND_DATE_FORMATS, anyDateValue, dateValue, isOneOf, knownNumberValue, readsAsNumber } from '../cell-sql.ts';
import { sqlText, type CellValue, type DuckDb } from '../duckdb.ts';
import type { ColumnWarning } from './column-names.ts';
import { countKinds, presentCount, type KindCounts } from './count-kinds.ts';
import type { ColumnGroup } from './scratch.ts';
import type { ColumnPlan } from './stored.ts';

/** Of a column that does not read as one type, this share that does is worth a warning. */
const MIXED_SHARE_MIN = 0.9;

export interface InferredGroup {
  readonly plans: readonly ColumnPlan[];
  readonly warnings: readonly ColumnWarning[];
  readonly rowCount: number;
  readonly nullCount: number;
}

export interface InferOptions {
  readonly duckdb: DuckDb;
  /** SQL of a relation with the VARCHAR columns `c<position>` and `file_row_number`. */
  readonly relation: string;
  readonly group: ColumnGroup;
  readonly names: readonly string[];
  readonly nullMarkers: readonly string[];
  /** As scanned: decides how the cells are counted. */
  readonly rowCount: number;
  readonly signal?: AbortSignal | undefined;
}

/** Decides storage and parse rule of each text column of a group, from all of its cells. */
export async function inferGroup(options: InferOptions): Promise<InferredGroup> {
  const { counts, rowCount } = await countKinds(options);
  const dates = await countDates(options, counts);
  const plans: ColumnPlan[] = [];
  const warnings: ColumnWarning[] = [];
  let nullCount = 0;
  for (const [index, kinds] of counts.entries()) {
    const position = options.group.from + index;
    const decision = decide(position, kinds, dates.get(position), options);
    plans.push(decision.plan);
    nullCount += kinds.missing;
    const name = options.names[position] ?? '';
    if (decision.isAmbiguousDate) warnings.push({ name, position, warning: ambiguousDates(name) });
    if (decision.mixed !== null) warnings.push(await mixedTypes(position, name, decision.mixed, options));
  }
  return { plans, warnings, rowCount, nullCount };
}

interface DateCounts {
  readonly byFormat: ReadonlyMap<DateFormat, number>;
  /** Cells that are an ISO date with or without a time. */
  readonly iso: number;
}

async function countDates(
  options: InferOptions,
  counts: readonly KindCounts[],
): Promise<ReadonlyMap<number, DateCounts>> {
  const positions = counts
    .map((kinds, index) => ({ kinds, position: options.group.from + index }))
    .filter(({ kinds }) => kinds.dateLike >= MIXED_SHARE_MIN * presentCount(kinds) && kinds.dateLike > 0)
    .map(({ position }) => position);
  const found = new Map<number, DateCounts>();
  // A few columns at a time: one date costs several expressions.
  for (const position of positions) {
    const column = `c${position}`;
    const isPresent = `NOT ${isOneOf(column, 'VARCHAR', options.nullMarkers.map(sqlText))}`;
    const filters = [
      ...FOUND_DATE_FORMATS.map((format) => `${dateValue(column, format)} IS NOT NULL`),
      `${anyDateValue(column, ISO_FORMATS)} IS NOT NULL`,
    ];
    const sums = filters.map((filter) => `count(*) FILTER (${isPresent} AND ${filter})`);
    const [row = []] = await options.duckdb.rows(`SELECT ${sums.join(', ')} FROM ${options.relation}`, options.signal);
    const byFormat = new Map<DateFormat, number>();
    FOUND_DATE_FORMATS.forEach((format, index) => byFormat.set(format, Number(row[index] ?? 0)));
    found.set(position, { byFormat, iso: Number(row[FOUND_DATE_FORMATS.length] ?? 0) });
  }
  return found;
}

const ISO_FORMATS: readonly DateFormat[] = ['iso-date', 'iso-datetime'];

interface Mixed {
  readonly wanted: 'number' | 'date';
  readonly count: number;
  readonly presentCount: number;
  /** SQL of "this cell does not fit". */
  readonly offends: string;
}

interface Decision {
  readonly plan: ColumnPlan;
  readonly isAmbiguousDate: boolean;
  readonly mixed: Mixed | null;
}

function decide(position: number, kinds: KindCounts, dates: DateCounts | undefined, options: InferOptions): Decision {
  const column = `c${position}`;
  const nullMarkers = [...options.nullMarkers];
  const isMarker = isOneOf(column, 'VARCHAR', nullMarkers.map(sqlText));
  const present = presentCount(kinds);
  const numbers = kinds.integer + kinds.number;
  const as = (
    parse: ParseRule,
    twin: string | null,
    mixed: Mixed | null = null,
    isAmbiguousDate = false,
  ): Decision => ({
    plan: { position, storage: 'string', parse, value: column, twin },
    isAmbiguousDate,
    mixed,
  });
  const hasMarkers = kinds.marker + kinds.integerMarker > 0;
  const twinOf = (value: string): string => (hasMarkers ? `CASE WHEN NOT ${isMarker} THEN ${value} END` : value);
  if (present > 0 && numbers === present) {
    const parse: ParseRule = { kind: 'number', nullMarkers };
    if (kinds.number > 0 || kinds.marker > 0) return as(parse, twinOf(knownNumberValue(column)));
    const plan: ColumnPlan = { position, storage: 'int64', parse, value: `TRY_CAST(${column} AS BIGINT)`, twin: null };
    return { plan, isAmbiguousDate: false, mixed: null };
  }
  if (present > 0 && kinds.boolean === present) return as({ kind: 'category', keyRule: 'boolean', nullMarkers }, null);
  const found = dates === undefined ? null : dateFormats(dates, present);
  if (found !== null) {
    const twin = twinOf(anyDateValue(column, found.formats));
    return as({ kind: 'date', formats: [...found.formats], nullMarkers }, twin, null, found.isAmbiguous);
  }
  const mixed = mixedOf(column, kinds, dates, isMarker);
  return as({ kind: 'category', keyRule: 'text', nullMarkers }, null, mixed);
}

/** The formats that read every present cell; null where there are none. */
function dateFormats(
  dates: DateCounts,
  present: number,
): { readonly formats: readonly DateFormat[]; readonly isAmbiguous: boolean } | null {
  const all = FOUND_DATE_FORMATS.filter((format) => dates.byFormat.get(format) === present);
  const [first] = all;
  if (first !== undefined) return { formats: [first], isAmbiguous: all.includes('m/d/y') && all.includes('d/m/y') };
  return dates.iso === present ? { formats: ISO_FORMATS, isAmbiguous: false } : null;
}

function mixedOf(column: string, kinds: KindCounts, dates: DateCounts | undefined, isMarker: string): Mixed | null {
  const present = presentCount(kinds);
  const numbers = kinds.integer + kinds.number;
  const isPresent = `NOT ${isMarker}`;
  if (numbers > 0 && numbers >= MIXED_SHARE_MIN * present) {
    const offends = `${isPresent} AND NOT ${readsAsNumber(column)}`;
    return { wanted: 'number', count: present - numbers, presentCount: present, offends };
  }
  let best: readonly DateFormat[] = ISO_FORMATS;
  let count = dates?.iso ?? 0;
  for (const [format, formatCount] of dates?.byFormat ?? []) {
    if (formatCount <= count) continue;
    best = [format];
    count = formatCount;
  }
  if (count === 0 || count < MIXED_SHARE_MIN * present) return null;
  const offends = `${isPresent} AND ${anyDateValue(column, best)} IS NULL`;
  return { wanted: 'date', count: present - count, presentCount: present, offends };
}

async function mixedTypes(position: number, name: string, mixed: Mixed, options: InferOptions): Promise<ColumnWarning> {
  const column = `c${position}`;
  const sql =
    `SELECT count(*), min(file_row_number), arg_min(${column}, file_row_number) ` +
    `FROM ${options.relation} WHERE ${mixed.offends}`;
  const [row = []] = await options.duckdb.rows(sql, options.signal);
  const [count, rowNumber, value] = row;
  if (Number(count) !== mixed.count || typeof value !== 'string') {
    throw new AppError(
      'INTERNAL',
      `Column ${JSON.stringify(name)}: two counts of cells that are no ${mixed.wanted} differ`,
    );
  }
  return {
    name,
    position,
    warning: {
      code: 'MIXED_TYPES',
      message:
        `${mixed.count} of ${mixed.presentCount} values of ${JSON.stringify(name)} do not read as a ${mixed.wanted}; ` +
        `the first is in row ${rowOf(rowNumber)}, of the form ${JSON.stringify(shapeOf(value))}.`,
      handling: 'The column is kept as text. Mend the values, or add their texts to options.nullMarkers.',
    },
  };
}

function rowOf(fileRowNumber: CellValue | undefined): number {
  return Number(fileRowNumber ?? 0) + 1;
}

const SHAPE_LENGTH_MAX = 40;

/** A value's form without its content: digits become 9, letters a or A, other signs stay. */
export function shapeOf(value: string): string {
  const shape = value
    .slice(0, SHAPE_LENGTH_MAX)
    .replace(/\p{Nd}/gu, '9')
    .replace(/\p{Lu}/gu, 'A')
    .replace(/\p{L}/gu, (letter) => (letter === 'A' ? 'A' : 'a'));
  return value.length > SHAPE_LENGTH_MAX ? `${shape}...` : shape;
}

function ambiguousDates(name: string): ColumnWarning['warning'] {
  return {
    code: 'AMBIGUOUS_DATES',
    message: `The dates of ${JSON.stringify(name)} fit month/day/year as well as day/month/year.`,
    handling: 'They are read as month/day/year. Write the year first if that is wrong.',
  };
}

import {
  isCanonicalInteger,
  isOneOf,
  knownNumberValue,
  looksLikeDate,
  readsAsBoolean,
  readsAsNumber,
} from '../cell-sql.ts';
import { sqlText, type DuckDb } from '../duckdb.ts';
import type { ColumnGroup } from './scratch.ts';

/** What a cell of text is; each cell is exactly one of them. */
const KINDS = {
  missing: 0,
  marker: 1,
  integer: 2,
  number: 3,
  boolean: 4,
  dateLike: 5,
  other: 6,
  integerMarker: 7,
  infinite: 8,
} as const;
type Kind = keyof typeof KINDS;

/**
 * Cells of a column by kind. An `integer` is a canonical int64, a `number` any other that is finite as float64; markers are null
 * markers.
 */
export type KindCounts = Readonly<Record<Kind, number>>;

/** Cells that read as numbers and are not missing. */
export function numberCount(kinds: KindCounts): number {
  return kinds.integer + kinds.number + kinds.infinite;
}

/** Cells that are not missing. */
export function presentCount(kinds: KindCounts): number {
  return numberCount(kinds) + kinds.boolean + kinds.dateLike + kinds.other;
}

export function addKinds(one: KindCounts, other: KindCounts): KindCounts {
  return kindsOf((kind) => one[kind] + other[kind]);
}

export interface CountOptions {
  readonly duckdb: DuckDb;
  /** SQL of a relation with the VARCHAR columns `c<position>`. */
  readonly relation: string;
  readonly group: ColumnGroup;
  readonly nullMarkers: readonly string[];
  readonly rowCount: number;
  readonly signal?: AbortSignal | undefined;
}

export interface CountedGroup {
  /** By column of the group. */
  readonly counts: readonly KindCounts[];
  readonly rowCount: number;
}

/** Columns counted by one statement: the time DuckDB plans grows with the square of what it aggregates. */
const COUNTED_COLUMNS = 64;
/** Below this, planning an expression a column costs more than turning the columns into rows. */
const UNNESTED_ROWS_MAX = 5_000;
const UNNESTED_COLUMNS_MIN = 32;

/** Counts the cells of each column of a group by what they are. */
export async function countKinds(options: CountOptions): Promise<CountedGroup> {
  const { from, to } = options.group;
  if (options.rowCount <= UNNESTED_ROWS_MAX && to - from >= UNNESTED_COLUMNS_MIN) return countUnnested(options);
  const counts: KindCounts[] = [];
  let rowCount = 0;
  for (let start = from; start < to; start += COUNTED_COLUMNS) {
    const columns = columnsOf(start, Math.min(start + COUNTED_COLUMNS, to));
    const kinds = columns.map((column) => `${kindOf(column, options.nullMarkers)} AS k_${column}`);
    const histograms = columns.map((column) => `histogram(k_${column})::VARCHAR`);
    const sql = `SELECT count(*), ${histograms.join(', ')} FROM (SELECT ${kinds.join(', ')} FROM ${marked(options)})`;
    const [row = []] = await options.duckdb.rows(sql, options.signal);
    rowCount = Number(row[0] ?? 0);
    for (const histogram of row.slice(1)) counts.push(kindCounts(pairsOf(String(histogram))));
  }
  return { counts, rowCount };
}

async function countUnnested(options: CountOptions): Promise<CountedGroup> {
  const columns = columnsOf(options.group.from, options.group.to);
  const cells =
    `SELECT markers, unnest(range(${columns.length})) AS i, unnest([${columns.join(', ')}]) AS cell ` +
    `FROM ${marked(options)}`;
  const sql = `SELECT i, k, count(*) FROM (SELECT i, ${kindOf('cell', options.nullMarkers)} AS k FROM (${cells})) GROUP BY i, k`;
  const byColumn = columns.map(() => new Map<number, number>());
  for (const [index, code, count] of await options.duckdb.rows(sql, options.signal)) {
    byColumn[Number(index)]?.set(Number(code), Number(count));
  }
  const [row = []] = await options.duckdb.rows(`SELECT count(*) FROM ${options.relation}`, options.signal);
  return { counts: byColumn.map(kindCounts), rowCount: Number(row[0] ?? 0) };
}

function columnsOf(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_, index) => `c${from + index}`);
}

/** The relation with the null markers as a column: a list in each expression would be bound again for each column. */
function marked(options: CountOptions): string {
  return `(SELECT [${options.nullMarkers.map(sqlText).join(', ')}]::VARCHAR[] AS markers, * FROM ${options.relation})`;
}

const CANONICAL_INTEGER = /^(?:0|-?[1-9][0-9]{0,18})$/;

function kindOf(cell: string, nullMarkers: readonly string[]): string {
  const isMarker = `list_contains(markers, ${cell})`;
  const integerMarkers = nullMarkers.filter((marker) => CANONICAL_INTEGER.test(marker));
  const integer =
    integerMarkers.length === 0
      ? `${KINDS.integer}`
      : `CASE WHEN ${isOneOf(cell, 'VARCHAR', integerMarkers.map(sqlText))} THEN ${KINDS.integerMarker} ELSE ${KINDS.integer} END`;
  return (
    `(CASE WHEN ${cell} IS NULL THEN ${KINDS.missing} ` +
    `WHEN ${readsAsNumber(cell)} THEN CASE WHEN ${isCanonicalInteger(cell)} THEN ${integer} ` +
    `WHEN ${isMarker} THEN ${KINDS.marker} ` +
    `WHEN isinf(${knownNumberValue(cell)}) THEN ${KINDS.infinite} ELSE ${KINDS.number} END ` +
    `WHEN ${isMarker} THEN ${KINDS.marker} WHEN ${readsAsBoolean(cell)} THEN ${KINDS.boolean} ` +
    `WHEN ${looksLikeDate(cell)} THEN ${KINDS.dateLike} ELSE ${KINDS.other} END)::UTINYINT`
  );
}

/** Reads `{code=count, ...}`. */
function pairsOf(histogram: string): ReadonlyMap<number, number> {
  const byCode = new Map<number, number>();
  for (const [, code, count] of histogram.matchAll(/(\d+)=(\d+)/g)) byCode.set(Number(code), Number(count));
  return byCode;
}

function kindCounts(byCode: ReadonlyMap<number, number>): KindCounts {
  return kindsOf((kind) => byCode.get(KINDS[kind]) ?? 0);
}

function kindsOf(count: (kind: Kind) => number): KindCounts {
  return {
    missing: count('missing'),
    marker: count('marker'),
    integer: count('integer'),
    number: count('number'),
    boolean: count('boolean'),
    dateLike: count('dateLike'),
    other: count('other'),
    integerMarker: count('integerMarker'),
    infinite: count('infinite'),
  };
}

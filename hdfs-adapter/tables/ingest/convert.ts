import { rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError, type ColumnWarning } from '#contracts';
import { sqlFile, type DuckDb } from '../duckdb.ts';
import { joinColumns } from '../parquet/join-columns.ts';
import type { ColumnGroup } from './scratch.ts';
import { rowGroupRows } from '../parquet/row-groups.ts';
import type { ColumnPlan } from './stored.ts';
import { infiniteValues } from './type-warnings.ts';

export interface WriteOptions {
  readonly duckdb: DuckDb;
  readonly names: readonly string[];
  readonly plans: readonly ColumnPlan[];
  readonly groups: readonly ColumnGroup[];
  /** SQL of the relation that has the columns of a group and `file_row_number`. */
  readonly relationOf: (group: ColumnGroup) => string;
  readonly rowCount: number;
  readonly scratchDirectory: string;
  readonly target: string;
  readonly signal?: AbortSignal | undefined;
  /** Share of the groups that are done, 0 to 1. */
  readonly onGroup: (share: number) => void;
}

/**
 * Writes the snapshot's one Parquet file, zstd, rows in order; gives a warning for each floating-point column with infinite
 * values. @throws DATA_READ_TRUNCATED if what was written is not what was read
 */
export async function writeSnapshot(options: WriteOptions): Promise<readonly ColumnWarning[]> {
  const { groups } = options;
  const parts: (readonly string[])[] = [];
  const warnings: ColumnWarning[] = [];
  for (const [index, group] of groups.entries()) {
    options.onGroup(index / groups.length);
    const files = groups.length === 1 ? await writeWhole(group, options) : await writeRanges(group, options);
    parts.push(files);
    const plans = options.plans.slice(group.from, group.to);
    const expected = await checksum(
      plans.map((plan) => plan.value),
      options.relationOf(group),
      options,
    );
    const found = await checksum(
      plans.map((plan) => `c${plan.position}`),
      rowsOf(files, options),
      options,
    );
    assertSame(expected, found, options.rowCount);
    for (let from = 0; from < plans.length; from += COUNTED_COLUMNS) {
      warnings.push(...(await findInfinite(plans.slice(from, from + COUNTED_COLUMNS), files, options)));
    }
  }
  if (groups.length > 1) await joinParts(parts, options);
  return warnings;
}

async function writeWhole(group: ColumnGroup, options: WriteOptions): Promise<readonly string[]> {
  await copy(group, '', rowGroupRows(group.to - group.from), options.target, options);
  return [options.target];
}

/**
 * Writes a group as one file a row group. DuckDB cuts row groups where its threads happen to meet; files that are to be
 * joined side by side must be cut in the same places.
 */
async function writeRanges(group: ColumnGroup, options: WriteOptions): Promise<readonly string[]> {
  const files: string[] = [];
  const step = rangeRows(options);
  for (let from = 0; from < options.rowCount; from += step) {
    const file = path.join(options.scratchDirectory, `part-${group.from}-${from}.parquet`);
    const range = `WHERE file_row_number >= ${from} AND file_row_number < ${from + step}`;
    // Larger than the range, so that it is one row group.
    await copy(group, range, step * 2, file, options);
    files.push(file);
  }
  return files;
}

function rangeRows(options: WriteOptions): number {
  return rowGroupRows(Math.max(...options.groups.map((group) => group.to - group.from)));
}

async function copy(
  group: ColumnGroup,
  where: string,
  groupRows: number,
  file: string,
  options: WriteOptions,
): Promise<void> {
  const columns = options.plans
    .slice(group.from, group.to)
    .flatMap((plan) => [
      `${plan.value} AS c${plan.position}`,
      ...(plan.twin === null ? [] : [`${plan.twin} AS v${plan.position}`]),
    ]);
  await options.duckdb.execute(
    `COPY (SELECT ${columns.join(', ')} FROM ${options.relationOf(group)} ${where}) TO ${sqlFile(file)} ` +
      `(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${groupRows})`,
    options.signal,
  );
}

/** Aggregates of one statement: the time DuckDB plans grows with their square. */
const COUNTED_COLUMNS = 64;

/** Joins the groups' files and looks at one column of each, so that a wrong offset in the new footer is found. */
async function joinParts(parts: readonly (readonly string[])[], options: WriteOptions): Promise<void> {
  await joinColumns(parts, options.target);
  const firsts = options.groups.map((group) => `c${group.from}`);
  const found = await checksums(firsts, rowsOf([options.target], options), options);
  for (const [index, files] of parts.entries()) {
    const expected = await checksums([firsts[index] ?? ''], rowsOf(files, options), options);
    assertSame(expected.join(' '), [found[0], found[index + 1]].join(' '), options.rowCount);
    for (const file of files) await rm(file, { force: true });
  }
}

/** Files of one row range each, with row numbers through all of them. */
function rowsOf(files: readonly string[], options: WriteOptions): string {
  const step = rangeRows(options);
  const rows = files.map((file, index) => {
    const columns = index === 0 ? '*' : `* REPLACE (file_row_number + ${index * step} AS file_row_number)`;
    return `SELECT ${columns} FROM read_parquet(${sqlFile(file)}, file_row_number = true)`;
  });
  return `(${rows.join(' UNION ALL ')})`;
}

/** Row count and one checksum over rows of values in their order: a wrong, lost, added or moved row changes it. */
async function checksum(values: readonly string[], relation: string, options: WriteOptions): Promise<string> {
  const sql = `SELECT count(*), bit_xor(hash(${values.join(', ')}, file_row_number)) FROM ${relation}`;
  const [row = []] = await options.duckdb.rows(sql, options.signal);
  return row.map(String).join(' ');
}

/** Row count and a checksum of each value. */
async function checksums(
  values: readonly string[],
  relation: string,
  options: WriteOptions,
): Promise<readonly string[]> {
  const sums = values.map((value) => `bit_xor(hash(${value}, file_row_number))`);
  const [row = []] = await options.duckdb.rows(`SELECT count(*), ${sums.join(', ')} FROM ${relation}`, options.signal);
  return row.map(String);
}

function assertSame(expected: string, found: string, rowCount: number): void {
  if (expected === found && expected.startsWith(`${rowCount} `)) return;
  throw new AppError(
    'DATA_READ_TRUNCATED',
    `Snapshot: expected ${rowCount} rows (count and checksum ${expected}), found ${found}`,
  );
}

/** Of columns that are floating-point numbers; those that are texts were counted when their type was decided. */
async function findInfinite(
  plans: readonly ColumnPlan[],
  files: readonly string[],
  options: WriteOptions,
): Promise<readonly ColumnWarning[]> {
  const floats = plans.filter(({ storage }) => storage === 'float64');
  if (floats.length === 0) return [];
  const counts = floats.map(({ position }) => `count(*) FILTER (isinf(c${position}))`);
  const sql = `SELECT ${counts.join(', ')} FROM read_parquet([${files.map(sqlFile).join(', ')}])`;
  const [row = []] = await options.duckdb.rows(sql, options.signal);
  const warnings: ColumnWarning[] = [];
  floats.forEach(({ position }, index) => {
    const count = Number(row[index] ?? 0);
    const name = options.names[position] ?? '';
    if (count > 0) warnings.push({ name, position, warning: infiniteValues(name, count) });
  });
  return warnings;
}

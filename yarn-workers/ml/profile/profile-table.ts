import {
  AppError,
  SAMPLE_ROWS_MAX,
  type BatchSource,
  type DatasetProfile,
  type FeatureType,
  type StoredTable,
  type TaskProgress,
} from '#contracts';
import { dictionaryProfiler, textProfiler } from './category-profile.ts';
import type { ColumnProfiler } from './column-profile.ts';
import {
  DISTINCT_CHARS_MAX,
  SAMPLE_CELLS_MAX,
  SAMPLE_CHARS_MAX,
  TEXT_VIEW_ROWS,
  TEXT_VIEW_ROWS_MIN,
  TEXT_VIEW_SHARE,
  TOP_VALUE_CHARS_MAX,
} from './limits.ts';
import { rowComparison, type RowComparison } from './near-duplicates.ts';
import { numberProfiler } from './number-profile.ts';
import { timeBucketsMax } from './time-counts.ts';

/** Part of the progress that the first pass is. */
const FIRST_SHARE = 0.65;

export interface ProfileOptions {
  /** Awaited, so that the caller can let its event loop turn; called at least once a batch. */
  readonly onProgress?: (progress: TaskProgress) => void | Promise<void>;
  readonly signal?: AbortSignal;
  /** Types that users gave, by name of the feature; they win over what is inferred. */
  readonly givenTypes?: ReadonlyMap<string, FeatureType>;
}

/**
 * Profiles a table: types, missing, infinite and distinct counts, moments, quantiles, histograms, most frequent values,
 * warnings (also of features that say nearly the same, by up to 2,000 rows), all values of columns that have few, and the first rows as exact texts.
 *
 * Three passes: the first rows of all columns as texts; all rows in the cheapest view of each column; and, of number and
 * date columns only, the exact texts where values are few, else the numbers again for the histogram. Counts, extremes and
 * histograms are exact; mean and standard deviation to
 * twelve digits, whatever the batches; quantiles have the rank error of the sketch (0.14 %, exact up to 2048 values); distinct counts are
 * exact up to 4096 values, or 100,000 for categories, and say when they are estimates.
 *
 * Rows of date columns are counted by time, exactly: partitions by date are planned from that.
 *
 * Memory does not depend on the rows: bounded by the sketches, DICTIONARY_TEXTS_MAX texts a category column and one batch.
 * The source is best an uncached one: most views are asked for once.
 *
 * @throws DATA_READ_TRUNCATED from the source; TASK_CANCELLED
 */
export async function profileTable(
  table: StoredTable,
  source: BatchSource,
  options: ProfileOptions = {},
): Promise<DatasetProfile> {
  if (source.rowCount !== table.rowCount) {
    throw new AppError('INTERNAL', `the source has ${source.rowCount} rows, the table ${table.rowCount}`);
  }
  const first = await firstLook(table, source, options);
  await secondLook(first.profilers, source, options);
  return finishedProfile(table.rowCount, first);
}

/** What was found of all rows so far, or of those of a part. */
export interface FirstLook {
  /** By position. */
  readonly profilers: ColumnProfiler[];
  readonly comparison: RowComparison;
  readonly sampleRows: readonly (string | null)[][];
}

/** The first rows, and the first pass. @param table whole; the source may have a part of its rows */
export async function firstLook(table: StoredTable, source: BatchSource, options: ProfileOptions): Promise<FirstLook> {
  const sampled = await readFirstRows(table, source, options);
  return { ...(await firstPass(table, source, sampled.manyTexts, options)), sampleRows: sampled.rows };
}

/** The profile that both passes have found. */
export function finishedProfile(rowCount: number, { profilers, comparison, sampleRows }: FirstLook): DatasetProfile {
  const profiled = profilers.map((profiler) => profiler.finish(rowCount));
  const duplicates = new Map(
    comparison
      .nearDuplicates(profiled.map(({ feature }) => feature))
      .map(({ position, warning }) => [position, warning]),
  );
  return {
    features: profiled.map(({ feature }, position) => ({
      ...feature,
      warnings: [...feature.warnings, ...[duplicates.get(position) ?? []].flat()],
      topValues: feature.topValues.filter(({ value }) => value.length <= TOP_VALUE_CHARS_MAX),
    })),
    distinctValues: profiled.map(({ distinctValues }) =>
      (distinctValues ?? []).reduce((sum, { value }) => sum + value.length, 0) > DISTINCT_CHARS_MAX
        ? null
        : distinctValues,
    ),
    timeCounts: profiled.map(({ timeCounts }) => timeCounts),
    sampleRows: sampleRows.map((row) => [...row]),
  };
}

interface FirstRows {
  readonly rows: (string | null)[][];
  /** Positions of category columns with many different texts among the first rows. */
  readonly manyTexts: Set<number>;
}

/** Rows that are shown of a table. */
export const sampleRowsMax = ({ columns }: StoredTable): number =>
  Math.min(SAMPLE_ROWS_MAX, Math.max(1, Math.floor(SAMPLE_CELLS_MAX / Math.max(1, columns.length))));

/** The first rows as exact texts, and which columns had better be read as texts. */
async function readFirstRows(table: StoredTable, source: BatchSource, options: ProfileOptions): Promise<FirstRows> {
  const wanted = sampleRowsMax(table);
  const rows: (string | null)[][] = [];
  let chars = 0;
  let isFirst = true;
  const manyTexts = new Set<number>();
  if (source.rowCount === 0) return { rows, manyTexts };
  await progress(options, 0, 'reading the first rows');
  for await (const batch of source.batches(
    table.columns.map(({ name }) => ({ name, view: 'text' })),
    options.signal,
  )) {
    const columns = batch.columns.map((column) => (column.view === 'text' ? column.values : []));
    for (let row = 0; row < batch.rowCount && rows.length < wanted && chars < SAMPLE_CHARS_MAX; row += 1) {
      const cells = columns.map((values) => values[row] ?? null);
      chars += cells.reduce((sum, cell) => sum + (cell?.length ?? 0), 0);
      if (rows.length === 0 || chars <= SAMPLE_CHARS_MAX) rows.push(cells);
    }
    for (const [position, values] of columns.entries()) {
      if (isFirst && hasManyTexts(values, batch.rowCount)) manyTexts.add(position);
    }
    isFirst = false;
    if (rows.length >= wanted || chars >= SAMPLE_CHARS_MAX) break;
  }
  return { rows, manyTexts };
}

function hasManyTexts(values: readonly (string | null)[], rowCount: number): boolean {
  if (rowCount < TEXT_VIEW_ROWS_MIN) return false;
  const present = values.slice(0, Math.min(rowCount, TEXT_VIEW_ROWS)).filter((text) => text !== null);
  return present.length >= TEXT_VIEW_ROWS_MIN && new Set(present).size > TEXT_VIEW_SHARE * present.length;
}

/** Reads all rows; starts again with other views for columns whose dictionary has no end. */
async function firstPass(
  table: StoredTable,
  source: BatchSource,
  asTexts: Set<number>,
  options: ProfileOptions,
): Promise<{ profilers: ColumnProfiler[]; comparison: RowComparison }> {
  for (;;) {
    const comparison = rowComparison(table.columns, table.rowCount);
    const profilers = newProfilers(table, (position) => asTexts.has(position), options);
    let done = 0;
    const request = profilers.map((profiler) => profiler.request);
    let tooLarge: number[] = [];
    for await (const batch of source.batches(request, options.signal)) {
      tooLarge = profilers.flatMap((profiler, position) => {
        const column = batch.columns[position];
        if (column === undefined)
          throw new AppError('INTERNAL', `a batch has ${batch.columns.length} columns, expected ${request.length}`);
        return profiler.add(column, batch.rowCount) ? [] : [position];
      });
      if (tooLarge.length > 0) break;
      comparison.add(batch.columns, batch.firstRow, batch.rowCount);
      done += batch.rowCount;
      await progress(options, (FIRST_SHARE * done) / source.rowCount, 'profiling');
    }
    if (tooLarge.length === 0) return { profilers, comparison };
    // Each turn moves at least one column over, so this ends.
    for (const position of tooLarge) asTexts.add(position);
  }
}

/** Profilers of all columns; of categories by their dictionaries, unless they are to be read as texts. */
export function newProfilers(
  { columns }: StoredTable,
  isText: (position: number) => boolean,
  { givenTypes }: ProfileOptions,
): ColumnProfiler[] {
  const bucketsMax = timeBucketsMax(columns.filter(({ parse }) => parse.kind === 'date').length);
  return columns.map((stored, position) => {
    const column = { ...stored, givenType: givenTypes?.get(stored.name) };
    if (column.parse.kind !== 'category') return numberProfiler(column, bucketsMax);
    return isText(position) ? textProfiler(column) : dictionaryProfiler(column);
  });
}

/** The second pass, of the columns that ask for one. */
export async function secondLook(
  profilers: readonly ColumnProfiler[],
  source: BatchSource,
  options: ProfileOptions,
): Promise<void> {
  const wanted = profilers.flatMap((profiler) => {
    const request = profiler.secondRequest();
    return request === null ? [] : [{ profiler, request }];
  });
  if (wanted.length === 0) return;
  let done = 0;
  for await (const batch of source.batches(
    wanted.map(({ request }) => request),
    options.signal,
  )) {
    for (const [index, { profiler }] of wanted.entries()) {
      const column = batch.columns[index];
      if (column !== undefined) profiler.addSecond(column, batch.rowCount);
    }
    done += batch.rowCount;
    await progress(options, FIRST_SHARE + ((1 - FIRST_SHARE) * done) / source.rowCount, 'profiling values');
  }
}

async function progress({ onProgress, signal }: ProfileOptions, fraction: number, message: string): Promise<void> {
  await onProgress?.({ fraction, phase: 'profiling', message, iteration: null });
  if (signal?.aborted === true) throw new AppError('TASK_CANCELLED', 'profiling was cancelled');
}

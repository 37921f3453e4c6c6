import { AppError, parse, type BatchSource, type DatasetProfile, type StoredTable } from '#contracts';
import { firstMerger, type FirstMerger } from './first-merger.ts';
import { finishedProfile, firstLook, secondLook, type FirstLook, type ProfileOptions } from './profile-table.ts';
import { PROFILE_PART_VERSION, SecondPart, type FirstPart } from './states.ts';

/** What passes over parts have found, in the order of their rows; one is held at a time. */
export type Parts<T> = Iterable<T> | AsyncIterable<T>;

/**
 * The profile of a table by parts, each of which may be another process's work: all parts' first passes, which are put together; all
 * parts' second passes, by what the first ones found together; the profile. Counts, extremes, histograms, texts and times are those of
 * `profileTable`; mean and standard deviation to twelve digits. Quantiles, with the fences of outliers, and distinct counts beyond what is exact have the
 * error of their sketches, and a category that some part had to read as texts is one of texts. The same parts give the same profile, to the
 * last bit. What passes between the parts is JSON whose size does not depend on the rows.
 *
 * @param table whole
 * @param part rows of the part; its batches are numbered by the rows of the table
 */
export async function profileFirst(
  table: StoredTable,
  part: BatchSource,
  options: ProfileOptions = {},
): Promise<FirstPart> {
  return toData(part.rowCount, await firstLook(table, part, options));
}

/** Puts the first passes over all parts together. @throws VALIDATION_FAILED, INTERNAL */
export async function mergeFirst(table: StoredTable, parts: Parts<FirstPart>): Promise<FirstPart> {
  const merger = await merged(table, parts);
  return toData(merger.rowCount(), merger.look());
}

/** Whether some column is to be looked at again. @param first of all parts */
export async function needsSecond(table: StoredTable, first: FirstPart): Promise<boolean> {
  const { profilers } = (await merged(table, [first])).look();
  return profilers.some((profiler) => profiler.secondRequest() !== null);
}

/** The second pass over a part. @param first of all parts */
export async function profileSecond(
  table: StoredTable,
  part: BatchSource,
  first: FirstPart,
  options: ProfileOptions = {},
): Promise<SecondPart> {
  const { profilers } = (await merged(table, [first])).look();
  await secondLook(profilers, part, options);
  return { version: PROFILE_PART_VERSION, columns: profilers.map((profiler) => profiler.secondState()) };
}

/** The profile. @param first of all parts; @param seconds none where {@link needsSecond} is false */
export async function finishParts(
  table: StoredTable,
  first: FirstPart,
  seconds: Parts<SecondPart>,
  options: ProfileOptions = {},
): Promise<DatasetProfile> {
  if (first.rowCount !== table.rowCount)
    throw new AppError('INTERNAL', `the parts have ${first.rowCount} rows, the table ${table.rowCount}`);
  const found = (await merged(table, [first], options)).look();
  for (const profiler of found.profilers) profiler.secondRequest();
  for await (const part of seconds) {
    const { columns } = parse(SecondPart, part, 'second part');
    for (const [position, profiler] of found.profilers.entries()) {
      const state = columns[position];
      if (state !== undefined && state !== null) profiler.mergeSecond(state);
    }
  }
  return finishedProfile(table.rowCount, found);
}

const toData = (rowCount: number, { profilers, comparison, sampleRows }: FirstLook): FirstPart => ({
  version: PROFILE_PART_VERSION,
  rowCount,
  columns: profilers.map((profiler) => profiler.firstState()),
  compared: comparison.toData(),
  sampleRows: sampleRows.map((row) => [...row]),
});

async function merged(table: StoredTable, parts: Parts<FirstPart>, options: ProfileOptions = {}): Promise<FirstMerger> {
  const merger = firstMerger(table, options);
  for await (const part of parts) merger.add(part);
  return merger;
}

import {
  isInPlaceInput,
  planParts,
  PROFILE_STATE_FILE,
  type IngestTask,
  type ProfileMergeTask,
  type ProfilePartTask,
  type ProfileState,
  type StoredTable,
  type TaskOutcome,
} from '#contracts';
import { finishParts, firstLines, mergeFirst, needsSecond, profileFirst, profileSecond, secondLines } from '#ml';
import type { ObjectStore } from '#object-store';
import { readFirst, readSecond } from '../../yarn-workers/worker/tasks/profile-states.ts';
import { memorySource, storedTable, type MemoryColumn } from './memory-table.ts';

/** What a task leaves. */
interface Made {
  readonly files: readonly (readonly [name: string, bytes: Uint8Array])[];
  readonly outcome: TaskOutcome;
}

/** A table in memory as if it lay in the files of the task, which have about equal rows; null where it is to be profiled at once. */
export function registeredInPlace({ input, parts }: IngestTask, columns: readonly MemoryColumn[]): Made | null {
  if (!isInPlaceInput(input) || parts === undefined) return null;
  const { rowCount, ...stored } = storedTable(columns);
  const ends = input.files.map((_, index) => Math.round(((index + 1) * rowCount) / input.files.length));
  const inPlaceFiles = input.files.map((file, index) => ({
    ...file,
    rowCount: (ends[index] ?? 0) - (ends[index - 1] ?? 0),
  }));
  const table: StoredTable = { ...stored, rowCount, inPlaceFiles };
  if (planParts(table, { ...parts, rowCells: columns.length }).length === 0) return null;
  const outcome = { kind: 'ingest' as const, table, columnWarnings: [], warnings: [], sizeBytes: 1 };
  return { files: [], outcome };
}

/** One pass over the rows of a part. */
export async function profiledPart(
  { table, part, first }: ProfilePartTask,
  columns: readonly MemoryColumn[],
  store: ObjectStore,
): Promise<Made> {
  const [from, to] = [part.rowsBefore + part.from, part.rowsBefore + part.to];
  const source = memorySource(columns.map((column) => ({ ...column, cells: column.cells.slice(from, to) })));
  const whole = { ...table, rowCount: part.tableRows };
  const lines =
    first === undefined
      ? firstLines(await profileFirst(whole, source))
      : secondLines(await profileSecond(whole, source, await readFirst(store, first)));
  const outcome = {
    kind: 'profile-part' as const,
    pass: first === undefined ? ('first' as const) : ('second' as const),
    rowCount: to - from,
  };
  return { files: [[PROFILE_STATE_FILE, textOf(lines)]], outcome };
}

/** All parts of a pass, put together. */
export async function mergedProfile({ table, parts, first }: ProfileMergeTask, store: ObjectStore): Promise<Made> {
  const found = first === undefined ? await mergeFirst(table, each(parts, readFirst)) : await readFirst(store, first);
  if (first === undefined && (await needsSecond(table, found)))
    return { files: [[PROFILE_STATE_FILE, textOf(firstLines(found))]], outcome: { kind: 'profile-merge' } };
  const seconds = first === undefined ? [] : each(parts, readSecond);
  return { files: [], outcome: { kind: 'profile-merge', profile: await finishParts(table, found, seconds) } };

  async function* each<T>(
    states: readonly ProfileState[],
    read: (from: ObjectStore, state: ProfileState) => Promise<T>,
  ): AsyncGenerator<T> {
    for (const state of states) yield await read(store, state);
  }
}

const textOf = (lines: Iterable<string>): Uint8Array => Buffer.from([...lines, ''].join('\n'));

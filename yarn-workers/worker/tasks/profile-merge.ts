import { AppError, type ProfileMergeTask, type ProfileState } from '#contracts';
import { finishParts, mergeFirst, needsSecond, type FirstPart, type SecondPart } from '#ml';
import { failpoint } from '#runtime';
import type { TaskHandler, TaskRun } from '../child/task-run.ts';
import { withWarnings } from './column-warnings.ts';
import { readFirst, readSecond, writeFirst } from './profile-states.ts';

/**
 * Puts a pass over all parts of a table together, one part after the other in the order of their rows. After the first pass that is
 * the profile, or, where numbers or dates are to be looked at again, what the second pass begins with; after the second, the profile.
 *
 * @throws DATA_READ_TRUNCATED when the parts have other than the rows of the table; RESULT_MISMATCH for a state that is not as it was sealed
 */
export const runProfileMerge: TaskHandler<ProfileMergeTask> = async (run) => {
  const { task, context, reporter, attempt } = run;
  const { table, parts, first: merged, columnWarnings } = task.spec;
  const first = merged === undefined ? await firstOf(run) : await readFirst(context.store, merged);
  if (merged === undefined && (await needsSecond(table, first))) {
    await writeFirst(attempt, first);
    await failpoint('worker.close');
    reporter.log(`first passes over ${parts.length} parts put together`);
    return { kind: 'profile-merge' };
  }
  const profile = await finishParts(table, first, merged === undefined ? [] : each(run, readSecond));
  reporter.log(`${table.rowCount} rows profiled in ${parts.length} parts`);
  return { kind: 'profile-merge', profile: withWarnings(profile, columnWarnings) };
};

async function firstOf(run: TaskRun<ProfileMergeTask>): Promise<FirstPart> {
  const { table } = run.task.spec;
  const first = await mergeFirst(table, each(run, readFirst));
  if (first.rowCount === table.rowCount) return first;
  throw new AppError(
    'DATA_READ_TRUNCATED',
    `profile: expected ${table.rowCount} rows; its parts have ${first.rowCount}`,
  );
}

/** What the parts left, one after the other. */
async function* each<T extends FirstPart | SecondPart>(
  { task, context, reporter }: TaskRun<ProfileMergeTask>,
  read: (store: TaskRun['context']['store'], state: ProfileState) => Promise<T>,
): AsyncGenerator<T> {
  const { parts } = task.spec;
  for (const [index, part] of parts.entries()) {
    yield await read(context.store, part);
    await failpoint('worker.merge');
    const message = `${index + 1} of ${parts.length} parts`;
    reporter.progress({ fraction: (index + 1) / parts.length, phase: 'merging', message });
    await reporter.breathe();
  }
}

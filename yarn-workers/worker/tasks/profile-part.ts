import type { ProfilePartTask } from '#contracts';
import { profileFirst, profileSecond, type ProfileOptions } from '#ml';
import { failpoint } from '#runtime';
import { limitCells } from '#tables';
import type { TaskHandler } from '../child/task-run.ts';
import { readFirst, writeFirst, writeSecond } from './profile-states.ts';
import { openPart } from './sources/table-part.ts';

/**
 * One pass over a part of a table in place. What it finds is the file that the attempt leaves, whose size does not depend on the rows;
 * the same part leaves the same bytes.
 *
 * @throws DATASET_CHANGED naming a file that is not as it was registered; RESULT_MISMATCH for a state that is not as it was sealed
 */
export const runProfilePart: TaskHandler<ProfilePartTask> = async (run) => {
  const { task, context, reporter, attempt } = run;
  const { table, part, first } = task.spec;
  const { rowCount, open } = await openPart(run, table, part);
  const source = limitCells(open(), context.configuration.ingest.cellBytesMax);
  // Which rows are compared is drawn by those of the whole table.
  const whole = { ...table, rowCount: part.tableRows };
  const pass = first === undefined ? 'first' : 'second';
  const options: ProfileOptions = {
    onProgress: async ({ fraction, phase, message }) => {
      reporter.progress({ fraction, phase, message: `part ${part.index + 1} of ${part.count}: ${message}` });
      await reporter.breathe();
    },
  };
  if (first === undefined) await writeFirst(attempt, await profileFirst(whole, source, options));
  else await writeSecond(attempt, await profileSecond(whole, source, await readFirst(context.store, first), options));
  await failpoint('worker.close');
  return { kind: 'profile-part', pass, rowCount };
};

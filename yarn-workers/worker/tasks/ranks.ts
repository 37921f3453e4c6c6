import { writeSync } from 'node:fs';
import type { AppError } from '#contracts';
import type { RankGroup } from '#ml';
import { GROUP_BROKEN } from '../blame.ts';
import type { TaskRun } from '../child/task-run.ts';
import { joinGroup } from '../collectives/join-group.ts';
import { rankGroup } from '../collectives/rank-group.ts';

const STDERR = 2;

/**
 * Meets the other ranks of a task's group, and leaves them afterwards; a task of no group is alone.
 *
 * @param fit given the group, and a signal that it is broken
 * @throws GROUP_BROKEN where another rank is lost or never comes; in the midst of boosting this process ends instead
 */
export async function besideRanks<Result>(
  { task, context, reporter, meeting }: Pick<TaskRun, 'task' | 'context' | 'reporter' | 'meeting'>,
  fit: (ranks?: RankGroup, signal?: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (task.group === null) return fit();
  const { host, answer } = await meeting.ask(null);
  const broken = new AbortController();
  let failure: AppError | null = null;
  const group = await joinGroup({
    ...task.group,
    epoch: answer.epoch,
    certificates: answer.certificate,
    listenHost: host,
    peers: async (port) => (await meeting.ask(port)).answer.addresses ?? [],
    onFailure: (err) => {
      failure = err;
      // The process may end when this returns: its supervisor reads the reason there.
      writeSync(STDERR, `${GROUP_BROKEN}${err.message}\n`);
      broken.abort(err);
    },
    onStray: (reason) => reporter.log(`a connection to this rank was refused: ${reason}`),
  });
  const { rank, size } = group;
  reporter.log(`rank ${rank} of ${size}, epoch ${answer.epoch}`);
  try {
    return await fit(rankGroup(group, context.engine), broken.signal);
  } catch (err) {
    throw failure ?? err;
  } finally {
    await group.leave();
  }
}

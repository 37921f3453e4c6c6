import { AppError } from '#contracts';
import type { Transition } from './attempt-ends.ts';
import type { Transaction } from './database.ts';
import { forgetRanks } from './group-ranks.ts';
import { lockMembers } from './groups.ts';
import { getSeal } from './seals.ts';
import type { Task } from './tasks.ts';
import { commitTask } from './transitions.ts';

/**
 * A model is recorded: the tasks that fitted it together with its own, all of which have sealed, are recorded with it. The caller has
 * locked the job, and runs what follows.
 */
export async function endParts(trx: Transaction, { groupId }: Task): Promise<Transition[]> {
  if (groupId === null) return [];
  const transitions: Transition[] = [];
  for (const { id: taskId, fence, kind } of await lockMembers(trx, groupId)) {
    if (kind !== 'train-part') continue;
    const seal = await getSeal(trx, { taskId, fence });
    if (seal === null) throw new AppError('INTERNAL', `part ${taskId} of a model that is recorded has not sealed`);
    const { attemptPath } = seal;
    transitions.push(await commitTask(trx, { taskId, fence }, { attemptPath, manifestSha256: null }));
  }
  await forgetRanks(trx, groupId);
  return transitions;
}

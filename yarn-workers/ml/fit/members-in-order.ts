import { AppError } from '#contracts';
import type { MemberContext } from './fit-member.ts';
import type { Member } from './row-roles.ts';

/** How `StopBook` calls the copies of a refit: a replay makes as many as there were. */
const COPIES = 'copies';

/**
 * Fits the members that are left, one after the other. The copies of a refit are made as long as there is time: one that comes too late is
 * left out if there is another.
 *
 * @param finished those that are fitted already; the others are added
 * @param onMember called after each
 */
export async function membersInOrder<Finished>(
  { task, roles: { members }, stops, io }: Pick<MemberContext, 'task' | 'roles' | 'stops' | 'io'>,
  finished: Finished[],
  fit: (index: number, member: Member) => Promise<Finished>,
  onMember: () => Promise<void>,
): Promise<void> {
  const isRefit = task.refit !== null;
  for (const [index, member] of [...members.entries()].slice(finished.length)) {
    if (isRefit && stops.ends(COPIES, finished.length, () => false)) break;
    try {
      finished.push(await fit(index, member));
    } catch (err) {
      if (!isRefit || finished.length === 0 || !isTooLate(err)) throw err;
      stops.note(COPIES, finished.length);
      io.log?.(`too little time is left for more than ${finished.length} of ${members.length} copies`);
      break;
    }
    await onMember();
  }
}

const isTooLate = (err: unknown): boolean => err instanceof AppError && err.code === 'TASK_DEADLINE';

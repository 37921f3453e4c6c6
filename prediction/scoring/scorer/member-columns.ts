import { AppError, type ManifestContent } from '#contracts';
import { firstColumnsOf, stepColumnCount } from '../steps/steps.ts';

/**
 * Which columns of the matrix of all steps each member reads, in the member's own order.
 *
 * @throws ARTIFACT_INVALID where a member names a step that is not there
 */
export function memberColumns({ steps, members }: ManifestContent): Int32Array[] {
  const firstColumns = firstColumnsOf(steps);
  const columnsOfStep = steps.map((step, number) =>
    Array.from({ length: stepColumnCount(step) }, (_, i) => (firstColumns[number] ?? 0) + i),
  );
  return members.map((member, index) => {
    const columns = member.steps.flatMap((number) => {
      const found = columnsOfStep[number];
      if (found === undefined)
        throw new AppError('ARTIFACT_INVALID', `member ${index}: step ${number} of ${steps.length}`);
      return found;
    });
    return Int32Array.from(columns);
  });
}

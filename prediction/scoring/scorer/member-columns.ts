import { AppError, type ManifestContent } from '#contracts';
import { stepColumnCount } from '../steps/steps.ts';

/**
 * Which columns of the matrix of all steps each member reads, in the member's own order.
 *
 * @throws ARTIFACT_INVALID where a member names a step that is not there
 */
export function memberColumns({ steps, members }: ManifestContent): Int32Array[] {
  const columnsOfStep: number[][] = [];
  let columnCount = 0;
  for (const step of steps) {
    const first = columnCount;
    columnCount += stepColumnCount(step);
    columnsOfStep.push(Array.from({ length: columnCount - first }, (_, i) => first + i));
  }
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

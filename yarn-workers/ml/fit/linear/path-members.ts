import type { FittedMember } from '../assemble.ts';
import { memberStopAt, report, type FinishTimes, type StopAt } from '../clock.ts';
import type { MemberContext } from '../fit-member.ts';
import { MATRIX_CELLS_MAX } from '../limits.ts';
import type { Member } from '../row-roles.ts';

/** Vectors of every row beside its columns, and of every row and output, counted as cells. */
const ROW_VECTORS = 6;
const OUTPUT_VECTORS = 2;

/** The size of a design. */
interface DesignShape {
  readonly rowCount: number;
  readonly columnCount: number;
  readonly outputCount: number;
}

/**
 * The part of the rows whose design is held in memory: all of them where it is of at most `cellsMax` cells, else as many as fit.
 *
 * @param furtherVectors of every row that the fit needs beside
 */
export function designSample(
  { rowCount, ...shape }: DesignShape,
  furtherVectors = 0,
  cellsMax = MATRIX_CELLS_MAX,
): number {
  return Math.min(1, cellsMax / Math.max(1, rowCount * (cellsOfRow(shape) + furtherVectors)));
}

/** Cells of a row of a design, with what is kept beside it. */
export const cellsOfRow = ({ columnCount, outputCount }: Omit<DesignShape, 'rowCount'>): number =>
  columnCount + ROW_VECTORS + OUTPUT_VECTORS * outputCount;

/** What the fit of one member is told. */
export interface MemberRun {
  /** When it must end. */
  readonly stopAt: StopAt;
  readonly onStep: (step: number) => Promise<void>;
  /** Told before each pass over rows that memory does not hold. */
  readonly onPass: (pass: number) => Promise<void>;
  /** How the log calls the member: nothing where it is the only one. */
  readonly name: string;
}

/** A member whose fit was a path. */
export type PathMember = FittedMember & {
  /** Steps of the path to the model that is kept. */
  readonly iterations: number;
  readonly stoppedByDeadline: boolean;
  /** Time spent scoring validation rows, for the estimate of what predicting will take. */
  readonly validateMs: number;
  /** See `BoostedMember`. */
  readonly heldRowsOnly?: boolean;
};

/**
 * Fits the members one after the other, each by a path; with a deadline each gets an equal part of what is left. There are no
 * checkpoints: a fit is a matter of seconds, and one that was interrupted begins anew.
 *
 * @param penalties steps of a path at most
 * @param times what is needed after fitting
 */
export async function pathMembers(
  { io, roles, task }: Pick<MemberContext<unknown>, 'io' | 'roles' | 'task'>,
  penalties: number,
  fitOne: (member: Member, index: number, run: MemberRun) => Promise<PathMember>,
  times: FinishTimes,
): Promise<PathMember[]> {
  const { members } = roles;
  const stepCount = task.refit?.iterations ?? penalties;
  const finished: PathMember[] = [];
  for (const [index, member] of members.entries()) {
    const validateMs = finished.reduce((sum, one) => sum + one.validateMs, 0);
    const stopAt = memberStopAt(io, times, validateMs, index, members.length);
    const name = members.length === 1 ? '' : `fold ${index + 1} of ${members.length}: `;
    const onStep = (step: number): Promise<void> => {
      const fraction = 0.05 + (0.85 * (index + step / stepCount)) / members.length;
      return report(io, fraction, 'fitting', `${name}penalty ${step} of ${stepCount}`, step);
    };
    const onPass = (pass: number): Promise<void> =>
      report(io, 0.05 + (0.85 * (index + 1)) / members.length, 'fitting', `${name}pass ${pass} over all rows`);
    await onStep(0);
    finished.push(await fitOne(member, index, { stopAt, onStep, onPass, name }));
  }
  return finished;
}

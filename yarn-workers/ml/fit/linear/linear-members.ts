import type { ManifestStep } from '#contracts';
import type { LinearSettings } from '../../blueprints/linear-settings.ts';
import type { FittedMember } from '../assemble.ts';
import { memberStopAt, report, type FinishTimes } from '../clock.ts';
import type { MemberContext } from '../fit-member.ts';
import { MATRIX_CELLS_MAX } from '../limits.ts';
import type { Member } from '../row-roles.ts';
import { fitLinearMember, type FittedLinear } from './fit-linear-member.ts';

/** Vectors of every row beside its columns, and of every row and output, counted as cells. */
const ROW_VECTORS = 6;
const OUTPUT_VECTORS = 2;

/**
 * The part of the rows that a linear model is fitted on: all of them where their design is of at most MATRIX_CELLS_MAX
 * cells, else as many as fit. The model's `rowCount` says how many there were.
 */
export function designSample(rowCount: number, columnCount: number, outputCount: number): number {
  const cells = rowCount * (columnCount + ROW_VECTORS + OUTPUT_VECTORS * outputCount);
  return Math.min(1, MATRIX_CELLS_MAX / Math.max(1, cells));
}

/**
 * Fits the members one after the other; with a deadline each gets an equal part of what is left. There are no checkpoints:
 * a fit is a matter of seconds, and one that was interrupted begins anew.
 *
 * @param times what is needed after fitting
 */
export async function linearMembers(
  context: MemberContext<LinearSettings>,
  stepsOf: (member: Member) => ManifestStep[],
  times: FinishTimes,
): Promise<(FittedMember & Omit<FittedLinear, 'linear'>)[]> {
  const { io, roles, settings, task } = context;
  const { members } = roles;
  const stepCount = task.refit?.iterations ?? settings.penalties;
  const finished: (FittedMember & Omit<FittedLinear, 'linear'>)[] = [];
  for (const [index, member] of members.entries()) {
    const validateMs = finished.reduce((sum, one) => sum + one.validateMs, 0);
    const stopAt = memberStopAt(io, times, validateMs, index, members.length);
    const name = members.length === 1 ? '' : `fold ${index + 1} of ${members.length}: `;
    const onStep = (step: number): Promise<void> => {
      const fraction = 0.05 + (0.85 * (index + step / stepCount)) / members.length;
      return report(io, fraction, 'fitting', `${name}penalty ${step} of ${stepCount}`, step);
    };
    await onStep(0);
    const { linear, ...rest } = await fitLinearMember(context, member, index, stepsOf(member), { stopAt, onStep });
    finished.push({ ...rest, model: { linear } });
  }
  return finished;
}

import { AppError, type ManifestStep } from '#contracts';
import type { LinearSettings } from '../../blueprints/linear-settings.ts';
import { checkCancelled, type FitIo } from '../clock.ts';
import type { MemberContext } from '../fit-member.ts';
import type { Member } from '../row-roles.ts';
import { countedStop } from '../stops.ts';
import { fitAllRows, type AllRowsFit, type PassedRows } from './all-rows.ts';
import type { ColumnPlan } from './columns.ts';
import { scaled } from './design.ts';
import { lambdaAt, PATH_TOLERANCE, targetUnit, type Chosen, type ValidationJudge } from './follow.ts';
import { memberPasses } from './passed-rows.ts';
import type { TrainingRows } from './path.ts';
import type { MemberRun } from './path-members.ts';
import { sumsAt } from './row-sums.ts';

/**
 * The tolerance times the number of rows, in whose inverse the square of what they leave uncertain of a coefficient is measured: a round
 * moves none by more than a tenth of its standard error.
 */
const TOLERANCE_OF_ROWS = 0.01;

/** Time that a pass is given, relative to what is expected of it: what the pass before it has taken, or reading and summing up. */
const PASS_SAFETY = 1.2;

/** A member as the rows that memory holds have made it. */
export interface HeldFit {
  readonly trained: TrainingRows;
  readonly columns: readonly ColumnPlan[];
  readonly chosen: Chosen;
  readonly judge: ValidationJudge | null;
  /** What reading the whole table once has taken. */
  readonly readMs: number;
  readonly steps: readonly ManifestStep[];
}

/** A path's model, taken to all rows as far as there was time, with the plans that say what the rows it is fitted on are like. */
export type TakenFit = Chosen & { readonly plans: readonly ColumnPlan[]; readonly heldRowsOnly: boolean };

/**
 * Passes over all training rows of a member, from the model of those that memory holds; see `fitAllRows`. Means, deviations and knots of
 * numbers stay those of the rows that memory holds. Without time for a pass, or without a step that all rows call better, that model is kept; but
 * not in a refit, whose penalty was chosen for all rows.
 *
 * @throws TASK_DEADLINE when a refit has no time for passes; TASK_CANCELLED
 */
export async function takeToAllRows(
  context: MemberContext<LinearSettings>,
  member: Member,
  index: number,
  { trained, columns, chosen, judge, readMs, steps }: HeldFit,
  { stopAt, onPass, name }: MemberRun,
): Promise<TakenFit> {
  const { objective, outputCount, settings, stops, task, io } = context;
  const rows = memberPasses(context, member, steps, columns);
  const { unit, measure } = targetUnit(objective, trained);
  const isLate = (ms: number): boolean => io.now() + ms >= stopAt(judge?.lookMs() ?? 0);
  const lateIn = (place: string): (() => boolean) =>
    countedStop(stops, place, () => {
      checkCancelled(io);
      return isLate(0);
    });
  const isPassLate = lateIn(`parts-${index}`);
  const training = measure(trained);
  const begin = chosen.outputs.map((each) => scaled(each, 1 / unit));
  let passMs =
    readMs + (rows.rowCount / trained.design.rowCount) * timeOf(io, () => sumsAt(objective.glm, training, begin));
  const forEach: PassedRows['forEach'] = async (sink) => {
    const startedAt = io.now();
    const isWhole = await rows.forEach((part) => sink(measure(part)), isPassLate);
    passMs = io.now() - startedAt;
    return isWhole;
  };
  const fit = await fitAllRows({
    part: {
      ...{ family: objective.glm, outputCount, l1Ratio: settings.l1Ratio, tolerance: PATH_TOLERANCE },
      training,
      isTooLate: lateIn(`corrected-${index}`),
    },
    tolerance: TOLERANCE_OF_ROWS / rows.rowCount,
    rows: { forEach },
    begin: { outputs: begin, step: chosen.iterations },
    lambdaAt: (step, firstLambda) => lambdaAt(settings, step, firstLambda),
    stepsMax: settings.penalties,
    lossOf: judge === null ? null : (outputs) => judge.lossOf(outputs.map((each) => scaled(each, unit))),
    mayPass: (pass) => !stops.ends(`pass-${index}`, pass, () => isLate(PASS_SAFETY * passMs)),
    onPass,
  });
  io.log?.(`${task.blueprintId}: ${name}${told(fit, rows.rowCount, trained.design.rowCount)}`);
  if (task.refit !== null && fit.stoppedByDeadline && !fit.isOfAllRows)
    throw new AppError(
      'TASK_DEADLINE',
      'the refit had no time to pass over all rows before its deadline; the validated model stands',
    );
  const stoppedByDeadline = chosen.stoppedByDeadline || fit.stoppedByDeadline;
  if (!fit.isOfAllRows) return { ...chosen, stoppedByDeadline, plans: columns, heldRowsOnly: true };
  const outputs = fit.outputs.map((each) => scaled(each, unit));
  return { outputs, iterations: fit.step, stoppedByDeadline, plans: rows.plansOfAll(), heldRowsOnly: false };
}

function timeOf(io: FitIo, action: () => void): number {
  const startedAt = io.now();
  action();
  return io.now() - startedAt;
}

function told({ passes, isOfAllRows, stoppedByDeadline }: AllRowsFit, all: number, held: number): string {
  const path = `a path on ${held} of them, then ${passes} ${passes === 1 ? 'pass' : 'passes'} over all`;
  if (isOfAllRows)
    return `fitted on all ${all} rows: ${path}${stoppedByDeadline ? '; there was no time for more' : ''}`;
  const why = stoppedByDeadline ? 'there was no time to pass over all' : 'no step was better on all';
  return `fitted on ${held} of ${all} rows: ${why}`;
}

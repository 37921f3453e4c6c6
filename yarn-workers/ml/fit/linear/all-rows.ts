import { correctedPath } from './corrected-path.ts';
import { combined, type Coefficients } from './design.ts';
import { penaltyOf } from './newton.ts';
import { beginPath, type PathJob, type TrainingRows } from './path.ts';
import { addSums, emptySums, sumsAt, type RowSums } from './row-sums.ts';

/**
 * Passes over all rows, at most: the first one says where the model of the part stands, each further one how good the step before it
 * was. A step leaves some sqrt(coefficients / rows of the part) of the distance to the best model of all rows, 0.03 of 300 coefficients and
 * 300,000 rows, so passes end after two or three there; four steps are enough for parts that are a hundredth of that.
 */
export const PASSES_MAX = 5;

/** A model stays where the next step would move no coefficient's square by more than so many tolerances: it is then a fraction of that away. */
const MOVE_RATIO = 10;

/** Weaker penalties are tried until so many have not made the validation loss fall. */
const LAMBDA_ROUNDS = 3;

/** Rows that are read anew each time, in parts whose bounds do not depend on how the table is read. */
export interface PassedRows {
  /** Designs as that of the rows at hand; weights of all parts sum up to 1. False where time was up before the last part. */
  forEach(sink: (part: TrainingRows) => void): Promise<boolean>;
}

/** A model that a part of the rows has led to, to be taken to all of them. */
export interface AllRowsJob {
  /** The part that is at hand, with the tolerance of its path, which is that of the first step too: it may try several penalties. */
  readonly part: PathJob;
  /** That of further steps, in the same units. */
  readonly tolerance: number;
  readonly rows: PassedRows;
  /** The part's model, and its step on the path. */
  readonly begin: { readonly outputs: readonly Coefficients[]; readonly step: number };
  /** The penalty of a step of the part's path. */
  readonly lambdaAt: (step: number, firstLambda: number) => number;
  /** Steps of a path. */
  readonly stepsMax: number;
  /** The validation loss, by which a weaker penalty may be chosen; null: the step stays. */
  readonly lossOf: ((outputs: readonly Coefficients[]) => number) | null;
  /** Asked before each pass, with its number from 1; false: there is no time for it. */
  readonly mayPass: (pass: number) => boolean;
  readonly onPass: (pass: number) => Promise<void>;
}

export interface AllRowsFit {
  readonly outputs: readonly Coefficients[];
  readonly step: number;
  readonly passes: number;
  /** False where the part's model was left as it is, though it is not the best of all rows. */
  readonly isOfAllRows: boolean;
  readonly stoppedByDeadline: boolean;
}

/** A model with what all rows say of it. */
interface Measured {
  readonly outputs: readonly Coefficients[];
  readonly sums: RowSums;
}

/**
 * Takes a model of a part of the rows to all rows: passes over them sum up its loss, its slope and its curvature, and the part, corrected
 * by them, gives the next model. A model is kept only if the objective of all rows, loss + penalty, is less there; a step that raises it is
 * halved. With a validation loss the first step may choose a weaker penalty, since more rows want less of it.
 *
 * Memory: that of the part's design, and what `PassedRows` has of a part of the rows.
 *
 * @see van der Vaart 1998, Asymptotic Statistics, section 5.7: one step from an estimate of a part of the rows is as good as the
 * best model of all of them; Bickel, Ritov, Tsybakov 2009, Ann. Stat. 37, theorem 7.2: the penalty falls with the root of the rows
 */
export async function fitAllRows(job: AllRowsJob): Promise<AllRowsFit> {
  const { part, begin, onPass } = job;
  const { options: coarse, firstLambda } = beginPath(part);
  const fine = (coarse.tolerance * job.tolerance) / part.tolerance;
  const lambdaAt = (step: number): number => job.lambdaAt(step, firstLambda);
  let best: Measured | null = null;
  let { outputs: next, step } = begin;
  let moves = 0;
  let passes = 0;
  const ended = (how: { isOfAllRows: boolean; stoppedByDeadline: boolean }): AllRowsFit => ({
    ...{ outputs: best?.outputs ?? begin.outputs, step: moves > 0 ? step : begin.step, passes },
    ...how,
  });
  const late = (): AllRowsFit => ended({ isOfAllRows: moves > 0, stoppedByDeadline: true });
  for (;;) {
    if (!job.mayPass(passes + 1)) return late();
    passes += 1;
    await onPass(passes);
    const sums = await measured(job, next);
    if (sums === null) return late();
    const made: Measured = { outputs: next, sums };
    const isBetter = best === null || objectiveOf(made, lambdaAt(step), part) < objectiveOf(best, lambdaAt(step), part);
    if (isBetter) {
      if (best !== null) moves += 1;
      best = made;
    }
    if (passes === PASSES_MAX) return ended({ isOfAllRows: moves > 0, stoppedByDeadline: false });
    const from: Measured = best ?? made;
    if (!isBetter) {
      next = halfWay(from.outputs, next);
      continue;
    }
    const tolerance = passes === 1 ? coarse.tolerance : fine;
    const fitAt = correctedPath(part, { ...coarse, tolerance }, from.outputs, from.sums);
    const chosen = choose(job, fitAt, step, lambdaAt, passes === 1);
    if (chosen === null) return late();
    if (largestMove(from, chosen.outputs) <= MOVE_RATIO * fine && chosen.step === step)
      return ended({ isOfAllRows: true, stoppedByDeadline: false });
    ({ outputs: next, step } = chosen);
  }
}

/** One pass: the sums of all rows at a model, part after part; null where time was up. */
async function measured(
  { part: { family, training }, rows }: AllRowsJob,
  model: readonly Coefficients[],
): Promise<RowSums | null> {
  const sums = emptySums(training.design, model.length);
  return (await rows.forEach((part) => addSums(sums, sumsAt(family, part, model)))) ? sums : null;
}

function objectiveOf({ outputs, sums }: Measured, lambda: number, { l1Ratio }: PathJob): number {
  return outputs.reduce((sum, coefficients) => sum + penaltyOf(coefficients, { lambda, l1Ratio }), sums.loss);
}

const halfWay = (from: readonly Coefficients[], to: readonly Coefficients[]): Coefficients[] =>
  from.map((coefficients, output) => combined(coefficients, to[output] ?? coefficients, (a, b) => (a + b) / 2));

/** The model of this step, or of a weaker penalty that is better; null where time was up. */
function choose(
  { lossOf, stepsMax }: AllRowsJob,
  fitAt: ReturnType<typeof correctedPath>,
  first: number,
  lambdaAt: (step: number) => number,
  mayBeWeaker: boolean,
): { outputs: readonly Coefficients[]; step: number } | null {
  let best: { outputs: readonly Coefficients[]; step: number; loss: number } | null = null;
  const last = mayBeWeaker && lossOf !== null ? stepsMax : first;
  for (let step = first; step <= last; step += 1) {
    const { outputs, isWhole } = fitAt(lambdaAt(step));
    if (!isWhole) break;
    const loss = lossOf?.(outputs) ?? 0;
    if (best === null || loss < best.loss) best = { outputs, step, loss };
    if (step - best.step >= LAMBDA_ROUNDS) break;
  }
  return best;
}

/** The largest change of a coefficient, squared, times its curvature. */
function largestMove({ outputs, sums }: Measured, to: readonly Coefficients[]): number {
  let largest = 0;
  const note = (curve: number, change: number): void => void (largest = Math.max(largest, curve * change * change));
  for (const [output, { curvatures }] of sums.outputs.entries()) {
    const [old, made] = [outputs[output], to[output]];
    note(curvatures.intercept, (made?.intercept ?? NaN) - (old?.intercept ?? NaN));
    for (const [index, curves] of curvatures.blocks.entries())
      for (const [level, curve] of curves.entries())
        note(curve, (made?.blocks[index]?.[level] ?? NaN) - (old?.blocks[index]?.[level] ?? NaN));
  }
  return largest;
}

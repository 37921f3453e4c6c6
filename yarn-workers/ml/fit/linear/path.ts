import type { GlmFamily } from '../../blueprints/objective.ts';
import { interceptBeside } from '../intercept.ts';
import { gather, zeroCoefficients, type Coefficients, type Design } from './design.ts';
import { lossOf, type JointLoss } from './families.ts';
import { leastPenaltyShift } from './shift.ts';
import { minimise, workspace, type NewtonOptions, type OutputState, type Penalty } from './newton.ts';
import { shareClasses } from './tilted-shifts.ts';

/** Rows that train, with their target. */
export interface TrainingRows {
  readonly design: Design;
  /** Class index (binomial: 1 is positive), or value. */
  readonly labels: Float64Array;
  /** All positive, summing up to 1. */
  readonly weights: Float64Array;
  /** What is added to each row's predictor, of one output; null: nothing. */
  readonly offsets: Float64Array | null;
}

/** Rows that a path of models is fitted on. */
export interface RowsJob {
  readonly family: GlmFamily;
  readonly outputCount: number;
  readonly training: TrainingRows;
  readonly isTooLate: () => boolean;
}

/** Elastic nets of one table at different penalties. */
export interface PathJob extends RowsJob {
  /** See {@link Penalty}. */
  readonly l1Ratio: number;
  /** See {@link NewtonOptions}; as a part of the null model's squared error. */
  readonly tolerance: number;
}

/** A step of the path. */
export interface PathStep {
  /** One an output. The path goes on with them: to be copied where they are kept. */
  readonly outputs: readonly Coefficients[];
  /** False where time was up before the step was done. */
  readonly isWhole: boolean;
}

/** With less of the absolute penalty than this, a path begins as it would with this much: there is no largest penalty. */
const L1_RATIO_LEAST = 0.01;
/** Rounds over the classes at one penalty, at most. */
const CLASS_ROUNDS_MAX = 100;
/** Quadratic approximations of one output before the next one has its turn; with several outputs one, as in glmnet. */
const APPROXIMATIONS_MAX = 25;

export interface PenaltyPath {
  /** The least at which every coefficient is 0. */
  readonly firstLambda: number;
  /** Fits one penalty, from where the one before ended: fastest from the strongest to the weakest. */
  readonly fitAt: (lambda: number) => PathStep;
}

/** @see Friedman, Hastie, Tibshirani (2010), J. Stat. Soft. 33(1), section 2.5 */
export function penaltyPath(job: PathJob): PenaltyPath {
  const { l1Ratio, training } = job;
  const { loss, states, firstLambda, options } = beginPath(job);
  const fit = fitter(training.design, loss, states, options);
  return {
    firstLambda,
    fitAt: (lambda) => {
      const isWhole = fit({ lambda, l1Ratio });
      return { outputs: states.map(({ coefficients }) => coefficients), isWhole };
    },
  };
}

/** Where a path begins: the models without features, and how exactly each penalty is fitted. */
export function beginPath(job: PathJob) {
  const { training, outputCount, family } = job;
  const loss = lossOf(family, training.labels, training.weights, outputCount);
  const states = nullStates(job);
  const { lambda, squaredError } = nullModel(job, loss, states);
  const options: NewtonOptions = {
    tolerance: job.tolerance * Math.max(squaredError, Number.MIN_VALUE),
    approximationsMax: outputCount === 1 ? APPROXIMATIONS_MAX : 1,
    isTooLate: job.isTooLate,
  };
  return { loss, states, firstLambda: lambda, options };
}

/** Output after output, round after round, until no coefficient moves. @returns false where time was up */
export function fitter(
  design: Design,
  loss: JointLoss,
  states: readonly OutputState[],
  options: NewtonOptions,
): (penalty: Penalty) => boolean {
  const space = workspace(design.rowCount);
  const isTilted = states.some(({ tilt }) => tilt !== undefined);
  return (penalty) => {
    for (let round = 0; round < CLASS_ROUNDS_MAX; round += 1) {
      loss.refresh(states.map(({ predictor }) => predictor));
      let change = 0;
      for (const [index, state] of states.entries()) {
        const done = minimise(design, loss.ofOutput(index), state, penalty, options, space);
        if (done.end === 'late') return false;
        loss.moved(index, state.predictor);
        change = Math.max(change, done.change);
      }
      if (states.length > 1) (isTilted ? shareClasses : centreClasses)(states, penalty);
      if (states.length === 1 || change <= options.tolerance) break;
    }
    return true;
  };
}

/**
 * Takes what all classes share out of each coefficient. Their predictors are left as they are: all are off by the same now,
 * and a softmax does not see that.
 */
export function centreClasses(
  states: readonly Pick<OutputState, 'coefficients'>[],
  { l1Ratio }: Pick<Penalty, 'l1Ratio'>,
): void {
  const [first] = states;
  for (const [index, block] of first?.coefficients.blocks.entries() ?? []) {
    const own = states.map(({ coefficients }) => coefficients.blocks[index] ?? new Float64Array(0));
    for (let level = 0; level < block.length; level += 1) {
      const shift = leastPenaltyShift(
        own.map((values) => values[level] ?? 0),
        l1Ratio,
      );
      for (const values of own) values[level] = (values[level] ?? 0) - shift;
    }
  }
}

/** The models without features: their best intercepts are known. */
export function nullStates({ family, outputCount, training }: RowsJob): OutputState[] {
  const { design, labels, weights, offsets } = training;
  if (offsets !== null && family !== 'multinomial') {
    const intercept = interceptBeside(family, labels, weights, offsets);
    return [
      { coefficients: zeroCoefficients(design, intercept), predictor: offsets.map((offset) => intercept + offset) },
    ];
  }
  return Array.from({ length: outputCount }, (_, output) => {
    let mean = 0;
    for (let row = 0; row < labels.length; row += 1) {
      const label = labels[row] ?? 0;
      mean += (weights[row] ?? 0) * (family === 'multinomial' ? Number(label === output) : label);
    }
    const intercept = linkOf(family, mean);
    return {
      coefficients: zeroCoefficients(design, intercept),
      predictor: new Float64Array(design.rowCount).fill(intercept),
    };
  });
}

/** Means are kept this far from where their link is infinite. */
const MEAN_MIN = 1e-15;

function linkOf(family: GlmFamily, mean: number): number {
  if (family === 'gaussian') return mean;
  if (family !== 'binomial') return Math.log(Math.max(mean, MEAN_MIN));
  const share = Math.min(Math.max(mean, MEAN_MIN), 1 - MEAN_MIN);
  return Math.log(share / (1 - share));
}

/** The first penalty, and the mean squared error of the model without features in units of its variance function. */
function nullModel({ training: { design }, l1Ratio }: PathJob, loss: JointLoss, states: readonly OutputState[]) {
  const gradient = new Float64Array(design.rowCount);
  const curvature = new Float64Array(design.rowCount);
  let steepest = 0;
  let squaredError = 0;
  loss.refresh(states.map(({ predictor }) => predictor));
  for (const [index, { predictor }] of states.entries()) {
    loss.ofOutput(index).derivatives(predictor, gradient, curvature);
    for (const block of design.blocks) {
      const sums = new Float64Array(block.levelCount);
      gather(block, gradient, sums);
      for (const sum of sums) steepest = Math.max(steepest, Math.abs(sum));
    }
    for (let row = 0; row < gradient.length; row += 1)
      squaredError += (gradient[row] ?? 0) ** 2 / ((curvature[row] ?? 1) * states.length);
  }
  return { lambda: steepest / Math.max(l1Ratio, L1_RATIO_LEAST), squaredError };
}

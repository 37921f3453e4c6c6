import {
  columnSum,
  copyOfCoefficients,
  gather,
  gatherSquares,
  scatter,
  scatterColumn,
  type Block,
  type Coefficients,
  type Design,
  type SparseColumns,
} from './design.ts';
import type { OutputLoss } from './families.ts';
import { leastPenaltyShift } from './shift.ts';
import { NO_TILT, tiltOf, tiltOfBlock, type BlockTilt, type Tilt } from './tilt.ts';
import { shareBlock } from './tilted-shifts.ts';

/** lambda x (l1Ratio x |b| + (1 - l1Ratio) / 2 x b^2) of every coefficient but the intercept. */
export interface Penalty {
  readonly lambda: number;
  readonly l1Ratio: number;
}

/** One output being fitted. */
export interface OutputState {
  coefficients: Coefficients;
  /** Linear predictor of each row, kept in step with the coefficients. */
  readonly predictor: Float64Array;
  /** @default none */
  readonly tilt?: Tilt;
}

export interface NewtonOptions {
  /** A round is the last one if no coefficient's change, squared, times its curvature, is above this. */
  readonly tolerance: number;
  /** Quadratic approximations at most; they end when one of them moves nothing. */
  readonly approximationsMax: number;
  /** Asked after each round over the columns; true: end at once. */
  readonly isTooLate: () => boolean;
}

/** How a fit at one penalty ended. */
export type NewtonEnd = 'converged' | 'exhausted' | 'late';

/** Rounds over the columns in one approximation, and halvings of a step, at most. */
const ROUNDS_MAX = 1_000;
const HALVINGS_MAX = 12;

/** Buffers of one fit, used again for every penalty and output. Memory: 24 bytes a row. */
export interface Workspace {
  readonly gradient: Float64Array;
  readonly curvature: Float64Array;
  readonly step: Float64Array;
}

export function workspace(rowCount: number): Workspace {
  return {
    gradient: new Float64Array(rowCount),
    curvature: new Float64Array(rowCount),
    step: new Float64Array(rowCount),
  };
}

/**
 * Minimises loss + penalty over one output's coefficients, starting from where it is: proximal Newton, each quadratic
 * approximation minimised by coordinate descent, steps halved until the objective falls.
 *
 * @see Friedman, Hastie, Tibshirani (2010), J. Stat. Soft. 33(1), sections 2 and 3; Lee, Sun, Saunders (2014), SIAM J. Optim.
 * 24(3) (the halving)
 */
export function minimise(
  design: Design,
  loss: OutputLoss,
  state: OutputState,
  penalty: Penalty,
  options: NewtonOptions,
  space: Workspace,
): { end: NewtonEnd; change: number } {
  let change = 0;
  for (let approximation = 0; approximation < options.approximationsMax; approximation += 1) {
    const { gradient, curvature, step } = space;
    loss.derivatives(state.predictor, gradient, curvature);
    step.set(gradient);
    const before = copyOfCoefficients(state.coefficients);
    const descent = descend(design, state, penalty, options, space);
    change = Math.max(change, descent.change);
    // What is left of the gradient says how far the predictor went.
    for (let row = 0; row < step.length; row += 1)
      step[row] = ((gradient[row] ?? 0) - (step[row] ?? 0)) / (curvature[row] ?? 1);
    if (loss.isQuadratic) advance(state.predictor, step, 1);
    else halveUntilBetter(loss, state, before, penalty, step);
    if (descent.end !== 'converged') return { end: descent.end, change };
    if (loss.isQuadratic || descent.change <= options.tolerance) return { end: 'converged', change };
  }
  return { end: 'exhausted', change };
}

function advance(predictor: Float64Array, step: Float64Array, share: number): void {
  for (let row = 0; row < predictor.length; row += 1) predictor[row] = (predictor[row] ?? 0) + share * (step[row] ?? 0);
}

/** Takes the step, or half of it, a quarter, ... */
function halveUntilBetter(
  loss: OutputLoss,
  state: OutputState,
  before: Coefficients,
  penalty: Penalty,
  step: Float64Array,
): void {
  const start = loss.loss(state.predictor) + besideLoss(before, penalty, state.tilt);
  advance(state.predictor, step, 1);
  // Rounding may lift an objective that stands still.
  const most = start + 1e-12 * Math.abs(start);
  for (let halving = 0, share = 1; halving < HALVINGS_MAX; halving += 1) {
    if (loss.loss(state.predictor) + besideLoss(state.coefficients, penalty, state.tilt) <= most) return;
    share /= 2;
    advance(state.predictor, step, -share);
    state.coefficients.intercept = (state.coefficients.intercept + before.intercept) / 2;
    for (const [index, block] of state.coefficients.blocks.entries()) {
      const old = before.blocks[index];
      for (let level = 0; level < block.length; level += 1)
        block[level] = ((block[level] ?? 0) + (old?.[level] ?? 0)) / 2;
    }
  }
}

function besideLoss(coefficients: Coefficients, penalty: Penalty, tilt: Tilt | undefined): number {
  return penaltyOf(coefficients, penalty) + (tilt === undefined ? 0 : tiltOf(coefficients, tilt));
}

export function penaltyOf({ blocks }: Coefficients, { lambda, l1Ratio }: Penalty): number {
  let absolute = 0;
  let squares = 0;
  for (const block of blocks) {
    for (const value of block) {
      absolute += Math.abs(value);
      squares += value * value;
    }
  }
  return lambda * (l1Ratio * absolute + ((1 - l1Ratio) / 2) * squares);
}

/**
 * Coordinate descent on the quadratic approximation: rounds over the blocks that have a coefficient, until those stand
 * still, then over all; done when a round over all changes nothing that matters. `space.step` begins as the gradient and
 * ends as what is left of it.
 */
function descend(
  { blocks }: Design,
  { coefficients, tilt }: OutputState,
  penalty: Penalty,
  { tolerance, isTooLate }: NewtonOptions,
  { curvature, step }: Workspace,
): { end: NewtonEnd; change: number } {
  const curvatures: (Float64Array | undefined)[] = blocks.map(() => undefined);
  const sums = blocks.map(({ levelCount }) => new Float64Array(levelCount));
  const total = curvature.reduce((sum, value) => sum + value, 0);
  let overall = 0;
  const round = (isFull: boolean): number => {
    let largest = moveIntercept(coefficients, tilt, total, curvature, step);
    for (const [index, block] of blocks.entries()) {
      const own = coefficients.blocks[index];
      const sum = sums[index];
      if (own === undefined || sum === undefined) continue;
      if (!isFull && own.every((value) => value === 0)) continue;
      let curves = curvatures[index];
      if (curves === undefined) {
        curvatures[index] = curves = new Float64Array(block.levelCount);
        gatherSquares(block, curvature, curves);
      }
      const ownTilt = tilt === undefined ? NO_TILT : tiltOfBlock(tilt, index);
      const change =
        block.sparse === null
          ? moveBlock(block, own, curves, ownTilt, sum, penalty, curvature, step)
          : moveSparse(block.sparse, own, curves, ownTilt, penalty, curvature, step, isFull);
      largest = Math.max(largest, change);
      if (!block.isComplete) continue;
      if (tilt === undefined) coefficients.intercept += centre(own, curves, penalty);
      else shareBlock(coefficients, tilt, index, curves, penalty);
    }
    overall = Math.max(overall, largest);
    return largest;
  };
  for (let rounds = 0, isFull = true; rounds < ROUNDS_MAX; rounds += 1) {
    const change = round(isFull);
    if (isTooLate()) return { end: 'late', change: overall };
    if (change > tolerance) isFull = false;
    else if (isFull) return { end: 'converged', change: overall };
    else isFull = true;
  }
  return { end: 'exhausted', change: overall };
}

/**
 * Takes what the levels that rows have share out of them.
 *
 * @param curves above 0 of the levels that rows have
 * @returns what the intercept gets for it
 */
export function centre(own: Float64Array, curves: Float64Array, { l1Ratio }: Pick<Penalty, 'l1Ratio'>): number {
  const seen = [...own.keys()].filter((level) => (curves[level] ?? 0) > 0);
  const shift = leastPenaltyShift(
    seen.map((level) => own[level] ?? 0),
    l1Ratio,
  );
  for (const level of seen) own[level] = (own[level] ?? 0) - shift;
  return shift;
}

function moveIntercept(
  coefficients: Coefficients,
  tilt: Tilt | undefined,
  total: number,
  curvature: Float64Array,
  residual: Float64Array,
): number {
  let sum = 0;
  for (let row = 0; row < residual.length; row += 1) sum += residual[row] ?? 0;
  const square = tilt?.square.intercept ?? 0;
  const change = (sum + (tilt?.linear.intercept ?? 0) - square * coefficients.intercept) / (total + square);
  coefficients.intercept += change;
  for (let row = 0; row < residual.length; row += 1)
    residual[row] = (residual[row] ?? 0) - change * (curvature[row] ?? 0);
  return (total + square) * change * change;
}

/** Moves all coefficients of a block to their minimum at once: no row has two of them. @returns the largest change */
function moveBlock(
  block: Block,
  own: Float64Array,
  curves: Float64Array,
  { linear, square }: BlockTilt,
  sums: Float64Array,
  { lambda, l1Ratio }: Penalty,
  curvature: Float64Array,
  residual: Float64Array,
): number {
  sums.fill(0);
  gather(block, residual, sums);
  let largest = 0;
  for (let level = 0; level < own.length; level += 1) {
    const ofRows = curves[level] ?? 0;
    const curve = ofRows + (square[level] ?? 0);
    const old = own[level] ?? 0;
    const pull = (sums[level] ?? 0) + (linear[level] ?? 0) + ofRows * old;
    const shrunk = Math.sign(pull) * Math.max(0, Math.abs(pull) - lambda * l1Ratio);
    let value = curve === 0 ? 0 : shrunk / (curve + lambda * (1 - l1Ratio));
    if (level === 0 && value * block.sign < 0) value = 0;
    own[level] = value;
    const change = value - old;
    sums[level] = change;
    largest = Math.max(largest, curve * change * change);
  }
  if (largest > 0) scatter(block, sums, curvature, residual);
  return largest;
}

/**
 * Moves the coefficients of sparse columns to their minimum one after the other, since a row may have several of them.
 *
 * @param isFull false: only those that are not 0
 * @returns the largest change
 */
function moveSparse(
  columns: SparseColumns,
  own: Float64Array,
  curves: Float64Array,
  { linear, square }: BlockTilt,
  { lambda, l1Ratio }: Penalty,
  curvature: Float64Array,
  residual: Float64Array,
  isFull: boolean,
): number {
  let largest = 0;
  for (let column = 0; column < own.length; column += 1) {
    const old = own[column] ?? 0;
    const ofRows = curves[column] ?? 0;
    const curve = ofRows + (square[column] ?? 0);
    if ((old === 0 && !isFull) || curve === 0) continue;
    const pull = columnSum(columns, column, residual) + (linear[column] ?? 0) + ofRows * old;
    const shrunk = Math.sign(pull) * Math.max(0, Math.abs(pull) - lambda * l1Ratio);
    const change = shrunk / (curve + lambda * (1 - l1Ratio)) - old;
    if (change === 0) continue;
    own[column] = old + change;
    scatterColumn(columns, column, change, curvature, residual);
    largest = Math.max(largest, curve * change * change);
  }
  return largest;
}

import { createRandom, type Random } from '#statistics';
import type { FactorizationSettings } from '../../blueprints/factorization-settings.ts';
import { gather, type Block, type Design } from '../linear/design.ts';
import { lossOf, type JointLoss, type OutputLoss } from '../linear/families.ts';
import type { OutputState } from '../linear/newton.ts';
import { nullStates, type PenaltyPath, type RowsJob } from '../linear/path.ts';
import { addEquations, levelEquations, solveLevels, type LevelEquations } from './level-equations.ts';
import { addVectors, blocksByField, machineScores, vectorsIn, type MachineShape } from './machine.ts';

/** Half the width of what vectors are drawn from before each step of the path: of none, the products have no slope. */
const NOISE = 0.05;
/** Penalties are above 0, so that each level has one solution. */
const PENALTY_MIN = 1e-9;
/** Rounds over the coefficients alone, before the first penalty of the vectors is found. */
const LINEAR_ROUNDS = 5;
/** Products that the first penalty is found by: it need not be exact. */
const POWERS = 20;
/** Halvings of a step at most. */
const HALVINGS_MAX = 12;

/** What a path of one member works with. Memory: 8 bytes x (4 + rank) a row, and see `LevelEquations`. */
interface Machine {
  readonly design: Design;
  readonly shape: MachineShape;
  readonly fields: readonly (readonly number[])[];
  readonly loss: JointLoss;
  readonly gradient: Float64Array;
  readonly curvature: Float64Array;
  readonly step: Float64Array;
  /** Sums of the vectors of the rows: rows x rank. */
  readonly sums: Float64Array;
  /** By block; they share their memory. */
  readonly equations: readonly LevelEquations[];
  readonly isTooLate: () => boolean;
}

/** Squared penalties. */
interface Penalties {
  readonly coefficient: number;
  readonly vector: number;
}

/**
 * Factorization machines at falling penalties of their vectors, each fitted from where the one before ended. With all but the levels of
 * one block held, raw scores are linear in their coefficients and vectors, and no row has two levels of a block: each level has an
 * equation of 1 + rank unknowns (alternating least squares; of losses that are no squares a Newton step, halved until the loss
 * falls). Nothing depends on how many threads there are, nor on the order in which anything but the rows, blocks and outputs comes.
 *
 * Coefficients of the result are a block's levels x (1 + rank).
 *
 * @param job rows whose weights sum up to 1
 * @see Rendle, Gantner, Freudenthaler, Schmidt-Thieme 2011, "Fast context-aware recommendations with factorization machines",
 * section 4 (there one number after the other); Hastie, Mazumder, Lee, Zadeh 2015, J. Mach. Learn. Res. 16 (a level's numbers
 * at once, and falling penalties)
 */
export function vectorPath(
  job: RowsJob,
  shape: MachineShape,
  { coefficientPenalty, rounds }: Pick<FactorizationSettings, 'coefficientPenalty' | 'rounds'>,
  seed: number,
): PenaltyPath {
  const { family, outputCount, training } = job;
  const { design } = training;
  const { rowCount } = design;
  const random = createRandom(seed);
  const width = 1 + shape.rank;
  const states = nullStates(job).map(({ coefficients, predictor }): OutputState => ({
    predictor,
    coefficients: {
      intercept: coefficients.intercept,
      blocks: design.blocks.map(({ levelCount }) => new Float64Array(levelCount * width)),
    },
  }));
  // Penalties are in rows.
  const weights = training.weights.map((weight) => weight * rowCount);
  const machine: Machine = {
    design,
    shape,
    fields: blocksByField(shape),
    loss: lossOf(family, training.labels, weights, outputCount),
    gradient: new Float64Array(rowCount),
    curvature: new Float64Array(rowCount),
    step: new Float64Array(rowCount),
    sums: new Float64Array(rowCount * shape.rank),
    equations: equationsOf(design, width),
    isTooLate: job.isTooLate,
  };
  const goRounds = (count: number, vector: number): boolean => {
    for (let round = 0; round < count; round += 1)
      if (!goRound(machine, states, { coefficient: coefficientPenalty, vector })) return false;
    return true;
  };
  // Without vectors; their penalty is of no matter.
  const isBegun = goRounds(LINEAR_ROUNDS, 1);
  const outputs = states.map(({ coefficients }) => coefficients);
  return {
    firstLambda: isBegun ? firstPenalty(machine, states, random) : PENALTY_MIN,
    fitAt: (vector) => {
      // Time is up: it is not asked for again, so that a replay is told it at the same place.
      if (!isBegun) return { outputs, isWhole: false };
      for (const state of states) addNoise(state, machine, training.offsets, random);
      return { outputs, isWhole: goRounds(rounds, vector) };
    },
  };
}

function equationsOf({ blocks }: Design, width: number): LevelEquations[] {
  const most = blocks.reduce((max, { levelCount }) => Math.max(max, levelCount), 0);
  const all = levelEquations(most, width);
  const size = all.triangles.length / most;
  return blocks.map(({ levelCount }) => ({
    triangles: all.triangles.subarray(0, levelCount * size),
    sides: all.sides.subarray(0, levelCount * width),
  }));
}

/**
 * The least penalty at which all vectors are 0: vectors that are nearly 0 become gradients x vectors / penalty, where the gradients are
 * those of all products of two levels of different fields. So they grow below the largest eigenvalue of these, which is found
 * by repeated products.
 *
 * @see Mazumder, Hastie, Tibshirani 2010, J. Mach. Learn. Res. 11, section 5 (of two fields: the largest singular value)
 */
function firstPenalty(machine: Machine, states: readonly OutputState[], random: Random): number {
  const { design, fields, loss, gradient, curvature } = machine;
  loss.refresh(states.map(({ predictor }) => predictor));
  const perOutput = states.map(({ predictor }, output) => {
    loss.ofOutput(output).derivatives(predictor, gradient, curvature);
    let vectors: Float64Array[] = design.blocks.map(({ levelCount }) =>
      Float64Array.from({ length: levelCount }, () => 2 * random.uniform() - 1),
    );
    let growth = 0;
    for (let power = 0; power < POWERS; power += 1) {
      vectors = timesGradients(design.blocks, fields, vectors, gradient);
      growth = Math.sqrt(vectors.reduce((sum, own) => sum + own.reduce((total, value) => total + value * value, 0), 0));
      if (growth === 0) break;
      vectors = vectors.map((own) => own.map((value) => value / growth));
    }
    return growth;
  });
  return Math.max(PENALTY_MIN, ...perOutput);
}

/** The gradients of products times numbers of all levels. */
function timesGradients(
  blocks: readonly Block[],
  fields: readonly (readonly number[])[],
  vectors: readonly Float64Array[],
  gradient: Float64Array,
): Float64Array[] {
  const products = vectors.map(({ length }) => new Float64Array(length));
  const addField = (field: readonly number[], sign: 1 | -1, sums: Float64Array): void => {
    for (const index of field) {
      const block = blocks[index];
      if (block !== undefined) addVectors(block, vectors[index] ?? NONE, { rank: 1, first: 0, width: 1 }, sign, sums);
    }
  };
  const sums = new Float64Array(gradient.length);
  for (const field of fields) addField(field, 1, sums);
  const others = new Float64Array(gradient.length);
  for (const field of fields) {
    others.set(sums);
    addField(field, -1, others);
    for (let row = 0; row < others.length; row += 1) others[row] = (others[row] ?? 0) * (gradient[row] ?? 0);
    for (const index of field) {
      const block = blocks[index];
      if (block !== undefined) gather(block, others, products[index] ?? NONE);
    }
  }
  return products;
}

const NONE = new Float64Array(0);

/** Moves all vectors a little, so that those which a stronger penalty has emptied can come back. */
function addNoise(
  { coefficients, predictor }: OutputState,
  { design, shape }: Machine,
  offsets: Float64Array | null,
  random: Random,
): void {
  for (const block of coefficients.blocks)
    for (let at = 0; at < block.length; at += 1)
      if (at % (1 + shape.rank) !== 0) block[at] = (block[at] ?? 0) + NOISE * (2 * random.uniform() - 1);
  machineScores(design, shape, coefficients, predictor);
  for (let row = 0; offsets !== null && row < predictor.length; row += 1)
    predictor[row] = (predictor[row] ?? 0) + (offsets[row] ?? 0);
}

/** Moves all coefficients of all outputs once. @returns false where time was up before */
function goRound(machine: Machine, states: readonly OutputState[], penalties: Penalties): boolean {
  const { design, shape, fields, loss, sums } = machine;
  const placed = vectorsIn(shape);
  loss.refresh(states.map(({ predictor }) => predictor));
  for (const [output, state] of states.entries()) {
    const own = loss.ofOutput(output);
    const moved = (): void => loss.moved(output, state.predictor);
    const vectorsOf = (field: readonly number[], sign: 1 | -1): void => {
      for (const index of field) {
        const block = design.blocks[index];
        const coefficients = state.coefficients.blocks[index];
        if (block !== undefined && coefficients !== undefined) addVectors(block, coefficients, placed, sign, sums);
      }
    };
    moveIntercept(machine, own, state);
    moved();
    sums.fill(0);
    for (const field of fields) vectorsOf(field, 1);
    for (const field of fields) {
      // What is left are the vectors of all other fields.
      vectorsOf(field, -1);
      for (const index of field) {
        moveBlock(machine, own, state, index, penalties);
        moved();
      }
      vectorsOf(field, 1);
      if (machine.isTooLate()) return false;
    }
  }
  return true;
}

function moveIntercept({ gradient, curvature, step }: Machine, loss: OutputLoss, state: OutputState): void {
  loss.derivatives(state.predictor, gradient, curvature);
  let slope = 0;
  let curve = 0;
  for (let row = 0; row < gradient.length; row += 1) {
    slope += gradient[row] ?? 0;
    curve += curvature[row] ?? 0;
  }
  const change = slope / curve;
  step.fill(change);
  state.coefficients.intercept += change * takeStep(loss, state.predictor, step, () => 0);
}

/** Moves the coefficients and vectors of a block to where their equations have them, or a part of the way. */
function moveBlock(
  { design, shape, sums, gradient, curvature, step, equations }: Machine,
  loss: OutputLoss,
  { coefficients, predictor }: OutputState,
  index: number,
  penalties: Penalties,
): void {
  const block = design.blocks[index];
  const own = coefficients.blocks[index];
  const equation = equations[index];
  if (block === undefined || own === undefined || equation === undefined) return;
  const { rank } = shape;
  loss.derivatives(predictor, gradient, curvature);
  addEquations(block, sums, rank, gradient, curvature, equation);
  solveLevels(equation, own, rank, penalties);
  const changes = equation.sides;
  stepOf(block, changes, sums, rank, step);
  const share = takeStep(loss, predictor, step, (part) => penaltyOf(own, changes, part, rank, penalties));
  for (let at = 0; at < own.length; at += 1) own[at] = (own[at] ?? 0) + share * (changes[at] ?? 0);
  if (block.isComplete) coefficients.intercept += centre(block, own, curvature, rank);
}

/** What changes of a block's coefficients and vectors change in the raw score of each row. */
function stepOf(
  { codes, values }: Block,
  changes: Float64Array,
  others: Float64Array,
  rank: number,
  step: Float64Array,
): void {
  for (let row = 0, first = 0; row < step.length; row += 1, first += rank) {
    const at = (codes === null ? 0 : (codes[row] ?? 0)) * (1 + rank);
    let change = changes[at] ?? 0;
    for (let factor = 0; factor < rank; factor += 1)
      change += (others[first + factor] ?? 0) * (changes[at + 1 + factor] ?? 0);
    step[row] = values === null ? change : change * (values[row] ?? 0);
  }
}

/**
 * Takes the step, or half of it, a quarter, ... until loss and penalty are no more than before.
 *
 * @param penaltyAt penalty at a part of the step
 * @returns the part
 */
function takeStep(
  loss: OutputLoss,
  predictor: Float64Array,
  step: Float64Array,
  penaltyAt: (part: number) => number,
): number {
  const advance = (part: number): void => {
    for (let row = 0; row < predictor.length; row += 1)
      predictor[row] = (predictor[row] ?? 0) + part * (step[row] ?? 0);
  };
  if (loss.isQuadratic) {
    advance(1);
    return 1;
  }
  const start = loss.loss(predictor) + penaltyAt(0);
  // Rounding may lift an objective that stands still.
  const most = start + 1e-12 * Math.abs(start);
  advance(1);
  for (let halving = 0, part = 1; halving < HALVINGS_MAX; halving += 1) {
    if (loss.loss(predictor) + penaltyAt(part) <= most) return part;
    part /= 2;
    advance(-part);
  }
  advance(-(0.5 ** HALVINGS_MAX));
  return 0;
}

/** Of a block that is changed by a part of its changes. */
function penaltyOf(
  own: Float64Array,
  changes: Float64Array,
  part: number,
  rank: number,
  { coefficient, vector }: Penalties,
): number {
  let total = 0;
  for (let at = 0; at < own.length; at += 1) {
    const value = (own[at] ?? 0) + part * (changes[at] ?? 0);
    total += (at % (1 + rank) === 0 ? coefficient : vector) * value * value;
  }
  return total / 2;
}

/** Takes the mean of the coefficients of levels that rows have out of them. @returns what the intercept gets for it */
function centre({ codes, levelCount }: Block, own: Float64Array, curvature: Float64Array, rank: number): number {
  const seen = new Uint8Array(levelCount);
  for (let row = 0; row < curvature.length; row += 1) seen[codes === null ? 0 : (codes[row] ?? 0)] = 1;
  let sum = 0;
  let count = 0;
  for (let level = 0; level < levelCount; level += 1) {
    if (seen[level] !== 1) continue;
    sum += own[level * (1 + rank)] ?? 0;
    count += 1;
  }
  const mean = count === 0 ? 0 : sum / count;
  for (let level = 0; level < levelCount; level += 1)
    if (seen[level] === 1) own[level * (1 + rank)] = (own[level * (1 + rank)] ?? 0) - mean;
  return mean;
}

import { expect } from 'chai';
import { createRandom, neumaierSum } from '#statistics';
import type { GlmFamily } from '../../../../../../yarn-workers/ml/blueprints/objective.ts';
import { fitAllRows, PASSES_MAX, type AllRowsJob } from '../../../../../../yarn-workers/ml/fit/linear/all-rows.ts';
import { blocksOf, planColumn, type ColumnSpec } from '../../../../../../yarn-workers/ml/fit/linear/columns.ts';
import {
  copyOfCoefficients,
  predictorOf,
  type Coefficients,
} from '../../../../../../yarn-workers/ml/fit/linear/design.ts';
import { penaltyOf } from '../../../../../../yarn-workers/ml/fit/linear/newton.ts';
import { penaltyPath, type PathJob, type TrainingRows } from '../../../../../../yarn-workers/ml/fit/linear/path.ts';
import { sumsAt } from '../../../../../../yarn-workers/ml/fit/linear/row-sums.ts';

const ROWS = 20_000;
const HELD = 8_000;
const PART_ROWS = 6_000;
const CLASSES = 3;
const L1_RATIO = 0.3;
const LAMBDA = 1e-3;

const number: ColumnSpec = { kind: 'number', codeCount: 0, sign: 0 };
/** Levels become rarer; of the last one the held rows have none. */
const LEVELS = 20;
const SPECS: readonly ColumnSpec[] = [number, number, number, { kind: 'category', codeCount: LEVELS, sign: 0 }];

interface Table {
  readonly columns: readonly Float64Array[];
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  readonly offsets: Float64Array | null;
}

const rowsOf = (make: (row: number) => number): Float64Array =>
  Float64Array.from({ length: ROWS }, (_, row) => make(row));

function tableOf(family: GlmFamily, hasOffsets = false): Table {
  const random = createRandom(7);
  const uniform = (): number => random.uniform();
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const x = rowsOf(normal);
  const near = rowsOf((row) => (x[row] ?? NaN) + 0.5 * normal());
  const gaps = rowsOf(() => (uniform() < 0.1 ? NaN : uniform()));
  const levels = rowsOf((row) =>
    row >= HELD && row % 2_000 === 0 ? LEVELS - 1 : Math.floor((LEVELS - 1) * uniform() ** 2),
  );
  const offsets = hasOffsets ? rowsOf(() => 0.3 * normal()) : null;
  const labels = rowsOf((row) => {
    const gap = gaps[row] ?? NaN;
    const score =
      0.5 * (x[row] ?? NaN) -
      0.3 * (near[row] ?? NaN) +
      (Number.isNaN(gap) ? 0.4 : 0.6 * gap) +
      0.1 * ((levels[row] ?? NaN) % 7) -
      0.5 +
      (offsets?.[row] ?? 0);
    return labelOf(family, score, uniform, normal);
  });
  return { columns: [x, near, gaps, levels], labels, weights: rowsOf(() => 1 + Math.floor(3 * uniform())), offsets };
}

/** A label that the family's model is of. */
function labelOf(family: GlmFamily, score: number, uniform: () => number, normal: () => number): number {
  if (family === 'gaussian') return score + normal();
  if (family === 'binomial') return Number(uniform() < 1 / (1 + Math.exp(-score)));
  if (family === 'multinomial') return Math.min(CLASSES - 1, Math.max(0, Math.round(1 + score + normal())));
  let count = 0;
  for (let product = uniform(); product > Math.exp(-Math.exp(score)); product *= uniform()) count += 1;
  return family === 'poisson' ? count : (count + 0.1) * (0.5 + uniform());
}

interface Fits {
  readonly job: AllRowsJob;
  readonly begin: readonly Coefficients[];
  readonly whole: TrainingRows;
  /** The best model of all rows. */
  readonly exactAt: (lambda: number) => readonly Coefficients[];
}

/** The model of the first rows, and what takes it to all of them. */
function fitsOf(family: GlmFamily, table: Table, specs: readonly ColumnSpec[] = SPECS, pieces = 4): Fits {
  const cells = (column: number, from: number, to: number): Float64Array =>
    (table.columns[column] ?? new Float64Array(0)).subarray(from, to);
  const weightsTo = (end: number): Float64Array => {
    const weights = table.weights.subarray(0, end);
    const sum = neumaierSum(weights);
    return weights.map((each) => each / sum);
  };
  const plans = specs.map((spec, column) => planColumn(spec, cells(column, 0, HELD), weightsTo(HELD), pieces));
  const rows = (from: number, to: number, weights: Float64Array): TrainingRows => ({
    labels: table.labels.subarray(from, to),
    weights: weights.subarray(from, to),
    offsets: table.offsets?.subarray(from, to) ?? null,
    design: { rowCount: to - from, blocks: plans.flatMap((plan, column) => blocksOf(plan, cells(column, from, to))) },
  });
  const outputCount = family === 'multinomial' ? CLASSES : 1;
  const common = { family, outputCount, l1Ratio: L1_RATIO, isTooLate: () => false };
  const part: PathJob = { ...common, training: rows(0, HELD, weightsTo(HELD)), tolerance: 1e-9 };
  const whole: PathJob = { ...common, training: rows(0, ROWS, weightsTo(ROWS)), tolerance: 1e-12 };
  const fitted = (job: PathJob, lambda: number): Coefficients[] => {
    const path = penaltyPath(job);
    path.fitAt(lambda * 10);
    return path.fitAt(lambda).outputs.map(copyOfCoefficients);
  };
  const begin = fitted(part, LAMBDA);
  const job: AllRowsJob = {
    part,
    tolerance: part.tolerance,
    rows: {
      forEach: async (sink) => {
        for (let from = 0; from < ROWS; from += PART_ROWS)
          sink(rows(from, Math.min(ROWS, from + PART_ROWS), weightsTo(ROWS)));
        return true;
      },
    },
    begin: { outputs: begin, step: 1 },
    lambdaAt: (step) => LAMBDA / step,
    stepsMax: 5,
    lossOf: null,
    mayPass: () => true,
    onPass: async () => undefined,
  };
  return { job, begin, whole: whole.training, exactAt: (lambda) => fitted(whole, lambda) };
}

/** Columns that are independent in the rows at hand, and copies of each other in all others: a whole step goes three times too far. */
function misled(): Fits {
  const random = createRandom(3);
  const uniform = (): number => random.uniform();
  const columns = Array.from({ length: 6 }, () => rowsOf(uniform));
  for (const column of columns.slice(1)) column.set((columns[0] ?? column).subarray(HELD), HELD);
  const labels = rowsOf((row) => columns.reduce((sum, column) => sum + (column[row] ?? NaN), 0) + 0.1 * uniform());
  const more = labels.map((label, row) => (row < HELD ? label : 3 * label));
  const table = { columns, labels: more, weights: rowsOf(() => 1), offsets: null };
  return fitsOf(
    'gaussian',
    table,
    columns.map(() => number),
    1,
  );
}

/** What all classes have in common, row by row, is no part of a model of several. */
function centred(scores: readonly Float64Array[]): readonly Float64Array[] {
  if (scores.length === 1) return scores;
  return scores.map((own) =>
    own.map((score, row) => score - neumaierSum(scores.map((each) => each[row] ?? NaN)) / scores.length),
  );
}

/** Root of the mean squared distance of two models' predictors over some rows, of all outputs together. */
function distance({ design, weights }: TrainingRows, a: readonly Coefficients[], b: readonly Coefficients[]): number {
  const [ofA = [], ofB = []] = [a, b].map((outputs) =>
    centred(
      outputs.map((coefficients) => {
        const predictor = new Float64Array(design.rowCount);
        predictorOf(design, coefficients, predictor);
        return predictor;
      }),
    ),
  );
  const squares = ofA.map((own, output) =>
    neumaierSum(weights.map((weight, row) => weight * ((own[row] ?? NaN) - (ofB[output]?.[row] ?? NaN)) ** 2)),
  );
  return Math.sqrt(neumaierSum(squares));
}

/** Without intercepts, which classes have in common up to a number. */
const allCoefficients = (outputs: readonly Coefficients[]): number[] =>
  outputs.flatMap(({ blocks }) => blocks.flatMap((block) => [...block]));

function furthest(a: readonly Coefficients[], b: readonly Coefficients[]): number {
  const others = allCoefficients(b);
  return Math.max(...allCoefficients(a).map((value, place) => Math.abs(value - (others[place] ?? NaN))));
}

describe('ml linear models of rows that are passed over', function () {
  this.timeout(30_000);

  for (const [family, hasOffsets] of [
    ['gaussian', false],
    ['binomial', false],
    ['binomial', true],
    ['multinomial', false],
    ['poisson', true],
    ['gamma', false],
    ['tweedie', false],
  ] as const)
    it(`come to the model of all rows: ${family}${hasOffsets ? ' with offsets' : ''}`, async () => {
      const { job, begin, whole, exactAt } = fitsOf(family, tableOf(family, hasOffsets));
      const exact = exactAt(LAMBDA);
      const made = await fitAllRows(job);
      expect([made.isOfAllRows, made.stoppedByDeadline, made.step]).to.deep.equal([true, false, 1]);
      expect(made.passes).to.be.at.most(PASSES_MAX);
      expect(distance(whole, made.outputs, exact))
        .to.be.lessThan(5e-4)
        .and.lessThan(0.01 * distance(whole, begin, exact));
      expect(furthest(made.outputs, exact))
        .to.be.lessThan(5e-3)
        .and.lessThan(0.05 * furthest(begin, exact));
    });

  it('let the validation loss choose a weaker penalty, which more rows ask for', async () => {
    const { job, whole, exactAt } = fitsOf('binomial', tableOf('binomial'));
    const lossOf = (outputs: readonly Coefficients[]): number => sumsAt('binomial', whole, outputs).loss;
    const { outputs, step } = await fitAllRows({ ...job, lossOf });
    // The loss of rows that train falls with every penalty.
    expect(step).to.equal(job.stepsMax);
    expect(distance(whole, outputs, exactAt(LAMBDA / step))).to.be.lessThan(1e-3);
  });

  it('are no worse where the rows at hand mislead', async () => {
    const { job, begin, whole } = misled();
    const made = await fitAllRows(job);
    const objectiveOf = (outputs: readonly Coefficients[]): number =>
      sumsAt('gaussian', whole, outputs).loss +
      outputs.reduce((sum, each) => sum + penaltyOf(each, { lambda: LAMBDA, l1Ratio: L1_RATIO }), 0);
    expect(made.passes).to.equal(PASSES_MAX);
    expect(made.isOfAllRows).to.equal(objectiveOf(made.outputs) < objectiveOf(begin));
    expect(objectiveOf(made.outputs)).to.be.at.most(objectiveOf(begin));
  });

  it('keep what they have when time is up', async () => {
    const { job, begin } = fitsOf('gaussian', tableOf('gaussian'));
    for (const last of [0, 1, 2]) {
      const asked: number[] = [];
      const mayPass = (pass: number): boolean => asked.push(pass) <= last;
      const made = await fitAllRows({ ...job, mayPass });
      expect([made.passes, made.stoppedByDeadline]).to.deep.equal([last, true]);
      expect(asked).to.deep.equal(Array.from({ length: last + 1 }, (_, index) => index + 1));
      // A step is worth nothing before a pass has shown what.
      expect(made.isOfAllRows).to.equal(last === 2);
      expect(allCoefficients(made.outputs))[last === 2 ? 'not' : 'to'].to.deep.equal(allCoefficients(begin));
    }
    const short = await fitAllRows({ ...job, rows: { forEach: async () => false } });
    expect([short.passes, short.isOfAllRows, short.stoppedByDeadline]).to.deep.equal([1, false, true]);
    const late = await fitAllRows({ ...job, part: { ...job.part, isTooLate: () => true } });
    expect([late.passes, late.isOfAllRows, late.stoppedByDeadline]).to.deep.equal([1, false, true]);
  });

  it('stop at the first pass where the model is that of all rows already', async () => {
    const { job, exactAt } = fitsOf('poisson', tableOf('poisson'));
    const outputs = exactAt(LAMBDA);
    const made = await fitAllRows({ ...job, begin: { outputs, step: 1 } });
    expect([made.passes, made.isOfAllRows]).to.deep.equal([1, true]);
    expect(made.outputs).to.equal(outputs);
  });
});

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { compileLinear, compileLinearContributions } from '#scoring';
import { createRandom, neumaierSum } from '#statistics';
import type { GlmFamily } from '../../../../../../yarn-workers/ml/blueprints/objective.ts';
import {
  blocksOf,
  linearArrays,
  planColumn,
  type ColumnPlan,
  type ColumnSpec,
} from '../../../../../../yarn-workers/ml/fit/linear/columns.ts';
import {
  gather,
  predictorOf,
  type Coefficients,
  type Design,
} from '../../../../../../yarn-workers/ml/fit/linear/design.ts';
import { lossOf } from '../../../../../../yarn-workers/ml/fit/linear/families.ts';
import { penaltyPath, type TrainingRows } from '../../../../../../yarn-workers/ml/fit/linear/path.ts';
import { REPOSITORY_ROOT } from '../../../../../support/repository.ts';

interface Case {
  readonly family: GlmFamily;
  readonly lambda: number;
  readonly l1Ratio: number;
  readonly intercepts: readonly number[];
  readonly coefficients: readonly (readonly number[])[];
  readonly objective: number;
  /** By output. */
  readonly base: readonly number[];
  /** By output, row and column. */
  readonly contributions: readonly (readonly (readonly number[])[])[];
}

interface Fixture {
  readonly columns: Readonly<Record<'age' | 'pay' | 'trend' | 'colour' | 'weight', readonly (number | null)[]>>;
  readonly targets: Readonly<Record<GlmFamily, readonly number[]>>;
  readonly cases: readonly Case[];
}

// The cast holds: generate.py, beside the file, writes this shape.
const FIXTURE = JSON.parse(
  readFileSync(path.join(REPOSITORY_ROOT, 'test/fixtures/linear/linear.json'), 'utf8'),
) as Fixture;

/** Tight enough that only float32 and the references' own tolerance differ. */
const TOLERANCE = 1e-14;

const number: ColumnSpec = { kind: 'number', codeCount: 0, sign: 0 };
const SPECS: readonly (readonly [keyof Fixture['columns'], ColumnSpec])[] = [
  ['age', number],
  ['pay', number],
  ['trend', number],
  ['colour', { kind: 'category', codeCount: 5, sign: 0 }],
];

const weightSum = neumaierSum(Float64Array.from(FIXTURE.columns.weight, Number));
const weights = Float64Array.from(FIXTURE.columns.weight, (weight) => Number(weight) / weightSum);
const cells = (name: keyof Fixture['columns']): Float64Array =>
  Float64Array.from(FIXTURE.columns[name], (cell) => cell ?? NaN);

const rowOf = (row: number): Float64Array => Float64Array.from(SPECS, ([name]) => FIXTURE.columns[name][row] ?? NaN);
const PLACES = Int32Array.from(SPECS.keys());
const FEATURES = { ofColumn: PLACES, count: SPECS.length };

function planned(pieces: number, specs = SPECS): { plans: ColumnPlan[]; design: TrainingRows['design'] } {
  const plans = specs.map(([name, spec]) => planColumn(spec, cells(name), weights, pieces));
  const blocks = plans.flatMap((plan, column) => blocksOf(plan, cells(specs[column]?.[0] ?? 'age')));
  return { plans, design: { rowCount: weights.length, blocks } };
}

const outputsOf = (family: GlmFamily): number => (family === 'multinomial' ? 3 : 1);

function pathOf(family: GlmFamily, l1Ratio: number, design: TrainingRows['design'], tolerance = TOLERANCE) {
  const training = { design, labels: Float64Array.from(FIXTURE.targets[family]), weights, offsets: null };
  return penaltyPath({ family, outputCount: outputsOf(family), training, l1Ratio, tolerance, isTooLate: () => false });
}

/** In the order of the reference's design; what no row has (a level beyond the five) is left out. */
const flat = ({ blocks: [age, pay, trend, colour] }: Coefficients): number[] => [
  ...(age ?? []),
  ...(pay ?? []),
  ...(trend ?? []),
  ...(colour?.subarray(0, 5) ?? []),
];

/** The loss at these coefficients, and their predictors. */
function lossAt(family: GlmFamily, design: Design, outputs: readonly Coefficients[]) {
  const predictors = outputs.map((coefficients) => {
    const predictor = new Float64Array(weights.length);
    predictorOf(design, coefficients, predictor);
    return predictor;
  });
  const loss = lossOf(family, Float64Array.from(FIXTURE.targets[family]), weights, outputs.length);
  loss.refresh(predictors);
  return { loss, predictors };
}

/** Mean loss + penalty. */
function objectiveOf(family: GlmFamily, lambda: number, l1Ratio: number, outputs: readonly Coefficients[]): number {
  const { loss, predictors } = lossAt(family, planned(1).design, outputs);
  const all = outputs.flatMap(flat);
  return (
    loss.ofOutput(0).loss(predictors[0] ?? new Float64Array(0)) +
    lambda * all.reduce((sum, b) => sum + l1Ratio * Math.abs(b) + ((1 - l1Ratio) / 2) * b * b, 0)
  );
}

describe('ml linear models against scikit-learn', () => {
  for (const reference of FIXTURE.cases) {
    const { family, lambda, l1Ratio } = reference;
    it(`${family}, lambda ${lambda}, lasso part ${l1Ratio}`, () => {
      const { plans, design } = planned(1);
      const path = pathOf(family, l1Ratio, design);
      for (const factor of [30, 5]) path.fitAt(lambda * factor);
      const { outputs, isWhole } = path.fitAt(lambda);
      expect(isWhole).to.be.true;
      const intercepts = outputs.map(({ intercept }) => intercept);
      // Softmax says nothing of what all intercepts have in common.
      const shift =
        family === 'multinomial'
          ? (neumaierSum(intercepts) - neumaierSum(reference.intercepts)) / intercepts.length
          : 0;
      for (const [output, coefficients] of outputs.entries()) {
        expect((intercepts[output] ?? NaN) - shift).to.be.closeTo(reference.intercepts[output] ?? NaN, 1e-4);
        for (const [index, value] of flat(coefficients).entries())
          expect(value, `coefficient ${index}`).to.be.closeTo(reference.coefficients[output]?.[index] ?? NaN, 1e-4);
      }
      if (family !== 'multinomial')
        expect(objectiveOf(family, lambda, l1Ratio, outputs)).to.be.closeTo(reference.objective, 1e-6);
      // What coefficients differ by, times what rows have there.
      const explained = compileLinearContributions(linearArrays(plans, outputs), PLACES, FEATURES);
      const found = new Float64Array(outputs.length * SPECS.length);
      for (const output of outputs.keys())
        expect((explained.baseValues[output] ?? NaN) - shift).to.be.closeTo(reference.base[output] ?? NaN, 1e-3);
      for (const row of (reference.contributions[0] ?? []).keys()) {
        explained.add(rowOf(row), 0, 1, found.fill(0));
        for (const [index, value] of found.entries()) {
          const [output, column] = [Math.floor(index / SPECS.length), index % SPECS.length];
          const expected = reference.contributions[output]?.[row]?.[column] ?? NaN;
          expect(value, `row ${row}, column ${column}`).to.be.closeTo(expected, 1e-3);
        }
      }
    });
  }

  it('meets the conditions of a minimum for every family, lasso and all, straight and broken lines', () => {
    for (const family of Object.keys(FIXTURE.targets) as GlmFamily[]) {
      for (const pieces of [1, 6]) {
        const { design } = planned(pieces);
        const l1Ratio = 0.6;
        const path = pathOf(family, l1Ratio, design);
        const lambda = path.firstLambda / 20;
        const { outputs } = path.fitAt(lambda);
        const { loss, predictors } = lossAt(family, design, outputs);
        let zeros = 0;
        for (const [output, { blocks }] of outputs.entries()) {
          const gradient = new Float64Array(weights.length);
          loss.ofOutput(output).derivatives(predictors[output] ?? gradient, gradient, new Float64Array(weights.length));
          for (const [index, block] of design.blocks.entries()) {
            const sums = new Float64Array(block.levelCount);
            gather(block, gradient, sums);
            for (const [level, sum] of sums.entries()) {
              const own = blocks[index]?.[level] ?? NaN;
              const rest = sum - lambda * (1 - l1Ratio) * own;
              if (own === 0) zeros += 1;
              const excess =
                own === 0 ? Math.max(0, Math.abs(rest) - lambda * l1Ratio) : rest - Math.sign(own) * lambda * l1Ratio;
              expect(excess / path.firstLambda, `${family} ${pieces} ${index} ${level}`).to.be.closeTo(0, 1e-5);
            }
          }
        }
        expect(zeros).to.be.greaterThan(0);
      }
    }
  });

  it('begins its path where every coefficient is 0, and not below', () => {
    for (const family of Object.keys(FIXTURE.targets) as GlmFamily[]) {
      const path = pathOf(family, 1, planned(1).design);
      const isZero = ({ blocks }: Coefficients): boolean =>
        blocks.every((block) => block.every((value) => value === 0));
      expect(path.fitAt(path.firstLambda * 1.0001).outputs.every(isZero), family).to.be.true;
      expect(path.fitAt(path.firstLambda * 0.98).outputs.every(isZero), family).to.be.false;
    }
  });

  it('keeps signs that are asked for', () => {
    const specs = SPECS.map(([name, spec]) => [name, name === 'age' ? { ...spec, sign: -1 as const } : spec] as const);
    const { design } = planned(6, specs);
    const { outputs } = pathOf('gaussian', 0, design).fitAt(0.001);
    expect(outputs[0]?.blocks[0]?.[0]).to.equal(0);
    expect(pathOf('gaussian', 0, planned(1).design).fitAt(0.001).outputs[0]?.blocks[0]?.[0]).to.be.greaterThan(0.1);
  });

  it('predicts from the artefact what the design says, missing cells and broken lines too', () => {
    for (const pieces of [1, 2, 3, 9]) {
      const { plans, design } = planned(pieces);
      const random = createRandom(pieces);
      const outputs = Array.from({ length: 2 }, () => ({
        intercept: random.uniform(),
        blocks: design.blocks.map(({ levelCount }) =>
          Float64Array.from({ length: levelCount }, () => random.uniform() - 0.5),
        ),
      }));
      const linear = linearArrays(plans, outputs);
      const { score } = compileLinear(linear, SPECS.length);
      const { baseValues } = compileLinearContributions(linear, PLACES, FEATURES);
      const mean = [0, 0];
      const expected = outputs.map((coefficients) => {
        const predictor = new Float64Array(weights.length);
        predictorOf(design, coefficients, predictor);
        return predictor;
      });
      const raw = new Float64Array(2);
      for (let row = 0; row < weights.length; row += 1) {
        score(rowOf(row), 0, raw, 0);
        // The design is in single precision, the artefact in double.
        for (const output of [0, 1]) {
          expect(raw[output]).to.be.closeTo(expected[output]?.[row] ?? NaN, 1e-6);
          mean[output] = (mean[output] ?? NaN) + (weights[row] ?? NaN) * (raw[output] ?? NaN);
        }
      }
      for (const output of [0, 1])
        expect(baseValues[output], 'explanations begin at the mean').to.be.closeTo(mean[output] ?? NaN, 1e-13);
    }
  });
});

import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import type { Link } from '#contracts';
import { compileForest, compileForestContributions, type ForestArrays } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { forestOf, type PlainTree } from '../../../../support/forest-arrays.ts';

interface ForestCase {
  readonly name: string;
  readonly link: Link;
  readonly prior: number[];
  readonly priorVotes: number;
  readonly rows: (number | null)[][];
  readonly trees: PlainTree[];
  readonly baseValues: number[];
  readonly rawScores: number[][];
  readonly contributions: number[][][];
}

// The cast holds: generate.py writes this shape.
const { forests } = JSON.parse(
  readFileSync(new URL('../../../../fixtures/forest/forest.json', import.meta.url), 'utf8'),
) as { forests: ForestCase[] };

const COLUMNS = 4;
const identity = Int32Array.of(0, 1, 2, 3);
const places = { ofColumn: identity, count: COLUMNS };
/** Leaves are float32: shares err by 3e-8, log odds of them by ten times as much. */
const TOLERANCE = 2e-6;

function explained(forest: ForestArrays, row: readonly (number | null)[], weight = 1) {
  const values = Float64Array.from([99, ...row.map((cell) => cell ?? NaN)]);
  const raw = new Float64Array(forest.outputCount);
  compileForest(forest, COLUMNS).score(values, 1, raw, 0);
  const model = compileForestContributions(forest, identity, places);
  const out = new Float64Array(forest.outputCount * COLUMNS);
  model.add(values, 1, weight, out);
  return { raw, base: model.baseValues, out };
}

describe('contributions of forests', () => {
  for (const { name, rows, trees, baseValues, rawScores, contributions, ...answer } of forests) {
    const forest = forestOf(trees, COLUMNS, answer);

    it(`${name}: are those of shap, rescaled to the link`, () => {
      for (const [index, row] of rows.entries()) {
        const { raw, base, out } = explained(forest, row);
        for (let output = 0; output < forest.outputCount; output += 1) {
          expect(base[output]).to.be.closeTo(baseValues[output] ?? NaN, TOLERANCE);
          expect(raw[output]).to.be.closeTo(rawScores[index]?.[output] ?? NaN, TOLERANCE);
          for (let column = 0; column < COLUMNS; column += 1)
            expect(out[output * COLUMNS + column], `row ${index}, output ${output}, column ${column}`).to.be.closeTo(
              contributions[index]?.[output]?.[column] ?? NaN,
              TOLERANCE,
            );
        }
      }
    });

    it(`${name}: sum up to the raw score`, () => {
      for (const row of [...rows, [null, null, null, null], [1e300, -1e300, 0, -Infinity]]) {
        const { raw, base, out } = explained(forest, row);
        for (let output = 0; output < forest.outputCount; output += 1) {
          const parts = [...out.subarray(output * COLUMNS, (output + 1) * COLUMNS)];
          const sum = parts.reduce((total, one) => total + one, base[output] ?? NaN);
          const size = parts.reduce((total, one) => total + Math.abs(one), Math.abs(base[output] ?? NaN));
          expect(Math.abs(sum - (raw[output] ?? NaN))).to.be.at.most(1e-12 * size);
        }
      }
    });
  }

  it('count by their weight in a blend', () => {
    const { trees, ...answer } = forests[1] as ForestCase;
    const forest = forestOf(trees, COLUMNS, answer);
    const row = answer.rows[0] ?? [];
    const whole = explained(forest, row).out;
    for (const [at, half] of explained(forest, row, 0.5).out.entries())
      expect(half).to.be.closeTo((whole[at] ?? NaN) / 2, 1e-15);
  });

  it('tell rows of the base value by the slope of the link', () => {
    // Two columns that take each other back: what is left of the gain is rounding.
    const tree: PlainTree = {
      feature: [0, 1, -2, -2, 1, -2, -2],
      threshold: [0, 0, -2, -2, 0, -2, -2],
      left: [1, 2, -1, -1, 5, -1, -1],
      right: [4, 3, -1, -1, 6, -1, -1],
      missingLeft: [0, 0, 0, 0, 0, 0, 0],
      cover: [40, 20, 10, 10, 20, 10, 10],
      value: [[0], [0], [0.25], [0.5], [0], [0.5], [0.75]],
    };
    const forest = forestOf([tree], COLUMNS, { link: 'logit', priorVotes: 1, prior: [0.5] });
    const { raw, out, base } = explained(forest, [-1, 1, 0, 0]);
    expect(base[0]).to.equal(0);
    expect(raw[0]).to.equal(0);
    // A share of -1/8 and 1/8 of one of two votes, at slope 4.
    expect([...out]).to.deep.equal([-0.25, 0.25, 0, 0]);
  });

  it('are none where every leaf is at the end of the scale', () => {
    const tree: PlainTree = {
      feature: [0, -2, -2],
      threshold: [0, -2, -2],
      left: [1, -1, -1],
      right: [2, -1, -1],
      missingLeft: [0, 0, 0],
      cover: [40, 20, 20],
      value: [[0], [1], [1]],
    };
    const forest = forestOf([tree], COLUMNS, { link: 'logit', priorVotes: 1, prior: [1] });
    const { raw, out, base } = explained(forest, [-1, 1, 0, 0]);
    expect([...out]).to.deep.equal([0, 0, 0, 0]);
    expect(base[0]).to.equal(raw[0]).and.to.be.greaterThan(30);
  });

  it('are refused where a row would take too long', async () => {
    const { trees } = forests[2] as ForestCase;
    const classCount = 1_000_000;
    const few = forestOf(trees, COLUMNS, { link: 'softmax', priorVotes: 1, prior: [0.5, 0.25, 0.25] });
    const repeated: ForestArrays = {
      ...few,
      outputCount: classCount,
      prior: new Float64Array(classCount).fill(1 / classCount),
    };
    const err = await appErrorOf('NOT_AVAILABLE', () => compileForestContributions(repeated, identity, places));
    expect(err.message).to.include('at most 50 million');
  });
});

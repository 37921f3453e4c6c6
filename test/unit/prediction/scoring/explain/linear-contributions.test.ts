import { expect } from 'chai';
import { compileLinear, compileLinearContributions, type LinearArrays } from '#scoring';
import { HOSTILE_VALUES } from '../random-trees.ts';
import { randomLinear } from '../random-linear.ts';
import { randomGenerator, type RandomGenerator } from '../support.ts';
import { shapleyOfGame } from './shapley.ts';

/** Sums of some dozens of terms of magnitude 1 differ by a few last bits. */
const TOLERANCE = 1e-13;

interface Weighted {
  readonly row: readonly number[];
  readonly weight: number;
}

const randomRow = (random: RandomGenerator, columnCount: number): number[] =>
  Array.from({ length: columnCount }, () =>
    random.integer(4) === 0 ? random.pick(HOSTILE_VALUES) : random.integer(12) - 3,
  );

function rawOf(linear: LinearArrays, row: readonly number[]): Float64Array {
  const raw = new Float64Array(linear.outputCount);
  compileLinear(linear, row.length).score(Float64Array.from(row), 0, raw, 0);
  return raw;
}

/** What each column adds to the rows on average: raw scores less those of a model without the column. */
function meansOf(linear: LinearArrays, rows: readonly Weighted[]): Float64Array {
  const { outputCount, columnCount, pointOffset, value, otherwise } = linear;
  return Float64Array.from({ length: columnCount * outputCount }, (_, place) => {
    const [column, output] = [Math.floor(place / outputCount), place % outputCount];
    const from = (pointOffset[column] ?? 0) * outputCount;
    const to = (pointOffset[column + 1] ?? 0) * outputCount;
    const without = {
      ...linear,
      value: value.map((one, index) => (index >= from && index < to ? 0 : one)),
      otherwise: otherwise.map((one, index) => (Math.floor(index / outputCount) === column ? 0 : one)),
    };
    return rows.reduce(
      (sum, { row, weight }) =>
        sum + weight * ((rawOf(linear, row)[output] ?? NaN) - (rawOf(without, row)[output] ?? NaN)),
      0,
    );
  });
}

describe('contributions of linear models', () => {
  for (const outputCount of [1, 3]) {
    it(`are Shapley values as they are defined, over the rows that trained: ${outputCount} outputs`, () => {
      const random = randomGenerator(500 + outputCount);
      const columnCount = 5;
      const places = Int32Array.from({ length: columnCount }, (_, column) => column);
      for (let round = 0; round < 12; round += 1) {
        const table = Array.from({ length: 15 }, () => ({
          row: randomRow(random, columnCount),
          weight: random.next() + 0.1,
        }));
        const total = table.reduce((sum, { weight }) => sum + weight, 0);
        const trained = table.map(({ row, weight }) => ({ row, weight: weight / total }));
        const shape = randomLinear(random, columnCount, outputCount);
        const linear = { ...shape, mean: meansOf(shape, trained) };
        const model = compileLinearContributions(linear, places, { ofColumn: places, count: columnCount });
        for (let i = 0; i < 6; i += 1) {
          const row = randomRow(random, columnCount);
          const found = new Float64Array(outputCount * columnCount);
          model.add(Float64Array.from([99, ...row]), 1, 1, found);
          // Unknown columns are those of each row that trained, all of them together.
          const expected = shapleyOfGame(columnCount, (known) => {
            const mixed = trained.map(({ row: other, weight }) => ({
              weight,
              raw: rawOf(
                linear,
                row.map((value, column) => ((known >> column) % 2 === 1 ? value : (other[column] ?? NaN))),
              ),
            }));
            return Array.from({ length: outputCount }, (_, output) =>
              mixed.reduce((sum, { weight, raw }) => sum + weight * (raw[output] ?? NaN), 0),
            );
          });
          for (let output = 0; output < outputCount; output += 1) {
            expect(model.baseValues[output]).to.be.closeTo(expected.base[output] ?? NaN, TOLERANCE);
            for (let column = 0; column < columnCount; column += 1)
              expect(found[output * columnCount + column], `column ${column}`).to.be.closeTo(
                expected.phi[output]?.[column] ?? NaN,
                TOLERANCE,
              );
          }
        }
      }
    });
  }

  it('sum columns into features, times the weight, wherever the columns are', () => {
    const random = randomGenerator(9);
    const linear = { ...randomLinear(random, 3, 2), mean: Float64Array.from({ length: 6 }, () => random.next()) };
    const row = [1, 0, 2];
    const alone = new Float64Array(6);
    const straight = Int32Array.of(0, 1, 2);
    compileLinearContributions(linear, straight, { ofColumn: straight, count: 3 }).add(
      Float64Array.from(row),
      0,
      1,
      alone,
    );
    const moved = new Float64Array(4).fill(10);
    const places = { ofColumn: Int32Array.of(1, 9, 0, 1, 9), count: 2 };
    const values = Float64Array.of(row[1] ?? NaN, NaN, row[0] ?? NaN, row[2] ?? NaN, NaN);
    compileLinearContributions(linear, Int32Array.of(2, 0, 3), places).add(values, 0, 0.5, moved);
    for (const output of [0, 1]) {
      const [first = NaN, second = NaN, third = NaN] = alone.subarray(3 * output);
      expect(moved[2 * output]).to.be.closeTo(10 + 0.5 * first, 1e-15);
      expect(moved[2 * output + 1]).to.be.closeTo(10 + 0.5 * (second + third), 1e-14);
    }
  });
});

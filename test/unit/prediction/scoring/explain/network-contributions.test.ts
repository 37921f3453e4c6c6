import { expect } from 'chai';
import { compileNetwork, compileNetworkContributions, type NetworkArrays } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { NETWORK_REFERENCES, matrixRow, networkOf } from '../network-references.ts';
import { anglesOfFields, randomNetwork } from '../random-network.ts';
import { HOSTILE_VALUES } from '../random-trees.ts';
import { randomGenerator, type RandomGenerator } from '../support.ts';
import { shapleyOfGame } from './shapley.ts';

/** Sums of some hundreds of terms of magnitude 1 differ by a few last bits. */
const TOLERANCE = 1e-12;

const randomRow = (random: RandomGenerator, columnCount: number): number[] =>
  Array.from({ length: columnCount }, () =>
    random.integer(5) === 0 ? random.pick(HOSTILE_VALUES) : random.integer(9) - 2,
  );

const inOrder = (count: number): Int32Array => Int32Array.from({ length: count }, (_, index) => index);

/** The worth of a coalition, a set of bits, by definition. */
function worthOf(model: NetworkArrays, angles: readonly (readonly number[])[], known: number): number[] {
  const { outputCount, unitCount, intercept, phase, outputWeight, meanCosine, meanSine } = model;
  const worth = [...intercept];
  for (let unit = 0; unit < unitCount; unit += 1) {
    let [real, imaginary] = [Math.cos(phase[unit] ?? NaN), Math.sin(phase[unit] ?? NaN)];
    for (const [field, own] of angles.entries()) {
      const isKnown = (known >> field) % 2 === 1;
      const at = field * unitCount + unit;
      const [cosine, sine] = isKnown
        ? [Math.cos(own[unit] ?? NaN), Math.sin(own[unit] ?? NaN)]
        : [meanCosine[at] ?? NaN, meanSine[at] ?? NaN];
      [real, imaginary] = [real * cosine - imaginary * sine, real * sine + imaginary * cosine];
    }
    for (let output = 0; output < outputCount; output += 1)
      worth[output] = (worth[output] ?? NaN) + real * (outputWeight[unit * outputCount + output] ?? NaN);
  }
  return worth;
}

/** Means of random rows; the rows have what the columns know of. */
function trained(random: RandomGenerator, model: NetworkArrays): NetworkArrays {
  const { columnCount } = model;
  const rows = Array.from({ length: 30 }, () => anglesOfFields(model, randomRow(random, columnCount)).flat());
  const meanOf = (part: (angle: number) => number): Float32Array =>
    model.meanCosine.map((_, at) => rows.reduce((sum, angles) => sum + part(angles[at] ?? NaN), 0) / rows.length);
  return { ...model, meanCosine: meanOf(Math.cos), meanSine: meanOf(Math.sin) };
}

/** Contributions of a row, outputs x fields, and what the raw scores are. */
function explained(model: NetworkArrays, row: Float64Array): { base: number[]; phi: number[][]; raw: number[] } {
  const { outputCount, columnCount, columnField } = model;
  const count = Math.max(-1, ...columnField) + 1;
  const { baseValues, add } = compileNetworkContributions(model, inOrder(columnCount), {
    ofColumn: columnField,
    count,
  });
  const out = new Float64Array(outputCount * count).fill(1);
  add(row, 0, 0.5, out);
  const raw = new Float64Array(outputCount);
  compileNetwork(model, columnCount).score(row, 0, raw, 0);
  const phi = Array.from(raw, (_, output) =>
    Array.from(out.subarray(output * count, (output + 1) * count), (value) => 2 * (value - 1)),
  );
  return { base: [...baseValues], phi, raw: [...raw] };
}

describe('contributions of networks', () => {
  it('are those that numpy finds by definition', () => {
    for (const reference of NETWORK_REFERENCES) {
      const model = networkOf(reference);
      for (const [index, row] of reference.rows.entries()) {
        const { base, phi } = explained(model, matrixRow(row));
        for (const [output, expected] of reference.base.entries()) {
          expect(base[output]).to.be.closeTo(expected, TOLERANCE);
          for (const [field, gains] of (reference.contributions[index] ?? []).entries())
            expect(phi[output]?.[field]).to.be.closeTo(gains[output] ?? NaN, TOLERANCE);
        }
      }
    }
  });

  for (const outputCount of [1, 3])
    it(`are Shapley values as they are defined, and add up: ${outputCount} outputs, up to 8 fields`, () => {
      const random = randomGenerator(400 + outputCount);
      for (let round = 0; round < 24; round += 1) {
        const fieldCount = round % 9;
        const columnField = Array.from({ length: fieldCount + random.integer(3) }, (_, column) =>
          fieldCount === 0 ? 0 : column % fieldCount,
        ).slice(0, fieldCount === 0 ? 0 : Infinity);
        const shape = { columnCount: columnField.length, outputCount, unitCount: 4, columnField, weightMax: 3 };
        const model = trained(random, randomNetwork(random, shape));
        const row = randomRow(random, columnField.length);
        const angles = anglesOfFields(model, row);
        const expected = shapleyOfGame(fieldCount, (known) => worthOf(model, angles, known));
        const { base, phi, raw } = explained(model, Float64Array.from(row));
        for (let output = 0; output < outputCount; output += 1) {
          expect(base[output]).to.be.closeTo(expected.base[output] ?? NaN, TOLERANCE);
          let sum = base[output] ?? NaN;
          for (const [field, gain] of (phi[output] ?? []).entries()) {
            expect(gain).to.be.closeTo(expected.phi[output]?.[field] ?? NaN, TOLERANCE);
            sum += gain;
          }
          expect(sum).to.be.closeTo(raw[output] ?? NaN, TOLERANCE);
        }
      }
    });

  for (const [fieldCount, weightMax] of [
    [60, 0.4],
    [400, 0.15],
  ] as const)
    it(`add up of ${fieldCount} fields too, whose points are fewer than half of them`, () => {
      const random = randomGenerator(410);
      const shape = { columnCount: fieldCount, outputCount: 2, unitCount: 6, columnField: [...inOrder(fieldCount)] };
      const model = trained(random, randomNetwork(random, { ...shape, weightMax, sizeMax: 2 }));
      for (let round = 0; round < 5; round += 1) {
        const { base, phi, raw } = explained(model, Float64Array.from(randomRow(random, fieldCount)));
        for (const [output, gains] of phi.entries()) {
          const sum = gains.reduce((total, gain) => total + gain, base[output] ?? NaN);
          const magnitudes = gains.reduce((total, gain) => total + Math.abs(gain), Math.abs(base[output] ?? NaN));
          expect(magnitudes).to.be.greaterThan(0.5);
          expect(sum).to.be.closeTo(raw[output] ?? NaN, 1e-12 * magnitudes);
        }
      }
    });

  it('go to the feature of the field, whatever matrix column it has', () => {
    const random = randomGenerator(420);
    const model = trained(random, randomNetwork(random, { columnCount: 5, outputCount: 2, unitCount: 4 }));
    const row = randomRow(random, 5);
    const { phi } = explained(model, Float64Array.from(row));
    const columns = Int32Array.of(6, 2, 0, 1, 4);
    const moved = new Float64Array(7).fill(NaN);
    for (const [column, place] of columns.entries()) moved[place] = row[column] ?? NaN;
    // Fields 0, 1, 2 are features 3, 0, 1 of four.
    const ofColumn = Int32Array.of(0, 0, 3, 2, 1, 2, 3);
    const { add } = compileNetworkContributions(model, columns, { ofColumn, count: 4 });
    const out = new Float64Array(8);
    add(moved, 0, 1, out);
    for (const output of [0, 1])
      for (const [field, place] of [3, 0, 1].entries())
        expect(out[output * 4 + place]).to.be.closeTo(phi[output]?.[field] ?? NaN, TOLERANCE);
    expect([out[2], out[6]]).to.deep.equal([0, 0]);
  });

  it('are refused where a row would take too long, other members taken off', async () => {
    const random = randomGenerator(430);
    const model = randomNetwork(random, {
      columnCount: 14,
      outputCount: 1,
      unitCount: 8,
      columnField: [...inOrder(14)],
    });
    const places = { ofColumn: inOrder(14), count: 14 };
    // 14 fields x 7 points x 8 units, two of which are a step.
    const budget = { left: 800 };
    compileNetworkContributions(model, inOrder(14), places, budget);
    expect(budget.left).to.equal(800 - 392);
    compileNetworkContributions(model, inOrder(14), places, budget);
    const err = await appErrorOf('NOT_AVAILABLE', () =>
      compileNetworkContributions(model, inOrder(14), places, budget),
    );
    expect(err.message).to.match(/explaining a row by its networks takes \d+ million steps/);
  });
});

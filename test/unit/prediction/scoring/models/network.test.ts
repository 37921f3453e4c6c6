import { expect } from 'chai';
import {
  CATEGORY_COLUMN,
  NUMBER_COLUMN,
  checkNetwork,
  compileNetwork,
  networkInputs,
  type NetworkArrays,
} from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { NETWORK_REFERENCES, matrixRow, networkOf } from '../network-references.ts';
import { anglesOfFields, randomNetwork, scoresByAngles } from '../random-network.ts';
import { HOSTILE_VALUES } from '../random-trees.ts';
import { randomGenerator, type RandomGenerator } from '../support.ts';

/** A number of three inputs with knots 0, 2, 10, a category of two codes, and a column of which nothing is known. */
const MODEL: NetworkArrays = {
  outputCount: 1,
  unitCount: 2,
  columnCount: 3,
  intercept: Float64Array.of(100),
  phase: Float32Array.of(0.5, -0.25),
  inputWeight: Float32Array.of(1, 2, 0.5, -1, 0.25, 3, -2, 1, 4, 0.125),
  outputWeight: Float32Array.of(8, -2),
  columnField: Int32Array.of(0, 1, 0),
  columnSize: Int32Array.of(3, 1, 1),
  columnKind: Uint8Array.of(NUMBER_COLUMN, CATEGORY_COLUMN, NUMBER_COLUMN),
  pointOffset: Int32Array.of(0, 3, 5, 5),
  knot: Float64Array.of(0, 2, 10, 0, 1),
  value: Float32Array.of(1, -1, 5, -5, 9, 3, 0, 0, 1, 0.5, 0.25),
  otherwise: Float32Array.of(0.125, 0.375, 16, 32, 64),
  meanCosine: new Float32Array(4),
  meanSine: new Float32Array(4),
};

const randomRow = (random: RandomGenerator, columnCount: number): number[] =>
  Array.from({ length: columnCount }, () =>
    random.integer(4) === 0 ? random.pick(HOSTILE_VALUES) : random.integer(9) - 2,
  );

function inputsAt(...row: number[]): number[] {
  const inputs = new Float64Array(5);
  networkInputs(MODEL, Int32Array.of(0, 1, 2))(Float64Array.from([NaN, ...row]), 1, inputs);
  return [...inputs];
}

describe('networks', () => {
  it('make inputs of columns: interpolated between knots and flat beyond them, one vector a code', () => {
    expect(inputsAt(0, 0, 5)).to.deep.equal([1, -1, 5, 0.5, 64]);
    expect(inputsAt(1, 1, 5)).to.deep.equal([-2, 4, 4, 0.25, 64]);
    expect(inputsAt(4, 1.75, 5)).to.deep.equal([-3.75, 6.75, 2.5, 0.25, 64]);
    expect(inputsAt(2, 0, 5)).to.deep.equal([-5, 9, 3, 0.5, 64]);
    for (const x of [-1e-300, -Infinity]) expect(inputsAt(x, 0, 5)).to.deep.equal(inputsAt(0, 0, 5));
    for (const x of [10, 1e308, Infinity]) expect(inputsAt(x, 0, 5)).to.deep.equal([0, 0, 1, 0.5, 64]);
  });

  it('have inputs for what is missing, for codes that they do not know, and for columns without points', () => {
    expect(inputsAt(NaN, 0, NaN)).to.deep.equal([0.125, 0.375, 16, 0.5, 64]);
    for (const code of [NaN, 2, -1, 1e300, Infinity]) expect(inputsAt(0, code, 5)[3]).to.equal(32);
  });

  it('are scored as numpy scores them', () => {
    for (const reference of NETWORK_REFERENCES) {
      const model = networkOf(reference);
      const { score, outputCount } = compileNetwork(model, model.columnCount);
      const out = new Float64Array(outputCount);
      for (const [index, row] of reference.rows.entries()) {
        score(matrixRow(row), 0, out, 0);
        for (const [output, expected] of (reference.scores[index] ?? []).entries())
          expect(out[output]).to.be.closeTo(expected, 1e-12);
      }
    }
  });

  for (const outputCount of [1, 3])
    it(`are weighted sums of cosines, whatever is in a row: ${outputCount} outputs`, () => {
      const random = randomGenerator(170 + outputCount);
      for (let round = 0; round < 80; round += 1) {
        const columnCount = random.integer(7);
        const shape = { columnCount, outputCount, unitCount: 1 + random.integer(9), sizeMax: 4 };
        const model = randomNetwork(random, shape);
        const row = randomRow(random, columnCount);
        const out = new Float64Array(1 + outputCount).fill(-7);
        compileNetwork(model, columnCount).score(Float64Array.from([NaN, ...row]), 1, out, 1);
        expect(out[0], 'nothing before its place is written').to.equal(-7);
        for (const [output, expected] of scoresByAngles(model, anglesOfFields(model, row)).entries())
          expect(out[1 + output]).to.be.closeTo(expected, 1e-12);
      }
    });

  // With so many units only the first columns have what they add multiplied out.
  for (const [unitCount, rounds] of [
    [5, 40],
    [200_000, 3],
  ] as const)
    it(`add what each column adds to the phase, and the units to the intercept: ${unitCount} units`, () => {
      const random = randomGenerator(175);
      for (let round = 0; round < rounds; round += 1) {
        const model = randomNetwork(random, { columnCount: 6, outputCount: 2, unitCount, weightMax: 100 });
        const row = Float64Array.from(randomRow(random, 6));
        const inputs = new Float64Array(model.otherwise.length);
        networkInputs(model, Int32Array.of(0, 1, 2, 3, 4, 5))(row, 0, inputs);
        const [first = NaN, second = NaN] = model.intercept;
        const sums = [first, second];
        for (let unit = 0; unit < unitCount; unit += 1) {
          let angle = model.phase[unit] ?? NaN;
          for (const [input, value] of inputs.entries())
            angle += value * (model.inputWeight[input * unitCount + unit] ?? NaN);
          for (const output of [0, 1])
            sums[output] = (sums[output] ?? NaN) + Math.cos(angle) * (model.outputWeight[unit * 2 + output] ?? NaN);
        }
        const out = new Float64Array(2);
        compileNetwork(model, 6).score(row, 0, out, 0);
        for (const [output, sum] of sums.entries()) expect(out[output]).to.be.closeTo(sum, 1e-13 * unitCount);
      }
    });

  it('read the columns that they are told to', async () => {
    const own = new Float64Array(1);
    const moved = new Float64Array(1);
    compileNetwork(MODEL, 3).score(Float64Array.of(3, 1, 7), 0, own, 0);
    compileNetwork(MODEL, 5, Int32Array.of(4, 0, 2)).score(Float64Array.of(1, NaN, 7, NaN, 3), 0, moved, 0);
    expect(moved).to.deep.equal(own);
    for (const columns of [Int32Array.of(5, 0, 2), Int32Array.of(-1, 0, 2)]) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => compileNetwork(MODEL, 5, columns));
      expect(err.message).to.match(/network: column (5|-1) of 5/);
    }
  });

  it('are refused where they could leave their arrays or a score could be no number', async () => {
    const changed = <A extends Float64Array | Float32Array | Int32Array | Uint8Array>(
      array: A,
      at: number,
      value: number,
    ): A => {
      // The cast holds: a slice is of its array's type.
      const copy = array.slice() as A;
      copy[at] = value;
      return copy;
    };
    const { phase, inputWeight, outputWeight, value, otherwise, meanCosine, meanSine, knot, pointOffset } = MODEL;
    for (const [changes, message] of [
      [{ outputCount: 0 }, 'outputCount is 0'],
      [{ outputCount: 1.5 }, 'outputCount is 1.5'],
      [{ unitCount: 0 }, 'unitCount is 0'],
      [{ unitCount: NaN }, 'unitCount is NaN'],
      [{ columnCount: 4 }, 'has 4 columns, expected 3'],
      [{ columnField: Int32Array.of(0, 1) }, 'columnField has 2 elements, expected 3'],
      [{ columnField: Int32Array.of(0, 1, 3) }, 'column 2 is of field 3 of 3'],
      [{ columnField: Int32Array.of(0, -1, 0) }, 'column 1 is of field -1 of 3'],
      [{ columnField: Int32Array.of(0, 2, 0) }, 'field 1 of 3 has no column'],
      [{ columnField: Int32Array.of(1, 2, 1) }, 'field 0 of 3 has no column'],
      [{ columnSize: Int32Array.of(3, 1) }, 'columnSize has 2 elements, expected 3'],
      [{ columnSize: Int32Array.of(3, 0, 2) }, 'column 1 becomes 0 inputs'],
      [{ columnSize: Int32Array.of(3, -1, 3) }, 'column 1 becomes -1 inputs'],
      [{ columnSize: Int32Array.of(3, 1, 2) }, 'inputWeight has 10 elements, expected 12'],
      [{ columnSize: Int32Array.of(2, 2, 1) }, 'value has 11 elements, expected 10'],
      [{ columnKind: Uint8Array.of(0, 1, 2) }, 'column 2 is of kind 2'],
      [{ columnKind: Uint8Array.of(0, 1) }, 'columnKind has 2 elements, expected 3'],
      [{ pointOffset: pointOffset.slice(1) }, 'pointOffset has 3 elements, expected 4'],
      [{ pointOffset: changed(pointOffset, 0, 1) }, 'pointOffset starts at 1'],
      [{ pointOffset: changed(pointOffset, 3, 6) }, 'pointOffset ends at 6, expected 5'],
      [{ pointOffset: changed(pointOffset, 2, 2) }, 'pointOffset falls at column 1'],
      [{ knot: changed(knot, 1, 0) }, 'knot 1 of column 0 does not rise'],
      [{ knot: changed(knot, 4, 2) }, 'point 4 is code 2'],
      [{ knot: changed(knot, 2, Infinity) }, 'knot 2 is Infinity'],
      [{ knot: changed(knot, 2, NaN) }, 'knot 2 is NaN'],
      [{ intercept: new Float64Array(2) }, 'intercept has 2 elements, expected 1'],
      [{ intercept: Float64Array.of(1e101) }, 'intercept 0 is 1e+101'],
      [{ phase: new Float32Array(1) }, 'phase has 1 elements, expected 2'],
      [{ phase: changed(phase, 1, NaN) }, 'phase 1 is NaN'],
      [{ inputWeight: changed(inputWeight, 7, -Infinity) }, 'inputWeight 7 is -Infinity'],
      [{ outputWeight: new Float32Array(3) }, 'outputWeight has 3 elements, expected 2'],
      [{ outputWeight: changed(outputWeight, 0, Infinity) }, 'outputWeight 0 is Infinity'],
      [{ value: changed(value, 3, NaN) }, 'value 3 is NaN'],
      [{ otherwise: new Float32Array(4) }, 'otherwise has 4 elements, expected 5'],
      [{ otherwise: changed(otherwise, 4, Infinity) }, 'otherwise 4 is Infinity'],
      [{ meanCosine: new Float32Array(6) }, 'meanCosine has 6 elements, expected 4'],
      [{ meanSine: new Float32Array(3) }, 'meanSine has 3 elements, expected 4'],
      [{ meanCosine: changed(meanCosine, 2, NaN) }, 'mean 2 is at (NaN, 0)'],
      [{ meanCosine: changed(meanCosine, 2, -1.00001) }, 'expected within the unit circle'],
      [{ meanSine: changed(meanSine, 3, 1.00001) }, 'mean 3 is at'],
      [{ meanCosine: changed(meanCosine, 1, 0.8), meanSine: changed(meanSine, 1, 0.8) }, 'mean 1 is at'],
    ] as const) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => compileNetwork({ ...MODEL, ...changes }, 3));
      expect(err.message).to.include(`network: `).and.include(message);
      const refused = await appErrorOf('ARTIFACT_INVALID', () => checkNetwork({ ...MODEL, ...changes }, 3));
      expect(refused.message).to.equal(err.message);
    }
  });

  it('have finite scores with the largest numbers that are taken', () => {
    const most = 2 ** 128 - 2 ** 104;
    const filled = (array: Float32Array): Float32Array => array.map(() => most);
    const largest = {
      ...MODEL,
      intercept: Float64Array.of(1e100),
      ...{ phase: filled(MODEL.phase), inputWeight: filled(MODEL.inputWeight), value: filled(MODEL.value) },
      ...{ outputWeight: filled(MODEL.outputWeight), otherwise: filled(MODEL.otherwise) },
    };
    const out = new Float64Array(1);
    for (const x of HOSTILE_VALUES) {
      compileNetwork(largest, 3).score(Float64Array.of(x, x, x), 0, out, 0);
      expect(out[0]).to.be.finite;
    }
  });
});

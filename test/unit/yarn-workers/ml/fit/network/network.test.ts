import { expect } from 'chai';
import { createRandom } from '#statistics';
import {
  MISSING_POINT,
  placeRows,
  planInputs,
  type InputColumn,
} from '../../../../../../yarn-workers/ml/fit/network/input-columns.ts';
import { Network } from '../../../../../../yarn-workers/ml/fit/network/network.ts';
import { initialParameters, layoutOf } from '../../../../../../yarn-workers/ml/fit/network/parameters.ts';

const ROWS = 16;
const UNITS = 16;

const number = { kind: 'number', codeCount: 0, sign: 0 } as const;
const category = (codeCount: number) => ({ kind: 'category', codeCount, sign: 0 }) as const;

/** Two numbers, one with missing values, and categories of each kind, of three fields. */
function someRows() {
  const random = createRandom(5);
  const cells = [
    Float64Array.from({ length: ROWS }, () => random.uniform()),
    Float64Array.from({ length: ROWS }, (_, row) => (row % 5 === 0 ? NaN : 100 * random.uniform())),
    Float64Array.from({ length: ROWS }, (_, row) => row % 2),
    Float64Array.from({ length: ROWS }, (_, row) => (row % 4 === 3 ? NaN : row % 4)),
    Float64Array.from({ length: ROWS }, () => random.below(12)),
  ];
  const specs = [number, number, category(2), category(4), category(11)];
  const columns = specs.map((spec, index) => planInputs(spec, cells[index] ?? new Float64Array(0), 8));
  return { columns, rows: placeRows(columns, cells, ROWS), fieldOf: [0, 1, 2, 1, 2] };
}

describe('a network being fitted', () => {
  it('has the gradient that finite differences give, of every kind of parameter', () => {
    const { columns, rows, fieldOf } = someRows();
    const outputCount = 3;
    const layout = layoutOf(columns, fieldOf, UNITS, outputCount);
    const initial = initialParameters(columns, layout, 11);
    const all = Uint32Array.from({ length: ROWS }, (_, row) => row);
    const weightOf = (row: number, output: number): number => Math.sin(3 * row + output);
    const lossAt = (parameters: Float32Array): number => {
      const network = new Network(columns, layout, ROWS, parameters);
      const outputs = network.outputs(rows, all);
      let loss = 0;
      for (const row of all)
        for (let output = 0; output < outputCount; output += 1)
          loss += weightOf(row, output) * (outputs[row * network.outputWidth + output] ?? NaN);
      return loss;
    };
    // One step from moments of 0: they are a tenth of the gradient then.
    const network = new Network(columns, layout, ROWS, initial);
    network.begin([1, 2, 3, 4]);
    network.train(
      rows,
      all,
      (_, gradients) => {
        for (const row of all)
          for (let output = 0; output < outputCount; output += 1)
            gradients[row * network.outputWidth + output] = weightOf(row, output);
      },
      1,
      { rate: 0, dropout: 0, decay: 0 },
    );
    const gradient = network.moments.map((moment) => 10 * moment);
    expect([...network.parameters]).to.deep.equal([...initial]);
    for (const group of layout.groups) {
      let moved = 0;
      for (let at = group.first; at < group.first + group.length; at += 3) {
        const step = 1e-2;
        const there = initial.slice();
        there[at] = (there[at] ?? 0) + step;
        const back = initial.slice();
        back[at] = (back[at] ?? 0) - step;
        const slope = (lossAt(there) - lossAt(back)) / (2 * step);
        expect(gradient[at]).to.be.closeTo(slope, 2e-3, `parameter ${at}`);
        if (Math.abs(slope) > 1e-2) moved += 1;
      }
      expect(moved, `group from ${group.first}`).to.be.above(0);
    }
  });

  it('gives a row the same outputs whatever stands beside it', () => {
    const { columns, rows, fieldOf } = someRows();
    const layout = layoutOf(columns, fieldOf, UNITS, 1);
    const network = new Network(columns, layout, ROWS, initialParameters(columns, layout, 3));
    const all = Uint32Array.from({ length: ROWS }, (_, row) => row);
    const together = network.outputs(rows, all).slice();
    for (const row of all) {
      const alone = network.outputs(rows, Uint32Array.of(row));
      expect(alone[0]).to.equal(together[row * network.outputWidth]);
    }
  });

  it('learns a sine of one number times a level, to a tenth of its deviation', () => {
    const random = createRandom(1);
    const count = 4_096;
    const xs = Float64Array.from({ length: count }, () => random.uniform());
    const levels = Float64Array.from({ length: count }, () => random.below(2));
    const truth = xs.map((x, row) => Math.sin(9 * x) * (levels[row] === 0 ? 1 : -1));
    const cells = [xs.slice(), levels.slice()];
    const columns = [planInputs(number, xs, 32), planInputs(category(2), levels, 32)];
    const rows = placeRows(columns, cells, count);
    const layout = layoutOf(columns, [0, 1], 64, 1);
    const batchRows = 128;
    const network = new Network(columns, layout, batchRows, initialParameters(columns, layout, 7));
    const order = Uint32Array.from({ length: count }, (_, row) => row);
    let step = 0;
    for (let epoch = 0; epoch < 30; epoch += 1)
      for (let from = 0; from < count; from += batchRows) {
        const chosen = order.subarray(from, from + batchRows);
        step += 1;
        network.train(
          rows,
          chosen,
          (outputs, gradients) => {
            for (const [place, row] of chosen.entries())
              gradients[place * network.outputWidth] =
                ((outputs[place * network.outputWidth] ?? NaN) - (truth[row] ?? NaN)) / batchRows;
          },
          step,
          { rate: 0.05 * (1 - epoch / 30), dropout: 0, decay: 0 },
        );
      }
    let squares = 0;
    for (let from = 0; from < count; from += batchRows) {
      const chosen = order.subarray(from, from + batchRows);
      const outputs = network.outputs(rows, chosen);
      for (const [place, row] of chosen.entries())
        squares += ((outputs[place * network.outputWidth] ?? NaN) - (truth[row] ?? NaN)) ** 2;
    }
    expect(Math.sqrt(squares / count)).to.be.below(0.07);
  });
});

describe('inputs of a network', () => {
  const plan = (values: readonly number[], bins = 8): InputColumn =>
    planInputs(number, Float64Array.from(values), bins);

  it('have knots at quantiles, half of them of what is not the most frequent value', () => {
    const often = Array.from({ length: 900 }, () => 0);
    const others = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([...plan([...often, ...others], 4).knots]).to.deep.equal([0, 1, 51, 100]);
  });

  it('of a number that says nothing are none but whether it is missing', () => {
    const constant = plan([7, 7, 7]);
    expect(constant.fittedCount).to.equal(0);
    expect([constant.fixedCount, ...constant.fixed, ...constant.missing]).to.deep.equal([1, 0, 0]);
    const partly = plan([7, NaN, 7]);
    expect([partly.fixedCount, ...partly.fixed, ...partly.missing]).to.deep.equal([1, 0, 1]);
    const unknown = plan([NaN, NaN]);
    expect([unknown.pointCount, unknown.fixedCount, ...unknown.missing]).to.deep.equal([0, 1, 1]);
    // A value that no training row has shown is as good as none.
    expect([...placeRows([unknown], [Float64Array.of(3, NaN)], 2).points]).to.deep.equal([
      MISSING_POINT,
      MISSING_POINT,
    ]);
  });

  it('place values between knots, those beyond at the ends, infinite ones too', () => {
    const column = plan([0, 10], 2);
    const { points, shares } = placeRows([column], [Float64Array.of(-5, 0, 2.5, 10, 99, Infinity, NaN)], 7);
    expect([...points]).to.deep.equal([0, 0, 0, 0, 0, 0, MISSING_POINT]);
    expect([...shares]).to.deep.equal([0, 0, 0.25, 1, 1, 1, 0]);
  });

  it('of few levels are one each, of two one with a sign, of many fitted vectors; what has no code is a point more', () => {
    const kinds = [1, 2, 3, 9, 10].map((codeCount) => planInputs(category(codeCount), new Float64Array(0), 8));
    expect(kinds.map(({ fixedCount }) => fixedCount)).to.deep.equal([1, 1, 3, 9, 0]);
    expect(kinds.map(({ fittedCount }) => fittedCount)).to.deep.equal([0, 0, 0, 0, 8]);
    expect(kinds.map(({ pointCount }) => pointCount)).to.deep.equal([2, 3, 4, 10, 11]);
    expect([...(kinds[1]?.fixed ?? [])]).to.deep.equal([1, -1, 0]);
    const { points } = placeRows(kinds.slice(2, 3), [Float64Array.of(0, 2, 3, -1, NaN)], 5);
    expect([...points]).to.deep.equal([0, 2, 3, 3, 3]);
  });
});

import { expect } from 'chai';
import { createRandom } from '#statistics';
import { fillGradients, roundToGrid } from '../../../../../../yarn-workers/ml/fit/xgboost/gradients.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { objectiveFor } from '../../../../../support/objective.ts';

const gradientsFor = (count: number) => ({ gradients: new Float32Array(count), hessians: new Float32Array(count) });

describe('ml fit xgboost: gradients', () => {
  it('on the grid add up to the same in any order, to the last bit, and lose next to nothing', () => {
    const random = createRandom(4);
    const drawn = Float32Array.from({ length: 50_000 }, () => (random.uniform() - 0.5) * 10 ** -random.below(12));
    const values = drawn.slice();
    roundToGrid(values, values.length);
    const sum = (order: Iterable<number>): number => {
      let total = 0;
      for (const value of order) total += value;
      return total;
    };
    const parts = [0, 1, 2, 3].map((part) => sum(values.filter((_, index) => index % 4 === part)));
    expect(sum(values)).to.equal(sum(values.slice().reverse()));
    expect(sum(values)).to.equal(sum(parts));
    expect(sum(values)).to.equal(sum(values.slice().sort()));
    expect(values.every((value, index) => Math.abs(value - (drawn[index] ?? NaN)) <= 2 ** -36)).to.equal(true);
    // Without it they do not.
    expect(sum(drawn)).to.not.equal(sum(drawn.slice().sort()));
  });

  it('on the grid stay what they are where there is nothing to be rounded', () => {
    for (const values of [[], [0, 0], [1, -1, 2], [Infinity, 1]]) {
      const rounded = Float32Array.from(values);
      roundToGrid(rounded, 1_000_000);
      expect([...rounded]).to.deep.equal(values);
    }
  });

  it('are weighted, and begin at the offset', () => {
    const out = gradientsFor(2);
    const rows = {
      labels: Float32Array.of(1, 0),
      weights: Float32Array.of(2, 1),
      constants: [Math.log(3)],
      offsets: null,
    };
    fillGradients(objectiveFor('logLoss', 2), rows, Float32Array.of(0, 0), out);
    expect([...out.gradients]).to.deep.equal([-0.5, 0.75]);
    expect([...out.hessians]).to.deep.equal([0.375, 0.1875]);
  });

  it('of the absolute error, by share or not, are signs', () => {
    const out = gradientsFor(3);
    const rows = { labels: Float32Array.of(1, 2, 3), weights: null, constants: [2], offsets: null };
    for (const metric of ['mae', 'mape'] as const) {
      fillGradients(objectiveFor(metric), rows, new Float32Array(3), out);
      expect([...out.gradients]).to.deep.equal([1, 0, -1]);
      expect([...out.hessians]).to.deep.equal([1, 1, 1]);
    }
  });

  it('of an objective that this family lacks are refused', async () => {
    const objective = { ...objectiveFor('rmse'), engine: { objective: 'huber' } };
    const rows = { labels: new Float32Array(1), weights: null, constants: [0], offsets: null };
    const err = await appErrorOf('INTERNAL', () =>
      fillGradients(objective, rows, new Float32Array(1), gradientsFor(1)),
    );
    expect(err.message).to.contain('huber');
  });
});

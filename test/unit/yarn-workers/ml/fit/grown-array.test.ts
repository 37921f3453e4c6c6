import { expect } from 'chai';
import { grownArray } from '../../../../../yarn-workers/ml/fit/grown-array.ts';

describe('an array that grows', () => {
  for (const count of [0, 1, 1_023, 1_024, 1_025, 2_048, 131_073, 400_000])
    it(`has all ${count} numbers in their order`, () => {
      const grown = grownArray((length) => new Float64Array(length));
      for (let index = 0; index < count; index += 1) grown.push(index / 2);
      const all = grown.take();
      expect(all.length).to.equal(count);
      expect(all.every((value, index) => value === index / 2)).to.equal(true);
      expect(grown.take().length, 'they are given once').to.equal(0);
    });
});

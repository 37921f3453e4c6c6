import { expect } from 'chai';
import { createRandom } from '#statistics';
import { leastTiltedShift, type ShiftTerms } from '../../../../../../yarn-workers/ml/fit/linear/shift.ts';

const costOf = ({ values, absolute, square, moment }: ShiftTerms, shift: number): number =>
  values.reduce(
    (sum, value) => sum + absolute * Math.abs(value - shift),
    (square / 2) * shift * shift - moment * shift,
  );

describe('ml: the shift at which penalty and tilt are least', () => {
  it('is not beaten by any other, whichever terms there are', () => {
    const random = createRandom(11);
    for (let round = 0; round < 300; round += 1) {
      const values = Array.from({ length: random.below(6) }, () => Math.round(8 * random.uniform() - 4) / 2);
      const absolute = round % 3 === 0 ? 0 : random.uniform();
      const square = round % 5 === 0 ? 0 : 2 * random.uniform();
      // Without a square the slope of the rest must end what a moment begins.
      const moment = square === 0 ? 0 : 4 * random.uniform() - 2;
      const terms = { values, absolute, square, moment };
      const least = costOf(terms, leastTiltedShift(terms));
      const others = Array.from({ length: 801 }, (_, place) => costOf(terms, (place - 400) / 20));
      expect(least, JSON.stringify(terms)).to.be.at.most(Math.min(...others) + 1e-12);
    }
  });
});

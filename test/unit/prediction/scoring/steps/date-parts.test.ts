import { expect } from 'chai';
import { DATE_PARTS } from '#contracts';
import { datePart } from '#scoring';
import { randomGenerator } from '../support.ts';

describe('datePart', () => {
  it('agrees with Date on 20,000 instants', () => {
    const random = randomGenerator(5);
    for (let i = 0; i < 20_000; i += 1) {
      const seconds = Math.floor((random.next() - 0.3) * 4e11) / (i % 2 === 0 ? 1 : 8);
      const date = new Date(Math.floor(seconds) * 1000);
      const expected = [
        seconds / 86_400,
        date.getUTCFullYear(),
        date.getUTCMonth() + 1,
        date.getUTCDate(),
        (date.getUTCDay() + 6) % 7,
        date.getUTCHours(),
      ];
      expect(DATE_PARTS.map((part) => datePart(seconds, part))).to.deep.equal(expected);
    }
  });

  it('gives NaN for what is no instant', () => {
    for (const part of DATE_PARTS)
      for (const seconds of [NaN, Infinity, -Infinity, 1e300]) expect(datePart(seconds, part)).to.be.NaN;
  });
});

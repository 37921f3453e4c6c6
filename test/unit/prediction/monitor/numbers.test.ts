import { expect } from 'chai';
import { createRandom } from '#statistics';
import type { EpochNumbers } from '#store';
import { countOf, GAPS_MAX, hear, isWithin } from '../../../../prediction/monitor/numbers.ts';

const NOTHING: EpochNumbers = { end: 0, gaps: [] };

describe('monitor: running numbers', () => {
  it('in order leave no gaps', () => {
    const first = hear(NOTHING, { from: 0, end: 10 });
    const second = hear(first.numbers, { from: 10, end: 30 });
    expect(second).to.deep.equal({ numbers: { end: 30, gaps: [] }, fresh: [{ from: 10, end: 30 }] });
  });

  it('that come late fill their gap, and are nothing new a second time', () => {
    const ahead = hear(NOTHING, { from: 20, end: 30 });
    expect(ahead.numbers).to.deep.equal({ end: 30, gaps: [{ from: 0, end: 20 }] });
    const middle = hear(ahead.numbers, { from: 5, end: 25 });
    expect(middle).to.deep.equal({ numbers: { end: 30, gaps: [{ from: 0, end: 5 }] }, fresh: [{ from: 5, end: 20 }] });
    expect(hear(middle.numbers, { from: 5, end: 30 })).to.deep.equal({ numbers: middle.numbers, fresh: [] });
    expect(hear(middle.numbers, { from: 7, end: 7 })).to.deep.equal({ numbers: middle.numbers, fresh: [] });
  });

  it('agree with a set of numbers, whatever comes in whatever order', () => {
    const stream = createRandom(7);
    const random = () => stream.uniform();
    const below = (limit: number) => Math.floor(random() * limit);
    for (let round = 0; round < 200; round += 1) {
      const known = new Set<number>();
      let numbers = NOTHING;
      for (let step = 0; step < 20; step += 1) {
        const from = below(60);
        const range = { from, end: from + below(12) };
        const heard = hear(numbers, range);
        for (let number = range.from; number < range.end; number += 1)
          expect(isWithin(heard.fresh, number), `${number} of round ${round}`).to.equal(!known.has(number));
        for (let number = range.from; number < range.end; number += 1) known.add(number);
        numbers = heard.numbers;
        expect(numbers.end - countOf(numbers.gaps)).to.equal(known.size);
      }
    }
  });

  it('have a bounded number of gaps: the smallest are forgotten', () => {
    let numbers: EpochNumbers = { end: 1_000_000, gaps: [] };
    const gaps = Array.from({ length: GAPS_MAX }, (_, i) => ({ from: i * 10, end: i * 10 + 2 }));
    numbers = { ...numbers, gaps };
    numbers = hear(numbers, { from: 1_000_001, end: 1_000_002 }).numbers;
    expect(numbers.gaps).to.have.length(GAPS_MAX);
  });
});

import { expect } from 'chai';
import { DATE_PARTS, type DatePart } from '#contracts';
import { datePart } from '#scoring';
import { randomGenerator } from '../support.ts';

describe('datePart', () => {
  it('agrees with Date on 20,000 instants', () => {
    const random = randomGenerator(5);
    for (let i = 0; i < 20_000; i += 1) {
      const seconds = Math.floor((random.next() - 0.3) * 4e11) / (i % 2 === 0 ? 1 : 8);
      const date = new Date(Math.floor(seconds) * 1000);
      const begin = Date.UTC(date.getUTCFullYear(), 0, 1);
      const midnight = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
      const expected = [
        seconds / 86_400,
        date.getUTCFullYear(),
        date.getUTCMonth() + 1,
        date.getUTCDate(),
        (date.getUTCDay() + 6) % 7,
        date.getUTCHours(),
        (midnight - begin) / 86_400_000 + 1,
      ];
      expect(DATE_PARTS.slice(0, 7).map((part) => datePart(seconds, part))).to.deep.equal(expected);
    }
  });

  it('turns once a year, a week and a day', () => {
    const near = (date: string, part: DatePart, expected: number): void =>
      void expect(datePart(Date.parse(date) / 1000, part), `${part} of ${date}`).to.be.closeTo(expected, 1e-9);
    // New Year's Day is angle 0, whatever the year; the middle of a leap year is 183 days on.
    for (const year of ['1600', '1899', '1970', '2000', '2023', '2024']) {
      near(`${year}-01-01T00:00:00Z`, 'yearSine', 0);
      near(`${year}-01-01T00:00:00Z`, 'yearCosine', 1);
    }
    near('2024-07-02T00:00:00Z', 'yearCosine', -1);
    near('2023-07-02T12:00:00Z', 'yearCosine', -1);
    near('2024-12-31T00:00:00Z', 'yearSine', Math.sin((2 * Math.PI * 365) / 366));
    // 2024-01-01 is a Monday.
    near('2024-01-01T00:00:00Z', 'weekCosine', 1);
    near('2024-01-04T12:00:00Z', 'weekCosine', -1);
    near('2024-01-02T18:00:00Z', 'weekSine', 1);
    near('2024-01-02T06:00:00Z', 'daySine', 1);
    near('2024-01-02T12:00:00Z', 'dayCosine', -1);
    near('1969-12-31T18:00:00Z', 'daySine', -1);
  });

  it('gives NaN for what is no instant', () => {
    for (const part of DATE_PARTS)
      for (const seconds of [NaN, Infinity, -Infinity, 1e300]) expect(datePart(seconds, part)).to.be.NaN;
  });
});

import { expect } from 'chai';
import { rangeOf, shortFigure, ticks } from '../../../../../appserver/server/compliance/charts.ts';
import {
  bound,
  bytes,
  count,
  figure,
  instant,
  percent,
  withError,
} from '../../../../../appserver/server/compliance/numbers.ts';

describe('numbers of a report', () => {
  it('are counts with groups of three digits', () => {
    expect([0, 999, 1000, 1234567, -12345].map(count)).to.deep.equal(['0', '999', '1,000', '1,234,567', '-12,345']);
    expect([count(null), count(undefined)]).to.deep.equal(['–', '–']);
  });

  it('are figures of five significant digits, exact where they are small integers', () => {
    const pairs: readonly (readonly [number | null, string])[] = [
      [0.31251234, '0.31251'],
      [123456, '123,456'],
      [123456.789, '123,460'],
      [-1234.5678, '-1,234.6'],
      [1.5e-9, '1.5000e-9'],
      [2.5e20, '2.5000e+20'],
      [12345678, '12,346,000'],
      [0, '0'],
      [Infinity, '∞'],
      [NaN, '–'],
      [null, '–'],
    ];
    for (const [value, text] of pairs) expect(figure(value), String(value)).to.equal(text);
  });

  it('have as many digits as their standard error leaves a meaning to', () => {
    expect(withError(0.312345, 0.00213)).to.equal('0.3123 ± 0.0021');
    expect(withError(12345.678, 123.4)).to.equal('12,346 ± 123');
    expect(withError(-0.5, 0.25)).to.equal('-0.50 ± 0.25');
    expect(withError(0.3, null)).to.equal('0.30000');
    expect(withError(0.3, 0)).to.equal('0.30000');
    expect(withError(null, 0.1)).to.equal('–');
  });

  it('are shares, sizes and times', () => {
    expect([0, 1, 0.12345, 0.00012].map(percent)).to.deep.equal(['0 %', '100 %', '12.3 %', '0.0120 %']);
    expect([12, 1536, 5 * 2 ** 20].map(bytes)).to.deep.equal(['12 B', '1.50 KiB', '5.00 MiB']);
    expect(instant('2026-11-29T08:09:10.123Z')).to.equal('2026-11-29 08:09:10 UTC');
    expect(instant('2026-11-29')).to.equal('2026-11-29');
    expect([bound(86_400, 'date'), bound(86_400, 'numeric'), bound(1e300, 'date')]).to.deep.equal([
      '1970-01-02',
      '86,400',
      '1.0000e+300',
    ]);
  });

  it('have round ticks and a range even where they are all the same', () => {
    expect(ticks(0, 1)).to.deep.equal([0, 0.5, 1]);
    expect(ticks(-3, 17)).to.deep.equal([0, 5, 10, 15]);
    expect(ticks(5, 5)).to.deep.equal([5]);
    expect(rangeOf([3, 3])).to.deep.equal({ from: 2.7, to: 3.3 });
    expect(rangeOf([])).to.deep.equal({ from: -1, to: 1 });
    expect([12345, 2_500_000, 0.5, 1].map(shortFigure)).to.deep.equal(['12.3k', '2.5M', '0.5', '1']);
  });
});

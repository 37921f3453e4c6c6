import { expect } from 'chai';
import {
  bucketIndex,
  bucketOf,
  dayByDay,
  isoSpan,
  timeRange,
} from '../../../../../appserver/server/monitoring/time-range.ts';

const NOW = Date.parse('2026-11-30T22:10:05.123Z'); // a Monday

describe('timeRange', () => {
  it('is the last seven days up to the hour, in days, where nothing is said', () => {
    const range = timeRange({}, NOW);
    expect(isoSpan(range)).to.deep.equal({ from: '2026-11-23T23:00:00.000Z', to: '2026-11-30T23:00:00.000Z' });
    expect(range.bucket).to.equal('day');
    expect(range.buckets.map(({ from, to }) => (to - from) / 3_600_000)).to.deep.equal([1, 24, 24, 24, 24, 24, 24, 23]);
  });

  it('is widened to whole hours, whatever the time zone that it is told in', () => {
    const range = timeRange({ from: '2026-11-30T10:30:00+02:00', to: '2026-11-30T10:00:00.001Z' }, NOW);
    expect(isoSpan(range)).to.deep.equal({ from: '2026-11-30T08:00:00.000Z', to: '2026-11-30T11:00:00.000Z' });
    expect(range.buckets.length).to.equal(3);
    expect(timeRange({ from: '2026-11-29', to: '2026-11-30' }, NOW).buckets.length).to.equal(24);
  });

  it('has weeks from Monday on', () => {
    expect(isoSpan(bucketOf(NOW, 'week'))).to.deep.equal({
      from: '2026-11-30T00:00:00.000Z',
      to: '2026-12-07T00:00:00.000Z',
    });
    const range = timeRange({ from: '2026-11-25', to: '2026-12-02', bucket: 'week' }, NOW);
    expect(range.buckets.map(isoSpan).map(({ from }) => from.slice(5, 10))).to.deep.equal(['11-25', '11-30']);
    expect([0, 1].map((week) => bucketIndex(range, range.from + week * 6 * 86_400_000))).to.deep.equal([0, 1]);
  });

  it('puts each hour into the bucket that holds it', () => {
    for (const bucket of ['hour', 'day', 'week'] as const) {
      const range = timeRange({ from: '2026-11-20T05:00:00Z', to: '2026-12-01T07:00:00Z', bucket }, NOW);
      for (let hour = range.from; hour < range.to; hour += 3_600_000) {
        const span = range.buckets[bucketIndex(range, hour)];
        expect(hour).to.be.within(span?.from ?? NaN, (span?.to ?? NaN) - 1);
      }
    }
  });

  it('is read a day at a time without gaps', () => {
    const days = [...dayByDay({ from: 0, to: 60 * 3_600_000 })];
    expect(days.map(({ to, from }) => (to - from) / 3_600_000)).to.deep.equal([24, 24, 12]);
    expect(days.map(({ from }) => from / 3_600_000)).to.deep.equal([0, 24, 48]);
  });
});

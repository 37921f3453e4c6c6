import { expect } from 'chai';
import { createRandom } from '#statistics';
import { TIME_BUCKETS_MAX, TIME_BUCKETS_TOTAL_MAX } from '../../../../../yarn-workers/ml/profile/limits.ts';
import { timeBucketsMax, timeCounter } from '../../../../../yarn-workers/ml/profile/time-counts.ts';
import { profileOf } from '../../../../support/modelling-task.ts';
import { SERIES_START, regularTimes, seriesTable } from '../../../../support/series-table.ts';

const counted = (values: readonly number[], bucketsMax: number) => {
  const counter = timeCounter(bucketsMax);
  counter.add(Float64Array.from(values), values.length);
  return counter.finish();
};

describe('ml time counts', () => {
  it('keep each date by itself while there are few, and leave out missing ones', () => {
    expect(counted([2, 1.5, 2, NaN, -3], 3)).to.deep.equal({ unitSeconds: 0, starts: [-3, 1.5, 2], counts: [1, 1, 2] });
  });

  it('take the shortest unit that leaves few enough, whatever the order of the rows', () => {
    const random = createRandom(4);
    const values = Array.from({ length: 3_000 }, () => SERIES_START + random.below(30 * 86_400));
    const days = counted(values, 40);
    expect(days.unitSeconds).to.equal(86_400);
    expect(days.starts).to.deep.equal(regularTimes(30));
    const expected = regularTimes(30).map((day) => values.filter((time) => time >= day && time < day + 86_400).length);
    expect(days.counts).to.deep.equal(expected);
    expect(counted(values.toReversed(), 40)).to.deep.equal(days);
    expect(
      counted(
        values.toSorted((a, b) => a - b),
        40,
      ),
    ).to.deep.equal(days);
    const early = { unitSeconds: 3_600, starts: [-3_600, 0], counts: [1, 2] };
    expect(counted([-1, 0, 61], 2), 'before 1970 too').to.deep.equal(early);
  });

  it('stay within their bounds for ten thousand years', () => {
    const values = Array.from({ length: 10_000 }, (_, year) => (year - 1969) * 31_556_952);
    const { starts, counts } = counted(values, 64);
    expect(starts.length).to.be.within(16, 64);
    expect(counts.reduce((sum, count) => sum + count, 0)).to.equal(10_000);
  });

  it('share their bound between the date columns of a table', () => {
    expect(timeBucketsMax(1)).to.equal(TIME_BUCKETS_MAX);
    expect(timeBucketsMax(1_000) * 1_000).to.be.at.most(TIME_BUCKETS_TOTAL_MAX);
    expect(timeBucketsMax(10_000_000)).to.equal(1);
  });

  it('are made of date columns only', async () => {
    const { timeCounts } = await profileOf(seriesTable(regularTimes(25)), 7);
    expect(timeCounts).to.deep.equal([
      { unitSeconds: 0, starts: regularTimes(25), counts: regularTimes(25).map(() => 1) },
      null,
      null,
      null,
    ]);
  });
});

import { expect } from 'chai';
import { INTERVAL_RANGES_MAX } from '#contracts';
import { createRandom } from '#statistics';
import { predictionRanges, RANGE_ROWS_MIN } from '../../../../../yarn-workers/ml/intervals/prediction-ranges.ts';

const ones = (count: number): Float64Array => new Float64Array(count).fill(1);
/** 0 to n - 1, each once, in another order. */
const shuffled = (count: number): Float64Array =>
  Float64Array.from({ length: count }, (_, index) => (index * 1_009) % count);

describe('ml intervals: ranges of predictions', () => {
  it('are up to twenty of as many rows, each of two hundred or more, with limits midway', () => {
    for (const [rows, ranges] of [
      [1, 1],
      [199, 1],
      [399, 1],
      [400, 2],
      [1_000, 5],
      [4_000, INTERVAL_RANGES_MAX],
      [50_000, INTERVAL_RANGES_MAX],
    ] as const) {
      const found = predictionRanges(shuffled(rows), ones(rows));
      expect(found.length, String(rows)).to.equal(ranges);
      for (const [index, { places, upTo }] of found.entries()) {
        expect(places.length).to.equal(rows / ranges);
        expect(upTo).to.equal(index === ranges - 1 ? null : ((index + 1) * rows) / ranges - 0.5);
      }
    }
  });

  it('have every row once, by rising prediction, and what is left over in the last', () => {
    const rows = 4_019;
    const predicted = shuffled(rows);
    const found = predictionRanges(predicted, ones(rows));
    expect(found.map(({ places }) => places.length)).to.deep.equal([...new Array<number>(19).fill(200), 219]);
    const all = found.flatMap(({ places }) => [...places]);
    expect(all.map((place) => predicted[place])).to.deep.equal(Array.from({ length: rows }, (_, index) => index));
  });

  it('never part equal predictions', () => {
    const random = createRandom(1);
    const predicted = Float64Array.from({ length: 3_000 }, () => Math.round(random.uniform() ** 3 * 12));
    const found = predictionRanges(predicted, ones(3_000));
    expect(found.length).to.be.within(2, 10);
    for (const [index, { places, upTo }] of found.entries()) {
      const values = [...places].map((place) => predicted[place] ?? NaN);
      expect(places.length).to.be.at.least(RANGE_ROWS_MIN);
      if (upTo !== null) expect(Math.max(...values)).to.be.at.most(upTo);
      const below = found[index - 1]?.upTo ?? -Infinity;
      expect(Math.min(...values)).to.be.greaterThan(below);
    }
    expect(predictionRanges(new Float64Array(5_000).fill(3), ones(5_000)).map(({ upTo }) => upTo)).to.deep.equal([
      null,
    ]);
  });

  it('keep neighbouring doubles apart', () => {
    const next = 1 + Number.EPSILON;
    const predicted = Float64Array.from({ length: 400 }, (_, index) => (index < 200 ? 1 : next));
    const [first] = predictionRanges(predicted, ones(400));
    expect(first?.upTo).to.equal(1);
    const far = Float64Array.from({ length: 400 }, (_, index) => (index < 200 ? -1.7e308 : 1.7e308));
    expect(predictionRanges(far, ones(400))[0]?.upTo).to.equal(-1.7e308);
  });

  it('are fewer where weights differ, so that each says as much as two hundred rows', () => {
    const predicted = shuffled(4_000);
    const weights = Float64Array.from(predicted, (value) => (value % 2 === 0 ? 9 : 1));
    const found = predictionRanges(predicted, weights);
    // Of as many rows of 9 as of 1, (9 + 1)^2 / (2 (81 + 1)) of the rows are left: 328 rows for 200.
    expect(found.length).to.equal(12);
    expect(found[0]?.places.length).to.equal(328);
  });
});

import { expect } from 'chai';
import type { ManifestContent } from '#contracts';
import { encodeSample } from '../../../../../../yarn-workers/ml/insights/features/fold-scorer.ts';
import { followHistories } from '../../../../../../yarn-workers/ml/insights/features/column-histories.ts';
import { withColumnsFrom } from '../../../../../../yarn-workers/ml/insights/features/permutations.ts';

const DAY = 86_400;

describe('ml insights: histories of series', () => {
  it('follow when the date or the series of a row is moved', () => {
    const steps: ManifestContent['steps'] = [
      { kind: 'numeric', feature: 2 },
      {
        kind: 'series-history',
        feature: 0,
        series: 1,
        season: null,
        windows: [7],
        log: false,
        keys: ['a', 'b'],
        times: [0, 2 * DAY],
        values: [1, 2, 3, 4],
        seasonal: [],
      },
    ];
    const number = (values: readonly number[]) => ({ kind: 'number' as const, values: Float64Array.from(values) });
    const features = [
      { index: 0, name: 'day', values: number([5 * DAY, 6 * DAY, 7 * DAY]) },
      {
        index: 1,
        name: 'shop',
        values: { kind: 'category' as const, codes: Int32Array.of(0, 1, 2), keys: ['a', 'b', 'z'] },
      },
      { index: 2, name: 'x', values: number([1, 2, 3]) },
    ];
    // The cast holds: of the content only the steps are read.
    const sample = encodeSample({ steps } as ManifestContent, features, 3);
    const { values, columnsOf, columnCount, histories } = sample;
    const found = (): number[][] => {
      followHistories(histories, values, columnCount);
      return [0, 1, 2].map((row) => [...values.subarray(row * columnCount + 1, row * columnCount + 4)]);
    };
    const own = [
      [5, 1, 2],
      [4, 3, 4],
      [NaN, NaN, NaN],
    ];
    expect(found()).to.deep.equal(own);
    const moved = (feature: number): number[][] => {
      let rows: number[][] = [];
      withColumnsFrom(
        sample,
        columnsOf[feature] ?? new Uint32Array(0),
        () => 1,
        () => (rows = found()),
      );
      return rows;
    };
    expect(moved(0)).to.deep.equal([[6, 1, 2], [4, 3, 4], own[2]]);
    expect(moved(1)).to.deep.equal([
      [3, 3, 4],
      [4, 3, 4],
      [5, 3, 4],
    ]);
    expect(moved(2)).to.deep.equal(own);
    expect(found()).to.deep.equal(own);
  });
});

import { expect } from 'chai';
import type { ManifestContent } from '#contracts';
import { kilometresBetween } from '#scoring';
import { encodeSample, followPairs } from '../../../../../../yarn-workers/ml/insights/features/fold-scorer.ts';
import { withColumnsFrom } from '../../../../../../yarn-workers/ml/insights/features/permutations.ts';

const DAY = 86_400;

describe('ml insights: columns of several features', () => {
  it('belong to neither of them, and follow when the columns of one of them are moved', () => {
    const steps: ManifestContent['steps'] = [
      { kind: 'numeric', feature: 2 },
      { kind: 'date-parts', feature: 0, parts: ['month', 'epochDays'] },
      { kind: 'date-parts', feature: 1, parts: ['epochDays'] },
      { kind: 'date-difference', feature: 1, minus: 0 },
    ];
    const number = (values: readonly number[]) => ({ kind: 'number' as const, values: Float64Array.from(values) });
    const features = [
      { index: 0, name: 'from', values: number([0, DAY, NaN]) },
      { index: 1, name: 'to', values: number([5 * DAY, DAY / 2, 7]) },
      { index: 2, name: 'x', values: number([1, 2, 3]) },
    ];
    // The cast holds: of the content only the steps are read.
    const sample = encodeSample({ steps } as ManifestContent, features, 3);
    const { values, columnsOf, differences, columnCount } = sample;
    expect(columnsOf.map((columns) => [...columns])).to.deep.equal([[1, 2], [3], [0]]);
    expect(differences).to.deep.equal([{ column: 4, of: 3, minus: 2 }]);
    const cell = (row: number, column: number): number => values[row * columnCount + column] ?? Infinity;
    const found = (): number[] => [0, 1, 2].map((row) => cell(row, 4));
    expect(found()).to.deep.equal([5, -0.5, NaN]);
    followPairs(sample);
    expect(found()).to.deep.equal([5, -0.5, NaN]);
    // As if the second date of all rows were that of the first.
    withColumnsFrom(
      sample,
      columnsOf[1] ?? new Uint32Array(0),
      () => 0,
      () => {
        followPairs(sample);
        expect(found()).to.deep.equal([5, 4, NaN]);
      },
    );
    followPairs(sample);
    expect(found()).to.deep.equal([5, -0.5, NaN]);
  });

  it('follow features too that nothing else reads', () => {
    const steps: ManifestContent['steps'] = [
      { kind: 'date-difference', feature: 1, minus: 0 },
      { kind: 'place-directions', feature: 2, longitude: 3, width: 1 },
      { kind: 'date-difference', feature: 0, minus: 1 },
    ];
    const number = (values: readonly number[]) => ({ kind: 'number' as const, values: Float64Array.from(values) });
    const features = [
      { index: 0, name: 'from', values: number([0, DAY]) },
      { index: 1, name: 'to', values: number([5 * DAY, DAY / 2]) },
      { index: 2, name: 'lat', values: number([50, 20]) },
      { index: 3, name: 'lon', values: number([8, 4]) },
    ];
    // The cast holds: of the content only the steps are read.
    const sample = encodeSample({ steps } as ManifestContent, features, 2);
    expect(sample.columnsOf.map((columns) => [...columns])).to.deep.equal([[5], [4], [6], [7]]);
    const found = (): number[] => [0, 1].flatMap((row) => [...sample.values.subarray(8 * row, 8 * row + 4)]);
    expect(found()).to.deep.equal([5, 58, 42, -5, -0.5, 24, 16, 0.5]);
    for (const [index, expected] of [
      [0, [5, 58, 42, -5, 0.5, 24, 16, -0.5]],
      [3, [5, 58, 42, -5, -0.5, 28, 12, 0.5]],
    ] as const) {
      // As if all rows had that of the first.
      withColumnsFrom(
        sample,
        sample.columnsOf[index] ?? new Uint32Array(0),
        () => 0,
        () => {
          followPairs(sample);
          expect(found()).to.deep.equal(expected);
        },
      );
      followPairs(sample);
      expect(found()).to.deep.equal([5, 58, 42, -5, -0.5, 24, 16, 0.5]);
    }
  });

  it('are directions of a place, made of its numbers as they stand', () => {
    const steps: ManifestContent['steps'] = [
      { kind: 'numeric', feature: 0 },
      { kind: 'place-directions', feature: 1, longitude: 0, width: 0.5 },
      { kind: 'numeric', feature: 1 },
    ];
    const number = (values: readonly number[]) => ({ kind: 'number' as const, values: Float64Array.from(values) });
    const features = [
      { index: 0, name: 'lon', values: number([8, 4, NaN]) },
      { index: 1, name: 'lat', values: number([50, 20, 10]) },
    ];
    // The cast holds: of the content only the steps are read.
    const sample = encodeSample({ steps } as ManifestContent, features, 3);
    expect(sample.columnsOf.map((columns) => [...columns])).to.deep.equal([[0], [3]]);
    const found = (): number[] => [0, 1, 2].flatMap((row) => [...sample.values.subarray(4 * row + 1, 4 * row + 3)]);
    expect(found()).to.deep.equal([54, 46, 22, 18, NaN, NaN]);
    // As if all rows had the longitude of the first.
    withColumnsFrom(
      sample,
      sample.columnsOf[0] ?? new Uint32Array(0),
      () => 0,
      () => {
        followPairs(sample);
        expect(found()).to.deep.equal([54, 46, 24, 16, 14, 6]);
      },
    );
    followPairs(sample);
    expect(found()).to.deep.equal([54, 46, 22, 18, NaN, NaN]);
  });

  it('are distances, made anew when a number of either place is moved, or a feature that is a place', () => {
    const steps: ManifestContent['steps'] = [
      { kind: 'numeric', feature: 0 },
      {
        ...{ kind: 'place-distance', feature: 1, longitude: 0, other: 2, otherLongitude: null },
        measures: ['log-kilometres', 'kilometres'],
      },
      { kind: 'place-parts', feature: 2, parts: ['longitude'], width: 1 },
    ];
    const numbers = (values: readonly number[]) => Float64Array.from(values);
    const features = [
      { index: 0, name: 'lon', values: { kind: 'number' as const, values: numbers([8, 4, 8]) } },
      { index: 1, name: 'lat', values: { kind: 'number' as const, values: numbers([50, 20, NaN]) } },
      {
        ...{ index: 2, name: 'home' },
        values: { kind: 'place' as const, latitudes: numbers([40, 21, 1]), longitudes: numbers([8, 5, 1]) },
      },
    ];
    // The cast holds: of the content only the steps are read.
    const sample = encodeSample({ steps } as ManifestContent, features, 3);
    const { columnCount, columnsOf, values } = sample;
    expect(columnsOf.map((columns) => [...columns])).to.deep.equal([[0, 5], [4], [3, 6, 7]]);
    const found = (): number[] => [0, 1, 2].map((row) => values[row * columnCount + 2] ?? Infinity);
    const before = [kilometresBetween(50, 8, 40, 8), kilometresBetween(20, 4, 21, 5), NaN];
    expect(found()).to.deep.equal(before);
    expect(values[1]).to.equal(Math.log1p(before[0] ?? NaN));
    for (const [index, expected] of [
      [0, [before[0], kilometresBetween(20, 8, 21, 5), NaN]],
      [1, [before[0], kilometresBetween(50, 4, 21, 5), kilometresBetween(50, 8, 1, 1)]],
      [2, [before[0], kilometresBetween(20, 4, 40, 8), NaN]],
    ] as const) {
      // As if all rows had that of the first.
      withColumnsFrom(
        sample,
        columnsOf[index] ?? new Uint32Array(0),
        () => 0,
        () => {
          followPairs(sample);
          expect(found()).to.deep.equal(expected);
        },
      );
      followPairs(sample);
      expect(found()).to.deep.equal(before);
    }
  });
});

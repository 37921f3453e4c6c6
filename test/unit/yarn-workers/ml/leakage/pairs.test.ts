import { expect } from 'chai';
import type { TargetSpec } from '#contracts';
import { createRandom } from '#statistics';
import { foretellerOf, type Foretell } from '../../../../../yarn-workers/ml/leakage/foretell.ts';
import { bestTogether } from '../../../../../yarn-workers/ml/leakage/pairs.ts';
import { partsOf, rangesOf } from '../../../../../yarn-workers/ml/leakage/parts.ts';
import type { SampledFeature } from '../../../../../yarn-workers/ml/insights/features/read-features.ts';

const ROWS = 4_000;

const numbers = (name: string, valueOf: (row: number) => number): SampledFeature => ({
  ...{ index: 0, name },
  values: { kind: 'number', values: Float64Array.from({ length: ROWS }, (_, row) => valueOf(row)) },
});

const categories = (name: string, levelCount: number, levelOf: (row: number) => number): SampledFeature => ({
  ...{ index: 1, name },
  values: {
    kind: 'category',
    keys: Array.from({ length: levelCount }, (_, level) => `k${level}`),
    codes: Int32Array.from({ length: ROWS }, (_, row) => levelOf(row)),
  },
});

function foretell(labelOf: (row: number) => number): Foretell {
  const target: TargetSpec = { name: 'y', targetType: 'binary', classes: [], positiveClass: 1 };
  const classes = Int32Array.from({ length: ROWS }, (_, row) => labelOf(row));
  const random = createRandom(5);
  return foretellerOf(
    target,
    { classes, values: null },
    Uint8Array.from(classes, () => random.below(4)),
  );
}

describe('ml leakage: ranges of a number within categories', () => {
  it('are the ranges of its own rows in each, missing values apart', () => {
    const values = Float64Array.from({ length: 100 }, (_, row) => (row === 7 ? NaN : row));
    const halves = { codes: Int32Array.from(values, (_, row) => row % 2), count: 2 };
    const { codes, count } = rangesOf(values, halves);
    // Even rows are 0, 2 .. 98; of the odd ones 7 is missing: 49. Ranges have 20 rows, the last ones 10 and 9.
    expect(count).to.equal(2 + 3 + 3);
    expect(codes[7], 'missing of the odd rows').to.equal(1);
    const sizes = new Map<number, number>();
    for (const [row, code] of codes.entries()) {
      sizes.set(code, (sizes.get(code) ?? 0) + 1);
      expect(codes.findIndex((other) => other === code) % 2, 'a part has rows of one category').to.equal(row % 2);
    }
    expect([...sizes.values()].sort((a, b) => a - b)).to.deep.equal([1, 9, 10, 20, 20, 20, 20]);
  });

  it('are its values where these are few, whatever the category', () => {
    const values = Float64Array.from({ length: 120 }, (_, row) => row % 3);
    const { count } = rangesOf(values, { codes: Int32Array.from(values, (_, row) => row % 2), count: 2 });
    expect(count - 2).to.equal(6);
  });

  it('are those of all rows where there are no categories', () => {
    const values = Float64Array.from({ length: 1_000 }, (_, row) => (row % 9 === 0 ? NaN : Math.sin(row)));
    const alone = rangesOf(values);
    expect(rangesOf(values, { codes: new Int32Array(1_000), count: 1 })).to.deep.equal(alone);
    expect(partsOf({ kind: 'number', values })).to.deep.equal(alone);
    expect([...alone.codes].filter((code) => code === 0)).to.have.length(112);
  });
});

describe('ml leakage: a number and a category together', () => {
  const random = createRandom(9);
  const draws = Array.from({ length: 3 }, () => Float64Array.from({ length: ROWS }, () => random.uniform()));
  const u = (column: number, row: number): number => draws[column]?.[row] ?? 0;

  it('tell a target that is above another limit in each category, in either order', () => {
    const level = (row: number): number => Math.floor(8 * u(0, row));
    const said = foretell((row) => Number(u(1, row) > level(row) / 10));
    const usage = numbers('usage', (row) => u(1, row));
    const tariff = categories('tariff', 8, level);
    const [first, second] = [bestTogether([usage, tariff], said), bestTogether([tariff, usage], said)];
    expect(first).to.deep.equal(second);
    expect(first.by).to.equal('concatenation');
    expect(first.score).to.be.above(0.98);
    for (const { values, name } of [usage, tariff]) expect(said(partsOf(values)), `${name} alone`).to.be.below(0.85);
  });

  it('tell no more than they do alone where they mean nothing together', () => {
    const said = foretell((row) => Number(u(2, row) < 0.3));
    const noise = numbers('noise', (row) => u(1, row));
    expect(bestTogether([noise, categories('colour', 3, (row) => Math.floor(3 * u(0, row)))], said).score).to.be.below(
      0.15,
    );
  });
});

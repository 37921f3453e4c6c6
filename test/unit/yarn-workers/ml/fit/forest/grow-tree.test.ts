import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { COLUMN_SHIFT, CUT_MAX, compileForest, type ForestArrays } from '#scoring';
import { createRandom } from '#statistics';
import {
  binArrays,
  binTable,
  categoryBins,
  numberBins,
  type ColumnBins,
} from '../../../../../../yarn-workers/ml/fit/forest/bins.ts';
import { forestWriter } from '../../../../../../yarn-workers/ml/fit/forest/forest-writer.ts';
import { treeGrower, type GrowSettings } from '../../../../../../yarn-workers/ml/fit/forest/grow-tree.ts';
import { levelScores } from '../../../../../../yarn-workers/ml/fit/forest/level-scores.ts'; // prettier-ignore

interface TreeCase {
  readonly name: string;
  readonly outputCount: number;
  readonly minRows: number;
  readonly x: (number | null)[][];
  readonly labels: number[];
  readonly weights: number[];
  readonly leafCount: number;
  readonly rows: (number | null)[][];
  readonly predicted: number[][];
}

// The cast holds: generate.py writes this shape.
const { trees } = JSON.parse(
  readFileSync(new URL('../../../../../fixtures/forest/forest.json', import.meta.url), 'utf8'),
) as { trees: TreeCase[] };

const valuesOf = (row: readonly (number | null)[]): Float64Array => Float64Array.from(row, (cell) => cell ?? NaN);

interface Table {
  readonly x: readonly (readonly (number | null)[])[];
  readonly labels: readonly number[];
  readonly weights: readonly number[];
  readonly outputCount: number;
}

/** A forest of some trees; its prior has no vote, so that one tree says what its leaves say. */
function grown(
  table: Table,
  columns: readonly ColumnBins[],
  settings: Partial<GrowSettings>,
  seeds: readonly number[] = [1],
): ForestArrays {
  const { binned, put } = binTable(columns, table.x.length);
  for (const [row, cells] of table.x.entries()) put(valuesOf(cells), 0, row);
  const rows = {
    rowCount: table.x.length,
    binned,
    low: columns.map(({ low }) => low),
    high: columns.map(({ high }) => high),
    labels: Float64Array.from(table.labels),
    weights: Float64Array.from(table.weights),
    leafScales: null,
    outputCount: table.outputCount,
  };
  const writer = forestWriter(null);
  const grow = treeGrower(rows, {
    randomThresholds: false,
    bootstrap: false,
    columnsPerNode: columns.length,
    minRows: 1,
    ...settings,
  });
  for (const seed of seeds) grow(writer, seed);
  return {
    outputCount: table.outputCount,
    link: table.outputCount === 1 ? 'identity' : 'softmax',
    priorVotes: table.outputCount === 1 ? 0 : 1,
    prior: new Float64Array(table.outputCount).fill(1 / table.outputCount),
    ...binArrays(columns),
    ...writer.arrays(),
  };
}

const binsOf = (x: Table['x'], maxBins: number): ColumnBins[] =>
  Array.from({ length: x[0]?.length ?? 0 }, (_, column) =>
    numberBins(
      Float64Array.from(x, (row) => row[column] ?? NaN),
      maxBins,
    ),
  );

/** Shares or means without the prior. */
function predicted(forest: ForestArrays, row: readonly (number | null)[]): number[] {
  const out = new Float64Array(forest.outputCount);
  compileForest(forest, forest.columnCount).score(valuesOf(row), 0, out, 0);
  if (forest.outputCount === 1) return [...out];
  return Array.from(out, (raw, output) => 2 * Math.exp(raw) - (forest.prior[output] ?? NaN));
}

const sines = (count: number): Table => {
  const random = createRandom(7);
  const x = Array.from({ length: count }, () => [random.uniform(), random.uniform(), random.uniform()]);
  return {
    x,
    labels: x.map(([a = 0, b = 0]) => Math.sin(6 * a) + b),
    weights: x.map(() => 1),
    outputCount: 1,
  };
};

describe('treeGrower', () => {
  for (const one of trees) {
    it(`grows the tree of scikit-learn: ${one.name}`, () => {
      const forest = grown(one, binsOf(one.x, 255), { minRows: one.minRows });
      expect(forest.leafCover.length).to.equal(one.leafCount);
      for (const [index, row] of one.rows.entries()) {
        for (const [output, value] of predicted(forest, row).entries())
          // Leaves are float32.
          expect(value, `row ${index}`).to.be.closeTo(one.predicted[index]?.[output] ?? NaN, 1e-6);
      }
    });
  }

  it('parts every two rows that differ, and covers each row once', () => {
    for (const randomThresholds of [false, true]) {
      const table = sines(400);
      const forest = grown(table, binsOf(table.x, 1023), { randomThresholds, columnsPerNode: 1 });
      expect(forest.leafCover.every((rows) => rows === 1)).to.equal(true);
      expect(forest.leafCover.length).to.equal(400);
      for (const [index, row] of table.x.entries())
        expect(predicted(forest, row)[0]).to.equal(Math.fround(table.labels[index] ?? NaN));
    }
  });

  it('has leaves of at least so many rows, whatever the search', () => {
    for (const outputCount of [1, 3]) {
      for (const randomThresholds of [false, true]) {
        const base = sines(500);
        const table = {
          ...base,
          outputCount,
          labels: base.labels.map((label) => (outputCount === 1 ? label : Math.floor(label + 1))),
        };
        const forest = grown(table, binsOf(table.x, 40), { randomThresholds, minRows: 7 });
        expect(forest.leafCover.every((rows) => rows >= 7)).to.equal(true);
        expect(forest.leafCover.reduce((sum, rows) => sum + rows, 0)).to.equal(500);
        expect(forest.leafCover.length).to.be.greaterThan(20);
      }
    }
  });

  it('draws as many rows as there are where they are drawn with replacement, others in each tree', () => {
    const table = sines(300);
    const forest = grown(table, binsOf(table.x, 255), { bootstrap: true }, [1, 2]);
    const covers = [0, 1].map((tree) => [
      ...forest.leafCover.slice(forest.leafOffset[tree], forest.leafOffset[tree + 1]),
    ]);
    for (const cover of covers) {
      expect(cover.reduce((sum, rows) => sum + rows, 0)).to.equal(300);
      // 1 - 1 / e of the rows are different: 190, give or take 4 standard deviations of 5.
      expect(cover.length).to.be.within(165, 215);
    }
    expect(covers[0]).not.to.deep.equal(covers[1]);
    expect(grown(table, binsOf(table.x, 255), { bootstrap: true }, [1, 2])).to.deep.equal(forest);
  });

  it('is one leaf where nothing can be split', () => {
    const same: Table = { x: [[1], [1], [1]], labels: [0, 1, 5], weights: [1, 1, 2], outputCount: 1 };
    expect(predicted(grown(same, binsOf(same.x, 255), {}), [1])).to.deep.equal([2.75]);
    expect(predicted(grown(same, binsOf(same.x, 255), { randomThresholds: true }), [9])).to.deep.equal([2.75]);
    const empty: Table = { x: [[], []], labels: [0, 1], weights: [1, 1], outputCount: 1 };
    expect(predicted(grown(empty, [], {}), [])).to.deep.equal([0.5]);
  });

  it('parts missing values from all others where they differ, in both searches', () => {
    const x = [[null], [3], [null], [3], [3], [null]];
    const table: Table = { x, labels: [1, 0, 1, 0, 0, 1], weights: x.map(() => 1), outputCount: 1 };
    for (const randomThresholds of [false, true]) {
      const forest = grown(table, binsOf(x, 255), { randomThresholds });
      expect(predicted(forest, [null])).to.deep.equal([1]);
      for (const value of [-1e9, 3, 1e9]) expect(predicted(forest, [value])).to.deep.equal([0]);
    }
  });

  it('splits levels by the best of all their subsets, as enumerated', () => {
    const random = createRandom(11);
    for (let round = 0; round < 20; round += 1) {
      const codes = Array.from({ length: 200 }, () => random.below(7));
      const chance = Array.from({ length: 7 }, () => random.uniform());
      const labels = codes.map((code) => Number(random.uniform() < (chance[code] ?? 0)));
      const table: Table = { x: codes.map((code) => [code]), labels, weights: codes.map(() => 1), outputCount: 1 };
      const labelled = { labels: Float64Array.from(labels), weights: new Float64Array(200).fill(1) };
      const { scores, unknown } = levelScores(Float64Array.from(codes), 7, labelled, 1, 0);
      const column = categoryBins(scores, unknown, new Float64Array(7).fill(1), 255);
      const forest = grown(table, [column], {});
      const root = forest.node[0] ?? 0;
      expect(root >>> COLUMN_SHIFT).to.equal(0);
      const isLeft = (code: number): boolean => (column.points[code] ?? 0) <= (root & CUT_MAX);
      expect(impurity(codes, labels, isLeft)).to.be.closeTo(
        Math.min(
          ...Array.from({ length: 126 }, (_, subset) =>
            impurity(codes, labels, (code) => ((subset + 1) >> code) % 2 === 1),
          ),
        ),
        1e-12,
      );
    }
  });
});

/** Sum of squared errors of both sides. */
function impurity(codes: readonly number[], labels: readonly number[], isLeft: (code: number) => boolean): number {
  return [true, false].reduce((total, side) => {
    const own = labels.filter((_, row) => isLeft(codes[row] ?? -1) === side);
    const mean = own.reduce((sum, label) => sum + label, 0) / Math.max(1, own.length);
    return total + own.reduce((sum, label) => sum + (label - mean) ** 2, 0);
  }, 0);
}

describe('bins of a forest', () => {
  it('have about as many rows each, never part a value, and keep each where there are few', () => {
    const few = numberBins(Float64Array.of(3, NaN, 1, 3, 2), 3);
    expect([few.low, few.high, few.points].map((array) => [...array])).to.deep.equal([
      [1, 2, 3],
      [1, 2, 3],
      [1.5, 2.5],
    ]);
    const values = Float64Array.from({ length: 1000 }, (_, index) => (index < 400 ? 5 : index));
    const many = numberBins(values, 16);
    expect(many.low.length).to.be.within(10, 16);
    for (let bin = 1; bin < many.low.length; bin += 1) {
      expect(many.points[bin - 1]).to.be.at.least(many.high[bin - 1] ?? NaN);
      expect(many.points[bin - 1]).to.be.below(many.low[bin] ?? NaN);
      const rows = values.filter((value) => value >= (many.low[bin] ?? NaN) && value <= (many.high[bin] ?? NaN)).length;
      expect(rows).to.be.within(30, 60);
    }
    expect(numberBins(Float64Array.of(NaN, NaN), 255).low.length).to.equal(0);
    expect([...numberBins(Float64Array.of(-Infinity, Infinity, 0), 255).points]).to.deep.equal([-Number.MAX_VALUE, 0]);
  });

  it('order levels by their mean label and put unknown ones among those of the overall mean', () => {
    const codes = Float64Array.of(0, 0, 1, 1, 2, 2, NaN, NaN);
    const labelled = { labels: Float64Array.of(1, 1, 0, 0, 0, 1, 1, 0), weights: new Float64Array(8).fill(1) };
    const { scores, unknown } = levelScores(codes, 3, labelled, 1, 0);
    const { points, otherwise } = categoryBins(scores, unknown, Float64Array.of(2, 2, 2), 255);
    expect([...points]).to.deep.equal([2, 0, 1]);
    expect(otherwise).to.equal(1);
    expect(
      [...categoryBins(scores, unknown, Float64Array.of(2, 2, 2), 2).points].filter((bin) => bin > 1),
    ).to.deep.equal([]);
  });

  it('order levels of several classes along the direction in which they differ most', () => {
    // Level 0 is all class 0, level 2 all class 2, level 1 half and half; class 1 is as frequent everywhere.
    const rows = [
      [0, 0, 0, 1],
      [0, 2, 1, 0, 2, 1],
      [2, 2, 2, 1],
    ];
    const codes = Float64Array.from(rows.flatMap((labels, level) => labels.map(() => level)));
    const labels = Float64Array.from(rows.flat());
    const { scores } = levelScores(codes, 3, { labels, weights: new Float64Array(labels.length).fill(1) }, 3, 0);
    const order = [0, 1, 2].sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
    expect([order, [...order].reverse()].map(String)).to.include('0,1,2');
  });
});

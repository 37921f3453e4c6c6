import { expect } from 'chai';
import type { DuplicateFacts } from '#contracts';
import { type AutopilotRequest } from '#ml';
import { fitModel } from '../../../../support/in-memory.ts';
import { createRandom } from '#statistics';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { memorySource, numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';
import { expectedTwinShare } from '../../../../../yarn-workers/ml/leakage/chance-twins.ts';
import { duplicateCounter } from '../../../../../yarn-workers/ml/leakage/duplicates.ts';
import { rowHashes } from '../../../../../yarn-workers/ml/leakage/row-hashes.ts';
import type { RowSlots } from '../../../../../yarn-workers/ml/leakage/row-slots.ts';
import { twinTable } from '../../../../../yarn-workers/ml/leakage/twin-table.ts';

type Row = readonly (string | null)[];

const columnsOf = (rows: readonly Row[]): MemoryColumn[] =>
  ['a', 'b', 'c', 'y'].map((name, index) => ({
    ...{ name, parse: name === 'c' ? textRule : numberRule },
    cells: rows.map((row) => row[index] ?? null),
  }));

async function factsOf(rows: readonly Row[], request: Partial<AutopilotRequest> = {}, batchRows = 300) {
  const columns = columnsOf(rows);
  const plan = await planOf(columns, { target: 'y', seed: 3, ...request });
  const task = trainTask(columns, plan, { blueprintId: 'baseline', findsLeakage: true });
  const { leakage, outOfFold } = await fitModel(task, memorySource(columns, batchRows), testEngine(), freeIo());
  if (leakage?.duplicates === undefined || outOfFold === null) throw new Error('equal rows were not counted');
  return { duplicates: leakage.duplicates, outOfFold };
}

/** Rows of two numbers and a colour; `digits` of the numbers. */
function drawn(rowCount: number, digits: number, seed: number): Row[] {
  const random = createRandom(seed);
  return Array.from({ length: rowCount }, () => [
    random.uniform().toFixed(digits),
    random.below(20) === 0 ? null : random.uniform().toFixed(digits),
    ['red', 'green', 'blue'][random.below(3)] ?? '',
    String(random.below(2)),
  ]);
}

/** A part of the rows is there twice. */
const withCopies = (rows: readonly Row[], count: number): Row[] => [...rows, ...rows.slice(0, count)];

/** Counted by texts, from the partitions that the fit has written. */
function counted(rows: readonly Row[], partitionOf: (row: number) => number) {
  const byText = new Map<string, number[]>();
  for (const [row, cells] of rows.entries()) {
    const key = JSON.stringify(cells);
    byText.set(key, [...(byText.get(key) ?? []), row]);
  }
  const twins = [...byText.values()].filter((same) => same.length > 1);
  const seen = (isHeld: (p: number) => boolean, trains: (own: number, other: number) => boolean): number =>
    twins
      .flatMap((same) => same.map((row) => ({ own: partitionOf(row), others: same.map(partitionOf) })))
      .filter(({ own, others }) => isHeld(own) && others.some((other) => trains(own, other))).length;
  return {
    twinCount: twins.flat().length,
    validation: seen(
      (own) => own >= 0,
      (own, other) => other !== -1 && other !== own,
    ),
    holdout: seen(
      (own) => own === -1,
      (_, other) => other !== -1,
    ),
  };
}

describe('ml leakage: equal rows over partitions', () => {
  for (const validation of ['cv', 'tvh'] as const)
    it(`are counted as comparing all texts counts them: ${validation}`, async () => {
      const rows = withCopies(drawn(1_000, 4, 1), 200);
      const request = { partitioning: { method: 'random' as const, validation } };
      const { duplicates, outOfFold } = await factsOf(rows, request);
      const partitions = new Map(
        Array.from(outOfFold.rows, (row, index) => [row, outOfFold.partitions[index] ?? -2] as const),
      );
      const expected = counted(rows, (row) => partitions.get(row) ?? -2);
      expect(duplicates).to.include({ rowCount: 1_200, twinCount: expected.twinCount, noise: 0, isCopied: true });
      expect(duplicates.validation.twinCount).to.equal(expected.validation);
      expect(duplicates.holdout.twinCount).to.equal(expected.holdout);
      expect(expected.validation).to.be.above(30);
      expect(duplicates.expectedShare).to.be.below(0.001);
      expect((await factsOf(rows, request, 77)).duplicates).to.deep.equal(duplicates);
    });

  it('are told, but are no copies, where a few values have many rows each', async () => {
    const { duplicates } = await factsOf(drawn(1_500, 1, 2));
    expect(duplicates.twinCount / 1_500).to.be.above(0.8);
    expect(duplicates.expectedShare).to.be.closeTo(duplicates.twinCount / 1_500, 0.05);
    expect(duplicates.isCopied).to.equal(false);
    const { duplicates: none } = await factsOf(drawn(600, 4, 2));
    expect(none).to.deep.include({ twinCount: 0, expectedShare: null, isCopied: false });
  });

  it('are no copies by chance: in tables of every coarseness none of 60', async () => {
    for (let seed = 0; seed < 60; seed += 1) {
      const { duplicates } = await factsOf(drawn(400, 1 + (seed % 3), 100 + seed));
      expect(duplicates.isCopied, JSON.stringify(duplicates)).to.equal(false);
    }
  });

  it('do not reach over the folds of a column that keeps copies together', async () => {
    const rows = withCopies(drawn(600, 4, 5), 600);
    const columns: MemoryColumn[] = [
      ...columnsOf(rows),
      { name: 'origin', parse: textRule, cells: rows.map((_, row) => `o${row % 600}`) },
    ];
    const plan = await planOf(columns, { target: 'y', partitioning: { method: 'group', column: 'origin' } });
    const task = trainTask(columns, plan, { blueprintId: 'baseline', findsLeakage: true });
    const { leakage } = await fitModel(task, memorySource(columns), testEngine(), freeIo());
    expect(leakage?.duplicates).to.deep.include({ twinCount: 1_200, isCopied: false });
    expect(leakage?.duplicates?.validation.twinCount).to.equal(0);
  });
});

/** Two folds and a holdout. */
const SLOTS: RowSlots = {
  ...{ count: 4, of: (row) => row % 3, holdout: 2, modelled: [0, 1] },
  validated: [
    { slot: 0, training: [1] },
    { slot: 1, training: [0] },
  ],
};

/** Of `distinct` different rows a share is there twice, in both folds. */
function sketched(distinct: number, copied: number, countsMax: number, backwards = false): DuplicateFacts {
  const counter = duplicateCounter(2 * distinct, SLOTS, countsMax);
  const random = createRandom(9);
  const rows = Array.from({ length: distinct }, (_, index) => ({ index, high: random.uint32(), low: random.uint32() }));
  for (const { index, high, low } of backwards ? rows.toReversed() : rows) {
    counter.add(0, high, low);
    if (index < copied) counter.add(1, high, low);
  }
  return counter.facts(() => 0);
}

describe('ml leakage: a bounded table of different rows', () => {
  it('is exact while there is room, then an estimate within its standard error, whatever the order', () => {
    const exact = sketched(20_000, 1_000, 4 * 20_000);
    expect(exact).to.deep.include({ rowCount: 21_000, twinCount: 2_000, noise: 0 });
    expect(exact.validation).to.deep.equal({ rowCount: 21_000, twinCount: 2_000 });
    const about = sketched(20_000, 1_000, 4 * 2_000);
    expect(about.noise).to.be.within(0.002, 0.02);
    expect(Math.abs(about.twinCount - 2_000) / 21_000).to.be.below(3 * about.noise);
    expect(sketched(20_000, 1_000, 4 * 2_000, true)).to.deep.equal(about);
  });

  it('never keeps more than its bound', () => {
    const table = twinTable(1e9, 3, 300);
    const random = createRandom(4);
    for (let row = 0; row < 50_000; row += 1) table.add(random.uint32(), random.uint32(), row % 3);
    let kept = 0;
    table.each(() => (kept += 1));
    expect(kept).to.be.within(40, 100);
    expect(kept / table.rate()).to.be.closeTo(50_000, 15_000);
  });
});

describe('ml leakage: hashes of rows', () => {
  const hashOf = (values: Parameters<ReturnType<typeof rowHashes>['add']>[1][], rowCount: number): string[] => {
    const hashes = rowHashes();
    hashes.start(rowCount);
    for (const [place, one] of values.entries()) hashes.add(place, one);
    return Array.from(hashes.high(), (high, row) => `${high} ${hashes.low()[row] ?? 0}`);
  };
  const numbers = (...values: number[]) => ({ kind: 'number' as const, values: Float64Array.from(values) });

  it('are the same for equal cells only: zeros of both signs, missing values, keys of any dictionary', () => {
    const [a, b, c, d, e] = hashOf([numbers(0, -0, NaN, NaN, 1)], 5);
    expect([a, c]).to.deep.equal([b, d]);
    expect(new Set([a, c, e]).size).to.equal(3);
    const codes = Int32Array.of(1, 0);
    const one = hashOf([{ kind: 'category', codes, keys: ['x', 'y'] }], 2);
    const other = hashOf([{ kind: 'category', codes: Int32Array.of(0, 2), keys: ['y', null, 'x'] }], 2);
    expect(other).to.deep.equal(one);
    expect(hashOf([numbers(1), numbers(2)], 1)).to.not.deep.equal(hashOf([numbers(2), numbers(1)], 1));
  });

  it('differ between 200,000 different rows', () => {
    const values = Float64Array.from({ length: 200_000 }, (_, row) => row % 500);
    const others = Float64Array.from({ length: 200_000 }, (_, row) => Math.floor(row / 500));
    const all = hashOf(
      [
        { kind: 'number', values },
        { kind: 'number', values: others },
      ],
      values.length,
    );
    expect(new Set(all).size).to.equal(200_000);
  });
});

describe('ml leakage: equal rows by chance', () => {
  it('are as many as drawing rows gives, of columns that depend on each other in pairs', () => {
    const random = createRandom(12);
    const rows = Array.from({ length: 4_000 }, () => {
      const a = random.below(8);
      const b = random.uniform() < 0.8 ? a : random.below(8);
      const c = random.uniform() < 0.8 ? b : random.below(8);
      return [a, b, c, random.below(30)] as const;
    });
    const columns = [0, 1, 2, 3].map((column) => ({
      codes: Int32Array.from(rows, (row) => row[column] ?? 0),
      count: 30,
    }));
    const twinShare = (count: number): number => {
      const sizes = new Map<string, number>();
      for (const row of rows.slice(0, count)) sizes.set(row.join(), (sizes.get(row.join()) ?? 0) + 1);
      return [...sizes.values()].reduce((sum, size) => sum + (size > 1 ? size : 0), 0) / count;
    };
    for (const count of [500, 1_000, 4_000])
      expect(expectedTwinShare(columns, count)).to.be.closeTo(twinShare(count), 0.04);
    const independent = columns.map((column) => ({
      ...column,
      codes: column.codes.toSorted(() => random.uniform() - 0.5),
    }));
    expect(expectedTwinShare(independent, 1_000)).to.be.below(expectedTwinShare(columns, 1_000) / 2);
  });
});

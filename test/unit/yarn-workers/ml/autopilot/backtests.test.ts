import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Partitioning, PartitioningRequest } from '#contracts';
import { HOLDOUT, TRAINING, partitionOf } from '#ml';
import { createRandom } from '#statistics';
import { gapSecondsOf } from '../../../../../yarn-workers/ml/autopilot/gap.ts';
import { secondsOf } from '../../../../../yarn-workers/ml/partition/instants.ts';
import { UNUSED } from '../../../../../yarn-workers/ml/partition/types.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { planOf } from '../../../../support/modelling-task.ts';
import { SERIES_START, dateCell, regularTimes, seriesTable } from '../../../../support/series-table.ts';

interface Case {
  readonly rows: number;
  readonly backtests: number;
  readonly gap: number;
  readonly window: 'expanding' | 'rolling';
  readonly stepSeconds: number;
  readonly folds: readonly { readonly training: [number, number]; readonly validation: [number, number] }[];
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../../../fixtures/backtests/backtests.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

const planned = async (times: readonly number[], asked: Partial<PartitioningRequest>): Promise<Partitioning> => {
  const plan = await planOf(seriesTable(times), {
    target: 'y',
    partitioning: { method: 'date', column: 'day', ...asked },
  });
  return plan.partitioning;
};

const deal = (partitioning: Partitioning, times: readonly number[]) =>
  partitionOf(partitioning, {
    rowCount: times.length,
    classes: null,
    classLabels: [],
    key: null,
    times: Float64Array.from(times),
  });

/** Rows that train a fold's member. */
const trainingOf = ({ spans }: ReturnType<typeof deal>, fold: number): number[] =>
  [...(spans?.of ?? [])].flatMap((span, row) => (spans?.trains[fold]?.[span] === 1 ? [row] : []));
const rowsOf = ({ of }: ReturnType<typeof deal>, partition: number): number[] =>
  [...of].flatMap((found, row) => (found === partition ? [row] : []));
const range = ([from, to]: readonly [number, number]): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

/** Times with ties, in no order. */
function crowdedTimes(seed: number, days: number): number[] {
  const random = createRandom(seed);
  const times = Array.from({ length: days }, (_, day) =>
    Array.from({ length: 1 + random.below(12) }, () => SERIES_START + 86_400 * (day + random.below(2))),
  ).flat();
  return times
    .map((time) => ({ time, key: random.uniform() }))
    .sort((a, b) => a.key - b.key)
    .map(({ time }) => time);
}

describe('ml backtests', () => {
  for (const one of cases) {
    it(`part ${one.rows} regular rows into ${one.backtests} as scikit-learn does, ${one.window}, gap ${one.gap}`, async () => {
      const times = regularTimes(one.rows, one.stepSeconds);
      const partitioning = await planned(times, {
        backtests: one.backtests,
        gap: `PT${one.gap * one.stepSeconds}S`,
        window: one.window,
        holdoutFraction: 0,
      });
      const dealt = deal(partitioning, times);
      expect(dealt.foldCount).to.equal(one.backtests);
      for (const [fold, { training, validation }] of one.folds.entries()) {
        expect(trainingOf(dealt, fold), `training rows of ${fold}`).to.deep.equal(range(training));
        expect(rowsOf(dealt, fold), `validation rows of ${fold}`).to.deep.equal(range(validation));
      }
      expect(partitioning.dates?.backtests.map(({ training }) => training.rowCount)).to.deep.equal(
        one.folds.map(({ training: [from, to] }) => to - from),
      );
    });
  }

  it('hold the latest rows out, a gap after all others, and say it in dates', async () => {
    const times = regularTimes(100);
    const partitioning = await planned(times, { backtests: 2, gap: '5d' });
    expect(partitioning).to.deep.include({ method: 'date', validation: 'cv', folds: 2, holdoutFraction: 0.2 });
    expect(partitioning.dates).to.deep.equal({
      gapSeconds: 432_000,
      window: 'expanding',
      backtests: [
        {
          training: { from: '2024-01-01', until: '2024-01-21', rowCount: 20 },
          validation: { from: '2024-01-26', until: '2024-02-20', rowCount: 25 },
        },
        {
          training: { from: '2024-01-01', until: '2024-02-15', rowCount: 45 },
          validation: { from: '2024-02-20', until: '2024-03-16', rowCount: 25 },
        },
      ],
      holdout: { from: '2024-03-21', until: null, rowCount: 20 },
      unusedRowCount: 5,
      series: { column: null, season: 'weekday' },
    });
    const dealt = deal(partitioning, times);
    expect(rowsOf(dealt, HOLDOUT)).to.deep.equal(range([80, 100]));
    expect(rowsOf(dealt, UNUSED)).to.deep.equal(range([75, 80]));
    expect(rowsOf(dealt, TRAINING)).to.deep.equal(range([0, 25]));
    const one = deal(await planned(times, { backtests: 1, gap: '5d', holdoutFraction: 0 }), times);
    expect(rowsOf(one, 0)).to.deep.equal(range([84, 100]));
    expect(rowsOf(one, UNUSED), 'the gap of an only backtest').to.deep.equal(range([79, 84]));
  });

  for (const [seed, window] of [
    [1, 'expanding'],
    [2, 'rolling'],
    [3, 'expanding'],
    [4, 'rolling'],
  ] as const) {
    it(`never part rows of one date, nor train on what is not a gap before (${window}, seed ${seed})`, async () => {
      const times = crowdedTimes(seed, 90);
      const gapSeconds = 3 * 86_400;
      const partitioning = await planned(times, { backtests: 3, gap: 'P3D', window });
      const dealt = deal(partitioning, times);
      const byTime = new Map<number, Set<number>>();
      for (const [row, time] of times.entries())
        byTime.set(time, (byTime.get(time) ?? new Set()).add(dealt.of[row] ?? NaN));
      expect([...byTime.values()].every((partitions) => partitions.size === 1)).to.be.true;
      const timesOf = (rows: readonly number[]): number[] => rows.map((row) => times[row] ?? NaN);
      for (const fold of [0, 1, 2]) {
        const first = Math.min(...timesOf(rowsOf(dealt, fold)));
        const last = Math.max(...timesOf(trainingOf(dealt, fold)));
        expect(last).to.be.below(first - gapSeconds);
        const windows = partitioning.dates?.backtests[fold];
        expect(trainingOf(dealt, fold)).to.have.length(windows?.training.rowCount ?? NaN);
        expect(rowsOf(dealt, fold)).to.have.length(windows?.validation.rowCount ?? NaN);
      }
      const held = Math.min(...timesOf(rowsOf(dealt, HOLDOUT)));
      const others = timesOf([0, 1, 2].flatMap((fold) => [...rowsOf(dealt, fold), ...trainingOf(dealt, fold)]));
      expect(Math.max(...others)).to.be.below(held - gapSeconds);
      expect(rowsOf(dealt, HOLDOUT).length).to.be.within(0.17 * times.length, 0.23 * times.length);
    });
  }

  it('count the dates of large tables by longer units, exactly, and round the gap up to them', async () => {
    const random = createRandom(9);
    const times = Array.from({ length: 20_000 }, () => SERIES_START + random.below(40 * 86_400));
    const partitioning = await planned(times, { backtests: 3, gap: '90s' });
    const dealt = deal(partitioning, times);
    for (const fold of [0, 1, 2]) {
      const from = secondsOf(partitioning.dates?.backtests[fold]?.validation.from ?? '');
      const until = secondsOf(partitioning.dates?.backtests[fold]?.training.until ?? '');
      expect(from % 3_600, 'an hour').to.equal(0);
      expect(from - until).to.equal(3_600);
      expect(trainingOf(dealt, fold)).to.have.length(partitioning.dates?.backtests[fold]?.training.rowCount ?? NaN);
      expect(rowsOf(dealt, fold)).to.have.length(partitioning.dates?.backtests[fold]?.validation.rowCount ?? NaN);
    }
  });

  it('refuse rows that are not those of the plan', async () => {
    const times = regularTimes(100);
    const partitioning = await planned(times, {});
    await appErrorOf('DATASET_CHANGED', () => deal(partitioning, times.with(3, NaN)));
    const err = await appErrorOf('DATASET_CHANGED', () => deal(partitioning, times.with(99, SERIES_START)));
    expect(err.message).to.contain('the plan has counted 20');
  });

  it('refuse a class that a backtest could not learn, naming its dates', async () => {
    const times = regularTimes(100);
    const partitioning = await planned(times, { backtests: 2 });
    const classes = Int32Array.from(times, (_, row) => Number(row >= 40));
    const err = await appErrorOf('TARGET_CLASS_TOO_SMALL', () =>
      partitionOf(partitioning, {
        rowCount: 100,
        classes,
        classLabels: ['a', 'b'],
        key: null,
        times: Float64Array.from(times),
      }),
    );
    expect(err.message).to.contain('"b"').and.contain('backtest 1').and.contain('fewer backtests');
  });

  it('decide one backtest where there is no time for several', async () => {
    const times = regularTimes(300);
    const { partitioning } = await planOf(seriesTable(times), {
      target: 'y',
      timeBudgetSeconds: 3,
      partitioning: { method: 'date', column: 'day', validation: 'tvh' },
    });
    expect(partitioning).to.deep.include({ validation: 'tvh', folds: 1, validationFraction: 0.16 });
    expect(partitioning.dates?.backtests[0]?.validation.rowCount).to.equal(48);
    expect((await planned(times, {})).folds).to.equal(3);
  });

  it('keep the date among the features', async () => {
    const plan = await planOf(seriesTable(regularTimes(60)), {
      target: 'y',
      partitioning: { method: 'date', column: 'day' },
    });
    expect(plan.features.map(({ name }) => name)).to.deep.equal(['day', 'x', 'kind']);
  });
});

describe('ml backtests, bad requests', () => {
  const refusals: [string, readonly number[], Partial<PartitioningRequest>, string, readonly string[]][] = [
    [
      'a column of words',
      regularTimes(60),
      { column: 'kind' },
      'column',
      ['"kind"', 'not read as dates', '2026-01-31'],
    ],
    ['a column of numbers', regularTimes(60), { column: 'x' }, 'column', ['"x"', 'not read as dates']],
    ['the target', regularTimes(60), { column: 'y' }, 'column', ['is the target']],
    ['a gap of months', regularTimes(60), { gap: 'P1M' }, 'gap', ['"P1M"', 'P7D']],
    ['a gap of nothing', regularTimes(60), { gap: 'P' }, 'gap', ['"P"']],
    ['a gap of centuries', regularTimes(60), { gap: '99999d' }, 'gap', ['century']],
    ['a gap longer than the data', regularTimes(60), { gap: '70d' }, 'gap', ['70 days', '2024-01-01', 'shorter gap']],
    [
      'a gap that leaves nothing to train on',
      regularTimes(60),
      { gap: '20d', backtests: 4 },
      'gap',
      ['20 days', 'backtest 1'],
    ],
    [
      'too few dates',
      regularTimes(4).flatMap((time) => Array.from({ length: 20 }, () => time)),
      { backtests: 6 },
      'backtests',
      ['4 different dates', 'fewer backtests'],
    ],
    [
      'dates that hold nearly all rows',
      [...regularTimes(90).map(() => SERIES_START), ...regularTimes(10)],
      { backtests: 6 },
      'backtests',
      ['different dates'],
    ],
    ['folds', regularTimes(60), { folds: 5 }, 'folds', ['use backtests']],
    [
      'several backtests of one split',
      regularTimes(60),
      { validation: 'tvh', backtests: 2 },
      'backtests',
      ['leave validation out'],
    ],
    [
      'one backtest of several',
      regularTimes(60),
      { validation: 'cv', backtests: 1 },
      'backtests',
      ['leave validation out'],
    ],
  ];
  for (const [what, times, asked, field, says] of refusals) {
    it(`refuse ${what}`, async () => {
      const err = await appErrorOf('PARTITION_INVALID', () => planned(times, asked));
      expect(err.message).to.contain(`partitioning.${field}`);
      for (const part of says) expect(err.message).to.contain(part);
      expect(err.errors[0]?.path).to.equal(`/partitioning/${field}`);
    });
  }

  for (const [what, asked, field] of [
    ['more backtests than rows allow', { backtests: 9 }, 'backtests'],
    ['validation rows that leave nothing', { backtests: 4, validationFraction: 0.3 }, 'validationFraction'],
  ] as const) {
    it(`refuse ${what}`, async () => {
      const err = await appErrorOf('TOO_FEW_ROWS', () => planned(regularTimes(24), asked));
      expect(err.message).to.contain(`partitioning.${field}`).and.contain('fewer backtests');
    });
  }

  it('refuse missing dates, saying how many', async () => {
    const [day, ...others] = seriesTable(regularTimes(60));
    const cells = day?.cells.with(7, null) ?? [];
    const table = [{ ...(day ?? { name: 'day', parse: { kind: 'number', nullMarkers: [] } }), cells }, ...others];
    const err = await appErrorOf('PARTITION_INVALID', () =>
      planOf(table, { target: 'y', partitioning: { method: 'date', column: 'day' } }),
    );
    expect(err.message).to.contain('"day" is missing in 1 rows').and.contain('remove these rows');
  });

  it('refuse a request without its column, and what only dates have', async () => {
    const table = seriesTable(regularTimes(60));
    const none = await appErrorOf('PARTITION_INVALID', () =>
      planOf(table, { target: 'y', partitioning: { method: 'date' } }),
    );
    expect(none.message).to.contain('partitioning.column: is required');
    for (const asked of [{ gap: 'P1D' }, { backtests: 2 }, { window: 'rolling' }] as const) {
      const err = await appErrorOf('PARTITION_INVALID', () =>
        planOf(table, { target: 'y', partitioning: { method: 'random', ...asked } }),
      );
      expect(err.message).to.contain('only for date');
    }
  });

  it('read gaps', () => {
    const seconds = ['P7D', 'PT12H', 'p1dt6h', 'P1W', '7d', '12 h', '30m', '90s', '2w', 'PT0S'].map(gapSecondsOf);
    expect(seconds).to.deep.equal([604_800, 43_200, 108_000, 604_800, 604_800, 43_200, 1_800, 90, 1_209_600, 0]);
    expect(dateCell(SERIES_START)).to.equal('2024-01-01T00:00:00Z');
  });
});

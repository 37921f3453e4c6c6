import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { AutopilotPlan, PartitioningRequest, TrainTask } from '#contracts';
import { manifestOf, type AutopilotRequest } from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import { lastValuesOf } from '../../../../../yarn-workers/ml/fit/naive/last-values.ts';
import { byCode, byNumber, treeArraysOf } from '../../../../../yarn-workers/ml/fit/naive/table-tree.ts';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { dateRule, memorySource, numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';
import { dateCell, regularTimes, seriesTable } from '../../../../support/series-table.ts';

interface Case {
  readonly name: string;
  readonly season: string;
  readonly backtests: number;
  readonly gapSeconds: number;
  readonly times: readonly number[];
  readonly series: readonly string[] | null;
  readonly y: readonly number[];
  readonly folds: readonly {
    readonly rows: readonly number[];
    readonly last: readonly number[];
    readonly seasonal: readonly number[];
    readonly lastRmse: number;
    readonly seasonalRmse: number;
  }[];
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../../../fixtures/naive/naive.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

/** The series as texts, or as numbers that stand for them. */
function tableOf({ times, series, y }: Case, asNumbers = false): MemoryColumn[] {
  const names = [...new Set(series ?? [])];
  const cells = series?.map((name) => (asNumbers ? String(10 * names.indexOf(name) - 5) : name));
  return [
    { name: 'day', cells: times.map(dateCell), parse: dateRule },
    ...(cells === undefined ? [] : [{ name: 'shop', cells, parse: asNumbers ? numberRule : textRule }]),
    { name: 'x', cells: times.map((_, row) => String(row % 11)), parse: numberRule },
    { name: 'y', cells: y.map(String), parse: numberRule },
  ];
}

const planFor = (
  table: readonly MemoryColumn[],
  asked: Partial<PartitioningRequest>,
  request: Partial<AutopilotRequest> = {},
): Promise<AutopilotPlan> =>
  planOf(table, {
    target: 'y',
    targetType: 'regression',
    metric: 'rmse',
    ...request,
    partitioning: { method: 'date', column: 'day', ...asked },
  });

const fitted = async (
  table: readonly MemoryColumn[],
  plan: AutopilotPlan,
  changes: Partial<TrainTask>,
): Promise<{ task: TrainTask; fit: FitResult }> => {
  const task = trainTask(table, plan, changes);
  return { task, fit: await fitModel(task, memorySource(table, 37), testEngine(), freeIo()) };
};

const openedOf = ({ task, fit }: { task: TrainTask; fit: FitResult }) =>
  openArtifact(
    JSON.parse(JSON.stringify(manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] }))),
    fit.blob,
    sha256,
  );

const ids = ({ candidates }: AutopilotPlan): string[] => candidates.map(({ blueprintId }) => blueprintId);

describe('ml naive forecasts', () => {
  for (const one of cases) {
    for (const asNumbers of one.series === null ? [false] : [false, true]) {
      it(`are those of pandas: ${one.name}${asNumbers ? ', series by number' : ''}`, async () => {
        const table = tableOf(one, asNumbers);
        const plan = await planFor(table, {
          backtests: one.backtests,
          gap: `PT${one.gapSeconds}S`,
          holdoutFraction: 0,
          ...(one.series === null ? {} : { seriesColumn: 'shop' }),
        });
        expect(plan.partitioning.dates?.series).to.deep.equal({
          column: one.series === null ? null : 'shop',
          season: one.season,
        });
        expect(ids(plan).slice(0, 4)).to.deep.equal(['baseline', 'naive-last', 'naive-seasonal', 'lightgbm-fast']);
        for (const [blueprintId, what, rmse] of [
          ['naive-last', 'last', 'lastRmse'],
          ['naive-seasonal', 'seasonal', 'seasonalRmse'],
        ] as const) {
          const model = await fitted(table, plan, { blueprintId });
          const { outOfFold, scores } = model.fit;
          for (const [fold, expected] of one.folds.entries()) {
            const places = [...(outOfFold?.rows.keys() ?? [])].filter((place) => outOfFold?.partitions[place] === fold);
            expect(places.map((place) => outOfFold?.rows[place])).to.deep.equal(expected.rows);
            for (const [index, place] of places.entries())
              expect(outOfFold?.predictions[place]).to.be.closeTo(expected[what][index] ?? NaN, 1e-8);
            expect(scores?.backtests?.[fold]?.['rmse']).to.be.closeTo(expected[rmse], 1e-9);
          }
          const answer = openedOf(model).createPrediction();
          const scorer = openedOf(model);
          for (const [place, row] of outOfFold?.rows.entries() ?? []) {
            if (outOfFold?.partitions[place] !== one.backtests - 1) continue;
            scorer.scoreRow(Object.fromEntries(table.map(({ name, cells }) => [name, cells[row]])), answer, row);
            expect(answer.prediction, `row ${row}, served`).to.equal(outOfFold.predictions[place]);
          }
          scorer.scoreRow({}, answer, 0);
          expect(answer.prediction, 'a row that says nothing').to.be.a('number').and.satisfy(Number.isFinite);
        }
      });
    }
  }

  it('are refitted on all rows, and know unseen series from known ones', async () => {
    const one = cases.find(({ name }) => name === 'panel') ?? expect.fail('no panel');
    for (const asNumbers of [false, true]) {
      const table = tableOf(one, asNumbers);
      const plan = await planFor(table, { seriesColumn: 'shop' });
      const model = await fitted(table, plan, {
        blueprintId: 'naive-last',
        refit: { of: 'model-1', iterations: null },
      });
      const scorer = openedOf(model);
      const predict = (shop: string): number => {
        const answer = scorer.createPrediction();
        scorer.scoreRow({ day: '2024-01-01T00:00:00Z', shop }, answer, 0);
        return Number(answer.prediction);
      };
      const lastOf = (name: string): number => {
        const rows = [...one.times.keys()].filter((row) => one.series?.[row] === name);
        const latest = Math.max(...rows.map((row) => one.times[row] ?? 0));
        return one.y[rows.find((row) => one.times[row] === latest) ?? -1] ?? NaN;
      };
      const names = [...new Set(one.series ?? [])];
      for (const [index, name] of names.entries())
        expect(predict(asNumbers ? String(10 * index - 5) : name)).to.equal(lastOf(name));
      const mean = names.reduce((sum, name) => sum + lastOf(name), 0) / names.length;
      for (const unseen of asNumbers ? ['0', '-5.000001', '1e9', '-1e9', ''] : ['e', '', 'A'])
        expect(predict(unseen), `series ${unseen}`).to.be.closeTo(mean, 1e-9);
    }
  });

  it('are made on the scale of the metric’s link', async () => {
    const table = seriesTable(
      regularTimes(80),
      Array.from({ length: 80 }, (_, row) => (row === 21 ? 0 : 3)),
    );
    const plan = await planFor(table, { backtests: 2 }, { metric: 'poissonDeviance' });
    const { fit } = await fitted(table, plan, { blueprintId: 'naive-last' });
    const { predictions, partitions } = fit.outOfFold ?? expect.fail('no predictions');
    const firstOf = (fold: number): number => predictions[partitions.indexOf(fold)] ?? NaN;
    expect(firstOf(0), 'row 21, the last one before, is zero').to.be.closeTo((0.01 * 21 * 3) / 22, 1e-12);
    expect(firstOf(1)).to.be.closeTo(3, 1e-12);
    expect(Object.keys(fit.scores?.crossValidation ?? {})).to.include('poissonDeviance');
  });

  it('stand beside the baseline for series only', async () => {
    const daily = seriesTable(regularTimes(90));
    expect(ids(await planFor(daily, {}, { mode: 'manual' }))).to.deep.equal([
      'baseline',
      'naive-last',
      'naive-seasonal',
    ]);
    expect(ids(await planFor(daily, {}, { excludedFeatures: ['day'] }))).to.not.include('naive-seasonal');
    expect(ids(await planFor(seriesTable(regularTimes(90, 7 * 86_400)), {}))).to.not.include('naive-seasonal');
    const crowded = seriesTable(regularTimes(90).map((time, row) => (row === 5 ? time - 86_400 : time)));
    expect(ids(await planFor(crowded, {}))).to.not.include('naive-last');
    const random = await planOf(daily, { target: 'y' });
    expect(ids(random)).to.not.include('naive-last');
    const classes = await planOf(daily, { target: 'kind', partitioning: { method: 'date', column: 'day' } });
    expect(classes.partitioning.dates).to.not.have.property('series');
    expect(ids(classes)).to.not.include('naive-last');
    expect(ids(await planFor(daily, {}, { maxModels: 3 }))).to.deep.equal(['baseline', 'naive-last', 'naive-seasonal']);
  });

  it('are refused where there is no series, and series columns that cannot be one', async () => {
    const daily = seriesTable(regularTimes(90));
    const named = await appErrorOf('VALIDATION_FAILED', () =>
      planOf(daily, { target: 'y', blueprints: ['naive-last'] }),
    );
    expect(named.message).to.contain('"naive-last" forecasts a series');
    const refusals = [
      ['day', {}, '"day" is date'],
      ['y', {}, 'is the target'],
      ['kind', { excludedFeatures: ['kind'] }, 'not among the features'],
    ] as const;
    for (const [seriesColumn, request, says] of refusals) {
      const err = await appErrorOf('PARTITION_INVALID', () => planFor(daily, { seriesColumn }, request));
      expect(err.message).to.contain('partitioning.seriesColumn').and.contain(says);
    }
    await appErrorOf('FEATURE_UNKNOWN', () => planFor(daily, { seriesColumn: 'zz' }));
    const partitioning = { method: 'date', column: 'day', seriesColumn: 'x' } as const;
    const err = await appErrorOf('PARTITION_INVALID', () => planOf(daily, { target: 'kind', partitioning }));
    expect(err.message).to.contain('binary target');
  });

  it('are the same whatever the order of the rows', () => {
    const random = createRandom(3);
    const rows = Array.from({ length: 200 }, (_, row) => ({
      time: random.below(40),
      value: random.uniform(),
      code: random.below(4) - 1,
      weight: row % 10 === 0 ? 0 : 1,
    }));
    const of = (all: typeof rows) =>
      lastValuesOf(
        {
          values: Float64Array.from(all, ({ value }) => value),
          times: Float64Array.from(all, ({ time }) => time),
          weights: Float64Array.from(all, ({ weight }) => weight),
          codes: Int32Array.from(all, ({ code }) => code),
          keys: ['a', 'b', 'c'],
        },
        () => true,
        (time) => time % 3,
      );
    const found = of(rows);
    expect(found.map(({ key }) => key)).to.have.members(['a', 'b', 'c']);
    const backwards = of(rows.toReversed());
    for (const [index, { key, last, bySeason, rowCount }] of found.entries()) {
      expect(backwards[index]).to.deep.include({ key, rowCount });
      expect(backwards[index]?.last).to.be.closeTo(last, 1e-15);
      const own = rows.filter(({ code, weight }) => 'abc'[code] === key && weight > 0);
      const latest = Math.max(...own.map(({ time }) => time));
      const values = own.filter(({ time }) => time === latest).map(({ value }) => value);
      expect(last).to.be.closeTo(values.reduce((sum, value) => sum + value, 0) / values.length, 1e-15);
      expect(bySeason.map(({ place }) => place)).to.deep.equal([0, 1, 2]);
    }
  });

  it('lay out trees of thousands of series that are sound', () => {
    const trees = Array.from({ length: 3_000 }, (_, code) => ({ value: code, cover: 1 }));
    const byCodes = treeArraysOf(byCode(0, trees, { value: -1, cover: 1 }));
    expect(byCodes.leafValue).to.have.length(3_001);
    const numbers = treeArraysOf(
      byNumber(
        0,
        trees.map((tree, place) => ({ atMost: place, tree })),
      ),
    );
    expect(numbers.splitFeature).to.have.length(2_999);
    expect(treeArraysOf(byCode(0, [], { value: 7, cover: 1 })).leafValue).to.deep.equal(Float64Array.of(7));
  });
});

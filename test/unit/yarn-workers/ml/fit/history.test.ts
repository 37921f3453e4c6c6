import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { AutopilotPlan, ManifestStep, PartitioningRequest, TrainTask } from '#contracts';
import { blendArtifacts, manifestOf, type AutopilotRequest } from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import { originsOf } from '../../../../../yarn-workers/ml/fit/history/origins.ts';
import { knownAt, timelineOf } from '../../../../../yarn-workers/ml/fit/history/timeline.ts';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { dateRule, memorySource, numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';
import { dateCell, regularTimes, seriesTable } from '../../../../support/series-table.ts';

interface Case {
  readonly season: 'hour' | 'weekday' | 'month';
  readonly times: readonly number[];
  readonly series: readonly string[];
  readonly y: readonly number[];
  readonly weights: readonly number[];
  readonly probes: readonly {
    readonly row: number;
    readonly origin: number;
    readonly known: { readonly time: number; readonly values: readonly (number | null)[] } | null;
  }[];
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../../../fixtures/history/history.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

const KEYS = ['a', 'b', 'c'];
const DAY = 86_400;
const blueprintId = 'linear-history';

const lineOf = ({ times, series, weights, season }: Case, y: readonly number[]) =>
  timelineOf(
    {
      values: Float64Array.from(y),
      times: Float64Array.from(times),
      weights: Float64Array.from(weights),
      codes: Int32Array.from(series, (key) => KEYS.indexOf(key)),
      keys: KEYS,
    },
    () => true,
    season,
  );

const knownOf = (one: Case, y: readonly number[], row: number, origin: number) => {
  const line = lineOf(one, y);
  return knownAt(line, KEYS.indexOf(one.series[row] ?? ''), line.entryOf[row] ?? -1, origin);
};

const planFor = (
  table: readonly MemoryColumn[],
  asked: Partial<PartitioningRequest> = {},
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
  batchRows = 37,
): Promise<{ task: TrainTask; fit: FitResult }> => {
  const task = trainTask(table, plan, changes);
  return { task, fit: await fitModel(task, memorySource(table, batchRows), testEngine(), freeIo()) };
};

const openedOf = ({ task, fit }: { task: TrainTask; fit: FitResult }) =>
  openArtifact(
    JSON.parse(JSON.stringify(manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] }))),
    fit.blob,
    sha256,
  );

const historyStepsOf = (fit: FitResult): Extract<ManifestStep, { kind: 'series-history' }>[] =>
  fit.content.steps.filter((step) => step.kind === 'series-history');

/** Random walks with a weekday of their own: what comes next is the last value and the day, and no feature tells it. */
function walks(shopRule = textRule, days = 240): MemoryColumn[] {
  const random = createRandom(11);
  const rows = ['5', '-7', '12'].flatMap((shop, index) => {
    let level = 40 * (index + 1);
    return regularTimes(days).map((time, day) => {
      level += 4 * (random.uniform() - 0.5);
      return { time, shop, y: level + (day % 7 === index ? 15 : 0) };
    });
  });
  return [
    { name: 'day', cells: rows.map(({ time }) => dateCell(time)), parse: dateRule },
    { name: 'shop', cells: rows.map(({ shop }) => shop), parse: shopRule },
    { name: 'y', cells: rows.map(({ y }) => String(y)), parse: numberRule },
  ];
}

/** Predictions of a fold by row. */
const predictionsOf = ({ outOfFold }: FitResult, fold: number): Map<number, number | undefined> =>
  new Map(
    [...(outOfFold?.rows.entries() ?? [])].flatMap(([place, row]): [number, number | undefined][] =>
      outOfFold?.partitions[place] === fold ? [[row, outOfFold.predictions[place]]] : [],
    ),
  );

describe('ml histories of series', () => {
  for (const one of cases) {
    it(`know at an origin what pandas knows: ${one.season}`, () => {
      for (const { row, origin, known } of one.probes) {
        const found = knownOf(one, one.y, row, origin);
        expect(found === null, `row ${row}`).to.equal(known === null);
        if (known === null) continue;
        expect(found?.time).to.equal(known.time);
        for (const [index, value] of known.values.entries())
          if (value === null) expect(found?.values[index], `row ${row}, ${index}`).to.be.NaN;
          else expect(found?.values[index], `row ${row}, ${index}`).to.be.closeTo(value, 1e-12 * Math.abs(value));
      }
    });

    it(`know nothing of what comes after the origin: ${one.season}`, () => {
      for (const { row, origin } of one.probes) {
        const changed = one.y.map((value, other) => ((one.times[other] ?? 0) > origin ? 1e6 - value : value));
        expect(knownOf(one, changed, row, origin)).to.deep.equal(knownOf(one, one.y, row, origin));
      }
    });
  }

  it('have origins as far before training rows as validation rows are after them, gap included', async () => {
    const times = regularTimes(300);
    const table = seriesTable(times);
    const plan = await planFor(table, { backtests: 2, gap: 'P7D', holdoutFraction: 0 });
    const task = trainTask(table, plan, {});
    for (const [fold, backtest] of plan.partitioning.dates?.backtests.entries() ?? []) {
      const originOf = originsOf(task, Float64Array.from(times), { fold });
      const end = Date.parse(backtest.training.until ?? '') / 1000;
      const expected = times
        .filter((time) => time >= Date.parse(backtest.validation.from) / 1000)
        .filter((time) => backtest.validation.until === null || time < Date.parse(backtest.validation.until) / 1000)
        .map((time) => (time - (end - DAY)) / DAY);
      const found = times.map((time, row) => (time - originOf(row)) / DAY).filter(Number.isFinite);
      expect(Math.min(...expected)).to.be.at.least(8);
      expect([...new Set(found)].filter((distance) => !expected.includes(distance))).to.deep.equal([]);
      expect(new Set(found).size).to.be.greaterThan(expected.length / 2);
    }
    const first = originsOf(task, Float64Array.from(times), { fold: null });
    const last = originsOf(task, Float64Array.from(times), { fold: 1 });
    expect(times.map((_, row) => first(row))).to.deep.equal(times.map((_, row) => last(row)));
  });

  for (const asNumbers of [false, true]) {
    it(`make walks predictable, in training as served: ${asNumbers ? 'series by number' : 'series by name'}`, async () => {
      const table = walks(asNumbers ? numberRule : textRule);
      const plan = await planFor(table, { backtests: 2, seriesColumn: 'shop' });
      const model = await fitted(table, plan, { blueprintId });
      const without = await fitted(table, plan, { blueprintId: 'linear' });
      const rmse = ({ fit }: { fit: FitResult }): number => fit.scores?.crossValidation?.['rmse'] ?? NaN;
      expect(rmse(model)).to.be.below(0.9 * rmse(without));
      const scorer = openedOf(model);
      const answer = scorer.createPrediction();
      const served = predictionsOf(model.fit, 1);
      expect(served.size).to.be.greaterThan(0);
      for (const [row, prediction] of served) {
        scorer.scoreRow(Object.fromEntries(table.map(({ name, cells }) => [name, cells[row]])), answer, row);
        expect(answer.prediction, `row ${row}`).to.equal(prediction);
      }
      for (const odd of [{}, { day: '2024-03-01', shop: '999' }, { shop: '5' }, { day: '2024-03-01' }]) {
        scorer.scoreRow(odd, answer, 0);
        expect(answer.prediction).to.satisfy(Number.isFinite);
      }
      const again = await fitted(table, plan, { blueprintId }, 11);
      expect(again.fit.contentHash).to.equal(model.fit.contentHash);
    });
  }

  it('keep predictions of a backtest whatever comes after its training rows', async () => {
    const table = walks();
    const plan = await planFor(table, { backtests: 2, seriesColumn: 'shop' });
    // Without early stopping, which looks at the validation rows themselves.
    const settled = { blueprintId, parameters: { earlyStoppingRounds: 0, penalties: 1 } };
    const from = Date.parse(plan.partitioning.dates?.backtests[0]?.training.until ?? '');
    const days = table[0]?.cells ?? [];
    const changed = table.map((column) =>
      column.name === 'y'
        ? {
            ...column,
            cells: column.cells.map((cell, row) =>
              Date.parse(days[row] ?? '') >= from ? String(100 - Number(cell)) : cell,
            ),
          }
        : column,
    );
    const [known, other] = [await fitted(table, plan, settled), await fitted(changed, plan, settled)];
    expect(predictionsOf(other.fit, 0)).to.deep.equal(predictionsOf(known.fit, 0));
    expect(predictionsOf(other.fit, 1)).to.not.deep.equal(predictionsOf(known.fit, 1));
  });

  it('reach to the end of all rows in a refit', async () => {
    const table = walks();
    const plan = await planFor(table, { seriesColumn: 'shop' });
    const { fit } = await fitted(table, plan, { blueprintId, refit: { of: 'model-1', iterations: 10 } });
    const [step] = historyStepsOf(fit);
    expect(step?.keys).to.deep.equal(['-7', '12', '5']);
    const last = regularTimes(240).at(-1);
    expect(step?.times).to.deep.equal([last, last, last]);
    const lastOf = (shop: string): number => Number(table[2]?.cells[table[1]?.cells.lastIndexOf(shop) ?? -1]);
    expect(['-7', '12', '5'].map(lastOf)).to.deep.equal([0, 3, 6].map((at) => step?.values[at]));
  });

  it('are logarithms under a log link, and values of 0 have none', async () => {
    const times = regularTimes(200);
    const table = seriesTable(
      times,
      times.map((_, row) => (row % 5 === 0 ? 0 : 3 + (row % 7))),
    );
    const plan = await planFor(table, { backtests: 2 }, { metric: 'poissonDeviance' });
    const { fit } = await fitted(table, plan, { blueprintId });
    expect(historyStepsOf(fit).every(({ log, keys }) => log && keys[0] === '')).to.equal(true);
    expect([...(fit.outOfFold?.predictions ?? [])].every((value) => Number.isFinite(value) && value > 0)).to.equal(
      true,
    );
  });

  it('are planned after the first quick model of a series, and of nothing else', async () => {
    const table = seriesTable(regularTimes(200));
    const ids = ({ candidates }: AutopilotPlan): string[] => candidates.map(({ blueprintId }) => blueprintId);
    expect(ids(await planFor(table)).slice(3, 5)).to.deep.equal(['lightgbm-fast', blueprintId]);
    expect(ids(await planFor(table, {}, { timeBudgetSeconds: 60 })).slice(3, 5)).to.deep.equal([
      'lightgbm-fast',
      blueprintId,
    ]);
    const random = { target: 'y', targetType: 'regression' as const, partitioning: { method: 'random' as const } };
    expect(ids(await planOf(table, random))).to.not.include(blueprintId);
    const err = await appErrorOf('VALIDATION_FAILED', () =>
      planOf(table, { ...random, blueprints: ['linear-history'] }),
    );
    expect(err.message).to.include('"linear-history" reads the past of a series');
  });

  it('count as the date in explanations, alone and in a blend', async () => {
    const table = walks();
    const plan = await planFor(table, { backtests: 2, seriesColumn: 'shop' });
    const models = [
      await fitted(table, plan, { blueprintId }),
      await fitted(table, plan, { blueprintId: 'lightgbm-fast' }),
    ];
    const artifacts = models.map(({ task, fit }) => ({
      manifest: manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] }),
      readBlob: async () => fit.blob,
      weight: 0.5,
    }));
    const blend = await blendArtifacts(artifacts, sha256);
    const [head] = artifacts;
    const blended = openArtifact(
      { ...(head ?? expect.fail()).manifest, content: blend.content, contentHash: blend.contentHash },
      blend.blob,
      sha256,
    );
    const scorers = models.map(openedOf);
    const row = { day: '2024-09-01', shop: '5' };
    const rawOf = (scorer: typeof blended): number => {
      const { features, baseValues } = scorer.explainer();
      const out = scorer.createPrediction(true);
      scorer.scoreRow(row, out, 0);
      const parts = [...(out.contributions ?? [])];
      expect(features).to.deep.equal(['day', 'shop']);
      expect(Math.abs(parts[0] ?? NaN)).to.be.greaterThan(1);
      const raw = out.rawScores[0] ?? NaN;
      expect(parts.reduce((sum, part) => sum + part, baseValues[0] ?? NaN)).to.be.closeTo(raw, 1e-9 * Math.abs(raw));
      return raw;
    };
    const [own = NaN, other = NaN] = scorers.map(rawOf);
    expect(rawOf(blended)).to.be.closeTo((own + other) / 2, 1e-9 * Math.abs(own));
  });
});

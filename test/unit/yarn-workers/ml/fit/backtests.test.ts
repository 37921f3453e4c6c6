import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { AutopilotPlan, InsightTask, Parameters, PartitioningRequest } from '#contracts';
import {
  HOLDOUT,
  checkOutOfFold,
  decodeOutOfFold,
  encodeOutOfFold,
  ensembleManifest,
  insightRows,
  rankingScore,
  scoresFromOutOfFold,
  type OutOfFold,
} from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { checkInsight, computeInsight, makeEnsemble, remakeEnsemble } from '../../../../support/in-memory.ts';
import { openArtifact } from '#scoring';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { ensembleTask, fitModels, modelReader } from '../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { memorySource, storedTable, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';
import { regularTimes, seriesTable } from '../../../../support/series-table.ts';

interface Case {
  readonly rows: number;
  readonly backtests: number;
  readonly gap: number;
  readonly window: 'expanding' | 'rolling';
  readonly stepSeconds: number;
  readonly y: readonly number[];
  readonly folds: readonly { readonly rmse: number; readonly mae: number }[];
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../../../fixtures/backtests/backtests.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

const planFor = (table: readonly MemoryColumn[], asked: Partial<PartitioningRequest> = {}): Promise<AutopilotPlan> =>
  planOf(table, { target: 'y', partitioning: { method: 'date', column: 'day', ...asked } });

async function fitOf(
  table: readonly MemoryColumn[],
  plan: AutopilotPlan,
  blueprintId: string,
  parameters: Parameters = {},
): Promise<FitResult & { outOfFold: OutOfFold }> {
  const task = trainTask(table, plan, { blueprintId, parameters });
  const fit = await fitModel(task, memorySource(table, 70), testEngine(), freeIo());
  return { ...fit, outOfFold: fit.outOfFold ?? expect.fail('no predictions') };
}

/** 300 days with numbers, words and texts. */
function table(): MemoryColumn[] {
  const columns = seriesTable(regularTimes(300));
  const x = columns[1]?.cells ?? [];
  const notes = x.map((cell, row) =>
    row % 9 === 0 ? null : `${Number(cell) > 0.6 ? 'much' : 'little'} on day ${row % 7}`,
  );
  return [...columns.slice(0, 3), { name: 'note', cells: notes, parse: textRule }, ...columns.slice(3)];
}

const BLUEPRINTS: readonly (readonly [string, Parameters])[] = [
  ['baseline', {}],
  ['lightgbm-fast', { maxIterations: 20, leaves: 6 }],
  ['linear', { penalties: 10 }],
  ['linear-splines', { penalties: 10 }],
  ['linear-text', { penalties: 10 }],
];

describe('ml fits by date', function () {
  this.timeout(60_000);

  for (const one of cases) {
    it(`score the mean of ${one.rows} rows as scikit-learn does, ${one.window}, gap ${one.gap}, backtest by backtest`, async () => {
      const series = seriesTable(regularTimes(one.rows, one.stepSeconds), one.y);
      const { backtests, window } = one;
      const gap = `PT${one.gap * one.stepSeconds}S`;
      const plan = await planFor(series, { backtests, window, gap, holdoutFraction: 0 });
      const { scores } = await fitOf(series, plan, 'baseline');
      for (const metric of ['rmse', 'mae'] as const) {
        const expected = one.folds.map((fold) => fold[metric]);
        for (const [fold, value] of expected.entries())
          expect(scores?.backtests?.[fold]?.[metric]).to.be.closeTo(value, 1e-12 * value);
        const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length;
        expect(scores?.crossValidation?.[metric]).to.be.closeTo(mean, 1e-12 * mean);
        expect(scores?.validation?.[metric]).to.be.closeTo(expected.at(-1) ?? NaN, 1e-12 * mean);
        expect(rankingScore(scores ?? expect.fail('no scores'), metric)).to.equal(scores?.crossValidation?.[metric]);
      }
      expect(scores?.holdout).to.equal(null);
    });
  }

  for (const [blueprintId, parameters] of BLUEPRINTS) {
    it(`see nothing of what comes after: ${blueprintId}`, async () => {
      const before = table();
      const plan = await planFor(before, { backtests: 3, gap: '7d' });
      const { validation } = plan.partitioning.dates?.backtests[1] ?? expect.fail('no backtest');
      // From the third backtest's validation rows on everything is another row's, and different.
      const future = 175;
      const after = before.map((column) =>
        column.name === 'day'
          ? column
          : {
              ...column,
              cells: column.cells.map((cell, row) => {
                if (row < future) return cell;
                const other = column.cells[future + ((7 * row) % (300 - future))] ?? null;
                return column.parse.kind === 'number' ? String(1_000 - 3 * Number(other)) : `never seen ${row % 3}`;
              }),
            },
      );
      expect(validation).to.deep.include({ until: '2024-06-24', rowCount: 58 });
      const [known, changed] = [
        await fitOf(before, plan, blueprintId, parameters),
        await fitOf(after, plan, blueprintId, parameters),
      ];
      const predictionsOf = ({ outOfFold }: FitResult & { outOfFold: OutOfFold }, fold: number): number[] =>
        [...outOfFold.predictions].filter((_, place) => outOfFold.partitions[place] === fold);
      for (const fold of [0, 1]) {
        expect(predictionsOf(known, fold)).to.have.length.above(50);
        expect(predictionsOf(changed, fold), `backtest ${fold}`).to.deep.equal(predictionsOf(known, fold));
      }
      expect(changed.scores?.backtests?.[2]).to.not.deep.equal(known.scores?.backtests?.[2]);
    });
  }

  it('predict the holdout, and what is new, by the member of the last backtest', async () => {
    const data = table();
    const plan = await planFor(data, { backtests: 3, gap: '7d' });
    const fit = await fitOf(data, plan, 'lightgbm-fast', { maxIterations: 20 });
    expect(fit.content.members.map(({ weight }) => weight)).to.deep.equal([0, 0, 1]);
    expect(fit.rowCount).to.equal(300 - 60 - 7);
    const { outOfFold } = fit;
    expect(outOfFold.partitions.filter((of) => of === HOLDOUT)).to.have.length(60);
    expect(outOfFold.rows).to.have.length(3 * 58 + 60);
    expect(decodeOutOfFold(encodeOutOfFold(outOfFold))).to.deep.equal(outOfFold);
    const task = trainTask(data, plan, { blueprintId: 'lightgbm-fast' });
    expect(checkOutOfFold(task, outOfFold)).to.deep.equal({ least: 233, most: 233 });
  });

  it('are refused with other rows than were planned', async () => {
    const data = table();
    const plan = await planFor(data, { backtests: 3 });
    const { outOfFold } = await fitOf(data, plan, 'baseline');
    const task = trainTask(data, plan, { blueprintId: 'baseline' });
    const refused = async (changed: OutOfFold, says: string): Promise<void> => {
      const err = await appErrorOf('RESULT_MISMATCH', () => checkOutOfFold(task, changed));
      expect(err.message).to.contain(says);
    };
    const swapped = outOfFold.partitions.map((of, place) => (place === 0 ? 1 : of));
    await refused({ ...outOfFold, partitions: swapped }, 'backtest 1 has 59 rows; the plan has counted 60');
    const { isByDate: _, ...pooled } = outOfFold;
    await refused(pooled, 'backtests');
    expect(scoresFromOutOfFold(pooled, plan.target)).to.not.have.property('backtests');
  });

  it('give the same whatever the batches, and refit on all rows', async () => {
    const data = table();
    const plan = await planFor(data, { backtests: 2, gap: '7d' });
    const task = trainTask(data, plan, { parameters: { maxIterations: 10 } });
    const [one, other] = await Promise.all(
      [33, 300].map((rows) => fitModel(task, memorySource(data, rows), testEngine(), freeIo())),
    );
    expect(other?.contentHash).to.equal(one?.contentHash);
    const refit = { ...task, refit: { of: 'model-1', iterations: one?.iterations ?? 1 } };
    const all = await fitModel(refit, memorySource(data), testEngine(), freeIo());
    expect(all).to.deep.include({ rowCount: 300, outOfFold: null });
    expect(all.content.members.map(({ weight }) => weight)).to.deep.equal([1]);
  });

  for (const backtests of [1, 3]) {
    it(`are blended, compared and explained: ${backtests} backtests`, async () => {
      const data = table();
      const plan = await planFor(data, { backtests, gap: '7d' });
      const models = await fitModels(data, plan);
      const task = ensembleTask(data, plan, models);
      const ensemble = await makeEnsemble(task, modelReader(models), freeIo());
      const { facts, partWeights, partBest, contentHash, rowCount, scores } = ensemble;
      const claim = { ensemble: facts, partWeights, partBest, contentHash, rowCount, scores };
      const again = await remakeEnsemble(task, claim, modelReader(models), sha256);
      expect(again.contentHash).to.equal(contentHash);
      expect(again.scores).to.deep.equal(scores);
      const outOfFold = ensemble.outOfFold ?? expect.fail('no predictions');
      expect(outOfFold.rows).to.deep.equal(models[0]?.outOfFold.rows);
      expect(scores?.backtests).to.have.length(backtests);
      const manifest = ensembleManifest(task, ensemble, { createdAt: '2026-01-01T00:00:00Z', files: [] });
      openArtifact(manifest, ensemble.blob, sha256);
      const spec = { projectId: 'p', datasetId: 'd', metric: plan.metric, seed: 1, modelId: task.modelId };
      const insightTask: InsightTask = {
        ...{ kind: 'insight', insight: 'feature-impact', ...spec, target: plan.target, table: storedTable(data) },
        ...{ artifactPath: 'models/e/1-a', manifestSha256: '0'.repeat(64) },
      };
      const input = { manifest, blob: ensemble.blob, outOfFold, source: memorySource(data, 100) };
      for (const insight of ['feature-impact', 'feature-effects'] as const) {
        const stored = await computeInsight({ ...insightTask, insight }, input, freeIo());
        await checkInsight({ ...insightTask, insight }, stored, manifest, outOfFold);
        expect(stored.rowCount).to.equal(outOfFold.partitions.filter((of) => of !== HOLDOUT).length);
      }
      const last = insightRows(outOfFold, plan.target, 'validation');
      expect(new Set(Array.from(last.chosen, (place) => outOfFold.partitions[place]))).to.deep.equal(
        new Set([backtests - 1]),
      );
    });
  }
});

import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import type { InsightTask, MetricName, TrainTask } from '#contracts';
import { ensembleManifest, manifestOf, type AutopilotRequest } from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { computeInsight, makeEnsemble } from '../../../../support/in-memory.ts';
import { openArtifact, type Scorer } from '#scoring';
import { interceptBeside } from '../../../../../yarn-workers/ml/fit/intercept.ts';
import type { GlmFamily } from '../../../../../yarn-workers/ml/blueprints/objective.ts';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { ensembleTask, fitModels, modelReader } from '../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { memorySource, numberRule, storedTable, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

type ColumnName = 'age' | 'power' | 'exposure' | 'base' | 'weight' | TargetName;
type TargetName = 'claims' | 'cost' | 'loss' | 'height' | 'sold';
interface Fixture {
  readonly table: Readonly<Record<ColumnName, readonly number[]>>;
  readonly glm: Readonly<Record<TargetName, { metric: MetricName; coefficients: number[]; means: number[] }>>;
  readonly intercepts: Readonly<Record<TargetName, number>>;
  readonly lightgbm_raw: Readonly<Record<TargetName, number[]>>;
}
// The fixture's script writes this shape.
const FIXTURE = JSON.parse(
  readFileSync(new URL('../../../../fixtures/offsets/offsets.json', import.meta.url), 'utf8'),
) as Fixture;
const TARGETS = ['claims', 'cost', 'loss', 'height', 'sold'] as const;
const FAMILY: Readonly<Record<TargetName, Exclude<GlmFamily, 'multinomial'>>> = {
  claims: 'poisson',
  cost: 'gamma',
  loss: 'tweedie',
  height: 'gaussian',
  sold: 'binomial',
};
const isExposed = (target: TargetName): boolean => target !== 'height' && target !== 'sold';

const TABLE: MemoryColumn[] = Object.entries(FIXTURE.table).map(([name, values]) => ({
  name,
  cells: values.map(String),
  parse: numberRule,
}));
const ROWS = FIXTURE.table.age.length;

async function taskOf(target: TargetName, changes: Partial<TrainTask>, request: Partial<AutopilotRequest> = {}) {
  const plan = await planOf(TABLE, {
    target,
    metric: FIXTURE.glm[target].metric,
    weightColumn: 'weight',
    featureNames: ['age', 'power'],
    ...(isExposed(target) ? { exposureColumn: 'exposure' } : { offsetColumn: 'base' }),
    ...request,
  });
  return trainTask(TABLE, plan, changes);
}

const claimsPlan = () =>
  planOf(TABLE, {
    target: 'claims',
    metric: 'poissonDeviance',
    featureNames: ['age', 'power'],
    exposureColumn: 'exposure',
  });

const fit = (task: TrainTask, resumeFrom: Uint8Array | null = null, states?: Uint8Array[]): Promise<FitResult> =>
  fitModel(
    task,
    memorySource(TABLE, 130),
    testEngine(),
    freeIo({
      now: () => 0,
      resumeFrom,
      ...(states === undefined ? {} : { onCheckpoint: async ({ encode }) => void states.push(encode()) }),
    }),
  );

const opened = (task: TrainTask, made: FitResult): Scorer =>
  openArtifact(manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] }), made.blob, sha256);

const rowOf = (row: number): Record<string, unknown> =>
  Object.fromEntries(Object.entries(FIXTURE.table).map(([name, values]) => [name, values[row]]));

/** What a row adds to its raw score. */
const addedOf = (target: TargetName, row: number): number =>
  isExposed(target) ? Math.log(FIXTURE.table.exposure[row] ?? NaN) : (FIXTURE.table.base[row] ?? NaN);

function meanOf(scorer: Scorer, row: Record<string, unknown>): number {
  const answer = scorer.createPrediction();
  scorer.scoreRow(row, answer, 1);
  return typeof answer.prediction === 'number' ? answer.prediction : (answer.probabilities[1] ?? NaN);
}

describe('ml offsets and exposures', function () {
  this.timeout(30_000);

  for (const target of TARGETS) {
    it(`${target}: intercept, linear model and baseline as statsmodels has them`, async () => {
      const { coefficients, means } = FIXTURE.glm[target];
      const rows = FIXTURE.table[target].map((_, row) => row);
      const found = interceptBeside(
        FAMILY[target],
        Float64Array.from(FIXTURE.table[target]),
        Float64Array.from(FIXTURE.table.weight),
        Float64Array.from(rows, (row) => addedOf(target, row)),
      );
      expect(found).to.be.closeTo(FIXTURE.intercepts[target], 1e-9);
      const parameters = { l1Ratio: 0, penalties: 60, penaltyRatio: 1e-8, earlyStoppingRounds: 0 };
      const refit = { of: 'm', iterations: 60 };
      const task = await taskOf(target, { blueprintId: 'linear', parameters, refit });
      const scorer = opened(task, await fit(task));
      for (const [row, mean] of means.entries())
        expect(meanOf(scorer, rowOf(row))).to.be.closeTo(mean, 2e-4 * Math.max(1, Math.abs(mean)));
      expect(coefficients).to.have.length(3);
      const baseline = { ...task, blueprintId: 'baseline', parameters: {}, refit: { of: 'm', iterations: null } };
      const constant = opened(baseline, await fit(baseline)).createPrediction();
      opened(baseline, await fit(baseline)).scoreRow(rowOf(3), constant);
      expect(constant.rawScores[0]).to.be.closeTo(FIXTURE.intercepts[target] + addedOf(target, 3), 1e-9);
    });

    it(`${target}: trees as LightGBM makes them from the same initial scores`, async () => {
      const parameters = {
        learningRate: 0.1,
        maxIterations: 30,
        earlyStoppingRounds: 0,
        leaves: 8,
        minRowsPerLeaf: 20,
      };
      const task = await taskOf(target, {
        blueprintId: 'lightgbm-default',
        parameters,
        refit: { of: 'm', iterations: 30 },
      });
      const scorer = opened(task, await fit(task));
      const answer = scorer.createPrediction();
      for (const [row, raw] of FIXTURE.lightgbm_raw[target].entries()) {
        scorer.scoreRow(rowOf(row), answer);
        expect(answer.rawScores[0]).to.be.closeTo(raw + addedOf(target, row), 1e-7);
      }
    });
  }

  it('twice the exposure is twice the value, whatever the model; explanations begin from the mean and add up', async () => {
    const trees = ['lightgbm-fast', 'lightgbm-slow', 'xgboost-default', 'xgboost-slow'];
    for (const blueprintId of ['baseline', ...trees, 'linear', 'linear-splines']) {
      const parameters = trees.includes(blueprintId) ? { maxIterations: 60 } : {};
      const task = await taskOf('claims', { blueprintId, parameters });
      const made = await fit(task);
      const scorer = opened(task, made);
      const answer = scorer.createPrediction(true);
      const { features, baseValues } = scorer.explainer();
      const place = features.indexOf('exposure');
      let total = 0;
      for (let row = 0; row < 20; row += 1) {
        const once = meanOf(scorer, { ...rowOf(row), exposure: 0.75 });
        expect(meanOf(scorer, { ...rowOf(row), exposure: '1.5' })).to.be.closeTo(2 * once, 1e-12 * once);
        scorer.scoreRow(rowOf(row), answer);
        const sum = [...(answer.contributions ?? [])].reduce((all, one) => all + one, baseValues[0] ?? NaN);
        expect(sum).to.be.closeTo(answer.rawScores[0] ?? NaN, 1e-10);
        total += (answer.contributions?.[place] ?? NaN) + (made.content.offsets?.[0]?.mean ?? NaN);
        expect(answer.contributions?.[place]).to.be.closeTo(
          addedOf('claims', row) - (made.content.offsets?.[0]?.mean ?? NaN),
          1e-12,
        );
      }
      expect(Number.isFinite(total)).to.equal(true);
      expect(scorer.inputFeatures).to.include('exposure');
    }
  });

  it('are added once by an ensemble, which predicts what its models do by their weights', async () => {
    const plan = await claimsPlan();
    const blueprints = [
      ['linear', {}],
      ['lightgbm-slow', { maxIterations: 60 }],
      ['baseline', {}],
    ] as const;
    const models = await fitModels(TABLE, plan, blueprints);
    const weights = [0.5, 0.3, 0.2];
    const task = ensembleTask(TABLE, plan, models);
    const refit = {
      ...task,
      refitOf: 'x',
      members: task.members.map((one, index) => ({ ...one, weight: weights[index] ?? 0 })),
    };
    const io = { sha256, now: () => 0, remainingMs: () => null };
    const blend = await makeEnsemble(refit, modelReader(models), io);
    const manifest = ensembleManifest(task, blend, { createdAt: '2026-01-01T00:00:00Z', files: [] });
    const scorer = openArtifact(JSON.parse(JSON.stringify(manifest)), blend.blob, sha256);
    const answer = scorer.createPrediction(true);
    for (let row = 0; row < 30; row += 1) {
      scorer.scoreRow(rowOf(row), answer);
      const { rawScores, contributions } = answer;
      const expected = models.reduce((sum, model, index) => {
        const own = openArtifact(model.manifest, model.fit.blob, sha256);
        const out = own.createPrediction();
        own.scoreRow(rowOf(row), out);
        return sum + (weights[index] ?? NaN) * (out.rawScores[0] ?? NaN);
      }, 0);
      expect(rawScores[0]).to.be.closeTo(expected, 1e-12 * Math.max(1, Math.abs(expected)));
      const sum = [...(contributions ?? [])].reduce((all, one) => all + one, scorer.explainer().baseValues[0] ?? NaN);
      expect(sum).to.be.closeTo(expected, 1e-10);
    }
    const searched = await makeEnsemble(task, modelReader(models), io);
    const best = Math.min(...models.map(({ fit: one }) => one.scores?.crossValidation?.[plan.metric] ?? NaN));
    expect(searched.scores?.crossValidation?.[plan.metric]).to.be.lessThan(1.02 * best);
  });

  it('are inputs of the model in its insights, which predict what is stored', async () => {
    const plan = await claimsPlan();
    const [model] = await fitModels(TABLE, plan, [['lightgbm-fast', {}]]);
    if (model === undefined) throw new Error('one model was fitted');
    const task: InsightTask = {
      kind: 'insight',
      insight: 'feature-impact',
      modelId: 'model-0',
      projectId: 'project-1',
      datasetId: 'dataset-1',
      table: storedTable(TABLE),
      target: plan.target,
      metric: plan.metric,
      artifactPath: 'models/model-0/1-a',
      manifestSha256: '0'.repeat(64),
      seed: 1,
    };
    const { manifest, outOfFold, fit: made } = model;
    const input = { manifest, outOfFold, blob: made.blob, source: memorySource(TABLE, 100) };
    const { insight } = await computeInsight(task, input, freeIo());
    if (insight.kind !== 'feature-impact') throw new Error('another kind');
    const exposure = insight.features.find(({ feature }) => feature === 'exposure');
    expect(exposure?.impact).to.be.greaterThan(0.05);
  });

  it('adds an offset and an exposure both', async () => {
    const task = await taskOf('claims', { blueprintId: 'lightgbm-fast' }, { offsetColumn: 'base' });
    const scorer = opened(task, await fit(task));
    const once = meanOf(scorer, { ...rowOf(0), base: 0, exposure: 1 });
    expect(meanOf(scorer, { ...rowOf(0), base: 1, exposure: 2 })).to.be.closeTo(once * 2 * Math.E, 1e-12 * once * 10);
  });

  it('keeps monotone constraints', async () => {
    const monotonic = { increasing: ['power'], decreasing: ['age'] };
    for (const blueprintId of ['lightgbm-slow', 'linear-splines', 'xgboost-default']) {
      const task = await taskOf('claims', { blueprintId }, { monotonic });
      const scorer = opened(task, await fit(task));
      for (let power = 0; power < 20; power += 0.5) {
        const at = (more: number): number => meanOf(scorer, { age: 40 - more, power: power + more, exposure: 0.3 });
        expect(at(0.5)).to.be.at.least(at(0));
      }
    }
  });

  it('resumes after any segment to the same content', async () => {
    for (const blueprintId of ['lightgbm-default', 'lightgbm-slow', 'xgboost-default', 'xgboost-slow']) {
      const task = await taskOf('sold', {
        blueprintId,
        parameters: { maxIterations: 170, earlyStoppingRounds: 0 },
        refit: { of: 'm', iterations: 170 },
      });
      const states: Uint8Array[] = [];
      const whole = await fit(task, null, states);
      expect(states.length).to.be.at.least(3);
      for (const state of states) expect((await fit(task, state)).contentHash).to.equal(whole.contentHash);
    }
  });

  it('begins each row of a bag from its own offset, whatever the engine', async () => {
    for (const blueprintId of ['xgboost-default', 'lightgbm-default']) {
      const raws = await Promise.all(
        [1, 3].map(async (copies) => {
          const refit = { of: 'm', iterations: 40, copies };
          const task = await taskOf('sold', { blueprintId, refit });
          const scorer = opened(task, await fit(task));
          const answer = scorer.createPrediction();
          return Array.from({ length: 100 }, (_, row) => {
            scorer.scoreRow(rowOf(row), answer);
            return (answer.rawScores[0] ?? NaN) - addedOf('sold', row);
          });
        }),
      );
      const apart = (raws[0] ?? []).reduce((sum, raw, row) => sum + Math.abs(raw - (raws[1]?.[row] ?? NaN)), 0) / 100;
      expect(apart, blueprintId).to.be.lessThan(0.2);
    }
  });

  it('learns what offsets leave: worse without them', async () => {
    for (const target of ['claims', 'sold'] as const) {
      const withOffset = await fit(await taskOf(target, { blueprintId: 'linear' }));
      const plan = await planOf(TABLE, {
        target,
        metric: FIXTURE.glm[target].metric,
        weightColumn: 'weight',
        featureNames: ['age', 'power'],
      });
      const without = await fit(trainTask(TABLE, plan, { blueprintId: 'linear' }));
      const { metric } = FIXTURE.glm[target];
      expect(withOffset.scores?.crossValidation?.[metric]).to.be.lessThan(
        0.98 * (without.scores?.crossValidation?.[metric] ?? NaN),
      );
    }
  });

  it('has no prediction for a row without a valid one, and says which', async () => {
    const task = await taskOf('claims', { blueprintId: 'baseline', parameters: {} });
    const scorer = opened(task, await fit(task));
    const answer = scorer.createPrediction();
    for (const exposure of [undefined, null, '', 0, -1, '1e101', 'inf']) {
      const row = exposure === undefined ? { age: 1 } : { age: 1, exposure };
      const found = await appErrorOf('OFFSET_INVALID', () => {
        scorer.scoreRow(row, answer, 7);
      });
      expect(found.message).to.include('row 7, column "exposure"').and.include('above 0');
    }
    await appErrorOf('CELL_UNREADABLE', () => {
      scorer.scoreRow({ exposure: 'much' }, answer, 2);
    });
    const batch = {
      firstRow: 10,
      rowCount: 2,
      columns: [{ view: 'text' as const, name: 'exposure', values: ['1', '-2'] }],
    };
    const inBatch = await appErrorOf('OFFSET_INVALID', () => {
      scorer.scoreBatch(batch, new Float64Array(2));
    });
    expect(inBatch.message).to.include('row 11, column "exposure"').and.include('found -2');
  });

  it('stops a fit at a row that the plan has not seen, and at a forest', async () => {
    const task = await taskOf('claims', { blueprintId: 'lightgbm-fast' });
    const changed = TABLE.map((column) =>
      column.name === 'exposure'
        ? { ...column, cells: column.cells.map((cell, row) => (row === ROWS - 1 ? '0' : cell)) }
        : column,
    );
    const found = await appErrorOf('OFFSET_INVALID', () =>
      fitModel(task, memorySource(changed), testEngine(), freeIo()),
    );
    expect(found.message).to.include(`row ${ROWS - 1}, column "exposure"`);
    const forest = { boosting: 'rf', rowFraction: 0.5 };
    await appErrorOf('VALIDATION_FAILED', () => fit({ ...task, blueprintId: 'lightgbm-default', parameters: forest }));
  });
});

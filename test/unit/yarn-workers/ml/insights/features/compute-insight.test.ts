import { expect } from 'chai';
import { parse, StoredInsight, type InsightOf, type InsightTask, type TaskInsightKind } from '#contracts';
import { HOLDOUT, encodeOutOfFold, ensembleManifest, scoresFromOutOfFold } from '#ml';
import { checkInsight, computeInsight, makeEnsemble, type InsightInput } from '../../../../../support/in-memory.ts';
import { rowsMax } from '../../../../../../yarn-workers/ml/insights/features/limits.ts';
import { sampleRows } from '../../../../../../yarn-workers/ml/insights/features/sample-rows.ts';
import { sha256 } from '../../../../../support/boosting-engine.ts';
import { ensembleTask, fitModels, modelReader, type FittedModel } from '../../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { memorySource, storedTable, type MemoryColumn } from '../../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../../support/mixed-table.ts';
import { freeIo, planOf } from '../../../../../support/modelling-task.ts';
import { textTable } from '../../../../../support/text-table.ts';

/** `x` again, but for roundings, and a feature that means nothing. */
function tableOf(rowCount: number): MemoryColumn[] {
  const columns = mixedTable(rowCount);
  const x = columns.find(({ name }) => name === 'x') ?? expect.fail('no x');
  const rounded = x.cells.map((cell) =>
    Number.isFinite(Number(cell ?? NaN)) && cell !== '' ? Number(cell).toFixed(1) : cell,
  );
  return [...columns, { ...x, name: 'x again', cells: rounded }];
}

const TABLE = tableOf(600);
const FEATURES = [...MIXED_FEATURES, 'x again'];
const CASES = [
  ['binary', 'cv', {}],
  ['binary', 'tvh', { weightColumn: 'weight', metric: 'auc' }],
  ['multiclass', 'cv', {}],
  ['regression', 'cv', { metric: 'mae', weightColumn: 'weight' }],
  ['count', 'tvh', { metric: 'poissonDeviance', targetType: 'regression' }],
] as const;

interface Asked {
  readonly name: string;
  readonly task: InsightTask;
  readonly input: InsightInput;
  readonly model: FittedModel;
}

describe('ml feature insights', function () {
  this.timeout(60_000);
  const asked: Asked[] = [];

  before(async () => {
    for (const [target, validation, request] of CASES) {
      const partitioning =
        validation === 'cv' ? ({ method: 'random', folds: 3 } as const) : ({ method: 'random', validation } as const);
      const plan = await planOf(TABLE, { target, featureNames: FEATURES, partitioning, ...request });
      const models = await fitModels(TABLE, plan);
      for (const model of [...models, await blended(models)]) {
        const { projectId, datasetId, metric, seed, modelId, blueprintId } = model.task;
        const spec = { projectId, datasetId, metric, seed, modelId, target: plan.target, table: storedTable(TABLE) };
        const place = { artifactPath: `models/${modelId}/1-a`, manifestSha256: '0'.repeat(64) };
        const task: InsightTask = { kind: 'insight', insight: 'feature-impact', ...spec, ...place };
        const { manifest, outOfFold, fit } = model;
        const input = { manifest, outOfFold, blob: fit.blob, source: memorySource(TABLE, 100) };
        asked.push({ name: `${target} ${validation} ${blueprintId}`, task, input, model });
      }
    }
    expect(asked.length).to.equal(CASES.length * 5);
  });

  async function blended(models: readonly FittedModel[]): Promise<FittedModel> {
    const [first = expect.fail('no model')] = models;
    const plan = await planOf(TABLE, { target: first.task.target.name, featureNames: FEATURES });
    const task = ensembleTask(TABLE, { ...plan, ...first.task }, models);
    const ensemble = await makeEnsemble(task, modelReader(models), freeIo());
    const outOfFold = ensemble.outOfFold ?? expect.fail('no predictions');
    const bytes = encodeOutOfFold(outOfFold);
    const files = [{ name: 'out-of-fold.bin', sizeBytes: bytes.length, sha256: sha256(bytes) }];
    const manifest = ensembleManifest(task, ensemble, { createdAt: '2026-01-01T00:00:00Z', files });
    const own = { ...first.task, modelId: task.modelId, blueprintId: 'ensemble' };
    return { task: own, fit: { ...first.fit, blob: ensemble.blob }, manifest, outOfFold };
  }

  const compute = async (
    { task, input }: Pick<Asked, 'task' | 'input'>,
    insight: TaskInsightKind,
  ): Promise<StoredInsight> =>
    parse(StoredInsight, JSON.parse(JSON.stringify(await computeInsight({ ...task, insight }, input, freeIo()))), 'i');
  const of = <K extends TaskInsightKind>(stored: StoredInsight, kind: K): InsightOf<K> => {
    if (stored.insight.kind !== kind) expect.fail(stored.insight.kind);
    return stored.insight as InsightOf<K>; // just seen
  };

  it('says what every kind of model makes of its features, and is proven against what was committed', async () => {
    for (const one of asked) {
      const { task, model, name } = one;
      const stored = await compute(one, 'feature-impact');
      await checkInsight(task, stored, model.manifest, model.outOfFold);
      const impact = of(stored, 'feature-impact');
      const names = [...impact.features.map(({ feature }) => feature), ...impact.unused];
      expect(names.toSorted(), name).to.deep.equal(FEATURES.toSorted());
      const scores = scoresFromOutOfFold(model.outOfFold, task.target);
      const score = (scores.crossValidation ?? scores.validation)?.[task.metric] ?? NaN;
      // The same rows in another order; an ensemble's weights are its own here, chosen by all rows.
      const tolerance = name.endsWith('ensemble') ? 0.05 * Math.abs(score) : 1e-12;
      expect(impact.score, name).to.be.closeTo(score, tolerance);
      expect(stored).to.include({ rowCount: model.outOfFold.partitions.filter((of) => of !== HOLDOUT).length });
      if (name.endsWith('baseline')) expect(impact.features).to.deep.equal([]);
      else expect(impact.features[0]?.impact, name).to.be.greaterThan(impact.features[0]?.std ?? NaN);
      const effects = await compute(one, 'feature-effects');
      await checkInsight({ ...task, insight: 'feature-effects' }, effects, model.manifest, model.outOfFold);
      expect(of(effects, 'feature-effects').featureCount).to.equal(impact.features.length);
    }
  });

  it('reads texts as the model does; a text has no bins but there and missing', async () => {
    const table = textTable(400);
    const partitioning = { method: 'random', folds: 3 } as const;
    const plan = await planOf(table, { target: 'binary', featureNames: ['x', 'colour', 'note'], partitioning });
    const models = await fitModels(table, plan, [
      ['linear-text', { penalties: 12 }],
      ['lightgbm-fast', { maxIterations: 25, leaves: 8 }],
    ]);
    for (const { task, manifest, fit, outOfFold } of models) {
      const { projectId, datasetId, metric, seed, modelId } = task;
      const spec = { projectId, datasetId, metric, seed, modelId, target: plan.target, table: storedTable(table) };
      const asked: InsightTask = {
        kind: 'insight',
        insight: 'feature-impact',
        ...spec,
        artifactPath: '',
        manifestSha256: '',
      };
      const one = {
        task: asked,
        input: { manifest, outOfFold, blob: fit.blob, source: memorySource(table, 64) },
      };
      const stored = await compute(one, 'feature-impact');
      await checkInsight(asked, stored, manifest, outOfFold);
      expect(of(stored, 'feature-impact').features[0]?.feature, task.blueprintId).to.equal('note');
      const effects = await compute(one, 'feature-effects');
      await checkInsight({ ...asked, insight: 'feature-effects' }, effects, manifest, outOfFold);
      const note = of(effects, 'feature-effects').features.find(({ feature }) => feature === 'note');
      expect(note?.bins.map(({ kind }) => kind)).to.deep.equal(['others', 'missing']);
      expect(note?.bins[0]?.partialDependence, 'no one text stands for them').to.equal(null);
      expect(note?.bins[1]?.partialDependence).to.have.length(1);
    }
  });

  const caseOf = (name: string): Asked => asked.find((one) => one.name === name) ?? expect.fail(name);

  it('flags near-duplicates, whose impact is that of both together', async () => {
    const impact = of(await compute(caseOf('regression cv lightgbm-fast'), 'feature-impact'), 'feature-impact');
    const [group = expect.fail('no group')] = impact.groups;
    expect(group.features.toSorted()).to.deep.equal(['x', 'x again']);
    expect(group.association).to.be.within(0.99, 1);
    const own = impact.features.filter(({ feature }) => group.features.includes(feature));
    expect(own.map((one) => one.group)).to.deep.equal([0, 0]);
    for (const { impact: alone } of own) expect(group.impact).to.be.greaterThan(alone ?? NaN);
    expect(impact.features.filter((one) => one.group === null).length).to.equal(FEATURES.length - 2);
  });

  it('shows the effect of levels, of numbers and of missing cells', async () => {
    const effects = of(await compute(caseOf('regression cv linear'), 'feature-effects'), 'feature-effects');
    expect([effects.outputs, effects.dependenceRowCount]).to.deep.equal([[null], 480]);
    const binsOf = (name: string) => effects.features.find(({ feature }) => feature === name)?.bins ?? [];
    const colours = binsOf('colour');
    expect(colours.map(({ level }) => level)).to.include.members(['red', 'blue']);
    expect(colours.at(-1)).to.include({ kind: 'missing', level: null });
    const dependence = (level: string) => colours.find((bin) => bin.level === level)?.partialDependence?.[0] ?? NaN;
    expect(dependence('red'), 'red adds 0.8, Green takes 0.5').to.be.greaterThan(dependence('green'));
    const x = binsOf('x').filter(({ kind }) => kind === 'range');
    expect(x.length).to.be.within(15, 20);
    expect(x[0]?.from).to.be.lessThan(x[0]?.to ?? NaN);
    expect(x.at(-1)?.meanActual[0]).to.be.greaterThan((x[0]?.meanActual[0] ?? NaN) + 100);
    const movements = effects.features.map(({ movement }) => movement);
    expect(movements).to.deep.equal(movements.toSorted((a, b) => b - a));
    const cities = binsOf('city');
    expect(cities.filter(({ kind }) => kind === 'level').length).to.equal(20);
    expect(cities.find(({ kind }) => kind === 'others')).to.include({ partialDependence: null });
    const multiclass = of(await compute(caseOf('multiclass cv linear'), 'feature-effects'), 'feature-effects');
    expect(multiclass.outputs.toSorted()).to.deep.equal(['high', 'low', 'middle']);
    for (const { bins } of multiclass.features)
      for (const { meanPredicted } of bins)
        expect(meanPredicted.reduce((sum, value) => sum + value, 0)).to.be.closeTo(1, 1e-9);
  });

  it('is the same done again, whatever the batches of the table', async () => {
    const one = caseOf('binary tvh lightgbm-fast');
    for (const kind of ['feature-impact', 'feature-effects'] as const) {
      const first = JSON.stringify(await compute(one, kind));
      const other = { ...one, input: { ...one.input, source: memorySource(TABLE, 37) } };
      expect(JSON.stringify(await compute(other, kind))).to.equal(first);
    }
    const seeded = { ...one, task: { ...one.task, seed: one.task.seed + 1 } };
    expect(await compute(seeded, 'feature-impact')).to.not.deep.equal(await compute(one, 'feature-impact'));
  });

  it('takes rows by hash where there are too many, more rows holding the fewer, never of the holdout', async () => {
    const { outOfFold } = caseOf('binary cv linear').model;
    const few = sampleRows(outOfFold, 1, 100);
    const more = sampleRows(outOfFold, 1, 200);
    expect([few.rows.length, more.rows.length]).to.deep.equal([100, 200]);
    expect([...few.rows].every((row) => more.rows.includes(row))).to.be.true;
    expect([...few.partitions]).to.deep.equal([...few.partitions].toSorted((a, b) => a - b));
    expect(few.partitions.includes(HOLDOUT)).to.be.false;
    const limits = [rowsMax(10, 10, 0, 1), rowsMax(500, 10, 0, 1), rowsMax(10, 4_000, 0, 1)];
    expect(limits).to.deep.equal([10_000, 2_000, 4_000]);
    expect([rowsMax(100_000, 10, 0, 1), rowsMax(10, 10, 1, 1)]).to.deep.equal([500, 4_000]);
    expect([rowsMax(10, 10, 0, 10), rowsMax(10, 10, 0, 500), rowsMax(50, 10, 0, 1_000)]).to.deep.equal([
      10_000, 2_000, 500,
    ]);
    const weights = new Float64Array(outOfFold.rows.length);
    await appErrorOf('TOO_FEW_ROWS', () => sampleRows({ ...outOfFold, weights }, 1, 100));
  });

  it('refuses what is not of the task: rows, features, score, means', async () => {
    const one = caseOf('binary cv lightgbm-fast');
    const { task, model } = one;
    const impact = await compute(one, 'feature-impact');
    const effects = await compute(one, 'feature-effects');
    const refused = async (kind: TaskInsightKind, stored: StoredInsight, says: RegExp) => {
      const check = () => checkInsight({ ...task, insight: kind }, stored, model.manifest, model.outOfFold);
      expect((await appErrorOf('RESULT_MISMATCH', check)).message).to.match(says);
    };
    await refused('feature-effects', impact, /expected feature-effects/);
    await refused('feature-impact', { ...impact, rowCount: 479 }, /other rows/);
    const own = of(impact, 'feature-impact');
    const alter = (change: Partial<typeof own>): StoredInsight => ({ ...impact, insight: { ...own, ...change } });
    await refused('feature-impact', alter({ features: own.features.slice(1) }), /not those of the model/);
    await refused('feature-impact', alter({ score: (own.score ?? 0) + 1e-6 }), /out-of-fold.bin/);
    await refused('feature-impact', alter({ repeats: 4 }), /expected 5 repeats/);
    const [first = expect.fail('no feature'), ...rest] = own.features;
    await refused('feature-impact', alter({ features: [{ ...first, impact: 9 }, ...rest] }), /normalised/);
    const shown = of(effects, 'feature-effects');
    const [top = expect.fail('no feature'), ...others] = shown.features;
    const [bin = expect.fail('no bin'), ...bins] = top.bins;
    const spoiled = { ...top, bins: [{ ...bin, meanPredicted: [(bin.meanPredicted[0] ?? 0) + 0.01] }, ...bins] };
    const insight = { ...shown, features: [spoiled, ...others] };
    await refused('feature-effects', { ...effects, insight }, /do not add up/);
  });

  it('refuses a model that does not predict what is stored', async () => {
    const one = caseOf('binary cv linear');
    const { outOfFold } = one.model;
    const predictions = outOfFold.predictions.map((value) => value / 2);
    const input = { ...one.input, outOfFold: { ...outOfFold, predictions } };
    const err = await appErrorOf('RESULT_MISMATCH', () => computeInsight(one.task, input, freeIo()));
    expect(err.message).to.match(/row \d+ is not predicted as/);
  });
});

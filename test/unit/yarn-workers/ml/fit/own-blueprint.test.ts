import { expect } from 'chai';
import type { BlueprintDocument, InsightTask, ManifestStep, Parameters, TrainTask } from '#contracts';
import { documentOf, encodeOutOfFold, madeBy, manifestOf, type MadeBy } from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { checkInsight, computeInsight, makeEnsemble } from '../../../../support/in-memory.ts';
import { openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import { heldFraction } from '../../../../../yarn-workers/ml/fit/sample-fraction.ts';
import { trainingOf } from '../../../../../yarn-workers/ml/insights/learning-curve/learning-curve.ts';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { ensembleTask, fitModels, modelReader } from '../../../../support/ensemble-task.ts';
import { levelsTable } from '../../../../support/levels-table.ts';
import { memorySource, numberRule, storedTable, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';
import { geoTable } from '../../../../support/places-table.ts';
import { textTable } from '../../../../support/text-table.ts';

const ROWS = 800;
const FEATURES = ['x', 'colour', 'town', 'day', 'sent', 'lat', 'lon', 'home', 'note'] as const;

/** Something for every step to read. */
function wholeTable(): MemoryColumn[] {
  const random = createRandom(7);
  const degrees = (from: number): string[] => Array.from({ length: ROWS }, () => String(from + random.uniform()));
  return [
    ...levelsTable(ROWS),
    { name: 'lat', cells: degrees(47), parse: numberRule },
    { name: 'lon', cells: degrees(8), parse: numberRule },
    ...geoTable(ROWS).filter(({ name }) => name === 'home'),
    ...textTable(ROWS).filter(({ name }) => name === 'note'),
  ];
}

const TABLE = wholeTable();

/** Models of each family, quick to fit, and the steps that they have. */
const MODELS: readonly (readonly [string, Parameters])[] = [
  ['lightgbm-encoded', { maxIterations: 6, leaves: 6, holidays: 'US', textComponents: 4 }],
  ['xgboost-default', { maxIterations: 6, maxDepth: 3, categories: 'both', holidays: 'DE' }],
  ['extra-trees', { trees: 10, holidays: 'FR' }],
  ['linear-text', { penalties: 4, pieces: 3, characters: 0, holidays: 'GB' }],
];

async function taskOf(made: MadeBy, changes: Partial<TrainTask> = {}): Promise<TrainTask> {
  const plan = await planOf(TABLE, { target: 'binary', featureNames: [...FEATURES] });
  const { blueprintId, parameters, ownBlueprint } = made;
  const featureSteps = ownBlueprint?.featureSteps;
  return trainTask(TABLE, plan, {
    ...{ blueprintId, parameters },
    ...(featureSteps === undefined ? {} : { featureSteps }),
    partitioning: { ...plan.partitioning, folds: 2 },
    ...changes,
  });
}

const fit = async (task: TrainTask): Promise<FitResult> =>
  fitModel(task, memorySource(TABLE, 150), testEngine(), freeIo());

const kindsOf = ({ content }: FitResult): string[] =>
  [...new Set(content.steps.map(({ kind }: ManifestStep) => kind))].toSorted();

function without(document: BlueprintDocument, kind: string): BlueprintDocument {
  const left = document.steps.filter((step) => step.kind !== kind);
  const others = left.slice(0, -1).map(({ id }) => id);
  return {
    ...document,
    steps: left.map((step, index) => (index === left.length - 1 ? { ...step, inputs: others } : step)),
  };
}

describe('ml fit of a blueprint of one’s own', function () {
  this.timeout(120_000);

  for (const [blueprintId, parameters] of MODELS) {
    it(`${blueprintId}: has the steps of its document and no others, whichever is left out`, async () => {
      const document = documentOf({ blueprintId, parameters });
      const whole = await fit(await taskOf({ blueprintId, parameters }));
      const kinds = document.steps.slice(0, -1).map(({ kind }) => kind);
      expect(kindsOf(whole)).to.deep.equal(kinds.toSorted());
      const again = await fit(await taskOf(madeBy(document)));
      expect(again.contentHash).to.equal(whole.contentHash);
      for (const kind of kinds) {
        if (kind === 'category-codes' && kinds.includes('category-numbers')) continue;
        const made = madeBy(without(document, kind));
        const changed = await fit(await taskOf(made));
        const left = kinds.filter((one) => one !== kind);
        expect(kindsOf(changed), kind).to.deep.equal(left.toSorted());
        expect(changed.contentHash, kind).not.to.equal(whole.contentHash);
        expect(await taskOf(madeBy(documentOf(made))), kind).to.deep.equal(await taskOf(made));
      }
    });
  }

  it('reads encodings, n-grams, directions and distances as its steps are told to', async () => {
    const add = (id: string, step: BlueprintDocument['steps'][number]): MadeBy => {
      const document = documentOf({ blueprintId: id, parameters: {} });
      const [end] = document.steps.slice(-1);
      if (end === undefined) throw new Error('no end');
      const steps = [...document.steps.slice(0, -1), step, { ...end, inputs: [...end.inputs, step.id] }];
      return madeBy({ ...document, steps });
    };
    const inputs = ['text features'];
    const texts = add('linear', { id: 't', kind: 'text-scores', inputs, parameters: { words: 0, characters: 3 } });
    const { content } = await fit(await taskOf({ ...texts, parameters: { ...texts.parameters, penalties: 5 } }));
    const tokens = content.steps.flatMap((step) => (step.kind === 'text-scores' ? [step.tokens, step.maxLength] : []));
    expect([...new Set(tokens)]).to.deep.equal(['characters', 3]);
    const many = ['categorical features of many levels'];
    const codes = add('lightgbm-fast', {
      ...{ id: 'n', kind: 'category-numbers', inputs: many },
      parameters: { categories: 'both', categoryCounts: false },
    });
    const { content: encoded } = await fit(
      await taskOf({ ...codes, parameters: { ...codes.parameters, maxIterations: 5 } }),
    );
    const meanings = encoded.steps.flatMap((step) => (step.kind === 'category-numbers' ? [step.meaning] : []));
    expect([...new Set(meanings)]).to.deep.equal(['target']);
    const pair = ['pairs of latitude and longitude'];
    const places = add('linear', { id: 'p', kind: 'place-directions', inputs: pair });
    expect(kindsOf(await fit(await taskOf(places)))).to.include('place-directions');
    const distances = add('extra-trees', { id: 'd', kind: 'place-distance', inputs: [...pair, 'geo features'] });
    const trees = await fit(await taskOf({ ...distances, parameters: { trees: 5 } }));
    expect(kindsOf(trees)).to.include('place-distance');
  });

  it('counts the columns of its steps where rows would be too many', async () => {
    const large = (made: MadeBy) => taskOf(made).then((task) => ({ ...task, table: { ...task.table, rowCount: 3e6 } }));
    const [usual, fewer] = [
      { blueprintId: 'linear', parameters: {} },
      madeBy(without(documentOf({ blueprintId: 'linear', parameters: {} }), 'date-parts')),
    ];
    expect(heldFraction(await large(fewer))).to.be.greaterThan(heldFraction(await large(usual)));
  });

  it('is refitted, resumed, blended and fitted for a learning curve with the same steps, and says so in its manifest', async () => {
    const document = documentOf({ blueprintId: 'lightgbm-slow', parameters: { maxIterations: 60, leaves: 6 } });
    const made = madeBy(without(without(document, 'text-scores'), 'date-parts'));
    const task = await taskOf(made);
    const states: Uint8Array[] = [];
    const whole = await fitModel(task, memorySource(TABLE, 150), testEngine(), {
      ...freeIo(),
      onCheckpoint: async ({ encode }) => void states.push(encode()),
    });
    const [state] = states;
    if (state === undefined) throw new Error('no checkpoint');
    const resumed = await fitModel(task, memorySource(TABLE, 150), testEngine(), { ...freeIo(), resumeFrom: state });
    expect(resumed.contentHash).to.equal(whole.contentHash);
    const refit = await fit({ ...task, refit: { of: 'model-1', iterations: whole.iterations } });
    expect(kindsOf(refit)).to.deep.equal(kindsOf(whole));
    const manifest = manifestOf(task, refit, { createdAt: '2026-01-01T00:00:00Z', files: [] });
    expect(manifest.parameters['featureSteps']).to.deep.equal(made.ownBlueprint?.featureSteps);
    expect(manifest.blueprintId).to.equal('lightgbm-slow');
    // What the learning curve and the curve's fits read: the task, with its steps.
    expect(trainingOf({ train: task } as unknown as InsightTask).featureSteps).to.deep.equal(task.featureSteps);
    const plan = await planOf(TABLE, { target: 'binary', featureNames: [...FEATURES] });
    const { featureSteps } = task;
    if (featureSteps === undefined) throw new Error('no steps of its own');
    const models = await fitModels(TABLE, plan, [
      ['lightgbm-fast', { maxIterations: 10 }, featureSteps],
      ['linear', { penalties: 8 }],
    ]);
    const [own] = models;
    if (own === undefined) throw new Error('nothing was fitted');
    expect(own.manifest.content.steps.map(({ kind }) => kind)).not.to.include.oneOf(['text-scores', 'date-parts']);
    const { content, contentHash, blob } = await makeEnsemble(ensembleTask(TABLE, plan, models), modelReader(models), {
      sha256,
      now: () => 0,
      remainingMs: () => null,
    });
    expect(content.members.length).to.be.greaterThan(0);
    const sealed = { ...own.manifest, content, contentHash };
    expect(openArtifact(sealed, blob, sha256).outputCount).to.equal(1);
  });

  it('has insights of features that only steps of several features read', async () => {
    const usual = documentOf({ blueprintId: 'lightgbm-default', parameters: { maxIterations: 20, leaves: 6 } });
    const document = ['date-parts', 'numeric', 'place-parts', 'place-cells'].reduce(without, usual);
    const task = await taskOf(madeBy(document));
    const made = await fit(task);
    const outOfFold = made.outOfFold ?? expect.fail('no predictions');
    const file = encodeOutOfFold(outOfFold);
    const files = [{ name: 'out-of-fold.bin', sizeBytes: file.length, sha256: sha256(file) }];
    const manifest = manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files });
    const { projectId, datasetId, metric, seed, modelId, target } = task;
    const spec = { projectId, datasetId, metric, seed, modelId, target, table: storedTable(TABLE) };
    const place = { artifactPath: `models/${modelId}/1-a`, manifestSha256: '0'.repeat(64) };
    for (const insight of ['feature-impact', 'feature-effects', 'segments'] as const) {
      const asked: InsightTask = { kind: 'insight', insight, ...spec, ...place };
      const input = { manifest, outOfFold, blob: made.blob, source: memorySource(TABLE, 150) };
      const stored = await computeInsight(asked, input, freeIo());
      await checkInsight(asked, stored, manifest, outOfFold);
      if (stored.insight.kind !== 'feature-impact') continue;
      const { features, unused } = stored.insight;
      expect(unused.toSorted()).to.deep.equal(['x']);
      const moved = features.filter(({ impact }) => impact !== 0).map(({ feature }) => feature);
      expect(moved).to.include.members(['day', 'sent', 'lat', 'lon', 'home']);
    }
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { EnsembleOutcome, EnsembleTask, Manifest, SealedFile } from '#contracts';
import { encodeOutOfFold, ensembleManifest } from '#ml';
import { makeEnsemble, type Ensemble } from '../../../../support/in-memory.ts';
import { FileObjectStore } from '#object-store';
import { contentHashOf } from '#scoring';
import { verifyEnsemble } from '../../../../../appserver/server/verification/verify-ensemble.ts';
import { sha256 } from '../../../../support/boosting-engine.ts';
import { ensembleTask, fitModels, modelReader, type FittedModel } from '../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { planOf } from '../../../../support/modelling-task.ts';

const TABLE = mixedTable(400);

/** What a worker says of an ensemble that it did not make so. */
interface Story {
  readonly outcome?: Partial<EnsembleOutcome>;
  readonly manifest?: Partial<Manifest>;
  readonly predictions?: Float64Array;
  readonly blob?: Uint8Array;
}

describe('an ensemble that a worker made', function () {
  this.timeout(30_000);
  let folder: string;
  let store: FileObjectStore;
  let models: FittedModel[];
  let task: EnsembleTask;
  let ensemble: Ensemble;
  let attempts = 0;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-verify-'));
    store = new FileObjectStore(folder);
    const partitioning = { method: 'random', folds: 3 } as const;
    const plan = await planOf(TABLE, { target: 'binary', featureNames: [...MIXED_FEATURES], partitioning });
    models = await fitModels(TABLE, plan);
    task = ensembleTask(TABLE, plan, models);
    for (const [index, { manifest, fit, outOfFold }] of models.entries()) {
      const at = task.members[index]?.artifactPath ?? '';
      await store.write(`${at}/manifest.json`, Buffer.from(JSON.stringify(manifest)));
      await store.write(`${at}/blob`, fit.blob);
      await store.write(`${at}/out-of-fold.bin`, encodeOutOfFold(outOfFold));
    }
    ensemble = await made(task);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const made = (spec: EnsembleTask): Promise<Ensemble> =>
    makeEnsemble(spec, modelReader(models), { sha256, now: () => 0, remainingMs: () => null });

  async function verify(
    spec: EnsembleTask,
    of: Ensemble,
    { outcome, manifest, predictions, blob }: Story = {},
  ): Promise<string> {
    const attemptPath = `models/ensemble/${(attempts += 1)}-a`;
    const outOfFold =
      of.outOfFold === null ? null : { ...of.outOfFold, predictions: predictions ?? of.outOfFold.predictions };
    const written = { ...ensembleManifest(spec, of, { createdAt: '2026-01-01T00:00:00Z', files: [] }), ...manifest };
    const contents: Record<string, Uint8Array> = {
      blob: blob ?? of.blob,
      'manifest.json': Buffer.from(JSON.stringify(written)),
      ...(outOfFold === null ? {} : { 'out-of-fold.bin': encodeOutOfFold(outOfFold) }),
    };
    const files: SealedFile[] = [];
    for (const [name, bytes] of Object.entries(contents))
      files.push({ name, ...(await store.write(`${attemptPath}/${name}`, bytes)) });
    const { contentHash, rowCount, scores, facts, partWeights, partBest } = of;
    const honest: EnsembleOutcome = {
      ...{ kind: 'ensemble', contentHash, rowCount, scores, ensemble: facts, partWeights, partBest },
      ...{ fitMs: 1, predictMicrosPerRow: 1, sizeBytes: 1, peakMemoryBytes: 1 },
    };
    // As it comes over the wire.
    const told = JSON.parse(JSON.stringify({ ...honest, ...outcome })) as EnsembleOutcome;
    return verifyEnsemble(spec, { fence: 1, attemptPath, files, outcome: told }, store);
  }

  const refuses = async (story: Story, found: RegExp): Promise<void> => {
    const error = await appErrorOf('RESULT_MISMATCH', () => verify(task, ensemble, story));
    expect(error.message).to.match(found);
  };

  /** The refit of an ensemble of the first two models. */
  const refitTask = (): EnsembleTask => ({
    ...task,
    refitOf: 'ensemble-0',
    members: task.members.slice(0, 2).map((member, index) => ({ ...member, weight: index === 0 ? 0.25 : 0.75 })),
  });

  it('is taken when it is what was asked for, and so is its refit', async () => {
    expect(await verify(task, ensemble)).to.match(/^[0-9a-f]{64}$/);
    expect(await verify(refitTask(), await made(refitTask()))).to.match(/^[0-9a-f]{64}$/);
  });

  it('is refused with an artefact that is another blend', async () => {
    const [first, ...rest] = ensemble.content.members;
    if (first === undefined) throw new Error('an ensemble has members');
    const content = { ...ensemble.content, members: [{ ...first, weight: first.weight / 2 }, ...rest] };
    const contentHash = contentHashOf(content, sha256);
    await refuses(
      { outcome: { contentHash }, manifest: { content, contentHash } },
      /not the weighted sum of its members’ artefacts/,
    );
  });

  it('is refused with predictions or scores that are not the weighted sum', async () => {
    const better = ensemble.outOfFold?.predictions.map((p) => (p > 0.5 ? Math.min(1, p + 1e-12) : p));
    if (better === undefined) throw new Error('an ensemble has out-of-fold predictions');
    await refuses({ predictions: better }, /not the weighted sum of its members’ predictions/);
    const scores = { validation: null, crossValidation: { logLoss: 0.001 }, holdout: null };
    await refuses({ outcome: { scores } }, /scores are not those/);
    const { facts } = ensemble;
    await refuses({ outcome: { ensemble: { ...facts, gain: 1 } } }, /gain and noise/);
    await refuses({ outcome: { ensemble: { ...facts, noise: 0 } } }, /gain and noise/);
    await refuses({ outcome: { ensemble: { ...facts, selectionRowCount: 401 } } }, /401 rows chose/);
  });

  it('is refused with weights that cannot be the task’s', async () => {
    const { members } = ensemble.facts;
    const facts = (changed: typeof members) => ({ outcome: { ensemble: { ...ensemble.facts, members: changed } } });
    await refuses(facts([...members, { modelId: 'another', weight: 0.1 }]), /not models of the task/);
    await refuses(facts(members.toReversed()), /not models of the task/);
    await refuses(facts(members.map(({ modelId, weight }) => ({ modelId, weight: weight / 2 }))), /add up to 0\.5/);
    const everyone = task.members.map(({ modelId }) => ({ modelId, weight: 0.25 }));
    await refuses(facts(everyone), /of 4 models, expected at most 3/);
    await refuses({ outcome: { partWeights: ensemble.partWeights.slice(1) } }, /expected 3 x 4 weights/);
    await refuses(
      { outcome: { partWeights: ensemble.partWeights.map(() => [1, 1, 0, 0]) } },
      /without part 0 add up to 2/,
    );
    await refuses({ outcome: { partBest: [0, 1] } }, /expected 3 best models/);
    await refuses({ outcome: { partBest: [0, 1, 4] } }, /expected 3 best models/);
  });

  it('is refused where the manifest tells another story than the outcome', async () => {
    await refuses({ outcome: { contentHash: '0'.repeat(64) } }, /content hash/);
    await refuses({ manifest: { modelId: 'another' } }, /another model/);
    await refuses({ manifest: { blueprintId: 'linear' } }, /another model/);
    await refuses({ manifest: { parameters: {} } }, /something else of its weights/);
    await refuses({ outcome: { rowCount: 1 } }, /rows fitted on/);
    await refuses({ manifest: { trainingStatistics: [] } }, /training statistics/);
    const content = { ...ensemble.content, threshold: 0.4 };
    await refuses({ manifest: { content } }, /not the weighted sum of its members’ artefacts/);
    await refuses({ blob: ensemble.blob.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) }, /blob is not that/);
  });

  it('is refused when its members’ files are not those that were committed', async () => {
    const at = task.members.map((member, index) =>
      index === 0 ? { ...member, manifestSha256: '0'.repeat(64) } : member,
    );
    const error = await appErrorOf('RESULT_MISMATCH', () => verify({ ...task, members: at }, ensemble));
    expect(error.message).to.match(/manifest\.json of model-0 is not what was committed/);
    const moved = task.members.map((member, index) =>
      index === 0
        ? { ...member, artifactPath: 'models/elsewhere', manifestSha256: task.members[0]?.manifestSha256 ?? '' }
        : member,
    );
    const { fit, manifest } = models[0] ?? expect.fail('no model');
    await store.write('models/elsewhere/manifest.json', Buffer.from(JSON.stringify(manifest)));
    await store.write('models/elsewhere/blob', fit.blob);
    const worse = models[1]?.outOfFold ?? expect.fail('no model');
    await store.write('models/elsewhere/out-of-fold.bin', encodeOutOfFold(worse));
    const spoiled = await appErrorOf('RESULT_MISMATCH', () => verify({ ...task, members: moved }, ensemble));
    expect(spoiled.message).to.match(/out-of-fold\.bin of model-0 is not what was committed/);
    const spoilt = moved.map((member, index) => (index === 0 ? { ...member, artifactPath: 'models/spoilt' } : member));
    await store.write('models/spoilt/manifest.json', Buffer.from(JSON.stringify(manifest)));
    await store.write('models/spoilt/blob', fit.blob.subarray(1));
    const altered = await appErrorOf('RESULT_MISMATCH', () => verify({ ...task, members: spoilt }, ensemble));
    expect(altered.message).to.match(/blob of model-0 is not what was committed/);
  });

  it('is refused as a refit with other weights than its twin, with scores, or with weights of parts', async () => {
    const spec = refitTask();
    const refit = await made(spec);
    const lie = async (outcome: Partial<EnsembleOutcome>, found: RegExp): Promise<void> => {
      const error = await appErrorOf('RESULT_MISMATCH', () => verify(spec, refit, { outcome }));
      expect(error.message).to.match(found);
    };
    const swapped = refit.facts.members.map(({ modelId, weight }) => ({ modelId, weight: 1 - weight }));
    await lie({ ensemble: { ...refit.facts, members: swapped } }, /weights of its twin/);
    await lie({ scores: ensemble.scores }, /a refit has none of its own/);
    await lie({ partWeights: [[1, 0]] }, /a refit chooses nothing/);
  });
});

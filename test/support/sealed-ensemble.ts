import type { EnsembleOutcome, EnsembleTask, SealedFile } from '#contracts';
import { encodeOutOfFold, ensembleManifest, type OutOfFold } from '#ml';
import { makeEnsemble } from './in-memory.ts';
import type { ObjectStore } from '#object-store';
import { createRandom } from '#statistics';
import type { SealedAttempt } from '../../appserver/server/queue/index.ts';
import { sha256 } from './boosting-engine.ts';
import { ensembleTask, fitModels, modelReader, type FittedModel } from './ensemble-task.ts';
import { mixedTable, MIXED_FEATURES } from './mixed-table.ts';
import { planOf } from './modelling-task.ts';

/** Ways to predict that know different things of the rows, and none everything. */
const SKILLS = [2.2, 1.8, 1.5, 1.2];
const FOLDS = 5;

/** An ensemble as a worker has left it in the store, with what its task and outcome say. */
export interface SealedEnsemble {
  readonly spec: EnsembleTask;
  readonly sealed: SealedAttempt<'ensemble'>;
}

/** Seals an ensemble of models that hold `rowCount` rows back; the models themselves are small. */
export async function sealedEnsemble(store: ObjectStore, rowCount: number): Promise<SealedEnsemble> {
  const table = mixedTable(200);
  const plan = await planOf(table, {
    target: 'binary',
    featureNames: [...MIXED_FEATURES],
    partitioning: { method: 'random', folds: FOLDS },
  });
  const small = await fitModels(table, plan);
  const models = small.map((model, index) => withRows(model, rowCount, index));
  const task = ensembleTask(table, plan, models);
  for (const [index, { manifest, fit, outOfFold }] of models.entries()) {
    const at = task.members[index]?.artifactPath ?? '';
    await store.write(`${at}/manifest.json`, Buffer.from(JSON.stringify(manifest)));
    await store.write(`${at}/blob`, fit.blob);
    await store.write(`${at}/out-of-fold.bin`, encodeOutOfFold(outOfFold));
  }
  const ensemble = await makeEnsemble(task, modelReader(models), { sha256, now: () => 0, remainingMs: () => null });
  const { contentHash, outOfFold, scores, facts, partWeights, partBest } = ensemble;
  if (outOfFold === null) throw new Error('an ensemble has out-of-fold predictions');
  const attemptPath = 'models/ensemble/1-a';
  const manifest = ensembleManifest(task, ensemble, { createdAt: '2026-01-01T00:00:00Z', files: [] });
  const contents = {
    blob: ensemble.blob,
    'out-of-fold.bin': encodeOutOfFold(outOfFold),
    'manifest.json': Buffer.from(JSON.stringify(manifest)),
  };
  const files: SealedFile[] = [];
  for (const [name, bytes] of Object.entries(contents))
    files.push({ name, ...(await store.write(`${attemptPath}/${name}`, bytes)) });
  const outcome: EnsembleOutcome = {
    ...{ kind: 'ensemble', contentHash, rowCount: ensemble.rowCount, scores, ensemble: facts, partWeights, partBest },
    ...{ fitMs: 1, predictMicrosPerRow: 1, sizeBytes: 1, peakMemoryBytes: 1 },
  };
  return { spec: task, sealed: { fence: 1, attemptPath, files, outcome } };
}

/** The model with out-of-fold predictions of other rows, a fifth of them in the holdout. */
function withRows(model: FittedModel, rowCount: number, index: number): FittedModel {
  const truth = createRandom(1);
  const noise = createRandom(index + 2);
  const classes = new Int32Array(rowCount).map(() => truth.below(2));
  const outOfFold: OutOfFold = {
    rows: Uint32Array.from({ length: rowCount }, (_, row) => row),
    partitions: Int8Array.from({ length: rowCount }, (_, row) => (row % FOLDS === 0 ? -1 : row % FOLDS)),
    foldCount: FOLDS,
    classes,
    values: null,
    weights: null,
    outputCount: 1,
    predictions: Float64Array.from(classes, (actual) => {
      const raw = (SKILLS[index] ?? 1) * (actual - 0.5) + 2 * (noise.uniform() - noise.uniform());
      return 1 / (1 + Math.exp(-raw));
    }),
  };
  const bytes = encodeOutOfFold(outOfFold);
  const files = [{ name: 'out-of-fold.bin', sizeBytes: bytes.length, sha256: sha256(bytes) }];
  return { ...model, outOfFold, manifest: { ...model.manifest, files } };
}

import type { AutopilotPlan, EnsembleTask, Manifest, Parameters, TrainTask } from '#contracts';
import { encodeOutOfFold, manifestOf, memoryPredictions, type EnsembleReader, type OutOfFold } from '#ml';
import { fitModel, type FitResult } from './in-memory.ts';
import { sha256, testEngine } from './boosting-engine.ts';
import { memorySource, storedTable, type MemoryColumn } from './memory-table.ts';
import { freeIo, trainTask } from './modelling-task.ts';

/** A model that an ensemble may blend. */
export interface FittedModel {
  readonly task: TrainTask;
  readonly fit: FitResult;
  readonly manifest: Manifest;
  readonly outOfFold: OutOfFold;
}

/** Blueprints of every kind of model, quick to fit; some with the kinds of their steps of features. */
export const BLENDED_BLUEPRINTS: readonly (readonly [string, Parameters, (readonly string[])?])[] = [
  ['linear', { penalties: 12 }],
  ['lightgbm-fast', { maxIterations: 25, leaves: 8 }],
  ['baseline', {}],
  ['lightgbm-random-forest', { maxIterations: 10, leaves: 12 }],
];

/** Fits models of a plan on a table in memory. */
export async function fitModels(
  columns: readonly MemoryColumn[],
  plan: AutopilotPlan,
  blueprints = BLENDED_BLUEPRINTS,
): Promise<FittedModel[]> {
  const models: FittedModel[] = [];
  for (const [index, [blueprintId, parameters, steps]] of blueprints.entries()) {
    const featureSteps = steps === undefined ? {} : { featureSteps: [...steps] };
    const task = trainTask(columns, plan, { modelId: `model-${index}`, blueprintId, parameters, ...featureSteps });
    const fit = await fitModel(task, memorySource(columns, 500), testEngine(), freeIo());
    const { outOfFold } = fit;
    if (outOfFold === null) throw new Error('a search model has out-of-fold predictions');
    const bytes = encodeOutOfFold(outOfFold);
    const files = [{ name: 'out-of-fold.bin', sizeBytes: bytes.length, sha256: sha256(bytes) }];
    const manifest = manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files });
    models.push({ task, fit, manifest, outOfFold });
  }
  return models;
}

/** The task of an ensemble of these models, in this order. */
export function ensembleTask(
  columns: readonly MemoryColumn[],
  plan: AutopilotPlan,
  models: readonly FittedModel[],
  changes: Partial<EnsembleTask> = {},
): EnsembleTask {
  const { target, features, metric, seed } = plan;
  return {
    kind: 'ensemble',
    modelId: 'ensemble-1',
    projectId: 'project-1',
    datasetId: 'dataset-1',
    table: storedTable(columns),
    target,
    features,
    metric,
    members: models.map(({ task, manifest }) => ({
      modelId: task.modelId,
      blueprintId: task.blueprintId,
      artifactPath: `models/${task.modelId}/1-a`,
      manifestSha256: sha256(Buffer.from(JSON.stringify(manifest))),
      weight: null,
    })),
    membersMax: 3,
    stepsMax: 10,
    refitOf: null,
    seed,
    ...changes,
  };
}

/** Reads the models out of memory. */
export function modelReader(models: readonly FittedModel[]): EnsembleReader {
  const at = (index: number): FittedModel => {
    const model = models[index];
    if (model === undefined) throw new Error(`there is no model ${index}`);
    return model;
  };
  return {
    artifact: (index) => {
      const { manifest, fit } = at(index);
      return Promise.resolve({ manifest, readBlob: () => Promise.resolve(fit.blob) });
    },
    outOfFold: (index) => Promise.resolve(memoryPredictions(at(index).outOfFold)),
  };
}

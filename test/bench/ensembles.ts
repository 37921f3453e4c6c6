/** What benches of ensembles have in common: models of a run, an ensemble of them, scores of blends on the test rows. */
import type { AutopilotPlan, EnsembleTask, PlannedTask } from '#contracts';
import { blendArtifacts, ensembleManifest, manifestOf, memoryPredictions, rankingScore, type OutOfFold } from '#ml';
import { makeEnsemble, type Ensemble, type FitResult } from '../support/in-memory.ts';
import { openArtifact, type Scorer } from '#scoring';
import { isBetter } from '#statistics';
import { ENSEMBLE_MEMBERS_MAX, ENSEMBLE_STEPS_MAX } from '../../yarn-workers/ml/ensemble/limits.ts';
import { sha256 } from '../support/boosting-engine.ts';
import { storedTable } from '../support/memory-table.ts';
import { trainTask } from '../support/modelling-task.ts';
import { fitted, testScore, type RealData } from './real-data.ts';

const CREATED = { createdAt: '2026-01-01T00:00:00Z', files: [] };
export type Candidate = Pick<PlannedTask, 'blueprintId' | 'parameters'>;

/** One of each kind: what benches blend. */
export const COMMON: readonly Candidate[] = [
  'linear-text',
  'linear',
  'linear-splines',
  'lightgbm-default',
  'lightgbm-shallow',
  'lightgbm-slow',
  'lightgbm-fine',
  'extra-trees',
  'random-forest',
].map((blueprintId) => ({ blueprintId, parameters: {} }));

/** A model of a run with its artefact. */
export interface Model {
  readonly blueprintId: string;
  readonly fit: FitResult;
  readonly score: number;
  readonly scorer: Scorer;
  /** What the process computed for it. */
  readonly cpuMs: number;
  /** A row of a batch, in microseconds. */
  readonly rowMicros: number;
}

/** The candidates fitted, the best first. */
export async function modelsOf(
  plan: AutopilotPlan,
  data: RealData,
  candidates: readonly Candidate[],
): Promise<Model[]> {
  const models: Model[] = [];
  for (const { blueprintId, parameters } of candidates) {
    const made = await fitted(plan, data.train, {
      blueprintId,
      parameters,
      refitOf: null,
      iterations: null,
    });
    const { scores } = made.fit;
    const score = scores === null ? null : rankingScore(scores, plan.metric);
    models.push({ blueprintId, score: score ?? NaN, ...made });
  }
  return models.sort(
    (a, b) => Number(isBetter(plan.metric, b.score, a.score)) - Number(isBetter(plan.metric, a.score, b.score)),
  );
}

/** @throws for a refit */
export const outOfFoldOf = ({ fit: { outOfFold } }: Model): OutOfFold => {
  if (outOfFold === null) throw new Error('a model of a search has out-of-fold predictions');
  return outOfFold;
};

export function ensembleTaskOf(
  plan: AutopilotPlan,
  data: RealData,
  models: readonly Pick<Model, 'blueprintId'>[],
): EnsembleTask {
  const { target, features, metric, seed } = plan;
  return {
    kind: 'ensemble',
    modelId: 'ensemble',
    projectId: 'project-1',
    datasetId: 'dataset-1',
    table: storedTable(data.train),
    target,
    features,
    metric,
    members: models.map(({ blueprintId }, index) => ({
      modelId: `model-${index}`,
      blueprintId,
      artifactPath: '',
      manifestSha256: '',
      weight: null,
    })),
    membersMax: ENSEMBLE_MEMBERS_MAX,
    stepsMax: ENSEMBLE_STEPS_MAX,
    refitOf: null,
    seed,
  };
}

const artifactOf = (plan: AutopilotPlan, data: RealData, { blueprintId, fit }: Model) => ({
  manifest: manifestOf(trainTask(data.train, plan, { blueprintId }), fit, CREATED),
  readBlob: async () => fit.blob,
});

/** An ensemble as a worker makes it. */
export async function ensembleOf(plan: AutopilotPlan, data: RealData, models: readonly Model[]): Promise<Ensemble> {
  const at = (index: number): Model => models[index] ?? never();
  return makeEnsemble(
    ensembleTaskOf(plan, data, models),
    {
      artifact: async (index) => artifactOf(plan, data, at(index)),
      outOfFold: async (index) => memoryPredictions(outOfFoldOf(at(index))),
    },
    { sha256, now: () => performance.now(), remainingMs: () => null },
  );
}

/** @throws always */
export const never = (): never => {
  throw new Error('there is no such model');
};

/** Score on the test rows of a blend of models. */
export async function blendScore(
  plan: AutopilotPlan,
  data: RealData,
  models: readonly Model[],
  weights: readonly number[],
): Promise<number> {
  const parts = models.flatMap((model, index) => {
    const weight = weights[index] ?? 0;
    return weight > 0 ? [{ ...artifactOf(plan, data, model), weight }] : [];
  });
  const blended = await blendArtifacts(parts, sha256);
  const facts = { members: [], selectionRowCount: null, gain: null, noise: null };
  const manifest = ensembleManifest(
    ensembleTaskOf(plan, data, models),
    { ...blended, facts, partWeights: [], partLayers: [], partBest: [] },
    CREATED,
  );
  return testScore(plan, openArtifact(manifest, blended.blob, sha256), data.test);
}

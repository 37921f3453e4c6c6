import { AppError, type AutopilotPlan, type FeatureProfile, type StoredTable, type TaskSpec } from '#contracts';
import { rankingScore, untriedOf } from '#ml';
import type { AutopilotRunRecord, DatasetRecord, ModelRecord, ProjectRecord, TrainedFacts } from '#store';
import { isoOf } from '../auth/authenticate.ts';
import type {
  DatasetFacts,
  ModelFacts,
  PeerFacts,
  ProjectFacts,
  RunFacts,
  SourceFile,
  TaskFacts,
} from '../compliance/index.ts';
import { isInPlace } from './datasets.ts';
import { failureReason } from './failures.ts';
import { visibleScores } from './models.ts';

/** The model; the holdout’s scores only once it is unlocked. */
export function modelFacts(model: ModelRecord, trained: TrainedFacts, project: ProjectRecord): ModelFacts {
  const { planned } = model;
  const { rowCount, iterations, ensemble, contentHash, manifestSha256, signature } = trained;
  const { predictMicrosPerRow, peakMemoryBytes, sizeBytes, fitMs, scores } = trained;
  return {
    ...{ id: model.id, name: model.name, family: model.family, blueprintId: planned.blueprintId },
    ...{ role: planned.role, refitOf: planned.refitOf, description: model.description },
    createdAt: isoOf(model.createdAt),
    finishedAt: model.finishedAt === null ? null : isoOf(model.finishedAt),
    parameters: planned.parameters,
    featureList: planned.featureList ?? null,
    excludedForLeakage: planned.excludedFeatures ?? [],
    ...{ sampleFraction: model.sampleFraction, threadCount: model.threadCount },
    ...{ rowCount, iterations, ensemble, contentHash, manifestSha256, signature },
    ...{ predictMicrosPerRow, peakMemoryBytes, sizeBytes, fitSeconds: fitMs / 1000 },
    scores: visibleScores(scores, project),
  };
}

/** Its project. @throws INTERNAL where nothing is fixed yet, which no project with a model is */
export function projectFacts({ id, name, description, fixed, holdoutUnlockedAt }: ProjectRecord): ProjectFacts {
  if (fixed === null) throw new AppError('INTERNAL', `project ${id} has a model but no target`);
  const { metric, partitioning } = fixed;
  return {
    ...{ id, name, description, metric, partitioning },
    holdoutUnlockedAt: holdoutUnlockedAt === null ? null : isoOf(holdoutUnlockedAt),
  };
}

type ModelTask = Extract<TaskSpec, { kind: 'train' | 'ensemble' }>;

/** A task of an ensemble does not say what its members' tasks do: the plan of its run does. */
export function taskFacts(spec: ModelTask, run: AutopilotRunRecord | undefined): TaskFacts {
  const { target, features, seed } = spec;
  const told: Partial<Pick<AutopilotPlan, 'weightColumn' | 'monotonic' | 'imbalance'>> =
    spec.kind === 'train' ? spec : (run?.plan ?? {});
  const { weightColumn = null, monotonic = { increasing: [], decreasing: [] }, imbalance = null } = told;
  return { target, features, seed, weightColumn, imbalance, monotonic };
}

/** The run, with the sentence of its recommendation while that is the project’s. */
export function runFacts(
  run: AutopilotRunRecord,
  project: ProjectRecord,
  models: readonly Pick<ModelRecord, 'planned'>[],
): RunFacts {
  const { id, state, plan, leakage, recommendedModelId } = run;
  const tasks = models.map(({ planned }) => planned);
  const isCurrent = recommendedModelId !== null && project.recommendedModelId === recommendedModelId;
  return {
    ...{ id, state, plan, leakage, recommendedModelId, reason: isCurrent ? project.recommendedReason : null },
    untried: untriedOf(plan, tasks),
    startedAt: isoOf(run.startedAt),
    finishedAt: run.finishedAt === null ? null : isoOf(run.finishedAt),
  };
}

/** A model beside it; without a run there are only models that have come about. */
export function peerFacts(model: ModelRecord, project: ProjectRecord, run: AutopilotRunRecord | undefined): PeerFacts {
  const { id, name, planned, state, sampleFraction, trained } = model;
  const { blueprintId, role, refitOf, parameters } = planned;
  const metric = project.fixed?.metric;
  return {
    ...{ modelId: id, name, blueprintId, role, refitOf, state, parameters, sampleFraction },
    reason: run === undefined ? null : failureReason(run, model),
    score: trained === null || metric === undefined ? null : rankingScore(trained.scores, metric),
    rowCount: trained?.rowCount ?? null,
    fitSeconds: trained === null ? null : trained.fitMs / 1000,
  };
}

/** The dataset as it was read and profiled. */
export function datasetFacts(
  dataset: DatasetRecord,
  table: StoredTable,
  profiles: readonly FeatureProfile[],
): DatasetFacts {
  return {
    ...{ id: dataset.id, name: dataset.name, rowCount: table.rowCount, sizeBytes: dataset.sizeBytes },
    source: sourceWords(dataset),
    isInPlace: isInPlace(dataset.source),
    createdAt: isoOf(dataset.createdAt),
    warnings: dataset.warnings,
    files: sourceFiles(table),
    features: profiles.map(
      ({ name, type, inferredType, missingCount, uniqueCount, uniqueIsEstimate, min, max, mean, warnings }) => ({
        ...{ name, type, inferredType, missingCount, uniqueCount, uniqueIsEstimate, min, max, mean, warnings },
      }),
    ),
  };
}

/** Snapshots by their hashes, not by where this installation keeps them. */
function sourceFiles({ files, inPlaceFiles = [] }: StoredTable): SourceFile[] {
  return [
    ...files.map(({ rowCount, sizeBytes, sha256 }) => ({ path: null, rowCount, sizeBytes, sha256, modifiedAt: null })),
    ...inPlaceFiles.map(({ path, rowCount, sizeBytes, modifiedAt }) => ({
      ...{ path, rowCount, sizeBytes, sha256: null, modifiedAt: isoOf(modifiedAt) },
    })),
  ];
}

/** Where the rows came from, without what a URL may hold of secrets: user, password, query. */
export function sourceWords({ source }: Pick<DatasetRecord, 'source'>): string {
  const told: Readonly<Record<string, unknown>> = typeof source === 'object' && source !== null ? { ...source } : {};
  const said = (name: string): string => (typeof told[name] === 'string' ? told[name] : '');
  switch (told['type']) {
    case 'upload':
      return `upload of ${said('fileName')}`;
    case 'url': {
      const url = URL.parse(said('url'));
      return url === null ? 'URL' : `${url.protocol}//${url.host}${url.pathname}`;
    }
    case 'path':
    case 'hdfs':
      return `${told['type']} ${said('path')}`;
    default:
      return said('type') || 'not recorded';
  }
}

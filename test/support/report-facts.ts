import { BLUEPRINTS } from '#ml';
import type { FeatureWarning, StoredInsight, TargetSpec } from '#contracts';
import type { ReportFacts } from '../../appserver/server/compliance/index.ts';

const ID = { type: 'id', inferredType: 'id' } as const;
const NUMERIC = { type: 'numeric', inferredType: 'numeric' } as const;
const HASH = 'ab'.repeat(32);
const TIME = '2026-11-29T08:09:10.123Z';

export interface FactsOptions {
  /** Names of the features, in the order of the dataset. */
  readonly features?: readonly string[];
  /** Labels of the classes; none: a number is predicted. */
  readonly labels?: readonly string[];
  readonly target?: string;
}

const warning = (message: string): FeatureWarning => ({ code: 'OUTLIERS', message, handling: 'Nothing is changed.' });

function targetOf(name: string, labels: readonly string[]): TargetSpec {
  const targetType = labels.length === 0 ? 'regression' : labels.length === 2 ? 'binary' : 'multiclass';
  const classes = labels.map((label, index) => ({ label, texts: [label], rowCount: 40 + index }));
  return { name, targetType, classes, positiveClass: targetType === 'binary' ? 1 : null };
}

/** Facts of a model of boosted trees as a report is made of: everything there once, nothing measured. */
export function reportFacts({
  features = ['age', 'city'],
  labels = ['no', 'yes'],
  target = 'bought',
}: FactsOptions = {}): ReportFacts {
  const spec = targetOf(target, labels);
  const metric = labels.length === 0 ? 'rmse' : 'logLoss';
  const blueprint = BLUEPRINTS.find(({ id }) => id === 'lightgbm-fast') ?? null;
  const columns = features.map((name) => ({ name, type: 'numeric' as const, uniqueCount: 7 }));
  const partitioning = {
    ...{ method: 'random' as const, validation: 'cv' as const, folds: 2, validationFraction: null },
    ...{ holdoutFraction: 0.2, column: null, seed: 3 },
  };
  const scores = { validation: { [metric]: 0.31 }, crossValidation: { [metric]: 0.3125 }, holdout: null };
  return {
    model: {
      ...{ id: 'model_1', name: 'LightGBM, fast', family: 'gradient-boosting', blueprintId: 'lightgbm-fast' },
      ...{
        role: 'search',
        refitOf: null,
        description: '',
        createdAt: TIME,
        finishedAt: TIME,
        parameters: { leaves: 7 },
      },
      ...{
        featureList: null,
        excludedForLeakage: [],
        sampleFraction: 1,
        threadCount: 1,
        rowCount: 160,
        iterations: 12,
      },
      ...{
        ensemble: null,
        scores,
        fitSeconds: 1.25,
        predictMicrosPerRow: 3,
        peakMemoryBytes: 1 << 27,
        sizeBytes: 5000,
      },
      ...{ contentHash: HASH, manifestSha256: HASH, signature: 'c2lnbmVk' },
    },
    project: { id: 'project_1', name: 'shop', description: '', metric, partitioning, holdoutUnlockedAt: null },
    dataset: {
      ...{ id: 'ds_1', name: 'sales', rowCount: 200, sizeBytes: 4000, source: 'upload of sales.csv', isInPlace: false },
      ...{ createdAt: TIME, warnings: [] },
      files: [{ path: null, rowCount: 200, sizeBytes: 4000, sha256: HASH, modifiedAt: null }],
      features: [...features, 'row', target].map((name) => ({
        ...(name === 'row' ? ID : NUMERIC),
        ...{ name, missingCount: 1, uniqueCount: 7, uniqueIsEstimate: false },
        ...{
          min: -1.5,
          max: 1234567,
          mean: 10,
          warnings: name === features[0] ? [warning(`${name} has 3 outliers`)] : [],
        },
      })),
    },
    task: {
      target: spec,
      features: columns,
      seed: 5,
      weightColumn: null,
      imbalance: null,
      monotonic: { increasing: features.slice(0, 1), decreasing: [] },
    },
    run: {
      ...{
        id: 'run_1',
        state: 'succeeded',
        startedAt: TIME,
        finishedAt: TIME,
        recommendedModelId: 'model_1',
        reason: 'the best of 2 models',
        untried: [],
      },
      leakage: {
        rowCount: 160,
        pairRowCount: 100,
        pairCount: 1,
        findings: [{ features: features.slice(0, 1), risk: 'moderate', score: 0.9, by: 'value' }],
      },
      plan: {
        ...{
          mode: 'quick',
          target: spec,
          features: columns,
          metric,
          partitioning,
          weightColumn: null,
          seed: 5,
          rowCount: 200,
        },
        monotonic: { increasing: [], decreasing: [] },
        candidates: [
          { blueprintId: 'baseline', parameters: {} },
          { blueprintId: 'lightgbm-fast', parameters: { leaves: 7 } },
        ],
        leftOut: [{ blueprintId: 'linear-text', reason: 'there is no text' }],
        leakage: { excludes: true, skipped: null },
        ...{ maxModels: 2, timeBudgetMs: null, parallelTasks: 1, threadsPerTask: 1 },
      },
    },
    peers: [
      ...[
        { modelId: 'model_0', name: 'Baseline', blueprintId: 'baseline', score: 0.6 },
        { modelId: 'model_1', name: 'LightGBM, fast', blueprintId: 'lightgbm-fast', score: 0.3125 },
      ].map((peer) => ({
        ...peer,
        ...{
          role: 'search' as const,
          refitOf: null,
          state: 'ready',
          reason: null,
          parameters: {},
          sampleFraction: 1,
          rowCount: 160,
          fitSeconds: 1,
        },
      })),
    ],
    blueprint,
    blended: [],
    answer: answerOf(features, labels, metric),
    insights: [{ sha256: HASH, stored: impactOf(features, metric) }],
  };
}

type Metric = ReportFacts['project']['metric'];

function answerOf(features: readonly string[], labels: readonly string[], metric: Metric): ReportFacts['answer'] {
  const rows = { partition: 'crossValidation', rowCount: 160, isWeighted: false } as const;
  const label = labels.at(-1) ?? null;
  return {
    artefact: {
      ...{
        formatVersion: 1,
        createdAt: TIME,
        seed: 5,
        rowCount: 160,
        link: labels.length === 0 ? 'identity' : 'logit',
        threshold: null,
      },
      ...{
        parameters: {
          ...BLUEPRINTS.find(({ id }) => id === 'lightgbm-fast')?.parameters,
          leaves: 7,
          threadCount: 1,
          stoppedAt: {},
        },
      },
      ...{
        calibration: null,
        isLinear: false,
        features: [...features],
        offsets: [],
        files: [{ name: 'out-of-fold.bin', sizeBytes: 1000, sha256: HASH }],
      },
      steps: [{ kind: 'numeric', count: features.length, features: [...features] }],
      members: [0, 1].map(() => ({
        weight: 0.5,
        kind: 'trees',
        outputCount: Math.max(1, labels.length - 1),
        treeCount: 12,
        stepCount: features.length,
      })),
      missing: features.map((feature) => ({ feature, rowCount: 160, missingCount: 1 })),
    },
    predictions: {
      isWeighted: false,
      partitions: [
        { fold: 0, rowCount: 80, score: 0.31 },
        { fold: 1, rowCount: 80, score: 0.315 },
        { fold: null, rowCount: 40, score: null },
      ],
      ...{ error: 0.0123, holdoutError: null },
      insights: [
        {
          ...rows,
          insight: {
            kind: 'lift',
            label,
            meanActual: 0.4,
            bins: [0.8, 0.2].map((value) => ({
              rowCount: 80,
              weight: 80,
              meanPredicted: value,
              meanActual: value,
              lift: 1,
              cumulativeLift: 1,
            })),
          },
        },
        ...(labels.length === 0
          ? []
          : [
              {
                ...rows,
                insight: {
                  kind: 'confusion' as const,
                  labels: [...labels],
                  weights: labels.map((_, actual) => labels.map((__, predicted) => Number(actual === predicted))),
                  classes: labels.map((one) => ({ label: one, precision: 1, recall: 1, f1: 1, weight: 1 })),
                },
              },
            ]),
      ],
    },
    baseline: {
      metric,
      partition: 'crossValidation',
      rowCount: 160,
      score: 0.3125,
      otherScore: 0.6,
      gain: 0.2875,
      noise: 0.01,
      groupCount: 10,
      interval: { from: 0.26, to: 0.31, level: 0.95 },
    },
    coefficients: null,
  };
}

function impactOf(features: readonly string[], metric: Metric): StoredInsight {
  return {
    ...{ formatVersion: 1, predictedBy: 'model_1', partition: 'crossValidation', rowCount: 160, isWeighted: false },
    insight: {
      ...{
        kind: 'feature-impact',
        metric,
        score: 0.31,
        repeats: 5,
        unused: [],
        groups: [],
        associationMin: 0.9,
        associatedCount: 2,
      },
      features: features.map((feature, index) => ({
        feature,
        impact: 0.1 / (index + 1),
        std: 0.01,
        normalized: 1 / (index + 1),
        group: null,
      })),
    },
  };
}

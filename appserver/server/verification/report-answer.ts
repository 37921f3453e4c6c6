import type { Manifest, MetricName, TargetSpec } from '#contracts';
import { HOLDOUT, insightOf, isLinear, partitionScores, readInsightRows, type OutOfFoldSource } from '#ml';
import { stepInputs } from '#scoring';
import type { ComparisonFacts, InsightFacts } from './answer-facts.ts';

/** Insights of out-of-fold predictions that a report has, by target type. */
const REPORTED = {
  binary: ['lift', 'roc', 'calibration', 'confusion'],
  multiclass: ['lift', 'calibration', 'confusion'],
  regression: ['lift', 'residuals'],
} as const;

/** What a manifest says, without its arrays: small, however large the model is. */
export interface ArtefactAnswer {
  readonly formatVersion: number;
  readonly createdAt: string;
  readonly seed: number;
  readonly rowCount: number;
  readonly parameters: Manifest['parameters'];
  readonly link: string;
  readonly threshold: number | null;
  readonly calibration: { readonly slope: number; readonly intercept: number } | null;
  readonly isLinear: boolean;
  readonly features: readonly string[];
  /** Of each kind of step: how many there are, and which features they read, in the order of the artefact. */
  readonly steps: readonly { readonly kind: string; readonly count: number; readonly features: readonly string[] }[];
  readonly members: readonly MemberAnswer[];
  readonly offsets: readonly { readonly kind: string; readonly mean: number }[];
  /** Missing cells of features in the rows that training statistics are of. */
  readonly missing: readonly { readonly feature: string; readonly rowCount: number; readonly missingCount: number }[];
  readonly files: readonly { readonly name: string; readonly sizeBytes: number; readonly sha256: string }[];
}

export interface MemberAnswer {
  readonly weight: number;
  readonly kind: string;
  readonly outputCount: number;
  /** Null of members without trees. */
  readonly treeCount: number | null;
  readonly stepCount: number;
}

/** Rows of one partition, held back from the model that predicts them. */
export interface PartitionAnswer {
  /** Fold or backtest from 0 on; null: the holdout. */
  readonly fold: number | null;
  readonly rowCount: number;
  /** Of the metric that ranks; null where it is undefined, or hidden. */
  readonly score: number | null;
}

/** What a report needs of a model's predictions. */
export interface PredictionsAnswer {
  readonly isWeighted: boolean;
  readonly partitions: readonly PartitionAnswer[];
  /** Standard error of the score that ranks; null where it is undefined. */
  readonly error: number | null;
  /** The same of the holdout's score; null while it is locked too. */
  readonly holdoutError: number | null;
  readonly insights: readonly InsightFacts[];
}

/** All that a compliance report reads from the files of committed models. */
export interface ReportAnswer {
  readonly artefact: ArtefactAnswer;
  readonly predictions: PredictionsAnswer;
  /** The model against the baseline of its run; null where there is none beside it. */
  readonly baseline: ComparisonFacts | null;
  /** Null of a model that is not linear. */
  readonly coefficients: InsightFacts | null;
}

export function artefactAnswer(manifest: Manifest): ArtefactAnswer {
  const { content } = manifest;
  const nameOf = (index: number): string => content.features[index]?.name ?? '';
  const steps = new Map<string, { count: number; features: Set<string> }>();
  for (const step of content.steps) {
    const entry = steps.get(step.kind) ?? { count: 0, features: new Set() };
    steps.set(step.kind, entry);
    entry.count += 1;
    for (const feature of stepInputs(step)) entry.features.add(nameOf(feature));
  }
  return {
    ...{ formatVersion: manifest.formatVersion, createdAt: manifest.createdAt, seed: manifest.seed },
    ...{ rowCount: manifest.rowCount, parameters: manifest.parameters, link: content.link },
    ...{ threshold: content.threshold, calibration: content.calibration ?? null, isLinear: isLinear(content) },
    features: content.features.map(({ name }) => name),
    steps: [...steps].map(([kind, { count, features }]) => ({ kind, count, features: [...features] })),
    members: content.members.map(memberAnswer),
    offsets: (content.offsets ?? []).map(({ kind, mean }) => ({ kind, mean })),
    missing: manifest.trainingStatistics.map(({ feature, rowCount, missingCount }) => ({
      ...{ feature: nameOf(feature), rowCount, missingCount },
    })),
    files: manifest.files,
  };
}

function memberAnswer({ weight, model, steps }: Manifest['content']['members'][number]): MemberAnswer {
  const treeCount = 'treeCount' in model ? model.treeCount : null;
  const outputCount = model.kind === 'constant' ? model.scores.length : model.outputCount;
  return { weight, kind: model.kind, outputCount, treeCount, stepCount: steps.length };
}

/**
 * Scores by partition with their standard errors, and insights. While the holdout is locked nothing of it but the number of its rows
 * is in the answer.
 */
export async function predictionsAnswer(
  source: OutOfFoldSource,
  target: TargetSpec,
  asked: { readonly metric: MetricName; readonly seed: number; readonly isUnlocked: boolean },
): Promise<PredictionsAnswer> {
  const { isUnlocked } = asked;
  const scores = await partitionScores(source, target, asked);
  const partitionAnswer = (fold: number | null): PartitionAnswer => {
    const rowCount = scores.rowCount(fold ?? HOLDOUT);
    const isHidden = rowCount === 0 || (fold === null && !isUnlocked);
    return { fold, rowCount, score: isHidden ? null : scores.ofPartition(fold ?? HOLDOUT) };
  };
  const rows = await readInsightRows(source, target, undefined);
  const { foldCount, isWeighted } = source.facts;
  return {
    isWeighted,
    partitions: [...Array.from({ length: foldCount }, (_, fold) => fold), null]
      .map(partitionAnswer)
      .filter(({ fold, rowCount }) => fold !== null || rowCount > 0),
    error: scores.error('ranked'),
    holdoutError: isUnlocked ? scores.error('holdout') : null,
    insights: REPORTED[target.targetType].map((kind) => ({
      partition: rows.partition,
      rowCount: rows.chosen.length,
      isWeighted,
      insight: insightOf(kind, rows, undefined),
    })),
  };
}

import {
  AppError,
  FitStops,
  parse,
  STOPS_PARAMETER,
  type ArtifactInsightKind,
  type InsightKind,
  type InsightQuery,
  type MetricName,
  type RowExplanations,
  type TargetSpec,
} from '#contracts';
import {
  coefficientsOf,
  blocksTogether,
  compareSources,
  COMPARISON_GROUPS,
  conformalIntervals,
  insightOf,
  insightRowsMax,
  predictionSpread,
  rankedPartition,
  readInsightRows,
  scoresOf,
  wordCloudOf,
  type ConformalIntervals,
  type OutOfFoldSource,
} from '#ml';
import { modelReader, openArtifact } from '#scoring';
import type { PredictionSpread } from '#statistics';
import { sha256Of } from '../services/hashes.ts';
import type { ComparisonFacts, InsightFacts } from './answer-facts.ts';
import type { ReadableStore } from './check.ts';
import { committedModel, type CommittedFiles, type CommittedModel } from './committed-files.ts';
import { explainRows } from './explain-rows.ts';
import {
  exportAnswer,
  parityAnswer,
  type ExportAnswer,
  type ExportQuestion,
  type ParityAnswer,
  type ParityQuestion,
} from './exports.ts';
import { artefactAnswer, predictionsAnswer, type ReportAnswer } from './report-answer.ts';

interface OutOfFoldQuestion {
  readonly kind: 'out-of-fold';
  readonly files: CommittedFiles;
  readonly target: TargetSpec;
  readonly insight: InsightKind;
  readonly query: InsightQuery;
}

interface ArtifactQuestion {
  readonly kind: 'artifact';
  readonly files: CommittedFiles;
  readonly target: TargetSpec;
  readonly insight: ArtifactInsightKind;
  readonly label: string | undefined;
  /** Standard deviation of features by name, over the rows of the dataset. */
  readonly deviations: Readonly<Record<string, number | null>>;
}

interface ComparisonQuestion {
  readonly kind: 'comparison';
  readonly files: readonly [CommittedFiles, CommittedFiles];
  readonly target: TargetSpec;
  readonly metric: MetricName;
  readonly seed: number;
}

interface ExplanationQuestion {
  readonly kind: 'explanations';
  readonly files: CommittedFiles;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly top: number;
}

interface StopsQuestion {
  readonly kind: 'stops';
  readonly files: CommittedFiles;
}

interface IntervalsQuestion {
  readonly kind: 'intervals';
  readonly files: CommittedFiles;
  /** A number. */
  readonly target: TargetSpec;
  readonly coverage: number;
}

interface SpreadQuestion {
  readonly kind: 'spread';
  readonly files: CommittedFiles;
  readonly target: TargetSpec;
}

interface ReportQuestion {
  readonly kind: 'report';
  readonly files: CommittedFiles;
  /** Of the model whose predictions it shows: itself, or the twin that a refit repeats. */
  readonly predictedBy: CommittedFiles;
  /** Of the baseline of its run, where it is not that itself. */
  readonly baseline: CommittedFiles | null;
  readonly target: TargetSpec;
  readonly metric: MetricName;
  readonly seed: number;
  readonly isUnlocked: boolean;
  readonly deviations: ArtifactQuestion['deviations'];
}

/** What is asked about committed models, beside the checks: minutes of nobody's, but tenths of a second of the event loop. */
export type ModelQuestion =
  | OutOfFoldQuestion
  | ArtifactQuestion
  | ComparisonQuestion
  | ExplanationQuestion
  | StopsQuestion
  | IntervalsQuestion
  | SpreadQuestion
  | ReportQuestion
  | ExportQuestion
  | ParityQuestion;

export type ExplanationFacts = RowExplanations['data'];

/** What a question is answered with. */
export type AnswerTo<Q extends ModelQuestion> = Q extends { kind: 'comparison' }
  ? ComparisonFacts
  : Q extends { kind: 'explanations' }
    ? ExplanationFacts
    : Q extends { kind: 'stops' }
      ? FitStops | null
      : Q extends { kind: 'intervals' }
        ? ConformalIntervals
        : Q extends { kind: 'spread' }
          ? PredictionSpread
          : Q extends { kind: 'report' }
            ? ReportAnswer
            : Q extends { kind: 'export' }
              ? ExportAnswer
              : Q extends { kind: 'parity' }
                ? ParityAnswer
                : InsightFacts;

/**
 * Answers in the thread that calls it.
 *
 * @throws VALIDATION_FAILED for what does not fit the model; NOT_AVAILABLE for explanations of a model trained without them;
 *   EXPORT_UNSUPPORTED, EXPORT_DIFFERS;
 *   ARTIFACT_INVALID for files that are not what was committed; CELL_UNREADABLE; what the store throws
 */
export async function answerQuestion(question: ModelQuestion, store: ReadableStore): Promise<AnswerTo<ModelQuestion>> {
  switch (question.kind) {
    case 'out-of-fold':
      return outOfFoldInsight(question, await committedModel(question.files, store).outOfFold());
    case 'artifact':
      return artifactInsight(question, committedModel(question.files, store));
    case 'comparison': {
      const [first, second] = question.files;
      const predictions = await committedModel(first, store).outOfFold();
      const others = await committedModel(second, store).outOfFold();
      if (!(await haveSameRows(predictions, others))) throw incomparable();
      return comparisonOf(question, predictions, others);
    }
    case 'explanations': {
      const model = committedModel(question.files, store);
      const scorer = openArtifact(await model.manifest(), await model.blob(), sha256Of);
      return explainRows(scorer, question.rows, question.top);
    }
    case 'stops': {
      const stops = (await committedModel(question.files, store).manifest()).parameters[STOPS_PARAMETER];
      return stops === undefined ? null : parse(FitStops, stops, STOPS_PARAMETER, 'ARTIFACT_INVALID');
    }
    case 'intervals': {
      const { target, coverage } = question;
      const source = await committedModel(question.files, store).outOfFold();
      return conformalIntervals(await readInsightRows(source, target, undefined), coverage);
    }
    case 'spread': {
      const source = await committedModel(question.files, store).outOfFold();
      return predictionSpread(await readInsightRows(source, question.target, undefined));
    }
    case 'report':
      return reportAnswer(question, store);
    case 'export':
      return exportAnswer(question, store);
    case 'parity':
      return parityAnswer(question, store);
  }
}

async function reportAnswer(question: ReportQuestion, store: ReadableStore): Promise<ReportAnswer> {
  const { files, predictedBy, baseline, target, metric, seed } = question;
  const model = committedModel(files, store);
  const artefact = artefactAnswer(await model.manifest());
  const predicting = predictedBy.path === files.path ? model : committedModel(predictedBy, store);
  const data = await predicting.outOfFold();
  const predictions = await predictionsAnswer(data, target, question);
  const compared = baseline === null ? null : await committedModel(baseline, store).outOfFold();
  return {
    artefact,
    predictions,
    baseline:
      compared === null || !(await haveSameRows(data, compared))
        ? null
        : await comparisonOf({ target, metric, seed }, data, compared),
    coefficients: artefact.isLinear
      ? await artifactInsight({ ...question, insight: 'coefficients', label: undefined }, model)
      : null,
  };
}

async function outOfFoldInsight(
  { target, insight, query }: OutOfFoldQuestion,
  source: OutOfFoldSource,
): Promise<InsightFacts> {
  const most = insightRowsMax(insight, target, query.label);
  const rows = await readInsightRows(source, target, query.partition, most);
  return {
    partition: rows.partition,
    rowCount: rows.chosen.length,
    isWeighted: source.facts.isWeighted,
    insight: insightOf(insight, rows, query.label, query),
  };
}

async function artifactInsight(
  { target, insight, label, deviations }: Omit<ArtifactQuestion, 'kind' | 'files'>,
  model: CommittedModel,
): Promise<InsightFacts> {
  const { content, rowCount } = await model.manifest();
  const blob = await model.blob();
  const output = outputOf(target, label);
  const found =
    insight === 'word-cloud'
      ? wordCloudOf(content, output.index, output.label)
      : coefficientsOf(content, modelReader(content, blob), { output: output.index, label: output.label, deviations });
  return { partition: 'training', rowCount, isWeighted: false, insight: found };
}

/** The raw score that is asked for. @throws VALIDATION_FAILED for a label that has none of its own */
function outputOf(
  target: TargetSpec,
  label: string | undefined,
): { readonly index: number; readonly label: string | null } {
  const { targetType, classes, positiveClass } = target;
  const labels =
    targetType === 'multiclass' ? classes.map((one) => one.label) : [classes[positiveClass ?? 1]?.label ?? null];
  if (targetType === 'regression') labels[0] = null;
  if (label === undefined) {
    const index = labels.length - 1;
    return { index, label: labels[index] ?? null };
  }
  const index = labels.indexOf(label);
  if (index >= 0) return { index, label };
  const message =
    targetType === 'regression'
      ? 'is not asked for: the target has no classes'
      : `has no raw score of its own, expected ${labels.slice(0, 10).join(', ')}`;
  throw new AppError('VALIDATION_FAILED', `query: /label ${message}`, { errors: [{ path: '/label', message }] });
}

/** Quantile of Student's t for an interval of 95 %, by degrees of freedom one less than the groups. */
const T_OF_NINE = 2.262157162798205;
const LEVEL = 0.95;

function incomparable(): AppError {
  const message = 'has other rows or folds, so that the two cannot be compared';
  return new AppError('VALIDATION_FAILED', `query: /with ${message}`, { errors: [{ path: '/with', message }] });
}

/** @param second predictions of the same rows */
async function comparisonOf(
  { target, metric, seed }: Pick<ComparisonQuestion, 'target' | 'metric' | 'seed'>,
  first: OutOfFoldSource,
  second: OutOfFoldSource,
): Promise<ComparisonFacts> {
  const { gain, noise } = await compareSources(first, second, { target, metric, seed });
  const partition = rankedPartition(first.facts);
  const scoreOf = async (source: OutOfFoldSource) => (await scoresOf(source, target))[partition]?.[metric] ?? null;
  const isInterval = gain !== null && noise !== null;
  return {
    ...{ metric, partition, rowCount: (await readInsightRows(first, target, partition)).chosen.length },
    ...{ score: await scoreOf(first), otherScore: await scoreOf(second), gain, noise, groupCount: COMPARISON_GROUPS },
    interval: isInterval ? { from: gain - T_OF_NINE * noise, to: gain + T_OF_NINE * noise, level: LEVEL } : null,
  };
}

async function haveSameRows(first: OutOfFoldSource, second: OutOfFoldSource): Promise<boolean> {
  const [own, other] = [first.facts, second.facts];
  if (own.rowCount !== other.rowCount || own.outputCount !== other.outputCount) return false;
  for await (const [a, b] of blocksTogether([first, second])) {
    if (a === undefined || b === undefined || Buffer.compare(bytesOf(a.rows), bytesOf(b.rows)) !== 0) return false;
    if (Buffer.compare(bytesOf(a.partitions), bytesOf(b.partitions)) !== 0) return false;
  }
  return true;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array | Int8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

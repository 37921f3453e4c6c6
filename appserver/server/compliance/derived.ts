import { METRIC_FACTS, type StoredInsight } from '#contracts';
import { rankingScore } from '#ml';
import type { PeerFacts, ReportFacts } from './facts.ts';
import { count } from './numbers.ts';

/** Metrics in words. */
const METRIC_NAMES: Readonly<Record<string, string>> = {
  logLoss: 'log loss (natural logarithm)',
  auc: 'area under the ROC curve',
  prAuc: 'average precision',
  balancedAccuracy: 'balanced accuracy',
  brier: 'Brier score',
  mcc: 'Matthews correlation coefficient',
  gini: 'Gini coefficient (2 AUC - 1)',
  rmse: 'root mean squared error',
  mae: 'mean absolute error',
  rmsle: 'root mean squared logarithmic error',
  mape: 'mean absolute percentage error (a fraction)',
  r2: 'coefficient of determination R²',
  medianAbsoluteError: 'median absolute error',
  poissonDeviance: 'mean Poisson deviance',
  gammaDeviance: 'mean gamma deviance',
  tweedieDeviance: 'mean Tweedie deviance',
  quantileLoss: 'quantile (pinball) loss',
  topDecileLift: 'lift of the first tenth',
};

/** A metric with its name in words: `logLoss, log loss (natural logarithm)`. */
export const metricWords = (metric: string): string => {
  const words = METRIC_NAMES[metric];
  return words === undefined ? metric : `${metric}, ${words}`;
};

/** `lower is better`. */
export const directionWords = ({ project }: ReportFacts): string =>
  `${METRIC_FACTS[project.metric].direction} is better`;

/** Of which rows the score that ranks is. */
export const rankedPart = ({ project: { partitioning } }: ReportFacts): string =>
  partitioning.dates === undefined
    ? partitioning.validation === 'cv'
      ? 'cross-validation'
      : 'validation'
    : partitioning.folds > 1
      ? `mean of ${partitioning.folds} backtests`
      : 'the backtest';

export const rankedScore = ({ model, project }: ReportFacts): number | null =>
  rankingScore(model.scores, project.metric);

/** The model whose predictions are shown: a refit has seen every row, and shows its twin's. */
export const predictingModelId = ({ model }: ReportFacts): string => model.refitOf ?? model.id;

/** Models that were ranked: trained, and no refits; best first, without a score last, of equal ones the older first. */
export function rankedPeers({ peers, project }: ReportFacts): PeerFacts[] {
  const sign = METRIC_FACTS[project.metric].direction === 'higher' ? -1 : 1;
  const key = ({ score }: PeerFacts): number => (score === null ? Infinity : sign * score);
  const ranked = peers.filter(({ state, role }) => state === 'ready' && role !== 'refit');
  return ranked.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** The insight of a kind; null where it has not been computed. */
export function insightOf<K extends StoredInsight['insight']['kind']>(
  { insights }: ReportFacts,
  kind: K,
): {
  readonly rowCount: number;
  readonly partition: string;
  readonly insight: Extract<StoredInsight['insight'], { kind: K }>;
} | null {
  for (const { stored } of insights) {
    const { insight, rowCount, partition } = stored;
    // The kind was compared just now.
    if (insight.kind === kind)
      return { rowCount, partition, insight: insight as Extract<StoredInsight['insight'], { kind: K }> };
  }
  return null;
}

/** Rows by partition, in words. */
const PARTITION_WORDS: Readonly<Record<string, string>> = {
  validation: 'validation rows',
  crossValidation: 'rows of all folds, each predicted by the member that had not seen it',
  holdout: 'holdout rows',
  training: 'rows that the model was fitted on',
};

/** How many rows of which partition something is of. */
export const rowsUsed = ({ rowCount, partition }: { readonly rowCount: number; readonly partition: string }): string =>
  `${count(rowCount)} ${PARTITION_WORDS[partition] ?? partition}`;

/** `fold 1`, `backtest 1`; null: the holdout. */
export const partitionName = (fold: number | null, { project: { partitioning } }: ReportFacts): string =>
  fold === null ? 'holdout' : `${partitioning.dates === undefined ? 'fold' : 'backtest'} ${fold + 1}`;

type SegmentColumn = Extract<StoredInsight['insight'], { kind: 'segments' }>['features'][number];

/** The largest disparity first, of equal ones in the order of columns. */
export const byDisparity = (columns: readonly SegmentColumn[]): SegmentColumn[] =>
  columns
    .filter(({ disparities: found }) => found !== null)
    .toSorted((a, b) => (b.disparities?.selectedDifference ?? 0) - (a.disparities?.selectedDifference ?? 0));

/** Features that a step of the artefact reads. */
export const readFeatures = ({ answer }: ReportFacts): ReadonlySet<string> =>
  new Set(answer.artefact.steps.flatMap(({ features }) => features));

export const hasStep = ({ answer }: ReportFacts, kind: string): boolean =>
  answer.artefact.steps.some((step) => step.kind === kind);

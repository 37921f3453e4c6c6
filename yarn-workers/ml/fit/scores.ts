import type { MetricName, MetricValues, ModelScores, TargetSpec } from '#contracts';
import { DEFAULT_THRESHOLD } from '#scoring';
import {
  computeMetrics,
  mantissaBitsFor,
  metricsFor,
  metricStates,
  type MetricResults,
  type MetricShape,
  type MetricStates,
} from '#statistics';
import { HOLDOUT } from '../partition/types.ts';
import type { OutOfFoldFacts } from './out-of-fold-file.ts';
import { blockRowsOf, Collected, isSmall, rowRange, type OutOfFoldSource } from './out-of-fold-source.ts';
import { checkFitsTarget, checkOutputs, metricInput, type OutOfFold } from './out-of-fold.ts';

/** What a target is to metrics. */
function metricShape({ targetType, positiveClass, classes, quantile }: TargetSpec, threshold: number): MetricShape {
  switch (targetType) {
    case 'binary':
      return { targetType, positiveClass: positiveClass ?? 1, threshold };
    case 'multiclass':
      return { targetType, classCount: classes.length };
    case 'regression':
      return { targetType, ...(quantile === undefined ? {} : { quantile }) };
  }
}

/** Memory of the histograms of scores of all parts together, in bytes: above it their buckets become wider. */
const HISTOGRAM_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Makes states of metrics of a target, of which there will be `count` at the same time.
 * @param threshold of two classes
 */
export function statesMaker(target: TargetSpec, count: number, threshold = DEFAULT_THRESHOLD): () => MetricStates {
  const shape = metricShape(target, threshold);
  const bits = mantissaBitsFor(shape, count, HISTOGRAM_BYTES_MAX);
  return () => metricStates(shape, bits);
}

type PartFacts = Pick<OutOfFoldFacts, 'foldCount' | 'isByDate'>;

/** The parts that have scores of their own, the holdout last: by date each fold; else the first fold, and all where there are several. */
function scoredParts({ foldCount, isByDate }: PartFacts): ((partition: number) => boolean)[] {
  const isHoldout = (partition: number): boolean => partition === HOLDOUT;
  const ofFold = (fold: number) => (partition: number) => partition === fold;
  if (isByDate === true) return [...Array.from({ length: foldCount }, (_, fold) => ofFold(fold)), isHoldout];
  const pooled = foldCount > 1 ? [(partition: number): boolean => partition !== HOLDOUT] : [];
  return [ofFold(0), ...pooled, isHoldout];
}

/** @param values of the parts in their order; null of one without rows */
function modelScores({ foldCount, isByDate }: PartFacts, values: readonly (MetricValues | null)[]): ModelScores {
  const holdout = values.at(-1) ?? null;
  if (isByDate === true) {
    const backtests = values.slice(0, -1).map((one) => one ?? {});
    const crossValidation = foldCount > 1 ? meanOfEach(backtests) : null;
    return { validation: backtests.at(-1) ?? null, crossValidation, holdout, backtests };
  }
  return { validation: values[0] ?? null, crossValidation: foldCount > 1 ? (values[1] ?? null) : null, holdout };
}

/** Of the metrics that all have, the mean: a metric that is undefined in one backtest has none. */
function meanOfEach(backtests: readonly MetricValues[]): MetricValues {
  const names = Object.keys(backtests[0] ?? {}).filter((name) => backtests.every((one) => one[name] !== undefined));
  return Object.fromEntries(
    names.map((name) => [name, backtests.reduce((sum, one) => sum + (one[name] ?? NaN), 0) / backtests.length]),
  );
}

/**
 * All metrics that have a meaning, of each partition, of predictions in memory. `validation` is fold 0 (of a
 * training/validation/holdout split: its validation rows), `crossValidation` all folds pooled, null unless there are several; `holdout` null where
 * there is none. By date `backtests` has each fold, `validation` is the last of them, and `crossValidation` the mean of those metrics that all of
 * them have. Whoever computes them, of the same predictions they are the same to the last bit.
 *
 * @throws RESULT_MISMATCH when the data does not fit the target
 */
export function scoresFromOutOfFold(data: OutOfFold, target: TargetSpec): ModelScores {
  checkFitsTarget(data, target);
  const facts = { ...data, rowCount: data.rows.length };
  if (!isSmall(facts)) {
    const states = stateScores(facts, target);
    const step = blockRowsOf(facts);
    for (let from = 0; from < facts.rowCount; from += step) states.add(rowRange(data, from, from + step));
    return states.scores();
  }
  return scoresOfAllRows(data, target);
}

/** From all rows at once, however many they are: what programs before ADR 76 computed. @throws see {@link scoresFromOutOfFold} */
export function scoresOfAllRows(data: OutOfFold, target: TargetSpec): ModelScores {
  checkFitsTarget(data, target);
  const names = metricsFor(target.targetType);
  const values = scoredParts(data).map((wanted) => {
    const input = metricInput(data, target, wanted);
    return input.actual.length === 0 ? null : computeMetrics(names, input);
  });
  return modelScores(data, values);
}

/**
 * The same of predictions that come in blocks: those of {@link scoresFromOutOfFold}.
 *
 * @param onErrors told, of many rows, by how much the scores that rank models may be off, those that are not exact
 */
export async function scoresOf(
  source: OutOfFoldSource,
  target: TargetSpec,
  onErrors?: (errors: MetricResults) => void,
): Promise<ModelScores> {
  const collector = scoreCollector(source.facts, target);
  for await (const block of source.blocks()) collector.add(block);
  onErrors?.(collector.errors());
  return collector.scores();
}

/** Scores of blocks that come in order. */
export interface ScoreCollector {
  add(block: OutOfFold): void;
  /** When all have come, by how much metrics that rank models may be off, those that are not exact. */
  errors(): MetricResults;
  /** When all have come. */
  scores(): ModelScores;
}

/** Keeps few predictions until all have come, of many only sums. @throws RESULT_MISMATCH where they do not fit the target */
export function scoreCollector(facts: OutOfFoldFacts, target: TargetSpec): ScoreCollector {
  checkOutputs(facts.outputCount, facts.isRegression, target);
  if (!isSmall(facts)) return stateScores(facts, target);
  const collected = new Collected(facts);
  return {
    add: (block) => collected.add(block),
    errors: () => ({}),
    scores: () => scoresFromOutOfFold(collected.data, target),
  };
}

/** Of many rows. @see metricStates */
export const stateScores = (facts: PartFacts, target: TargetSpec): PartStates => new PartStates(facts, target);

/** The sums of each part. */
class PartStates implements ScoreCollector {
  readonly #facts: PartFacts;
  readonly #target: TargetSpec;
  readonly #parts: readonly { readonly wanted: (partition: number) => boolean; readonly states: MetricStates }[];
  readonly #rowCounts: Float64Array;

  constructor(facts: PartFacts, target: TargetSpec) {
    this.#facts = facts;
    this.#target = target;
    const parts = scoredParts(facts);
    const newStates = statesMaker(target, parts.length);
    this.#parts = parts.map((wanted) => ({ wanted, states: newStates() }));
    this.#rowCounts = new Float64Array(parts.length);
  }

  add(block: OutOfFold): void {
    for (const [index, { wanted, states }] of this.#parts.entries()) {
      const input = metricInput(block, this.#target, wanted);
      this.#rowCounts[index] = (this.#rowCounts[index] ?? 0) + input.actual.length;
      if (input.actual.length > 0) states.add(input);
    }
  }

  /** Of the part that ranks models, of backtests the last. @see MetricStates.errors */
  errors(): MetricResults {
    return this.#parts.at(-2)?.states.errors() ?? {};
  }

  scores(): ModelScores {
    return modelScores(
      this.#facts,
      this.#parts.map(({ states }, index) => (this.#rowCounts[index] === 0 ? null : states.results())),
    );
  }
}

/** The value that ranks a model: cross-validation where there is one, else validation; null where it is undefined. */
export function rankingScore(scores: ModelScores, metric: MetricName): number | null {
  return (scores.crossValidation ?? scores.validation)?.[metric] ?? null;
}

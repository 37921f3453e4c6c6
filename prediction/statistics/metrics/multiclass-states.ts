import { AppError } from '#contracts';
import { addTerm, emptySum, sumOf } from '../numeric/compensated-sum.ts';
import * as classes from './classification.ts';
import type { MetricInput, MulticlassInput } from './metric-input.ts';
import type { MetricResults, MetricShape, MetricStates } from './metric-states.ts';
import { areaUnderRoc, areaUnderRocError, giniOf } from './ranking.ts';
import type { ScoreGrid } from './score-grid.ts';
import { addScore, emptyHistogram, groupsOf, mergeHistograms, type ScoreHistogram } from './score-histogram.ts';
import { definedOf, forEachWeighted, meanOfSum, mergeSums, sameKind, weightedSums } from './weighted-sums.ts';

/** States of a target with several classes. Memory: two sums a class and bucket of the grid. */
export class MulticlassStates implements MetricStates {
  readonly #sums = weightedSums(['logLoss', 'brier']);
  readonly #confusion;
  /** Of each class against all others. */
  readonly #histograms: readonly ScoreHistogram[];

  constructor({ classCount }: Extract<MetricShape, { targetType: 'multiclass' }>, grid: ScoreGrid) {
    this.#confusion = classes.emptyConfusion(classCount);
    this.#histograms = Array.from({ length: classCount }, () => emptyHistogram(grid));
  }

  add(input: MetricInput): void {
    if (input.targetType !== 'multiclass' || input.classCount !== this.#histograms.length)
      throw new AppError('INTERNAL', 'metrics: rows of another target type, or of other classes');
    forEachWeighted(input, (row, weight) => this.#addRow(input, row, weight));
  }

  #addRow(input: MulticlassInput, row: number, weight: number): void {
    const { total, of } = this.#sums;
    const { probabilities, classCount } = input;
    const actual = input.actual[row] ?? 0;
    const first = row * classCount;
    addTerm(total, weight);
    addTerm(of.logLoss, weight * classes.logLossTerm(probabilities[first + actual] ?? 0, true));
    addTerm(of.brier, weight * classes.brierTerm(input, row));
    classes.addToConfusion(this.#confusion, actual, classes.multiclassDecision(input, row), weight);
    for (const [index, histogram] of this.#histograms.entries())
      addScore(histogram, probabilities[first + index] ?? 0, index === actual, weight);
  }

  merge(other: MetricStates): void {
    const same = sameKind(MulticlassStates, other);
    mergeSums(this.#sums, same.#sums);
    classes.mergeConfusions(this.#confusion, same.#confusion);
    for (const [index, histogram] of this.#histograms.entries()) {
      const others = same.#histograms[index];
      if (others !== undefined) mergeHistograms(histogram, others);
    }
  }

  results(): MetricResults {
    const totalWeight = sumOf(this.#sums.total);
    if (!(totalWeight > 0)) return {};
    const confusion = classes.confusionShares(this.#confusion, totalWeight);
    const auc = this.#meanOfClasses(areaUnderRoc);
    return definedOf({
      logLoss: meanOfSum(this.#sums, 'logLoss'),
      auc,
      gini: giniOf(auc),
      accuracy: classes.accuracy(confusion),
      balancedAccuracy: classes.balancedAccuracy(confusion),
      mcc: classes.matthewsCorrelation(confusion),
      brier: meanOfSum(this.#sums, 'brier'),
    });
  }

  errors(): MetricResults {
    const auc = this.#meanOfClasses(areaUnderRocError) ?? 0;
    return { auc, gini: 2 * auc };
  }

  /** Of the classes that have rows, and rows beside them, as `multiclassAuc` takes them. */
  #meanOfClasses(valueOf: (groups: ReturnType<typeof groupsOf>) => number | undefined): number | undefined {
    const sum = emptySum();
    let defined = 0;
    for (const histogram of this.#histograms) {
      const groups = groupsOf(histogram);
      if (groups.positiveTotal === 0 || groups.negativeTotal === 0) continue;
      addTerm(sum, valueOf(groups) ?? NaN);
      defined += 1;
    }
    return defined === 0 ? undefined : sumOf(sum) / defined;
  }
}

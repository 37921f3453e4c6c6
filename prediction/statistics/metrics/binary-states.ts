import { AppError } from '#contracts';
import { addTerm, sumOf } from '../numeric/compensated-sum.ts';
import * as classes from './classification.ts';
import type { BinaryInput, MetricInput } from './metric-input.ts';
import type { MetricResults, MetricShape, MetricStates } from './metric-states.ts';
import * as ranking from './ranking.ts';
import type { ScoreGrid } from './score-grid.ts';
import { addScore, emptyHistogram, groupsOf, mergeHistograms } from './score-histogram.ts';
import { definedOf, forEachWeighted, meanOfSum, mergeSums, sameKind, weightedSums } from './weighted-sums.ts';

/** States of a two-class target. Memory: two sums a bucket of the grid. */
export class BinaryStates implements MetricStates {
  readonly #shape: Extract<MetricShape, { targetType: 'binary' }>;
  readonly #sums = weightedSums(['logLoss', 'brier']);
  readonly #confusion = classes.emptyConfusion(2);
  readonly #histogram;

  constructor(shape: Extract<MetricShape, { targetType: 'binary' }>, grid: ScoreGrid) {
    this.#shape = shape;
    this.#histogram = emptyHistogram(grid);
  }

  add(input: MetricInput): void {
    if (input.targetType !== 'binary') throw new AppError('INTERNAL', 'metrics: rows of another target type');
    forEachWeighted(input, (row, weight) => this.#addRow(input, row, weight));
  }

  #addRow(input: BinaryInput, row: number, weight: number): void {
    const { total, of } = this.#sums;
    const probability = input.probability[row] ?? 0;
    const actual = input.actual[row] ?? 0;
    const isPositive = actual === this.#shape.positiveClass;
    addTerm(total, weight);
    addTerm(of.logLoss, weight * classes.logLossTerm(probability, isPositive));
    addTerm(of.brier, weight * (probability - (isPositive ? 1 : 0)) ** 2);
    classes.addToConfusion(this.#confusion, actual, classes.binaryDecision(input, row), weight);
    addScore(this.#histogram, probability, isPositive, weight);
  }

  merge(other: MetricStates): void {
    const same = sameKind(BinaryStates, other);
    mergeSums(this.#sums, same.#sums);
    classes.mergeConfusions(this.#confusion, same.#confusion);
    mergeHistograms(this.#histogram, same.#histogram);
  }

  results(): MetricResults {
    const totalWeight = sumOf(this.#sums.total);
    if (!(totalWeight > 0)) return {};
    const confusion = classes.confusionShares(this.#confusion, totalWeight);
    const groups = groupsOf(this.#histogram);
    const auc = ranking.areaUnderRoc(groups);
    return definedOf({
      logLoss: meanOfSum(this.#sums, 'logLoss'),
      auc,
      gini: ranking.giniOf(auc),
      prAuc: ranking.averagePrecision(groups),
      topDecileLift: ranking.topDecileLift(groups),
      accuracy: classes.accuracy(confusion),
      balancedAccuracy: classes.balancedAccuracy(confusion),
      mcc: classes.matthewsCorrelation(confusion),
      brier: meanOfSum(this.#sums, 'brier'),
    });
  }

  errors(): MetricResults {
    const groups = groupsOf(this.#histogram);
    const auc = ranking.areaUnderRocError(groups);
    return {
      auc,
      gini: 2 * auc,
      prAuc: ranking.averagePrecisionError(groups),
      topDecileLift: ranking.topDecileLiftError(groups),
    };
  }
}

import { AppError } from '#contracts';
import { addTerm, emptySum, sumOf } from '../numeric/compensated-sum.ts';
import { TWEEDIE_POWER, type MetricInput } from './metric-input.ts';
import type { MetricResults, MetricShape, MetricStates } from './metric-states.ts';
import * as numbers from './regression.ts';
import type { MagnitudeGrid } from './score-grid.ts';
import { addAll } from './score-histogram.ts';
import { definedOf, forEachWeighted, meanOfSum, mergeSums, sameKind, weightedSums } from './weighted-sums.ts';

/** Sums that rows may leave undefined. */
const CONDITIONAL = ['rmsle', 'mape', 'poissonDeviance', 'gammaDeviance', 'tweedieDeviance'] as const;
type Conditional = (typeof CONDITIONAL)[number];
const SUMS = ['squares', 'absolute', 'pinball', 'shifted', 'shiftedSquares', ...CONDITIONAL] as const;
type SumName = (typeof SUMS)[number];

/** States of a numeric target. Memory: a sum a bucket of the grid. */
export class RegressionStates implements MetricStates {
  readonly #quantile: number | undefined;
  readonly #terms: Readonly<Record<Conditional, numbers.RowTerm>>;
  readonly #grid: MagnitudeGrid;
  readonly #sums = weightedSums(SUMS);
  readonly #undefined = new Set<Conditional>();
  /** Weight by bucket of the absolute error. */
  readonly #errors: Float64Array;
  /** The first actual value, from which the others are told; null without a row. */
  #origin: number | null = null;
  #isConstant = true;

  constructor({ quantile, tweediePower }: Extract<MetricShape, { targetType: 'regression' }>, grid: MagnitudeGrid) {
    this.#quantile = quantile;
    this.#grid = grid;
    this.#errors = new Float64Array(grid.bucketCount);
    this.#terms = {
      rmsle: numbers.squaredLogError,
      mape: numbers.absoluteShare,
      poissonDeviance: numbers.poissonTerm,
      gammaDeviance: numbers.gammaTerm,
      tweedieDeviance: numbers.tweedieTerm(tweediePower ?? TWEEDIE_POWER),
    };
  }

  add(input: MetricInput): void {
    if (input.targetType !== 'regression') throw new AppError('INTERNAL', 'metrics: rows of another target type');
    const { actual, predicted } = input;
    forEachWeighted(input, (row, weight) => this.#addRow(actual[row] ?? 0, predicted[row] ?? 0, weight));
  }

  #addRow(actual: number, predicted: number, weight: number): void {
    const { total, of } = this.#sums;
    const error = Math.abs(actual - predicted);
    addTerm(total, weight);
    addTerm(of.squares, weight * (actual - predicted) ** 2);
    addTerm(of.absolute, weight * error);
    if (this.#quantile !== undefined)
      addTerm(of.pinball, weight * numbers.pinballLoss(actual, predicted, this.#quantile));
    this.#addToSpread(actual, weight);
    for (const name of CONDITIONAL) {
      const { isDefined, term } = this.#terms[name];
      if (this.#undefined.has(name)) continue;
      if (isDefined(actual, predicted)) addTerm(of[name], weight * term(actual, predicted));
      else this.#undefined.add(name);
    }
    const bucket = this.#grid.bucketOf(error);
    this.#errors[bucket] = (this.#errors[bucket] ?? 0) + weight;
  }

  #addToSpread(actual: number, weight: number): void {
    const { of } = this.#sums;
    this.#origin ??= actual;
    const difference = actual - this.#origin;
    if (difference !== 0) this.#isConstant = false;
    addTerm(of.shifted, weight * difference);
    addTerm(of.shiftedSquares, weight * difference ** 2);
  }

  merge(other: MetricStates): void {
    const same = sameKind(RegressionStates, other);
    if (same.#origin === null) return;
    this.#origin ??= same.#origin;
    const shift = same.#origin - this.#origin;
    if (shift !== 0 || !same.#isConstant) this.#isConstant = false;
    mergeSums(this.#sums, same.#sums);
    const { of } = this.#sums;
    addTerm(of.shifted, shift * sumOf(same.#sums.total));
    addTerm(of.shiftedSquares, 2 * shift * sumOf(same.#sums.of.shifted));
    addTerm(of.shiftedSquares, shift ** 2 * sumOf(same.#sums.total));
    for (const name of same.#undefined) this.#undefined.add(name);
    addAll(this.#errors, same.#errors);
  }

  results(): MetricResults {
    if (!(sumOf(this.#sums.total) > 0)) return {};
    const mean = (name: SumName): number => meanOfSum(this.#sums, name);
    const unless = (name: Conditional): number | undefined => (this.#undefined.has(name) ? undefined : mean(name));
    const rmsle = unless('rmsle');
    const spread = mean('shiftedSquares') - mean('shifted') ** 2;
    return definedOf({
      rmse: Math.sqrt(mean('squares')),
      mae: mean('absolute'),
      rmsle: rmsle === undefined ? undefined : Math.sqrt(rmsle),
      mape: unless('mape'),
      r2: this.#isConstant ? undefined : 1 - mean('squares') / spread,
      medianAbsoluteError: this.#median().value,
      poissonDeviance: unless('poissonDeviance'),
      gammaDeviance: unless('gammaDeviance'),
      tweedieDeviance: unless('tweedieDeviance'),
      quantileLoss: this.#quantile === undefined ? undefined : mean('pinball'),
    });
  }

  errors(): MetricResults {
    const { from, to } = this.#median();
    return { medianAbsoluteError: to - from };
  }

  /**
   * The median of the absolute errors: where half of the weight is reached in its bucket, rows lying evenly there. Where the bucket ends with
   * exactly half it lies between that and the next one that has rows. It is between `from` and `to` whatever the rows are.
   */
  #median(): { readonly value: number; readonly from: number; readonly to: number } {
    const half = sumOf(this.#sums.total) / 2;
    const reached = emptySum();
    let ended: { readonly from: number; readonly to: number } | null = null;
    for (let bucket = 0; bucket < this.#errors.length; bucket += 1) {
      const weight = this.#errors[bucket] ?? 0;
      if (weight === 0) continue;
      const [from, end] = [this.#grid.startOf(bucket), this.#grid.startOf(bucket + 1)];
      const to = Number.isFinite(end) ? end : from;
      if (ended !== null) return { value: (ended.to + from) / 2, from: ended.from, to };
      const before = sumOf(reached);
      addTerm(reached, weight);
      const after = sumOf(reached);
      if (after > half) return { value: from + ((half - before) / weight) * (to - from), from, to };
      if (after === half) ended = { from, to };
    }
    return { value: ended?.to ?? NaN, from: ended?.from ?? NaN, to: ended?.to ?? NaN };
  }
}

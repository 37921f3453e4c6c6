import { AppError } from '#contracts';
import { TWEEDIE_POWER, pinballLoss } from '#statistics';
import type { Objective } from '../blueprints/objective.ts';

/**
 * A row's share of the stopping loss from its raw scores `raw[at...]`. `row` indexes the labels that the loss was made
 * for. Terms are added up in row order and compared between iterations only, so constants are left out.
 */
export type LossTerm = (raw: Float64Array, at: number, row: number) => number;

/**
 * @param objective whose stopping metric it is
 * @param labels class index (binary: 1 is positive) or value of each row
 */
export function stoppingLoss(
  { stoppingMetric: metric, constant }: Pick<Objective, 'stoppingMetric' | 'constant'>,
  labels: Float32Array | Float64Array,
  outputCount: number,
): LossTerm {
  const label = (row: number): number => labels[row] ?? NaN;
  const score = (raw: Float64Array, at: number): number => raw[at] ?? NaN;
  switch (metric) {
    case 'logLoss':
      return outputCount === 1
        ? (raw, at, row) => softplus(label(row) === 1 ? -score(raw, at) : score(raw, at))
        : (raw, at, row) => logSumExp(raw, at, outputCount) - score(raw, at + label(row));
    case 'rmse':
      return (raw, at, row) => (label(row) - score(raw, at)) ** 2;
    case 'mae':
      return (raw, at, row) => Math.abs(label(row) - score(raw, at));
    case 'mape':
      // As LightGBM weighs it, so that values near 0 do not decide alone.
      return (raw, at, row) => Math.abs(label(row) - score(raw, at)) / Math.max(1, Math.abs(label(row)));
    case 'quantileLoss': {
      const quantile = typeof constant === 'object' ? constant.quantile : NaN;
      return (raw, at, row) => pinballLoss(label(row), score(raw, at), quantile);
    }
    case 'rmsle':
      return (raw, at, row) => (Math.log1p(label(row)) - Math.log1p(Math.exp(score(raw, at)))) ** 2;
    case 'poissonDeviance':
      return (raw, at, row) => Math.exp(score(raw, at)) - label(row) * score(raw, at);
    case 'gammaDeviance':
      return (raw, at, row) => label(row) * Math.exp(-score(raw, at)) + score(raw, at);
    case 'tweedieDeviance': {
      const one = 1 - TWEEDIE_POWER;
      const two = 2 - TWEEDIE_POWER;
      return (raw, at, row) =>
        Math.exp(two * score(raw, at)) / two - (label(row) * Math.exp(one * score(raw, at))) / one;
    }
    default:
      throw new AppError('INTERNAL', `${metric} is not a stopping metric`);
  }
}

/** ln(1 + e^x) without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

function logSumExp(raw: Float64Array, at: number, count: number): number {
  let max = -Infinity;
  for (let i = 0; i < count; i += 1) max = Math.max(max, raw[at + i] ?? NaN);
  let sum = 0;
  for (let i = 0; i < count; i += 1) sum += Math.exp((raw[at + i] ?? NaN) - max);
  return max + Math.log(sum);
}

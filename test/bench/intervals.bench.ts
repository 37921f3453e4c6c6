/**
 * What prediction intervals hold of rows that nothing has seen, and how long they are: `node test/bench/intervals.bench.ts FOLDER [COVERAGE]`. FOLDER has
 * the project's shared data (see `real-data.ts`). Of each set with a number as target, five folds and a refit on all training rows; printed are for the
 * test rows the part that is held (of all, of the quarter with the least predictions, of that with the greatest) and the mean length, of intervals by
 * ranges, of intervals of one range, and of two quantile models. Last what a million rows take.
 */
import type { AutopilotPlan, PredictionIntervals, TargetSpec } from '#contracts';
import { conformalIntervals, insightRows, type OutOfFold } from '#ml';
import { intervalOf, type Interval, type Scorer } from '#scoring';
import { createRandom } from '#statistics';
import { intervalEnds } from '../../yarn-workers/ml/intervals/interval-ends.ts';
import type { MemoryColumn } from '../support/memory-table.ts';
import { fitted, realData, testPredictions } from './real-data.ts';

const [folder = '', coverageText = '0.9'] = process.argv.slice(2);
const coverage = Number(coverageText);
const SETS = ['california_housing', 'wine_quality'];
const BLUEPRINTS = ['lightgbm-default', 'extra-trees', 'linear'];
const SPEED_ROWS = 1_000_000;

type Table = Pick<PredictionIntervals, 'ranges'>;

/** By ranges of the prediction, and of all rows together. */
function tablesOf(data: OutOfFold, target: TargetSpec): { readonly byRange: Table; readonly whole: Table } {
  const { ranges } = conformalIntervals(insightRows(data, target, undefined), coverage);
  const residuals = data.predictions.map((prediction, row) => (data.values?.[row] ?? NaN) - prediction);
  const ends = intervalEnds(residuals, new Float64Array(residuals.length).fill(1), coverage);
  if (ranges === null || ends === null) throw new Error(`too few rows for ${coverage}`);
  return {
    byRange: { ranges: [...ranges] },
    whole: { ranges: [{ upTo: null, ...ends, rowCount: residuals.length }] },
  };
}

function told(name: string, intervals: readonly Interval[], order: readonly number[], actual: readonly number[]): void {
  const heldOf = (rows: readonly number[]): string => {
    const held = rows.filter((row) => {
      const { lower = NaN, upper = NaN } = intervals[row] ?? {};
      const value = actual[row] ?? NaN;
      return value >= lower && value <= upper;
    });
    return (held.length / rows.length).toFixed(3);
  };
  const quarter = Math.floor(order.length / 4);
  const length = intervals.reduce((sum, { lower, upper }) => sum + upper - lower, 0) / intervals.length;
  const held = [order, order.slice(0, quarter), order.slice(-quarter)].map(heldOf).join(', ');
  process.stdout.write(`${name}: ${held}; ${length.toPrecision(4)}\n`);
}

/** Rows by rising prediction. */
const orderOf = (predictions: Float64Array): number[] =>
  [...predictions.keys()].sort((a, b) => (predictions[a] ?? NaN) - (predictions[b] ?? NaN));

async function toldOfQuantiles(
  name: string,
  planOf: (quantile: number) => AutopilotPlan,
  train: readonly MemoryColumn[],
  test: readonly MemoryColumn[],
  actual: readonly number[],
): Promise<void> {
  const outside = (1 - coverage) / 2;
  const [lower, upper] = await Promise.all(
    [outside, 1 - outside].map(async (quantile) => {
      const plan = planOf(quantile);
      const one = { blueprintId: 'lightgbm-default', parameters: {}, refitOf: null, iterations: null };
      return testPredictions(plan, (await fitted(plan, train, one)).scorer, test);
    }),
  );
  if (lower === undefined || upper === undefined) throw new Error('two models were fitted');
  const intervals = [...lower].map((end, row) => ({ lower: end, upper: upper[row] ?? NaN }));
  const crossed = intervals.filter((interval) => interval.lower > interval.upper).length;
  const middles = Float64Array.from(intervals, (interval) => (interval.lower + interval.upper) / 2);
  told(`${name}: two quantile models, ${crossed} of ${intervals.length} crossed`, intervals, orderOf(middles), actual);
}

for await (const { name, train, test, plan } of realData(folder, SETS)) {
  const whole = plan({ targetType: 'regression', metric: 'rmse' });
  const { target } = whole;
  const actual = (test.find((column) => column.name === target.name)?.cells ?? []).map(Number);
  for (const blueprintId of BLUEPRINTS) {
    const one = { blueprintId, parameters: {}, refitOf: null, iterations: null };
    const { fit, scorer } = await fitted(whole, train, one);
    if (fit.outOfFold === null) throw new Error('folds were held back');
    const refit = await fitted(whole, train, { ...one, refitOf: 'twin', iterations: fit.iterations });
    const tables = tablesOf(fit.outOfFold, target);
    const toldOf = (what: string, served: Scorer, table: Table): void => {
      const predictions = testPredictions(whole, served, test);
      const all = { modelId: 'mdl', coverage, isNonNegative: true, ...table };
      const intervals = [...predictions].map((prediction) => intervalOf(all, prediction));
      told(`${name}: ${blueprintId}: ${what}`, intervals, orderOf(predictions), actual);
    };
    toldOf(`folds, ${tables.byRange.ranges.length} ranges`, scorer, tables.byRange);
    toldOf(`refit, ${tables.byRange.ranges.length} ranges`, refit.scorer, tables.byRange);
    toldOf('refit, one range', refit.scorer, tables.whole);
  }
  const planOf = (quantile: number) => plan({ targetType: 'regression', metric: 'quantileLoss', quantile });
  await toldOfQuantiles(name, planOf, train, test, actual);
}

const random = createRandom(1);
const predictions = Float64Array.from({ length: SPEED_ROWS }, () => random.uniform());
const many: OutOfFold = {
  rows: Uint32Array.from(predictions.keys()),
  partitions: Int8Array.from(predictions, (_, row) => row % 5),
  ...{ foldCount: 5, classes: null, weights: null, outputCount: 1, predictions },
  values: predictions.map((prediction) => prediction * random.uniform()),
};
const cpuBefore = process.cpuUsage();
tablesOf(many, { name: 'y', targetType: 'regression', classes: [], positiveClass: null });
const { user, system } = process.cpuUsage(cpuBefore);
process.stdout.write(`${SPEED_ROWS} rows, twice: ${((user + system) / 1_000).toFixed(0)} ms of CPU\n`);

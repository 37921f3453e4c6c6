/**
 * How often segments stand out by chance: `node test/bench/segments.bench.ts [models]`. A model that knows the truth, 3,000 rows, 30 columns of 10
 * or 20 levels that mean nothing: 450 segments of 150 or 300 rows. Printed are, for each metric, the models in which a segment is notable (of 100, 5 are
 * what the test promises), and how many times more raw p values lie below 0.05, 0.001 and 0.0001 than should.
 */
import type { MetricName, TargetSpec } from '#contracts';
import { createRandom, type Random } from '#statistics';
import type { OutOfFold } from '../../yarn-workers/ml/fit/out-of-fold.ts';
import { rowsAt } from '../../yarn-workers/ml/fit/out-of-fold.ts';
import { NOTABLE_P } from '../../yarn-workers/ml/insights/segments/limits.ts';
import { holm, segmentScorer } from '../../yarn-workers/ml/insights/segments/segment-gains.ts';

const MODELS = Number(process.argv[2] ?? 100);
const [ROWS, COLUMNS] = [3_000, 30];
const LIMITS = [0.05, 0.001, 0.0001];
const BINARY: TargetSpec = {
  ...{ name: 'y', targetType: 'binary', positiveClass: 1 },
  classes: ['no', 'yes'].map((label) => ({ label, texts: [label], rowCount: 1 })),
};
const NUMBER: TargetSpec = { name: 'y', targetType: 'regression', positiveClass: null, classes: [] };

const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());

/** Rows with predictions that are the truth: probabilities whose log odds are normal about `odds`, or means. */
function honest(random: Random, odds: number | null): OutOfFold {
  const one = { foldCount: 1, weights: null, outputCount: 1, partitions: new Int8Array(ROWS) };
  const rows = Uint32Array.from({ length: ROWS }, (_, row) => row);
  if (odds === null) {
    const predictions = Float64Array.from(rows, () => normal(random));
    const values = predictions.map((mean) => mean + normal(random));
    return { ...one, rows, classes: null, values, predictions };
  }
  const predictions = Float64Array.from(rows, () => 1 / (1 + Math.exp(-odds - 1.5 * normal(random))));
  const classes = Int32Array.from(predictions, (p) => Number(random.uniform() < p));
  return { ...one, rows, classes, values: null, predictions };
}

function pValues(seed: number, metric: MetricName, odds: number | null): (number | null)[] {
  const random = createRandom(seed);
  const rows = honest(random, odds);
  const { gainOf } = segmentScorer(rows, odds === null ? NUMBER : BINARY, metric, seed);
  return Array.from({ length: COLUMNS }, (_, column) => (column % 2 === 0 ? 10 : 20)).flatMap((levels) => {
    const levelOf = Uint8Array.from(rows.rows, () => random.below(levels));
    return Array.from(
      { length: levels },
      (_, level) =>
        gainOf(
          rowsAt(
            rows,
            rows.rows.filter((row) => levelOf[row] === level),
          ),
        ).pValue,
    );
  });
}

for (const [metric, odds] of [
  ['auc', 0],
  ['auc', -2.5],
  ['prAuc', 0],
  ['prAuc', -2.5],
  ['logLoss', 0],
  ['logLoss', -2.5],
  ['rmse', null],
] as const) {
  const models = Array.from({ length: MODELS }, (_, seed) => pValues(500 + seed, metric, odds));
  const alarms = models.filter((all) => holm(all).some((p) => p !== null && p < NOTABLE_P)).length;
  const known = models.flat().filter((p) => p !== null);
  const times = LIMITS.map((limit) => (known.filter((p) => p < limit).length / known.length / limit).toFixed(2));
  const share = odds === null ? '' : `, log odds ${odds}`;
  process.stdout.write(
    `${metric}${share}: ${alarms} of ${MODELS} models; times too many below ${LIMITS.join(', ')}: ${times.join(', ')}; ${known.length / MODELS} tests\n`,
  );
}

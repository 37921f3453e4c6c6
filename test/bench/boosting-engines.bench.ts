/**
 * Time and memory of the two engines: `node test/bench/boosting-engines.bench.ts [ROWS] [COLUMNS] [ITERATIONS]`. One table (uniform
 * numbers, two columns with missing values, a category of 100 levels, a binary target) is boosted by our worker's code and by
 * the Python packages, each in a process of its own with two threads: the same iterations, depth 6 or 31 leaves, the rows scored
 * afterwards. Printed are CPU and wall from the matrix in memory to the scores, the process's peak memory and what it was with the table
 * alone, and the log loss on the training rows: both must have learned alike.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compileTrees } from '#scoring';
import { createRandom } from '#statistics';
import { settingsOf } from '#ml';
import { isBoosted, isXgboost } from '../../yarn-workers/ml/blueprints/settings.ts';
import { datasetParameters, engineParameters } from '../../yarn-workers/ml/fit/lightgbm-parameters.ts';
import { lightgbmDataset, type BoostDataset } from '../../yarn-workers/ml/fit/boosting.ts';
import type { RowSink } from '../../yarn-workers/ml/fit/engine.ts';
import { withConstants } from '../../yarn-workers/ml/fit/trees.ts';
import { createXgboostDataset } from '../../yarn-workers/ml/fit/xgboost/dataset.ts';
import { testEngine } from '../support/boosting-engine.ts';
import { objectiveFor } from '../support/objective.ts';
import { pythonOf } from '../support/python.ts';

const THREADS = 2;
const SAMPLE_ROWS = 200_000;
const PUSHED_ROWS = 20_000;
const LEVELS = 100;

function writeTable(file: string, rowCount: number, columnCount: number): void {
  const random = createRandom(1);
  const effect = Float64Array.from({ length: LEVELS }, () => random.uniform() * 2 - 1);
  const table = new Float64Array(rowCount * (columnCount + 1));
  for (let row = 0, at = 0; row < rowCount; row += 1) {
    let signal = 0;
    for (let column = 0; column < columnCount - 1; column += 1, at += 1) {
      const value = random.uniform();
      if (column < 4) signal += column % 2 === 0 ? value : -value * value;
      table[at] = (column === 1 || column === 5) && random.uniform() < 0.1 ? NaN : value;
    }
    const level = random.below(LEVELS);
    table[at] = level;
    table[at + 1] = random.uniform() < 1 / (1 + Math.exp(-2 * (signal + (effect[level] ?? 0)))) ? 1 : 0;
    at += 2;
  }
  writeFileSync(file, table);
}

function datasetOf(
  engine: string,
  sample: Float64Array,
  sampleRowCount: number,
  rowCount: number,
  columnCount: number,
  constant: number,
): { dataset: BoostDataset; sink: RowSink } {
  const settings = settingsOf(`${engine}-default`, {});
  if (settings === null || !isBoosted(settings)) throw new Error(`${engine} is no engine`);
  const objective = objectiveFor('logLoss', 2);
  const shared = { rowCount, sample, sampleRowCount, hasWeights: false, threadCount: THREADS };
  const categoryCounts = Array.from({ length: columnCount }, (_, column) =>
    column === columnCount - 1 ? LEVELS : null,
  );
  if (isXgboost(settings)) {
    const dataset = createXgboostDataset(testEngine().xgboost(), {
      ...shared,
      categoryCounts,
      settings,
      objective,
      constants: [constant],
      offsets: null,
      monotone: null,
    });
    return { dataset, sink: dataset };
  }
  const sink = testEngine().createDataset({
    ...shared,
    columnCount,
    categoricalColumns: [columnCount - 1],
    parameters: datasetParameters({ seed: 1 }, settings, rowCount),
  });
  const dataset = lightgbmDataset(sink, (seed) =>
    engineParameters({ settings, objective, monotone: null, trainingRowCount: rowCount }, seed),
  );
  return { dataset, sink };
}

/** One engine in this process; prints one JSON line. */
function run(engine: string, file: string, rowCount: number, columnCount: number, iterations: number): void {
  const table = new Float64Array(readFileSync(file).buffer);
  const labels = Float32Array.from(
    { length: rowCount },
    (_, row) => table[row * (columnCount + 1) + columnCount] ?? NaN,
  );
  const values = new Float64Array(rowCount * columnCount);
  for (let row = 0; row < rowCount; row += 1)
    values.set(table.subarray(row * (columnCount + 1), row * (columnCount + 1) + columnCount), row * columnCount);
  const tableMb = process.resourceUsage().maxRSS / 1024;
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  const sampleRowCount = Math.min(SAMPLE_ROWS, rowCount);
  const share = labels.reduce((sum, label) => sum + label, 0) / rowCount;
  const { dataset, sink } = datasetOf(
    engine,
    values.subarray(0, sampleRowCount * columnCount),
    sampleRowCount,
    rowCount,
    columnCount,
    Math.log(share / (1 - share)),
  );
  for (let from = 0; from < rowCount; from += PUSHED_ROWS) {
    const to = Math.min(rowCount, from + PUSHED_ROWS);
    sink.push(values.subarray(from * columnCount, to * columnCount), to - from, labels.subarray(from, to), null);
  }
  sink.finish();
  const booster = dataset.createBooster(1, 0);
  for (let iteration = 0; iteration < iterations; iteration += 1) booster.update();
  const { score } = compileTrees(withConstants(booster.trees(0, iterations), dataset.constants), columnCount);
  const raw = new Float64Array(1);
  let loss = 0;
  for (let row = 0; row < rowCount; row += 1) {
    score(values, row * columnCount, raw, 0);
    const signed = labels[row] === 1 ? -(raw[0] ?? NaN) : (raw[0] ?? NaN);
    loss += Math.log1p(Math.exp(-Math.abs(signed))) + Math.max(signed, 0);
  }
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    JSON.stringify({
      wallSeconds: (performance.now() - startedAt) / 1000,
      cpuSeconds: (user + system) / 1e6,
      peakMb: process.resourceUsage().maxRSS / 1024,
      tableMb,
      loss: loss / rowCount,
    }),
  );
  booster.close();
  dataset.close();
}

const [rows = '500000', columns = '20', iterations = '100', engine, file] = process.argv.slice(2);
if (engine !== undefined && file !== undefined) run(engine, file, Number(rows), Number(columns), Number(iterations));
else {
  const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-bench-'));
  const table = path.join(folder, 'table.f64');
  const python = pythonOf('bench-boosting', [
    'xgboost-cpu==3.2.0',
    'lightgbm==4.7.0',
    'numpy',
    'scipy',
    'scikit-learn',
  ]);
  try {
    writeTable(table, Number(rows), Number(columns));
    for (const name of ['lightgbm', 'xgboost']) {
      const own = execFileSync(process.execPath, [import.meta.filename, rows, columns, iterations, name, table]);
      process.stdout.write(`${name}, ours: ${own.toString()}`);
      const script = path.join(import.meta.dirname, 'training', 'boost.py');
      const rival = execFileSync(python, [script, name, table, rows, columns, iterations, String(THREADS)], {
        env: { ...process.env, OMP_WAIT_POLICY: 'passive' },
      });
      process.stdout.write(`${name}, Python: ${rival.toString()}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

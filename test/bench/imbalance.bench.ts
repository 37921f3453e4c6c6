/**
 * What class weights and down-sampling do to unseen rows, time and memory, against doing nothing: a generated table of 200,000 rows whose
 * true probabilities are known, 1 % positive on average, and Adult with one positive row in twenty. Each fit in a process of its own.
 *
 *     node test/bench/imbalance.bench.ts SHARED_DATA_FOLDER
 *
 * `excess`: mean Kullback-Leibler divergence from the true probabilities (of Adult the log loss itself); `ece`: expected calibration error by
 * twenty ranges of as many rows; `uncorrected`: log loss of the same scores if the prior were not taken out again.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BatchSource, ImbalanceRequest, StoredTable } from '#contracts';
import { fitModel, manifestOf, planAutopilot, profileTable } from '#ml';
import { openArtifact } from '#scoring';
import { computeMetrics, rowHash } from '#statistics';
import { sha256, testEngine } from '../support/boosting-engine.ts';
import { memorySource, numberRule, storedTable, textRule, type MemoryColumn } from '../support/memory-table.ts';
import { freeIo, trainTask } from '../support/modelling-task.ts';
import { realData, testPredictions } from './real-data.ts';

const BLUEPRINTS = ['lightgbm-default', 'lightgbm-slow', 'linear', 'random-forest'];
const TREATMENTS: readonly ImbalanceRequest[] = [
  { method: 'none' },
  { method: 'weights' },
  ...[1, 3, 10, 30].map((ratio): ImbalanceRequest => ({ method: 'downsampling', ratio })),
];
const ROWS = 200_000;
const FEATURES = 20;
/** Gives 1 % of positive rows. */
const BASE = -5.95;

const [where = '', blueprintId = '', treatment = ''] = process.argv.slice(2);
if (blueprintId === '') compareAll();
else
  process.stdout.write(
    `${JSON.stringify(await measured(where, blueprintId, JSON.parse(treatment) as ImbalanceRequest))}\n`,
  );

function compareAll(): void {
  for (const data of ['generated', where]) {
    for (const blueprint of BLUEPRINTS) {
      for (const one of TREATMENTS) {
        const file = fileURLToPath(import.meta.url);
        const run = spawnSync(process.execPath, ['--expose-gc', file, data, blueprint, JSON.stringify(one)], {
          encoding: 'utf8',
        });
        if (run.status !== 0) throw new Error(run.stderr);
        const name = `${data === 'generated' ? data : 'adult'}: ${blueprint}: ${one.method} ${one.ratio ?? ''}`;
        process.stdout.write(`${name}: ${run.stdout}`);
      }
    }
  }
}

/** A table of numbers without any text: `x0` and on, and the target y. */
interface Generated {
  readonly features: readonly Float64Array[];
  readonly truth: Float64Array;
  readonly labels: Int32Array;
}

/** Five of the features matter, two of them together and one not linearly. */
function generate(seed: number): Generated {
  let state = seed;
  const uniform = (): number => {
    state = (state + 1) >>> 0;
    return (rowHash(seed, state) + 0.5) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const features = Array.from({ length: FEATURES }, () => new Float64Array(ROWS));
  const truth = new Float64Array(ROWS);
  const labels = new Int32Array(ROWS);
  for (let row = 0; row < ROWS; row += 1) {
    const x = features.map((column) => (column[row] = normal()));
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = x;
    const score = BASE + 0.9 * a - 0.6 * b + 0.5 * c * d + 0.7 * Math.abs(e);
    truth[row] = 1 / (1 + Math.exp(-score));
    labels[row] = uniform() < (truth[row] ?? 0) ? 1 : 0;
  }
  return { features, truth, labels };
}

function sourceOf({ features, labels }: Generated): BatchSource {
  const step = 10_000;
  return {
    rowCount: ROWS,
    batches: async function* (request) {
      for (let firstRow = 0; firstRow < ROWS; firstRow += step) {
        const columns = request.map(({ name, view }) =>
          view === 'dictionary'
            ? { view, name, codes: labels.slice(firstRow, firstRow + step), dictionary: ['no', 'yes'] }
            : {
                view: 'number' as const,
                name,
                values: features[Number(name.slice(1))]?.slice(firstRow, firstRow + step) ?? new Float64Array(step),
              },
        );
        yield { firstRow, rowCount: step, columns };
      }
    },
  };
}

interface Bench {
  readonly table: StoredTable;
  readonly source: BatchSource;
  readonly target: string;
  /** Predictions of unseen rows, their labels, and what is true of them. */
  readonly predict: (scorer: ReturnType<typeof openArtifact>) => Float64Array;
  readonly actual: Int32Array;
  readonly truth: Float64Array | null;
}

function generatedBench(): Bench {
  const names = Array.from({ length: FEATURES }, (_, index) => `x${index}`);
  const empty: MemoryColumn[] = [
    ...names.map((name) => ({ name, cells: [], parse: numberRule })),
    { name: 'y', cells: [], parse: textRule },
  ];
  const unseen = generate(2);
  return {
    table: { ...storedTable(empty), rowCount: ROWS },
    source: sourceOf(generate(1)),
    target: 'y',
    actual: unseen.labels,
    truth: unseen.truth,
    predict: (scorer) => {
      const answer = scorer.createPrediction();
      return Float64Array.from({ length: ROWS }, (_, row) => {
        scorer.scoreRow(Object.fromEntries(names.map((name, index) => [name, unseen.features[index]?.[row]])), answer);
        return answer.probabilities[1] ?? NaN;
      });
    },
  };
}

async function adultBench(folder: string): Promise<Bench> {
  for await (const { train, test, request, plan } of realData(folder, ['adult'])) {
    const rare = (columns: readonly MemoryColumn[]): MemoryColumn[] => {
      const labels = columns.find(({ name }) => name === request.target)?.cells ?? [];
      const kept = (_: unknown, row: number): boolean =>
        labels[row] !== String(request.positiveClass) || rowHash(3, row) % 20 === 0;
      return columns.map((column) => ({ ...column, cells: column.cells.filter(kept) }));
    };
    const [few, unseen] = [rare(train), rare(test)];
    const labels = unseen.find(({ name }) => name === request.target)?.cells ?? [];
    return {
      table: storedTable(few),
      source: memorySource(few, 10_000),
      target: request.target,
      actual: Int32Array.from(labels, (label) => Number(label === String(request.positiveClass))),
      truth: null,
      predict: (scorer) => testPredictions(plan({}), scorer, unseen),
    };
  }
  throw new Error('no data set adult');
}

async function measured(data: string, blueprint: string, imbalance: ImbalanceRequest) {
  const bench = data === 'generated' ? generatedBench() : await adultBench(data);
  const { table, source, target, actual, truth, predict } = bench;
  const facts = { profile: await profileTable(table, source), table, parallelTasks: 1, threadsPerTask: 2 };
  const partitioning = {
    method: 'stratified',
    validation: 'tvh',
    holdoutFraction: 0,
    validationFraction: 0.2,
  } as const;
  const plan = planAutopilot({ target, imbalance, partitioning }, facts);
  const task = { ...trainTask([], plan, { blueprintId: blueprint }), table };
  globalThis.gc?.();
  // Linux sets the peak back to what is there now.
  writeFileSync('/proc/self/clear_refs', '5');
  const [before, cpuBefore, startedAt] = [peakMib(), process.cpuUsage(), performance.now()];
  const fit = await fitModel(task, source, testEngine(), freeIo());
  const fitMib = Math.round(peakMib() - before);
  const { user, system } = process.cpuUsage(cpuBefore);
  const wallSeconds = (performance.now() - startedAt) / 1000;
  const manifest = manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] });
  const probability = predict(openArtifact(manifest, fit.blob, sha256));
  const lossOf = (p: Float64Array): number =>
    p.reduce((sum, one, row) => sum - Math.log(Math.max(1e-15, actual[row] === 1 ? one : 1 - one)), 0) / p.length;
  const excess = truth?.reduce((sum, t, row) => {
    const p = probability[row] ?? NaN;
    return sum + t * Math.log(t / p) + (1 - t) * Math.log((1 - t) / (1 - p));
  }, 0);
  const factors = plan.imbalance?.factors ?? [1, 1];
  const odds = (factors[1] ?? 1) / (factors[0] ?? 1);
  const uncorrected = probability.map((p) => (odds * p) / (odds * p + 1 - p));
  const input = { targetType: 'binary', actual, positiveClass: 1, probability, threshold: 0.5 } as const;
  const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
  const rounded = (value: number): number => Number(value.toPrecision(4));
  return {
    rows: fit.rowCount,
    logLoss: rounded(lossOf(probability)),
    excess: excess === undefined ? null : rounded(excess / ROWS),
    uncorrected: rounded(lossOf(uncorrected)),
    auc: rounded(computeMetrics(['auc'], input)['auc'] ?? NaN),
    ece: rounded(calibrationError(probability, actual)),
    mean: `${rounded(mean(probability))} of ${rounded(mean(actual))}`,
    cpuSeconds: rounded((user + system) / 1e6),
    wallSeconds: rounded(wallSeconds),
    fitMib,
    calibration: fit.content.calibration?.slope ?? null,
  };
}

/** Largest resident memory of this process so far. */
function peakMib(): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? NaN) / 1024;
}

/** Mean distance of mean prediction and share of positive rows over ranges of as many rows. */
function calibrationError(probability: Float64Array, actual: Int32Array): number {
  const order = Array.from(probability.keys()).sort((a, b) => (probability[a] ?? 0) - (probability[b] ?? 0));
  const bins = 20;
  let error = 0;
  for (let bin = 0; bin < bins; bin += 1) {
    const rows = order.slice(Math.floor((bin * order.length) / bins), Math.floor(((bin + 1) * order.length) / bins));
    error += Math.abs(rows.reduce((sum, row) => sum + (probability[row] ?? 0) - (actual[row] ?? 0), 0));
  }
  return error / order.length;
}

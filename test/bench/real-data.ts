/** What benches on the project's shared data have in common: reading it, fitting a task on it, scores on its test rows. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { AutopilotPlan, MetricName, ParseRule, PlannedTask, TargetType, TrainTask } from '#contracts';
import { planAutopilot, type AutopilotRequest } from '#ml';
import { fitModel } from '../support/in-memory.ts';
import { parseNumber, type Scorer } from '#scoring';
import { computeMetrics, type MetricInput } from '#statistics';
import { csvRecords } from '../support/api.ts';
import { sha256, testEngine } from '../support/boosting-engine.ts';
import {
  dateRule,
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../support/memory-table.ts';
import { profileOf, trainTask } from '../support/modelling-task.ts';

const THREADS = 2;
const TIMED_ROWS = 2_000;
const ISO_DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?$/;
const METRICS: Readonly<Record<string, MetricName>> = { auc: 'auc', rmse: 'rmse', logloss: 'logLoss' };

interface DataSet {
  readonly name: string;
  readonly task: TargetType;
  readonly target: string;
  readonly metric: string;
  readonly positive_class?: string | number;
}

/** One data set, read. */
export interface RealData {
  readonly name: string;
  readonly metric: MetricName;
  readonly train: readonly MemoryColumn[];
  readonly test: readonly MemoryColumn[];
  /** What a plan is asked for. */
  readonly request: AutopilotRequest;
  /** A plan by five folds without a holdout, some of it changed. */
  readonly plan: (request: Partial<AutopilotRequest>) => AutopilotPlan;
}

/** The data sets of a folder with `manifest.json`, one after the other; all of them, or those named. */
export async function* realData(folder: string, only: readonly string[]): AsyncGenerator<RealData> {
  // The cast holds: the data's README describes this shape.
  const { datasets } = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as { datasets: DataSet[] };
  for (const data of datasets) {
    if (only.length > 0 && !only.includes(data.name)) continue;
    const train = tableOf(path.join(folder, data.name, 'train.csv.gz'));
    const rules = new Map(train.map(({ name, parse }) => [name, parse]));
    const test = tableOf(path.join(folder, data.name, 'test.csv.gz'), rules);
    const metric = METRICS[data.metric] ?? 'logLoss';
    const profile = await profileOf(train, 10_000);
    const request: AutopilotRequest = {
      target: data.target,
      targetType: data.task,
      metric,
      partitioning: { method: 'random', validation: 'cv', folds: 5, holdoutFraction: 0 },
      ...(data.positive_class === undefined ? {} : { positiveClass: data.positive_class }),
    };
    const facts = { profile, table: storedTable(train), parallelTasks: 1, threadsPerTask: THREADS };
    const plan: RealData['plan'] = (changes) => planAutopilot({ ...request, ...changes }, facts);
    yield { name: data.name, metric, train, test, request, plan };
  }
}

function tableOf(file: string, rules?: ReadonlyMap<string, ParseRule>): MemoryColumn[] {
  const [names = [], ...rows] = csvRecords(gunzipSync(readFileSync(file)).toString('utf8'));
  return names.map((name, column) => {
    const cells = rows.map((row) => (row[column] === '' ? null : (row[column] ?? null)));
    const isNumber = cells.every((cell) => cell === null || Number.isFinite(parseNumber(cell)));
    const isDate = !isNumber && cells.every((cell) => cell === null || ISO_DATE.test(cell));
    return { name, cells, parse: rules?.get(name) ?? (isNumber ? numberRule : isDate ? dateRule : textRule) };
  });
}

/** Score of a model on the test rows. */
export const testScore = (plan: AutopilotPlan, scorer: Scorer, test: readonly MemoryColumn[]): number =>
  scoreOf(plan, testPredictions(plan, scorer, test), test);

/** What a model predicts of the test rows: rows x outputs as in out-of-fold predictions. */
export function testPredictions(
  { target }: AutopilotPlan,
  scorer: Scorer,
  test: readonly MemoryColumn[],
): Float64Array {
  const rowCount = test[0]?.cells.length ?? 0;
  const answer = scorer.createPrediction();
  const outputs: number[] = [];
  for (let row = 0; row < rowCount; row += 1) {
    scorer.scoreRow(Object.fromEntries(test.map((column) => [column.name, column.cells[row] ?? null])), answer, row);
    if (target.targetType === 'regression') outputs.push(Number(answer.prediction));
    else if (target.targetType === 'binary') outputs.push(answer.probabilities[target.positiveClass ?? 1] ?? NaN);
    else outputs.push(...answer.probabilities);
  }
  return Float64Array.from(outputs);
}

/** Score of predictions of the test rows. */
export function scoreOf(
  { target, metric }: AutopilotPlan,
  predictions: Float64Array,
  test: readonly MemoryColumn[],
): number {
  const cells = test.find(({ name }) => name === target.name)?.cells ?? [];
  const classes = Int32Array.from(cells, (cell) => target.classes.findIndex(({ texts }) => texts.includes(cell ?? '')));
  const { targetType } = target;
  const input: MetricInput =
    targetType === 'regression'
      ? { targetType, actual: Float64Array.from(cells, Number), predicted: predictions }
      : targetType === 'binary'
        ? {
            targetType,
            actual: classes,
            positiveClass: target.positiveClass ?? 1,
            probability: predictions,
            threshold: 0.5,
          }
        : { targetType, actual: classes, classCount: target.classes.length, probabilities: predictions };
  return computeMetrics([metric], input)[metric] ?? NaN;
}

/** Fits a task, with what its process computed and what a row of a batch takes. */
export async function fitted(
  plan: AutopilotPlan,
  train: readonly MemoryColumn[],
  task: Pick<PlannedTask, 'blueprintId' | 'parameters' | 'refitOf' | 'iterations'> & Pick<TrainTask, 'featureSteps'>,
  remainingMs: () => number | null = () => null,
) {
  const refit = task.refitOf === null ? null : { of: task.refitOf, iterations: task.iterations };
  const { blueprintId, parameters, featureSteps } = task;
  const spec = trainTask(train, plan, {
    ...{ blueprintId, parameters, refit },
    ...(featureSteps === undefined ? {} : { featureSteps }),
  });
  const io = { sha256, now: () => performance.now(), remainingMs };
  const cpuBefore = process.cpuUsage();
  const fit = await fitModel(spec, memorySource(train, 10_000), testEngine(), io);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { fit, cpuMs: (user + system) / 1000, scorer: fit.scorer, rowMicros: await microsPerRow(fit.scorer, train) };
}

/** Time of one row from decoded columns to raw scores, over the table's first rows, in microseconds. */
async function microsPerRow(scorer: Scorer, columns: readonly MemoryColumn[]): Promise<number> {
  const request = scorer.columnRequests(storedTable(columns).columns);
  for await (const batch of memorySource(columns, TIMED_ROWS).batches(request)) {
    const out = new Float64Array(batch.rowCount * scorer.outputCount);
    const startedAt = performance.now();
    scorer.scoreBatch(batch, out);
    return ((performance.now() - startedAt) * 1000) / batch.rowCount;
  }
  return NaN;
}

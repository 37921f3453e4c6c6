/**
 * What linear models are worth on real data: `node test/bench/linear-models.bench.ts FOLDER [BUDGET_SECONDS] [DATASET...]`.
 * FOLDER has `manifest.json` and a folder a data set with `train.csv.gz` and `test.csv.gz` (the project's shared data).
 *
 * First each model alone by cross-validation: its score there, the score of the fold members' blend on the test rows, the
 * time. Then what default boosting gains there from the best share of another model, on the link scale. Then Autopilot's
 * decisions with and without linear models in the same time budget (0: left out), in this process without the platform
 * (two threads): what is recommended, and its score on the test rows.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type {
  AutopilotPlan,
  MetricName,
  Parameters,
  ParseRule,
  PlannedResult,
  PlannedTask,
  TargetType,
} from '#contracts';
import {
  BLUEPRINTS,
  fitModel,
  manifestOf,
  next,
  planAutopilot,
  rankingScore,
  scoresFromOutOfFold,
  type AutopilotRequest,
} from '#ml';
import { openArtifact, parseNumber } from '#scoring';
import { computeMetrics, isBetter, type MetricInput } from '#statistics';
import { csvRecords } from '../support/api.ts';
import { sha256, testEngine } from '../support/boosting-engine.ts';
import { memorySource, numberRule, storedTable, textRule, type MemoryColumn } from '../support/memory-table.ts';
import { profileOf, trainTask } from '../support/modelling-task.ts';

const [folder = '', budget = '30', ...only] = process.argv.slice(2);
const THREADS = 2;
const METRICS: Readonly<Record<string, MetricName>> = { auc: 'auc', rmse: 'rmse', logloss: 'logLoss' };

interface DataSet {
  readonly name: string;
  readonly task: TargetType;
  readonly target: string;
  readonly metric: string;
  readonly positive_class?: string | number;
}

/** Models that are fitted alone. */
const ALONE: readonly (readonly [string, Parameters])[] = [
  ['linear', {}],
  ['linear-splines', {}],
  ['lightgbm-fast', {}],
  ['lightgbm-default', {}],
  ['lightgbm-slow', {}],
];

function tableOf(file: string, rules?: ReadonlyMap<string, ParseRule>): MemoryColumn[] {
  const [names = [], ...rows] = csvRecords(gunzipSync(readFileSync(file)).toString('utf8'));
  return names.map((name, column) => {
    const cells = rows.map((row) => (row[column] === '' ? null : (row[column] ?? null)));
    const isNumber = cells.every((cell) => cell === null || Number.isFinite(parseNumber(cell)));
    return { name, cells, parse: rules?.get(name) ?? (isNumber ? numberRule : textRule) };
  });
}

/** Score of a model on the test rows. */
function testScore(
  plan: AutopilotPlan,
  scorer: ReturnType<typeof openArtifact>,
  test: readonly MemoryColumn[],
): number {
  const { target, metric } = plan;
  const cells = test.find(({ name }) => name === target.name)?.cells ?? [];
  const answer = scorer.createPrediction();
  const outputs: number[] = [];
  for (let row = 0; row < cells.length; row += 1) {
    scorer.scoreRow(Object.fromEntries(test.map((column) => [column.name, column.cells[row] ?? null])), answer, row);
    if (target.targetType === 'regression') outputs.push(Number(answer.prediction));
    else if (target.targetType === 'binary') outputs.push(answer.probabilities[target.positiveClass ?? 1] ?? NaN);
    else outputs.push(...answer.probabilities);
  }
  const predictions = Float64Array.from(outputs);
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

async function fitted(
  plan: AutopilotPlan,
  train: readonly MemoryColumn[],
  task: Pick<PlannedTask, 'blueprintId' | 'parameters' | 'refitOf' | 'iterations'>,
  remainingMs: () => number | null = () => null,
) {
  const refit = task.refitOf === null ? null : { of: task.refitOf, iterations: task.iterations };
  const spec = trainTask(train, plan, { blueprintId: task.blueprintId, parameters: task.parameters, refit });
  const io = { sha256, now: () => performance.now(), remainingMs };
  const cpuBefore = process.cpuUsage();
  const fit = await fitModel(spec, memorySource(train, 10_000), testEngine(), io);
  const { user, system } = process.cpuUsage(cpuBefore);
  const manifest = manifestOf(spec, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] });
  return { fit, cpuMs: (user + system) / 1000, scorer: openArtifact(manifest, fit.blob, sha256) };
}

type OutOfFold = NonNullable<Awaited<ReturnType<typeof fitted>>['fit']['outOfFold']>;

/** The score of two models' held-back predictions, blended on the link scale with the best of eleven shares. */
function bestBlend(plan: AutopilotPlan, first: OutOfFold, second: OutOfFold): { share: number; score: number } {
  const { target, metric } = plan;
  const { outputCount } = first;
  const blended = (share: number): Float64Array => {
    const mixed = first.predictions.map((value, at) => {
      const other = second.predictions[at] ?? NaN;
      if (target.targetType === 'regression') return (1 - share) * value + share * other;
      const logit = (probability: number): number => {
        const p = Math.min(Math.max(probability, 1e-15), 1 - 1e-15);
        return target.targetType === 'binary' ? Math.log(p / (1 - p)) : Math.log(p);
      };
      const raw = (1 - share) * logit(value) + share * logit(other);
      return target.targetType === 'binary' ? 1 / (1 + Math.exp(-raw)) : Math.exp(raw);
    });
    if (target.targetType !== 'multiclass') return mixed;
    return mixed.map((value, at) => {
      const from = at - (at % outputCount);
      return value / mixed.subarray(from, from + outputCount).reduce((sum, one) => sum + one, 0);
    });
  };
  const tried = Array.from({ length: 11 }, (_, tenth) => {
    const scores = scoresFromOutOfFold({ ...first, predictions: blended(tenth / 10) }, target);
    return { share: tenth / 10, score: rankingScore(scores, metric) ?? NaN };
  });
  return tried.reduce((best, one) => (isBetter(metric, one.score, best.score) ? one : best));
}

/** Follows `next` as the platform does, one task at a time. */
async function autopilot(plan: AutopilotPlan, train: readonly MemoryColumn[], test: readonly MemoryColumn[]) {
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const tasks: PlannedTask[] = [];
  const results: PlannedResult[] = [];
  const scorers = new Map<string, ReturnType<typeof openArtifact>>();
  for (;;) {
    const decision = next(plan, { tasks, results, elapsedMs: elapsed(), stopping: false });
    const [task] = decision.tasks;
    if (decision.finished || task === undefined) {
      const scorer = scorers.get(decision.recommended?.modelId ?? '');
      return {
        seconds: elapsed() / 1000,
        models: results.filter(({ state }) => state === 'succeeded').length,
        reason: decision.recommended?.reason ?? 'nothing',
        score: scorer === undefined ? NaN : testScore(plan, scorer, test),
      };
    }
    tasks.push(...decision.tasks);
    const deadline = task.deadlineMs ?? Infinity;
    try {
      const { fit, scorer } = await fitted(plan, train, task, () => deadline - elapsed());
      scorers.set(task.key, scorer);
      results.push({
        key: task.key,
        modelId: task.key,
        state: 'succeeded',
        score: fit.scores === null ? null : rankingScore(fit.scores, plan.metric),
        iterations: fit.iterations,
        fitMs: fit.timings.totalMs,
      });
    } catch (err) {
      process.stdout.write(`  ${task.key}: ${String(err)}\n`);
      results.push({ key: task.key, modelId: task.key, state: 'failed', score: null, iterations: null, fitMs: 0 });
    }
  }
}

// The cast holds: the data's README describes this shape.
const { datasets } = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as { datasets: DataSet[] };
for (const data of datasets) {
  if (only.length > 0 && !only.includes(data.name)) continue;
  const train = tableOf(path.join(folder, data.name, 'train.csv.gz'));
  const rules = new Map(train.map(({ name, parse }) => [name, parse]));
  const test = tableOf(path.join(folder, data.name, 'test.csv.gz'), rules);
  const metric = METRICS[data.metric] ?? 'logLoss';
  const profile = await profileOf(train, 10_000);
  const plan = (request: Partial<AutopilotRequest>): AutopilotPlan =>
    planAutopilot(
      {
        target: data.target,
        targetType: data.task,
        metric,
        partitioning: { method: 'random', validation: 'cv', folds: 5, holdoutFraction: 0 },
        ...(data.positive_class === undefined ? {} : { positiveClass: data.positive_class }),
        ...request,
      },
      { profile, table: storedTable(train), parallelTasks: 1, threadsPerTask: THREADS },
    );
  process.stdout.write(`${data.name}, ${metric}\n`);
  const alone = plan({});
  const heldBack = new Map<string, OutOfFold>();
  for (const [blueprintId, parameters] of ALONE) {
    const { fit, cpuMs, scorer } = await fitted(alone, train, {
      blueprintId,
      parameters,
      refitOf: null,
      iterations: null,
    });
    if (fit.outOfFold !== null) heldBack.set(blueprintId, fit.outOfFold);
    const cv = fit.scores === null ? null : rankingScore(fit.scores, metric);
    process.stdout.write(
      `  ${blueprintId} ${JSON.stringify(parameters)}: cv ${cv?.toPrecision(6) ?? 'none'}, test ${testScore(alone, scorer, test).toPrecision(6)}, ${fit.iterations ?? 'no'} steps, cpu ${(cpuMs / 1000).toFixed(2)} s, wall ${(fit.timings.totalMs / 1000).toFixed(2)} s, ${fit.timings.predictMicrosPerRow.toFixed(2)} us/row\n`,
    );
  }
  const boosted = heldBack.get('lightgbm-default');
  for (const id of ['linear', 'linear-splines', 'lightgbm-fast', 'lightgbm-slow']) {
    const other = heldBack.get(id);
    if (boosted === undefined || other === undefined) continue;
    const { share, score } = bestBlend(alone, boosted, other);
    process.stdout.write(`  lightgbm-default with a share of ${share} of ${id}: cv ${score.toPrecision(6)}\n`);
  }
  for (const withLinear of Number(budget) > 0 ? [true, false] : []) {
    const blueprints = BLUEPRINTS.filter(({ family }) => withLinear || family !== 'linear').map(({ id }) => id);
    const outcome = await autopilot(plan({ blueprints, timeBudgetSeconds: Number(budget) }), train, test);
    process.stdout.write(
      `  autopilot ${withLinear ? 'with' : 'without'} linear models, ${budget} s: test ${outcome.score.toPrecision(6)}, ${outcome.models} models in ${outcome.seconds.toFixed(1)} s, ${outcome.reason}\n`,
    );
  }
}

/**
 * What linear models are worth on real data: `node test/bench/linear-models.bench.ts FOLDER [BUDGET_SECONDS] [DATASET...]`.
 * FOLDER has `manifest.json` and a folder a data set with `train.csv.gz` and `test.csv.gz` (the project's shared data).
 *
 * First each model alone by cross-validation: its score there, the score of the fold members' blend on the test rows, the
 * time. Then what default boosting gains there from the best share of another model, on the link scale. Then Autopilot's
 * decisions with and without linear models in the same time budget (0: left out), in this process without the platform
 * (two threads): what is recommended, and its score on the test rows.
 */
import type { AutopilotPlan, Parameters, PlannedResult, PlannedTask } from '#contracts';
import { blueprintOf, next, rankingScore, scoresFromOutOfFold } from '#ml';
import type { openArtifact } from '#scoring';
import { isBetter } from '#statistics';
import type { MemoryColumn } from '../support/memory-table.ts';
import { fitted, realData, testScore } from './real-data.ts';

const [folder = '', budget = '30', ...only] = process.argv.slice(2);

/** Models that are fitted alone. */
const ALONE: readonly (readonly [string, Parameters])[] = [
  ['linear', {}],
  ['linear-splines', {}],
  ['linear-text', {}],
  ['lightgbm-fast', {}],
  ['lightgbm-default', {}],
  ['lightgbm-slow', {}],
];

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

for await (const { name, metric, train, test, plan } of realData(folder, only)) {
  process.stdout.write(`${name}, ${metric}\n`);
  const alone = plan({});
  const heldBack = new Map<string, OutOfFold>();
  const readable = new Set(plan({ mode: 'full' }).candidates.map(({ blueprintId }) => blueprintId));
  for (const [blueprintId, parameters] of ALONE.filter(([id]) => readable.has(id))) {
    const { fit, cpuMs, scorer, rowMicros } = await fitted(alone, train, {
      blueprintId,
      parameters,
      refitOf: null,
      iterations: null,
    });
    if (fit.outOfFold !== null) heldBack.set(blueprintId, fit.outOfFold);
    const cv = fit.scores === null ? null : rankingScore(fit.scores, metric);
    process.stdout.write(
      `  ${blueprintId} ${JSON.stringify(parameters)}: cv ${cv?.toPrecision(6) ?? 'none'}, test ${testScore(alone, scorer, test).toPrecision(6)}, ${fit.iterations ?? 'no'} steps, cpu ${(cpuMs / 1000).toFixed(2)} s, wall ${(fit.timings.totalMs / 1000).toFixed(2)} s, ${rowMicros.toFixed(2)} us/row\n`,
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
    const blueprints = [...readable].filter((id) => withLinear || blueprintOf(id).family !== 'linear');
    const outcome = await autopilot(plan({ blueprints, timeBudgetSeconds: Number(budget) }), train, test);
    process.stdout.write(
      `  autopilot ${withLinear ? 'with' : 'without'} linear models, ${budget} s: test ${outcome.score.toPrecision(6)}, ${outcome.models} models in ${outcome.seconds.toFixed(1)} s, ${outcome.reason}\n`,
    );
  }
}

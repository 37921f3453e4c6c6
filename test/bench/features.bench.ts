/**
 * What each encoding of features is worth on rows that no model has seen: `node test/bench/features.bench.ts FOLDER SEEDS [SETS BLUEPRINTS VARIANTS]`.
 * FOLDER has sets with `manifest.json`: the project's shared data, or what `features/sets.py` writes; `-` stands for made
 * tables of known truth. SETS and BLUEPRINTS are names, by comma, VARIANTS beside the first one by semicolon.
 *
 * Every variant is fitted by three folds with each of SEEDS seeds, and its blend of folds predicts the test rows. Shown are the mean
 * score, the mean gain over the first variant with its standard error over the seeds, and CPU.
 */
import type { Parameters } from '#contracts';
import { planAutopilot } from '#ml';
import { storedTable } from '../support/memory-table.ts';
import { profileOf } from '../support/modelling-task.ts';
import { levelsTable } from './features/made-tables.ts';
import { fitted, realData, testScore, type RealData } from './real-data.ts';

const [folder = '-', seeds = '3', sets = '', blueprintIds = 'lightgbm-default', only = ''] = process.argv.slice(2);
const line = (text: string): void => void process.stdout.write(`${text}\n`);

const VARIANTS: readonly (readonly [string, Parameters])[] = [
  ['codes', {}],
  ['codes, counts', { categoryCounts: true }],
  ['target', { categories: 'target' }],
  ['target, counts', { categories: 'target', categoryCounts: true }],
  ['both', { categories: 'both' }],
  ['both, counts', { categories: 'both', categoryCounts: true }],
];

async function* madeData(): AsyncGenerator<RealData> {
  for (const [levels, spread] of [
    [30, 1],
    [300, 1],
    [3_000, 1],
    [3_000, 0],
  ] as const) {
    const train = levelsTable(12_000, levels, spread, 1);
    const profile = await profileOf(train, 10_000);
    yield {
      name: `${levels} levels of spread ${spread}`,
      metric: 'auc',
      train,
      test: levelsTable(12_000, levels, spread, 2),
      request: { target: 'target', metric: 'auc' },
      plan: (request) =>
        planAutopilot(
          { target: 'target', metric: 'auc', ...request },
          { profile, table: storedTable(train), parallelTasks: 1, threadsPerTask: 2 },
        ),
    };
  }
}

const wanted = sets === '' ? [] : sets.split(',');
for await (const { name, metric, train, test, plan } of folder === '-' ? madeData() : realData(folder, wanted)) {
  for (const blueprintId of blueprintIds.split(',')) {
    const first: number[] = [];
    for (const [label, parameters] of VARIANTS) {
      if (first.length > 0 && only !== '' && !only.split(';').includes(label)) continue;
      const scores: number[] = [];
      let cpuSeconds = 0;
      for (let seed = 0; seed < Number(seeds); seed += 1) {
        const own = plan({ seed, partitioning: { method: 'random', validation: 'cv', folds: 3, holdoutFraction: 0 } });
        const { scorer, cpuMs } = await fitted(own, train, {
          blueprintId,
          parameters,
          refitOf: null,
          iterations: null,
        });
        scores.push(testScore(own, scorer, test));
        cpuSeconds += cpuMs / 1000 / Number(seeds);
      }
      if (first.length === 0) first.push(...scores);
      const sign = metric === 'auc' ? 1 : -1;
      const gains = scores.map((score, seed) => sign * (score - (first[seed] ?? NaN)));
      const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
      const gain = mean(gains);
      const error = Math.sqrt(mean(gains.map((each) => (each - gain) ** 2)) / Math.max(1, gains.length - 1));
      line(
        `${name} | ${blueprintId} | ${label} | ${metric} ${mean(scores).toFixed(5)} | gain ${gain.toFixed(5)} +- ${error.toFixed(5)} | cpu ${cpuSeconds.toFixed(1)} s`,
      );
    }
  }
}

/**
 * What forests are worth on real data: `node test/bench/forests.bench.ts FOLDER [DATASET...]`, FOLDER as in
 * `linear-models.bench.ts`. Each model by five folds and then fitted on all rows: score there and on the test rows, CPU, artefact, time
 * of a predicted row, memory of the process. `test/bench/forests/scikit-learn.py FOLDER [DATASET...]` prints the same of scikit-learn's.
 */
import type { Parameters } from '#contracts';
import { rankingScore } from '#ml';
import { fitted, realData, testScore } from './real-data.ts';

const [folder = '', ...only] = process.argv.slice(2);

const MODELS: readonly (readonly [string, Parameters])[] = [
  ['extra-trees', {}],
  ['extra-trees', { trees: 50 }],
  ['extra-trees', { minRowsPerLeaf: 5 }],
  ['random-forest', {}],
  ['random-forest', { minRowsPerLeaf: 1 }],
  ['lightgbm-random-forest', {}],
  ['lightgbm-default', {}],
];

const say = (cells: readonly string[]): void => void process.stdout.write(`| ${cells.join(' | ')} |\n`);

say(['data', 'model', 'folds: score', 'test', 'CPU s', 'MB', 'all rows: test', 'CPU s', 'MB', 'us a row', 'MB held']);
for await (const { name, train, test, plan: planOf } of realData(folder, only)) {
  const plan = planOf({ maxModels: 1 });
  for (const [blueprintId, parameters] of MODELS) {
    const model = { blueprintId, parameters, refitOf: null, iterations: null };
    const folds = await fitted(plan, train, model);
    const whole = await fitted(plan, train, { ...model, refitOf: 'twin', iterations: folds.fit.iterations });
    const score = folds.fit.scores === null ? null : rankingScore(folds.fit.scores, plan.metric);
    const figures = ({ cpuMs, fit, scorer }: typeof folds): string[] => [
      testScore(plan, scorer, test).toPrecision(5),
      (cpuMs / 1000).toFixed(2),
      (fit.blob.length / 1e6).toFixed(2),
    ];
    say([
      name,
      `${blueprintId} ${JSON.stringify(parameters)}`,
      score?.toPrecision(5) ?? '',
      ...figures(folds),
      ...figures(whole),
      whole.rowMicros.toFixed(0),
      (process.memoryUsage.rss() / 1e6).toFixed(0),
    ]);
  }
}

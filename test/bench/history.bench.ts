/**
 * Models of series with and without histories beside naive forecasts: the mean of three backtests' rmse, no budget.
 * Usage: node test/bench/history.bench.ts SERIES.json   (of test/bench/history/series.py)
 */
import { readFileSync } from 'node:fs';
import { fitModel } from '#ml';
import { testEngine } from '../support/boosting-engine.ts';
import { dateRule, memorySource, numberRule, textRule, type MemoryColumn } from '../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../support/modelling-task.ts';

interface Series {
  readonly name: string;
  readonly times: readonly string[];
  readonly y: readonly number[];
  readonly series: readonly string[] | null;
  readonly x: readonly number[] | null;
}

const BLUEPRINTS = ['naive-last', 'naive-seasonal', 'linear', 'linear-history', 'lightgbm-default'];

const tableOf = ({ times, y, series, x }: Series): MemoryColumn[] => [
  { name: 'day', cells: times.map((time) => `${time.replace(' ', 'T')}Z`), parse: dateRule },
  ...(series === null ? [] : [{ name: 'series', cells: [...series], parse: textRule }]),
  ...(x === null ? [] : [{ name: 'x', cells: x.map(String), parse: numberRule }]),
  { name: 'y', cells: y.map(String), parse: numberRule },
];

// The cast holds: the script beside writes it.
const all = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Series[];
console.log(['series', ...BLUEPRINTS].join(' | '));
for (const one of all) {
  const table = tableOf(one);
  const plan = await planOf(table, {
    target: 'y',
    targetType: 'regression',
    metric: 'rmse',
    partitioning: { method: 'date', column: 'day', ...(one.series === null ? {} : { seriesColumn: 'series' }) },
  });
  const cells: string[] = [];
  for (const blueprintId of BLUEPRINTS) {
    if (blueprintId === 'naive-seasonal' && plan.partitioning.dates?.series?.season === null) {
      cells.push('-');
      continue;
    }
    const task = trainTask(table, plan, { blueprintId });
    const { scores } = await fitModel(task, memorySource(table, 1_000), testEngine(), freeIo());
    cells.push((scores?.crossValidation?.['rmse'] ?? NaN).toPrecision(4));
  }
  console.log([one.name, ...cells].join(' | '));
}

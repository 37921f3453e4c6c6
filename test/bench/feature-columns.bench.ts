/**
 * What columns are worth that steps make, or would make, of dates, missing cells, numbers and places: `node
 * test/bench/feature-columns.bench.ts FOLDER SEEDS BLUEPRINTS CHANGES [SETS]`.
 *
 * As `features.bench.ts`; here the columns are made beforehand, so that what was not built is measured too. CHANGES are names of
 * the list below by semicolon; the first one is what gains are over.
 */
import type { DatePart } from '#contracts';
import { planAutopilot } from '#ml';
import { storedTable } from '../support/memory-table.ts';
import { profileOf } from '../support/modelling-task.ts';
import { dates, missingCount, missingIndicators, places, powers, type Change } from './features/columns.ts';
import { datesTable } from './features/made-tables.ts';
import { fitted, realData, testScore, type RealData } from './real-data.ts';

const [folder = '-', seeds = '3', blueprintIds = 'linear', changes = 'plain', sets = ''] = process.argv.slice(2);
const line = (text: string): void => void process.stdout.write(`${text}\n`);

const PLAIN: readonly DatePart[] = ['epochDays', 'year', 'month', 'day', 'weekday', 'hour'];
const CIRCLES: readonly DatePart[] = ['yearSine', 'yearCosine', 'weekSine', 'weekCosine', 'daySine', 'dayCosine'];
const CHANGES: Readonly<Record<string, (target: string) => Change>> = {
  plain: () => dates(PLAIN),
  'day of year': () => dates([...PLAIN, 'dayOfYear']),
  circles: () => dates([...PLAIN, ...CIRCLES]),
  differences: () => dates(PLAIN, true),
  'missing count': missingCount,
  'missing indicators': missingIndicators,
  powers,
  centre: () => places('latitude', 'longitude', 'centre'),
  turned: () => places('latitude', 'longitude', 'turned'),
  cells: () => places('latitude', 'longitude', 'cells'),
};

type Data = Pick<RealData, 'name' | 'metric' | 'train' | 'test' | 'request'>;

async function* madeData(): AsyncGenerator<Data> {
  for (const what of ['season', 'duration'] as const)
    yield {
      name: `made: ${what}`,
      metric: 'rmse',
      train: datesTable(6_000, what, 1),
      test: datesTable(6_000, what, 2),
      request: { target: 'target', metric: 'rmse' },
    };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const wanted = sets === '' ? [] : sets.split(',');
for await (const { name, metric, train, test, request } of folder === '-' ? madeData() : realData(folder, wanted)) {
  for (const blueprintId of blueprintIds.split(',')) {
    const first: number[] = [];
    for (const label of changes.split(';')) {
      const change = CHANGES[label];
      if (change === undefined) throw new Error(`no change ${label}; there are ${Object.keys(CHANGES).join(', ')}`);
      const [ownTrain, ownTest] = change(request.target)(train, test);
      const profile = await profileOf(ownTrain, 10_000);
      const scores: number[] = [];
      for (let seed = 0; seed < Number(seeds); seed += 1) {
        const plan = planAutopilot(
          { ...request, seed, partitioning: { method: 'random', validation: 'cv', folds: 3, holdoutFraction: 0 } },
          { profile, table: storedTable(ownTrain), parallelTasks: 1, threadsPerTask: 2 },
        );
        const { scorer } = await fitted(plan, ownTrain, {
          blueprintId,
          parameters: {},
          refitOf: null,
          iterations: null,
        });
        scores.push(testScore(plan, scorer, ownTest));
      }
      if (first.length === 0) first.push(...scores);
      const sign = metric === 'auc' ? 1 : -1;
      const gains = scores.map((score, seed) => sign * (score - (first[seed] ?? NaN)));
      const error = Math.sqrt(mean(gains.map((each) => (each - mean(gains)) ** 2)) / Math.max(1, gains.length - 1));
      line(
        `${name} | ${blueprintId} | ${label} | ${metric} ${mean(scores).toFixed(5)} | gain ${mean(gains).toFixed(5)} +- ${error.toFixed(5)}`,
      );
    }
  }
}

import { expect } from 'chai';
import type { Parameters, TargetType } from '#contracts';
import { BLUEPRINTS, HOLDOUT, manifestOf, type AutopilotRequest } from '#ml';
import { fitModel } from '../support/in-memory.ts';
import { contentHashOf, openArtifact, type RowPrediction } from '#scoring';
import { sha256, testEngine } from '../support/boosting-engine.ts';
import { CROSSES_FEATURES, crossesTable } from '../support/crosses-table.ts';
import { LEVELS_FEATURES, levelsTable } from '../support/levels-table.ts';
import { memorySource, numberRule, textRule, type MemoryColumn } from '../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../support/modelling-task.ts';
import { GEO_FEATURES, PLACES_FEATURES, geoTable, placesTable } from '../support/places-table.ts';
import { quickParameters } from '../support/quick-parameters.ts';
import { TEXT_FEATURES, textTable } from '../support/text-table.ts';

const ROWS = 500;

/** Targets with the metric that leads to another objective or link. */
const TARGETS = [
  { target: 'binary', targetType: 'binary', metric: 'logLoss' },
  { target: 'multiclass', targetType: 'multiclass', metric: 'logLoss' },
  { target: 'regression', targetType: 'regression', metric: 'rmse' },
  { target: 'regression', targetType: 'regression', metric: 'mae' },
  { target: 'count', targetType: 'regression', metric: 'poissonDeviance' },
  { target: 'count', targetType: 'regression', metric: 'tweedieDeviance' },
  { target: 'regression', targetType: 'regression', metric: 'quantileLoss', quantile: 0.9 },
  { target: 'count', targetType: 'regression', metric: 'rmse', exposureColumn: 'weight', offsetColumn: 'added' },
  { target: 'binary', targetType: 'binary', metric: 'auc', offsetColumn: 'added' },
  { target: 'rare', targetType: 'binary', metric: 'logLoss', imbalance: { method: 'downsampling', ratio: 3 } },
  { target: 'multiclass', targetType: 'multiclass', metric: 'logLoss', imbalance: { method: 'weights' } },
] as const satisfies readonly (AutopilotRequest & { targetType: TargetType; metric: string })[];

/** What rows bring along to their raw score, and a target that is rare. */
const BROUGHT: MemoryColumn[] = [
  { name: 'weight', cells: Array.from({ length: ROWS }, (_, row) => `${1 + (row % 7) / 2}`), parse: numberRule },
  { name: 'rare', cells: Array.from({ length: ROWS }, (_, row) => (row % 10 === 3 ? 'yes' : 'no')), parse: textRule },
  { name: 'added', cells: Array.from({ length: ROWS }, (_, row) => `${(row % 5) - 2}`), parse: numberRule },
];
const bringing = (table: readonly MemoryColumn[]): MemoryColumn[] => [
  ...table.filter(({ name }) => name !== 'weight'),
  ...BROUGHT,
];

/** Tables that have every kind of feature between them, and all targets; some for the blueprints that read them otherwise. */
const TABLES: readonly {
  readonly name: string;
  readonly table: readonly MemoryColumn[];
  readonly features: readonly string[];
  readonly blueprints?: readonly string[];
  readonly parameters?: Parameters;
}[] = [
  { name: 'mixed', table: bringing(mixedTable(ROWS, 9)), features: MIXED_FEATURES },
  { name: 'texts', table: bringing(textTable(ROWS, 9)), features: TEXT_FEATURES },
  {
    name: 'levels and dates',
    table: bringing(levelsTable(ROWS, 9)),
    features: LEVELS_FEATURES,
    blueprints: [
      'lightgbm-encoded',
      'lightgbm-default',
      'xgboost-default',
      'linear',
      'linear-splines',
      'factorization-machine',
      'network',
    ],
  },
  {
    name: 'holidays',
    table: bringing(levelsTable(ROWS, 9)),
    features: LEVELS_FEATURES,
    blueprints: ['lightgbm-default', 'xgboost-default', 'extra-trees', 'linear', 'linear-splines', 'network'],
    parameters: { holidays: 'US' },
  },
  {
    name: 'places',
    table: bringing(placesTable(ROWS, 9)),
    features: PLACES_FEATURES,
    blueprints: ['lightgbm-default', 'extra-trees', 'random-forest', 'linear', 'linear-splines', 'network'],
  },
  {
    name: 'crosses',
    table: bringing(crossesTable(ROWS, 9)),
    features: CROSSES_FEATURES,
    blueprints: ['linear', 'linear-splines'],
  },
  {
    name: 'geo',
    table: bringing(geoTable(ROWS, 9)),
    features: GEO_FEATURES,
    blueprints: [
      'lightgbm-default',
      'xgboost-default',
      'extra-trees',
      'random-forest',
      'linear',
      'linear-splines',
      'factorization-machine',
      'network',
    ],
  },
];

/**
 * Linear models, factorization machines, networks, linear leaves and forests of averages have no loss for a quantile, forests no scores to start from; LightGBM's have no log
 * odds; naive Bayes knows classes only.
 */
const isLeftOut = (id: string, family: string, request: AutopilotRequest): boolean => {
  const isForest = family === 'random-forest';
  if (id === 'naive-bayes-text') return request.targetType === 'regression' || request.offsetColumn !== undefined;
  if (request.metric === 'quantileLoss')
    return (
      family === 'linear' ||
      family === 'factorization' ||
      family === 'neural-network' ||
      id === 'lightgbm-linear-trees' ||
      (isForest && !id.startsWith('lightgbm'))
    );
  if (request.imbalance !== undefined) return isForest && id.startsWith('lightgbm');
  return isForest && request.offsetColumn !== undefined;
};

const VALIDATIONS = { cv: { method: 'random', folds: 3 }, tvh: { method: 'random', validation: 'tvh' } } as const;

/** Numbers that predictions are compared by: probability of the positive class, of each class, or the value. */
function numbersOf(answer: RowPrediction, targetType: TargetType, positiveClass: number | null): number[] {
  if (targetType === 'regression') return [Number(answer.prediction)];
  return targetType === 'binary' ? [answer.probabilities[positiveClass ?? 1] ?? NaN] : [...answer.probabilities];
}

/** A row as JSON text would hold it: numbers and booleans as such where their text says no more. */
function jsonRow(table: readonly MemoryColumn[], row: number): Record<string, unknown> {
  const entries = table.map(({ name, cells, parse }): [string, unknown] => {
    const cell = cells[row] ?? null;
    if (cell === null) return [name, null];
    if (parse.kind === 'number' && String(Number(cell)) === cell) return [name, Number(cell)];
    if (name === 'member' && (cell === 'true' || cell === 'false')) return [name, cell === 'true'];
    return [name, cell];
  });
  return JSON.parse(JSON.stringify(Object.fromEntries(entries))) as Record<string, unknown>;
}

describe('parity: predictions in training and by the artefact, exactly', function () {
  this.timeout(60_000);
  const cases = TABLES.flatMap((one) =>
    BLUEPRINTS.filter(({ id }) => one.blueprints?.includes(id) ?? true).map((blueprint) => ({
      ...one,
      ...blueprint,
      own: one.parameters ?? {},
      tableName: one.name,
    })),
  );
  for (const { id, family, parameters, own, table, features, tableName } of cases) {
    for (const request of TARGETS.filter((wanted) => !isLeftOut(id, family, wanted))) {
      const { targetType, metric } = request;
      const brought =
        'offsetColumn' in request
          ? ' with an offset'
          : 'imbalance' in request
            ? ` with ${request.imbalance.method}`
            : '';
      for (const [validation, partitioning] of Object.entries(VALIDATIONS)) {
        it(`${tableName}: ${id}, ${targetType} by ${metric}${brought}, ${validation}`, async () => {
          const plan = await planOf(table, {
            ...request,
            partitioning,
            featureNames: [...features],
          });
          const task = trainTask(table, plan, {
            blueprintId: id,
            parameters: { ...quickParameters(id, family, parameters), ...own },
          });
          const fit = await fitModel(task, memorySource(table, 130), testEngine(), freeIo());
          const manifest = JSON.parse(
            JSON.stringify(manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] })),
          ) as unknown;
          const whole = openArtifact(manifest, fit.blob, sha256);
          // Each member alone predicts the rows of its fold: the same artefact with the others weighing nothing, this one all.
          const positive = fit.content.positiveClass;
          const answer = whole.createPrediction();
          let compared = 0;
          const { outOfFold } = fit;
          if (outOfFold === null) throw new Error('a search model has out-of-fold predictions');
          const memberScorers = fit.content.members.map((_, index) => {
            const members = fit.content.members.map((member, other) => ({
              ...member,
              weight: other === index ? 1 : 0,
            }));
            const content = { ...fit.content, members };
            const contentHash = contentHashOf(content, sha256);
            return openArtifact(
              {
                ...manifestOf(task, { ...fit, content, contentHash }, { createdAt: '2026-01-01T00:00:00Z', files: [] }),
              },
              fit.blob,
              sha256,
            );
          });
          for (const [index, row] of outOfFold.rows.entries()) {
            const partition = outOfFold.partitions[index] ?? HOLDOUT;
            const scorer = partition === HOLDOUT ? whole : memberScorers[partition];
            const expected = [
              ...outOfFold.predictions.subarray(index * outOfFold.outputCount, (index + 1) * outOfFold.outputCount),
            ];
            const cells = Object.fromEntries(table.map(({ name, cells: column }) => [name, column[row] ?? '']));
            for (const raw of [cells, jsonRow(table, row)]) {
              scorer?.scoreRow(raw, answer, row);
              expect(numbersOf(answer, targetType, positive), `row ${row}`).to.deep.equal(expected);
            }
            compared += 1;
          }
          expect(compared).to.equal(validation === 'cv' ? ROWS : ROWS * 0.36);
        });
      }
    }
  }
});

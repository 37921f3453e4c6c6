import type { Parameters } from '#contracts';
import type { AutopilotRequest } from '#ml';
import { CROSSES_FEATURES, crossesTable } from '../crosses-table.ts';
import { LEVELS_FEATURES, levelsTable } from '../levels-table.ts';
import { numberRule, type MemoryColumn } from '../memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../mixed-table.ts';

const ROWS = 500;

/** What rows bring along to their raw score. */
const added: MemoryColumn = {
  name: 'added',
  cells: Array.from({ length: ROWS }, (_, row) => `${(row % 5) - 2}`),
  parse: numberRule,
};

const TABLES: Readonly<Record<string, { readonly table: MemoryColumn[]; readonly features: readonly string[] }>> = {
  mixed: { table: [...mixedTable(ROWS, 9), added], features: MIXED_FEATURES },
  levels: { table: levelsTable(ROWS, 9), features: LEVELS_FEATURES },
  crosses: { table: crossesTable(ROWS, 9), features: CROSSES_FEATURES },
};

/** A model that other homes are held against. */
export interface ExportedModel {
  readonly title: string;
  readonly table: readonly MemoryColumn[];
  readonly request: AutopilotRequest;
  readonly blueprintId: string;
  readonly parameters: Parameters;
}

const CASES: readonly (readonly [
  table: string,
  blueprint: string,
  request: AutopilotRequest,
  parameters: Parameters,
])[] = [
  ['mixed', 'lightgbm-default', { target: 'binary', metric: 'logLoss' }, { maxIterations: 60 }],
  ['mixed', 'lightgbm-default', { target: 'multiclass', metric: 'logLoss' }, { maxIterations: 20 }],
  ['mixed', 'lightgbm-default', { target: 'regression', metric: 'rmse' }, { maxIterations: 30 }],
  ['mixed', 'lightgbm-random-forest', { target: 'regression', metric: 'rmse' }, { maxIterations: 20 }],
  ['mixed', 'lightgbm-default', { target: 'count', metric: 'poissonDeviance' }, { maxIterations: 30 }],
  [
    'mixed',
    'lightgbm-default',
    { target: 'count', metric: 'rmse', exposureColumn: 'weight', offsetColumn: 'added' },
    { maxIterations: 20 },
  ],
  ['mixed', 'xgboost-default', { target: 'binary', metric: 'logLoss' }, { maxIterations: 30 }],
  ['mixed', 'linear', { target: 'binary', metric: 'auc', offsetColumn: 'added' }, {}],
  ['mixed', 'linear-splines', { target: 'multiclass', metric: 'logLoss' }, {}],
  ['mixed', 'linear', { target: 'count', metric: 'tweedieDeviance' }, {}],
  ['mixed', 'baseline', { target: 'multiclass', metric: 'logLoss' }, {}],
  ['levels', 'lightgbm-encoded', { target: 'multiclass', metric: 'logLoss' }, { maxIterations: 20 }],
  ['levels', 'lightgbm-default', { target: 'regression', metric: 'rmse' }, { maxIterations: 30 }],
  ['levels', 'linear', { target: 'regression', metric: 'rmse' }, {}],
  ['levels', 'linear-splines', { target: 'binary', metric: 'logLoss' }, {}],
  ['crosses', 'linear', { target: 'binary', metric: 'logLoss' }, {}],
  ['crosses', 'linear-splines', { target: 'multiclass', metric: 'logLoss' }, {}],
];

/** Models of every kind that can be exported, on tables that have every kind of feature that can. */
export const EXPORTED_MODELS: readonly ExportedModel[] = CASES.map(([name, blueprintId, request, parameters]) => {
  const { table, features } = TABLES[name] ?? { table: [], features: [] };
  const brought =
    'exposureColumn' in request ? ' with an exposure' : 'offsetColumn' in request ? ' with an offset' : '';
  return {
    title: `${name}: ${blueprintId}, ${request.target} by ${request.metric ?? ''}${brought}`,
    table,
    request: { ...request, featureNames: [...features], partitioning: { method: 'random', folds: 3 } },
    blueprintId,
    parameters,
  };
});

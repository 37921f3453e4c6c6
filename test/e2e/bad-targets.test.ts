import { expect } from 'chai';
import type { AutopilotRequest } from '#contracts';
import { Api, type Refusal } from '../support/api.ts';
import { modelled, refusedTarget } from '../support/modelling.ts';
import { sharedPlatform } from '../support/platform.ts';
import { csvText, multiclassSample } from '../support/sample-data.ts';

describe('bad input: targets', function () {
  this.timeout(60_000);
  let api: Api;
  const table = multiclassSample(60);
  let datasetId = '';
  before(async () => {
    const platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
    const columns = [
      'constant',
      'gaps',
      'endless',
      'lonely',
      'mostly',
      'day',
      'gappy',
      'week',
      'debt',
      ...table.columns,
    ];
    const rows = table.rows.map((row, index) => [
      'x',
      index === 4 ? null : String(index % 2),
      index === 5 ? 'inf' : `${index}.5`,
      index === 0 ? 'one' : index % 2 === 0 ? 'many' : 'more',
      index < 3 ? 'three' : index % 2 === 0 ? 'many' : 'more',
      `2026-01-${String(1 + (index % 28)).padStart(2, '0')}`,
      index === 9 ? null : '2026-01-01',
      `2026-01-0${1 + (index % 3)}`,
      String(index - 3),
      ...row,
    ]);
    datasetId = await api.dataset({ content: csvText({ columns, rows }) });
  });

  const refusals: readonly (readonly [what: string, request: AutopilotRequest, refusal: Refusal])[] = [
    [
      'a column that is not there',
      { target: 'nope' },
      { status: 422, code: 'FEATURE_UNKNOWN', says: ['nope', 'target'] },
    ],
    ['a constant target', { target: 'constant' }, { status: 422, code: 'TARGET_CONSTANT', says: ['constant', '"x"'] }],
    ['a target with nulls', { target: 'gaps' }, { status: 422, code: 'TARGET_HAS_MISSING', says: ['gaps', '1 row'] }],
    [
      'an infinite target',
      { target: 'endless' },
      { status: 422, code: 'TARGET_NOT_FINITE', says: ['endless', '1 row'] },
    ],
    [
      'a class of one row',
      { target: 'lonely' },
      { status: 422, code: 'TARGET_CLASS_TOO_SMALL', says: ['"one"', '1 row'] },
    ],
    [
      'three rows of a class when chance alone deals them',
      { target: 'mostly', partitioning: { method: 'random' } },
      { status: 422, code: 'TARGET_CLASS_TOO_SMALL', says: ['"three"', '3 rows', 'stratified'] },
    ],
    [
      'regression of words',
      { target: 'kind', targetType: 'regression' },
      { status: 422, code: 'TARGET_TYPE_MISMATCH', says: ['kind'] },
    ],
    [
      'a metric of another kind',
      { target: 'kind', metric: 'rmse' },
      { status: 422, code: 'METRIC_MISMATCH', says: ['rmse', 'logLoss'] },
    ],
    [
      'a positive class that is not there',
      { target: 'kind', positiveClass: 'x' },
      { status: 422, code: 'VALIDATION_FAILED', says: ['positiveClass'] },
    ],
    [
      'a budget too small',
      { target: 'kind', timeBudgetSeconds: 0.5 },
      { status: 422, code: 'BUDGET_TOO_SMALL', says: ['0.5'] },
    ],
    [
      'no features left',
      {
        target: 'kind',
        excludedFeatures: [
          ...['width', 'colour', 'noise', 'gaps', 'endless', 'lonely', 'mostly', 'day', 'gappy', 'week', 'debt'],
        ],
      },
      { status: 422, code: 'NO_FEATURES' },
    ],
    [
      'an unknown blueprint',
      { target: 'kind', blueprints: ['magic'] },
      { status: 422, code: 'BLUEPRINT_UNKNOWN', says: ['magic', 'baseline'] },
    ],
    [
      'negative weights',
      { target: 'kind', weightColumn: 'debt' },
      { status: 422, code: 'VALIDATION_FAILED', says: ['weightColumn', '"debt"', 'negative', '0 or more'] },
    ],
    [
      'a constraint on a category',
      { target: 'width', monotonic: { increasing: ['colour'] } },
      { status: 422, code: 'VALIDATION_FAILED', says: ['monotonic.increasing', '"colour"', 'only numbers'] },
    ],
    [
      'a group column that is the target',
      { target: 'kind', partitioning: { method: 'group', column: 'kind' } },
      { status: 422, code: 'PARTITION_INVALID', says: ['kind'] },
    ],
    [
      'a date column that is none',
      { target: 'kind', partitioning: { method: 'date', column: 'colour' } },
      { status: 422, code: 'PARTITION_INVALID', says: ['partitioning.column', '"colour"', '2026-01-31'] },
    ],
    [
      'a date column with rows missing',
      { target: 'kind', partitioning: { method: 'date', column: 'gappy' } },
      { status: 422, code: 'PARTITION_INVALID', says: ['partitioning.column', 'is missing in 1 rows'] },
    ],
    [
      'more backtests than there are dates',
      { target: 'kind', partitioning: { method: 'date', column: 'week', backtests: 4 } },
      { status: 422, code: 'PARTITION_INVALID', says: ['partitioning.backtests', '3 different dates'] },
    ],
    [
      'a gap longer than the data',
      { target: 'kind', partitioning: { method: 'date', column: 'day', gap: 'P90D' } },
      { status: 422, code: 'PARTITION_INVALID', says: ['partitioning.gap', '90 days', '2026-01-01'] },
    ],
    [
      'a gap that is no time',
      { target: 'kind', partitioning: { method: 'date', column: 'day', gap: 'P1M' } },
      { status: 422, code: 'PARTITION_INVALID', says: ['partitioning.gap', 'P7D'] },
    ],
  ];
  for (const [what, request, refusal] of refusals) {
    it(`refuses ${what}: ${refusal.code}`, async () => refusedTarget(api, datasetId, request, refusal));
  }

  it('models three rows of a class when they are dealt by class', async () => {
    const run = await modelled(api, { datasetId }, { target: 'mostly', maxModels: 2 });
    expect(run.board.data).to.have.length(3);
  });

  it('refuses too few rows', async () => {
    const few = await api.dataset({ content: csvText({ columns: table.columns, rows: table.rows.slice(0, 6) }) });
    await refusedTarget(api, few, { target: 'width' }, { status: 422, code: 'TOO_FEW_ROWS', says: ['6'] });
  });
});

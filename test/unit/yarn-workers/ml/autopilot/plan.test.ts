import { expect } from 'chai';
import type { ErrorCode } from '#contracts';
import { BLUEPRINTS, type AutopilotRequest, settingsOf } from '#ml';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { levelsTable } from '../../../../support/levels-table.ts';
import { numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { planOf } from '../../../../support/modelling-task.ts';
import { TEXT_FEATURES, textTable } from '../../../../support/text-table.ts';

const TABLE = mixedTable(300);

const column = (name: string, cells: readonly (string | null)[], parse = numberRule): MemoryColumn => ({
  name,
  cells,
  parse,
});
const repeat = (cells: readonly (string | null)[], times: number): (string | null)[] =>
  Array.from({ length: times }, () => cells).flat();
const withTarget = (cells: readonly (string | null)[], parse = numberRule): MemoryColumn[] => [
  column(
    'x',
    cells.map((_, row) => String((row * 7) % 13)),
  ),
  column('y', cells, parse),
];

/** What is tried only where it is named. */
const BY_NAME = ['lightgbm-random-forest', 'lightgbm-dart', 'naive-bayes-text'];

describe('ml autopilot plan', () => {
  it('searches forests of our own, but not where constraints are to be kept, and LightGBM’s only by name', async () => {
    const ids = async (request: Partial<AutopilotRequest>): Promise<string[]> =>
      (await planOf(TABLE, { target: 'binary', ...request })).candidates.map(({ blueprintId }) => blueprintId);
    expect(await ids({})).to.include.members(['extra-trees', 'random-forest']);
    expect(await ids({ mode: 'full' }))
      .to.include('lightgbm-linear-trees')
      .and.not.include.oneOf(BY_NAME);
    expect(await ids({ blueprints: ['lightgbm-random-forest'] })).to.deep.equal(['lightgbm-random-forest']);
    const monotonic = { increasing: ['x'] };
    expect(await ids({ mode: 'full', monotonic })).not.to.include.oneOf(['extra-trees', 'random-forest']);
    const err = await appErrorOf('VALIDATION_FAILED', () =>
      ids({ monotonic, blueprints: ['baseline', 'extra-trees'] }),
    );
    expect(err.message).to.include('"extra-trees" cannot keep the constraints');
  });

  it('keeps constraints of medians with linear models only, and of other quantiles with none', async () => {
    const monotonic = { increasing: ['x'] };
    const plan = await planOf(TABLE, { target: 'regression', metric: 'mae', mode: 'full', maxModels: 6, monotonic });
    const names = plan.candidates.map(({ blueprintId }) => blueprintId);
    expect(names).to.include.members(['linear', 'linear-splines']);
    expect(names).not.to.include.oneOf(['lightgbm-default', 'xgboost-default', 'extra-trees']);
    expect(plan.leftOut).to.deep.include({
      blueprintId: 'xgboost-default',
      reason: 'it cannot keep the constraints of monotonic',
    });
    const err = await appErrorOf('VALIDATION_FAILED', () =>
      planOf(TABLE, { target: 'regression', metric: 'quantileLoss', monotonic }),
    );
    expect(err.message).to.include('monotonic').and.to.include('quantileLoss');
  });

  it('decides the defaults', async () => {
    const plan = await planOf(TABLE, { target: 'binary' });
    expect(plan).to.deep.include({
      mode: 'quick',
      metric: 'logLoss',
      weightColumn: null,
      seed: 0,
      rowCount: 300,
      maxModels: null,
      timeBudgetMs: null,
      partitioning: {
        method: 'stratified',
        validation: 'cv',
        folds: 5,
        validationFraction: null,
        holdoutFraction: 0.2,
        column: null,
        seed: 0,
      },
    });
    expect(plan.target).to.deep.include({ name: 'binary', targetType: 'binary', positiveClass: 1 });
    expect(plan.target.classes.map(({ label }) => label)).to.deep.equal(['no', 'yes']);
    expect(plan.features.map(({ name }) => name))
      .to.include.members([...MIXED_FEATURES])
      .and.not.include('binary');
    expect(plan.candidates.map(({ blueprintId }) => blueprintId).slice(0, 2)).to.deep.equal([
      'baseline',
      'lightgbm-fast',
    ]);
    expect(plan.candidates).to.have.length.at.least(5);
    const regression = await planOf(TABLE, {
      target: 'regression',
      excludedFeatures: ['count', 'binary', 'multiclass'],
      seed: 4,
    });
    expect(regression.target).to.deep.include({ targetType: 'regression', classes: [], positiveClass: null });
    expect(regression.metric).to.equal('rmse');
    expect(regression.partitioning).to.include({ method: 'random', seed: 4 });
    expect(regression.features.map(({ name }) => name)).not.to.include('count');
    expect((await planOf(TABLE, { target: 'multiclass' })).target.classes.map(({ label }) => label)).to.deep.equal([
      'high',
      'low',
      'middle',
    ]);
  });

  it('keeps what a target is predicted with out of the features, and says which blueprints cannot', async () => {
    const exposed = await planOf(TABLE, { target: 'count', exposureColumn: 'weight', targetType: 'regression' });
    expect(exposed.target).to.include({ exposureColumn: 'weight' }).and.not.have.property('offsetColumn');
    expect(exposed.features.map(({ name }) => name)).not.to.include('weight');
    const misfits = ['extra-trees', 'random-forest'];
    expect(exposed.leftOut?.map(({ blueprintId }) => blueprintId)).to.deep.equal(misfits);
    const names = exposed.candidates.map(({ blueprintId }) => blueprintId);
    expect(names).to.include('linear').and.not.include('extra-trees').and.not.include('random-forest');
    const quantile = await planOf(TABLE, { target: 'regression', metric: 'quantileLoss', quantile: 0.9 });
    expect(quantile.target.quantile).to.equal(0.9);
    expect(quantile.candidates.map(({ blueprintId }) => blueprintId)).to.include('lightgbm-fine');
    expect(quantile.leftOut?.map(({ blueprintId }) => blueprintId)).to.have.members([
      'linear-text',
      'linear',
      'linear-splines',
      'network',
      'extra-trees',
      'random-forest',
      'lightgbm-linear-trees',
    ]);
    expect((await planOf(TABLE, { target: 'regression', metric: 'quantileLoss' })).target.quantile).to.equal(0.5);
    expect(await planOf(TABLE, { target: 'binary' })).not.to.have.any.keys('leftOut');
  });

  it('takes a training/validation split for large data', async () => {
    const { planAutopilot, profileTable } = await import('#ml');
    const { memorySource, storedTable } = await import('../../../../support/memory-table.ts');
    const table = storedTable(TABLE);
    const profile = await profileTable(table, memorySource(TABLE));
    const plan = planAutopilot(
      { target: 'binary' },
      { profile, table: { ...table, rowCount: 5_000_000 }, parallelTasks: 8, threadsPerTask: 2 },
    );
    expect(plan.partitioning).to.deep.include({ validation: 'tvh', folds: 1, validationFraction: 0.16 });
    expect(plan).to.include({ parallelTasks: 8, threadsPerTask: 2 });
    expect(
      planAutopilot({ target: 'binary', maxWorkers: 3 }, { profile, table, parallelTasks: 8, threadsPerTask: 2 })
        .parallelTasks,
    ).to.equal(3);
  });

  it('takes a training/validation split where the budget is short for the data', async () => {
    const wide = mixedTable(2_000);
    const validation = async (timeBudgetSeconds: number, partitioning?: AutopilotRequest['partitioning']) =>
      (
        await planOf(wide, {
          target: 'binary',
          timeBudgetSeconds,
          ...(partitioning === undefined ? {} : { partitioning }),
        })
      ).partitioning.validation;
    expect(await validation(3)).to.equal('cv');
    const { planAutopilot } = await import('#ml');
    const { storedTable } = await import('../../../../support/memory-table.ts');
    const { profileOf } = await import('../../../../support/modelling-task.ts');
    const facts = {
      profile: await profileOf(wide),
      table: { ...storedTable(wide), rowCount: 32_000 },
      parallelTasks: 1,
      threadsPerTask: 1,
    };
    const of = (request: Partial<AutopilotRequest>) =>
      planAutopilot({ target: 'binary', ...request }, facts).partitioning.validation;
    expect(of({ timeBudgetSeconds: 5 })).to.equal('tvh');
    expect(of({ timeBudgetSeconds: 60 })).to.equal('cv');
    expect(of({})).to.equal('cv');
    expect(of({ timeBudgetSeconds: 5, partitioning: { method: 'stratified', folds: 5 } })).to.equal('cv');
  });

  it('orders classes by number, groups equal spellings, and finds the positive class by text, number or boolean', async () => {
    const numbers = await planOf(withTarget(repeat(['10', '9', '9.0', '1e1', '2'], 20)), {
      target: 'y',
      targetType: 'multiclass',
    });
    expect(numbers.target.classes).to.deep.equal([
      { label: '2', texts: ['2'], rowCount: 20 },
      { label: '9', texts: ['9', '9.0'], rowCount: 40 },
      { label: '10', texts: ['10', '1e1'], rowCount: 40 },
    ]);
    const positive = async (
      cells: readonly string[],
      positiveClass: string | number | boolean,
      parse = textRule,
    ): Promise<string | undefined> => {
      const { target } = await planOf(withTarget(repeat(cells, 30), parse), { target: 'y', positiveClass });
      return target.classes[target.positiveClass ?? -1]?.label;
    };
    expect(await positive(['a', 'b'], 'a')).to.equal('a');
    expect(await positive(['0', '1'], 0, numberRule)).to.equal('0');
    expect(await positive(['0.0', '1.0'], 1, numberRule)).to.equal('1.0');
    expect(await positive(['True', 'False'], true)).to.equal('True');
    const err = await appErrorOf('VALIDATION_FAILED', () =>
      planOf(withTarget(repeat(['a', 'b'], 20), textRule), { target: 'y', positiveClass: 'c' }),
    );
    expect(err.message).to.equal('positiveClass: must be "a" or "b"; found "c"');
  });

  it('works with three rows of a class, and refuses one', async () => {
    const plan = await planOf(withTarget([...repeat(['a'], 60), 'b', 'b', 'b'], textRule), { target: 'y' });
    expect(plan.partitioning.method).to.equal('stratified');
    const err = await appErrorOf('TARGET_CLASS_TOO_SMALL', () =>
      planOf(withTarget([...repeat(['a', 'b'], 60), 'c'], textRule), { target: 'y' }),
    );
    expect(err.message).to.equal(
      'target: class "c" has 1 row, stratified partitioning needs at least 2; remove or merge the class',
    );
    const random = await appErrorOf('TARGET_CLASS_TOO_SMALL', () =>
      planOf(withTarget([...repeat(['a'], 60), 'b', 'b', 'b'], textRule), {
        target: 'y',
        partitioning: { method: 'random' },
      }),
    );
    expect(random.message).to.contain('use partitioning.method stratified');
  });

  const refusals: readonly [string, ErrorCode, AutopilotRequest, string][] = [
    ['an unknown target', 'FEATURE_UNKNOWN', { target: 'nope' }, '"nope"'],
    [
      'an unknown excluded feature',
      'FEATURE_UNKNOWN',
      { target: 'binary', excludedFeatures: ['zz'] },
      'excludedFeatures',
    ],
    ['an unknown weight', 'FEATURE_UNKNOWN', { target: 'binary', weightColumn: 'zz' }, 'weightColumn'],
    [
      'a weight that is no number',
      'VALIDATION_FAILED',
      { target: 'binary', weightColumn: 'colour' },
      'must be a number',
    ],
    ['a weight with missing cells', 'VALIDATION_FAILED', { target: 'binary', weightColumn: 'y' }, 'missing in'],
    [
      'negative weights',
      'VALIDATION_FAILED',
      { target: 'binary', weightColumn: 'regression' },
      'has negative or infinite values; weights must be 0 or more',
    ],
    [
      'the target as weight',
      'VALIDATION_FAILED',
      { target: 'regression', weightColumn: 'regression' },
      'is the target',
    ],
    ['a target with missing values', 'TARGET_HAS_MISSING', { target: 'x' }, 'remove these rows'],
    [
      'regression of texts',
      'TARGET_TYPE_MISMATCH',
      { target: 'binary', targetType: 'regression' },
      'regression needs numbers',
    ],
    [
      'a binary target of three values',
      'TARGET_TYPE_MISMATCH',
      { target: 'multiclass', targetType: 'binary' },
      'has 3 values',
    ],
    ['a number as classes', 'TARGET_CLASS_TOO_SMALL', { target: 'regression', targetType: 'multiclass' }, 'has 1 row'],
    ['a metric of another target type', 'METRIC_MISMATCH', { target: 'binary', metric: 'rmse' }, 'use one of logLoss'],
    [
      'a metric that the values rule out',
      'METRIC_MISMATCH',
      { target: 'regression', metric: 'gammaDeviance' },
      'needs positive',
    ],
    ['mape of zeros', 'METRIC_MISMATCH', { target: 'count', metric: 'mape' }, 'has zeros'],
    ['no features', 'NO_FEATURES', { target: 'binary', featureNames: [] }, 'none is left'],
    ['an unknown blueprint', 'BLUEPRINT_UNKNOWN', { target: 'binary', blueprints: ['magic'] }, 'lightgbm-default'],
    ['a budget too small', 'BUDGET_TOO_SMALL', { target: 'binary', timeBudgetSeconds: 1 }, 'at least 3'],
    ['an unknown offset', 'FEATURE_UNKNOWN', { target: 'binary', offsetColumn: 'zz' }, 'offsetColumn'],
    [
      'the target as offset',
      'VALIDATION_FAILED',
      { target: 'regression', offsetColumn: 'regression' },
      'is the target',
    ],
    ['an offset of texts', 'VALIDATION_FAILED', { target: 'binary', offsetColumn: 'city' }, 'must be a number'],
    ['an offset with gaps', 'VALIDATION_FAILED', { target: 'binary', offsetColumn: 'x' }, 'is missing in'],
    ['an offset of classes', 'VALIDATION_FAILED', { target: 'multiclass', offsetColumn: 'y' }, 'a raw score a class'],
    ['an exposure of odds', 'VALIDATION_FAILED', { target: 'binary', exposureColumn: 'weight' }, 'use offsetColumn'],
    [
      'an exposure of a signed target',
      'VALIDATION_FAILED',
      { target: 'regression', exposureColumn: 'weight' },
      'needs non-negative',
    ],
    ['an exposure of 0', 'VALIDATION_FAILED', { target: 'weight', exposureColumn: 'count' }, 'a number above 0'],
    [
      'an exposure under absolute errors',
      'METRIC_MISMATCH',
      { target: 'count', metric: 'mae', exposureColumn: 'weight' },
      'use poissonDeviance',
    ],
    [
      'an exposure that is the offset',
      'VALIDATION_FAILED',
      { target: 'count', offsetColumn: 'weight', exposureColumn: 'weight' },
      'is the offsetColumn too',
    ],
    [
      'a forest beside an offset',
      'VALIDATION_FAILED',
      { target: 'count', offsetColumn: 'weight', blueprints: ['lightgbm-random-forest'] },
      'beside an offset',
    ],
    ['a quantile of rmse', 'VALIDATION_FAILED', { target: 'regression', quantile: 0.9 }, 'metric quantileLoss only'],
    ['a quantile of classes', 'METRIC_MISMATCH', { target: 'binary', metric: 'quantileLoss' }, 'no meaning'],
    [
      'a linear model of a quantile',
      'VALIDATION_FAILED',
      { target: 'regression', metric: 'quantileLoss', blueprints: ['linear'] },
      'have no loss for a quantile',
    ],
    [
      'groups without a column',
      'PARTITION_INVALID',
      { target: 'binary', partitioning: { method: 'group' } },
      'partitioning.column',
    ],
    [
      'an unknown group',
      'FEATURE_UNKNOWN',
      { target: 'binary', partitioning: { method: 'group', column: 'zz' } },
      '"zz"',
    ],
    [
      'a column without groups',
      'PARTITION_INVALID',
      { target: 'binary', partitioning: { method: 'random', column: 'group' } },
      'leave it out',
    ],
    [
      'too few groups',
      'PARTITION_INVALID',
      { target: 'binary', partitioning: { method: 'group', column: 'multiclass' } },
      '3 groups',
    ],
    [
      'folds of a split',
      'PARTITION_INVALID',
      { target: 'binary', partitioning: { method: 'random', validation: 'tvh', folds: 3 } },
      'partitioning.folds',
    ],
    [
      'names that are no partitions',
      'PARTITION_INVALID',
      { target: 'binary', partitioning: { method: 'column', column: 'multiclass', validation: 'tvh' } },
      '"high"',
    ],
    [
      'a partition column with gaps',
      'PARTITION_INVALID',
      { target: 'binary', partitioning: { method: 'column', column: 'colour' } },
      'missing in',
    ],
    [
      'a constraint on a category',
      'VALIDATION_FAILED',
      { target: 'binary', monotonic: { increasing: ['colour'] } },
      'only numbers',
    ],
    [
      'a constraint both ways',
      'VALIDATION_FAILED',
      { target: 'binary', monotonic: { increasing: ['x'], decreasing: ['x'] } },
      'monotonic.increasing too',
    ],
    [
      'a constraint of several classes',
      'VALIDATION_FAILED',
      { target: 'multiclass', monotonic: { increasing: ['x'] } },
      'no direction',
    ],
    [
      'a positive class of regression',
      'VALIDATION_FAILED',
      { target: 'regression', positiveClass: '1' },
      'positiveClass',
    ],
  ];
  for (const [what, code, request, part] of refusals) {
    it(`refuses ${what}`, async () => {
      const err = await appErrorOf(code, () => planOf(TABLE, request));
      expect(err.message).to.contain(part);
      expect(err.errors[0]?.path).to.match(/^\/[a-zA-Z/]+$/);
    });
  }

  it('refuses weights that are infinite, or 0 in every row', async () => {
    const refused = async (weights: readonly string[]) => {
      const table = [...withTarget(repeat(['1', '2', '3', '4'], 10)), column('w', repeat(weights, 10))];
      return (await appErrorOf('VALIDATION_FAILED', () => planOf(table, { target: 'y', weightColumn: 'w' }))).message;
    };
    expect(await refused(['1', '2', 'inf', '0'])).to.equal(
      'weightColumn: "w" has negative or infinite values; weights must be 0 or more',
    );
    expect(await refused(['0', '0.0', '0', '0'])).to.equal(
      'weightColumn: "w" is 0 in every row; some weights must be positive',
    );
  });

  it('refuses constant, infinite and too few', async () => {
    await appErrorOf('TARGET_CONSTANT', () => planOf(withTarget(repeat(['1', '1.0'], 20)), { target: 'y' }));
    await appErrorOf('TARGET_CONSTANT', () => planOf(withTarget(repeat([null], 40)), { target: 'y' }));
    const infinite = withTarget([...repeat(['1', '2', '3'], 20), 'inf']);
    expect((await appErrorOf('TARGET_NOT_FINITE', () => planOf(infinite, { target: 'y' }))).message).to.contain(
      'in 1 rows',
    );
    await appErrorOf('TARGET_NOT_FINITE', () =>
      planOf(withTarget([...repeat(['1', '2', '3'], 20), '1e30']), { target: 'y' }),
    );
    await appErrorOf('TOO_FEW_ROWS', () => planOf(withTarget(repeat(['1', '2'], 9)), { target: 'y' }));
    await appErrorOf('TOO_FEW_ROWS', () =>
      planOf(withTarget(repeat(['1', '2'], 10)), { target: 'y', partitioning: { method: 'stratified', folds: 20 } }),
    );
    const late = repeat(['1700000001', '1700000050', '1700000099'], 20);
    const message = (await appErrorOf('VALIDATION_FAILED', () => planOf(withTarget(late), { target: 'y' }))).message;
    expect(message).to.include('differ by 40.3 only').and.include('smallest value 1700000001');
    const wide = repeat(['1600000000', '1650000000', '1700000000'], 20);
    expect((await planOf(withTarget(wide), { target: 'y' })).target.targetType).to.equal('regression');
    const onlyIds = [
      column(
        'id',
        Array.from({ length: 200 }, (_, row) => String(row)),
      ),
      column('y', repeat(['0', '1'], 100)),
    ];
    expect((await appErrorOf('NO_FEATURES', () => planOf(onlyIds, { target: 'y' }))).message).to.contain('"id" (id)');
  });

  it('reads partitions from a column', async () => {
    const parts = repeat(['train', 'train', 'Valid', 'test', 'train'], 20);
    const table = [...withTarget(repeat(['0', '1'], 50)), column('part', parts, textRule)];
    const plan = await planOf(table, { target: 'y', partitioning: { method: 'column', column: 'part' } });
    expect(plan.partitioning).to.deep.include({
      method: 'column',
      validation: 'tvh',
      folds: 1,
      validationFraction: 0.2,
      holdoutFraction: 0.2,
      column: 'part',
    });
    expect(plan.features.map(({ name }) => name)).to.deep.equal(['x']);
    const folds = [
      ...withTarget(repeat(['0', '1'], 50)),
      column('part', repeat(['a', 'b', 'c', 'holdout'], 25), textRule),
    ];
    expect(
      (await planOf(folds, { target: 'y', partitioning: { method: 'column', column: 'part' } })).partitioning,
    ).to.include({ validation: 'cv', folds: 3, holdoutFraction: 0.25 });
  });

  it('chooses candidates by mode, list and number; a seed gives the same variations', async () => {
    const ids = async (request: Partial<AutopilotRequest>) =>
      (await planOf(TABLE, { target: 'binary', ...request })).candidates;
    expect(await ids({ blueprints: ['lightgbm-slow', 'baseline'] })).to.deep.equal([
      { blueprintId: 'baseline', parameters: {} },
      { blueprintId: 'lightgbm-slow', parameters: {} },
    ]);
    expect(await ids({ mode: 'manual' })).to.have.length(1);
    const many = await ids({ mode: 'full', seed: 5 });
    expect(many.length).to.be.greaterThan(BLUEPRINTS.length + 10);
    expect(await ids({ mode: 'full', seed: 5 })).to.deep.equal(many);
    expect(await ids({ mode: 'full', seed: 6 })).not.to.deep.equal(many);
    expect(await ids({ maxModels: 3 })).to.deep.equal(many.slice(0, 3));
    expect(await ids({ maxModels: 12, seed: 5 })).to.deep.equal(many.slice(0, 12));
  });

  it('tries the portfolio where there is a budget: every blueprint but those that are named or of XGBoost, and variations of boosting', async () => {
    const timed = async (request: Partial<AutopilotRequest>) =>
      (await planOf(TABLE, { target: 'binary', timeBudgetSeconds: 60, ...request })).candidates;
    const XGBOOST = ['xgboost-default', 'xgboost-slow'];
    // The table has no texts, and no categories of many levels.
    const NEEDING_MORE = ['linear-text', 'lightgbm-encoded', 'factorization-machine'];
    const quick = await timed({});
    const plain = quick.filter(({ parameters }) => Object.keys(parameters).length === 0);
    const all = BLUEPRINTS.map(({ id }) => id).filter(
      (id) => ![...BY_NAME, ...NEEDING_MORE, 'lightgbm-linear-trees', ...XGBOOST].includes(id),
    );
    expect(plain.map(({ blueprintId }) => blueprintId)).to.have.members(all);
    expect(quick.slice(0, 2).map(({ blueprintId }) => blueprintId)).to.deep.equal(['baseline', 'lightgbm-fast']);
    expect(quick.length).to.be.greaterThan(all.length + 10);
    expect(new Set(quick.map((candidate) => JSON.stringify(candidate))).size).to.equal(quick.length);
    for (const { blueprintId, parameters } of quick) settingsOf(blueprintId, parameters);
    expect((await timed({ mode: 'full' })).slice(0, quick.length)).to.deep.equal(quick);
    const full = (await timed({ mode: 'full' })).map(({ blueprintId }) => blueprintId);
    expect(full.slice(quick.length)).to.include.members([...XGBOOST, 'lightgbm-linear-trees']);
    expect(await timed({ maxModels: 4 })).to.deep.equal(quick.slice(0, 4));
    expect(await timed({ mode: 'manual' })).to.have.length(1);
    expect(await timed({ blueprints: ['lightgbm-slow'] })).to.deep.equal([
      { blueprintId: 'lightgbm-slow', parameters: {} },
    ]);
  });

  it('encodes categories where one has many levels: one model more', async () => {
    const table = levelsTable(400);
    const ids = async (request: Partial<AutopilotRequest>) =>
      (await planOf(table, { target: 'binary', featureNames: ['x', 'colour', 'town'], ...request })).candidates.map(
        ({ blueprintId }) => blueprintId,
      );
    const quick = await ids({});
    expect(quick.slice(0, 4)).to.deep.equal(['baseline', 'lightgbm-fast', 'lightgbm-default', 'lightgbm-encoded']);
    const without = await ids({ featureNames: ['x', 'colour'] });
    expect(quick.filter((id) => id !== 'lightgbm-encoded')).to.deep.equal(without);
    const err = await appErrorOf('VALIDATION_FAILED', () =>
      ids({ featureNames: ['x', 'colour'], blueprints: ['lightgbm-encoded'] }),
    );
    expect(err.message).to.contain('"lightgbm-encoded" needs a categorical feature of at least 100 different values');
  });

  it('reads texts where there are some: one model more, and none of what would find nothing to read', async () => {
    const table = textTable(200);
    const ids = async (request: Partial<AutopilotRequest>) =>
      (await planOf(table, { target: 'binary', featureNames: [...TEXT_FEATURES], ...request })).candidates.map(
        ({ blueprintId }) => blueprintId,
      );
    const quick = await ids({});
    expect(quick.slice(0, 4)).to.deep.equal(['baseline', 'lightgbm-fast', 'linear-text', 'lightgbm-default']);
    const withoutTexts = await ids({ featureNames: ['x', 'colour'] });
    expect(quick.filter((id) => id !== 'linear-text')).to.deep.equal(withoutTexts);
    const only = await ids({ featureNames: ['note'] });
    expect(only).to.include('linear-text').and.not.include('linear').and.not.include('linear-splines');
    const { features } = await planOf(table, { target: 'binary', featureNames: ['note', 'x'] });
    expect(features.map(({ name, type }) => [name, type])).to.deep.equal([
      ['x', 'numeric'],
      ['note', 'text'],
    ]);
    for (const [featureNames, blueprints, part] of [
      [['x'], ['linear-text'], '"linear-text" needs a text feature'],
      [['note'], ['lightgbm-fast', 'linear'], '"linear" needs a feature that is no text'],
    ] as const) {
      const err = await appErrorOf('VALIDATION_FAILED', () =>
        ids({ featureNames: [...featureNames], blueprints: [...blueprints] }),
      );
      expect(err.message).to.contain(`blueprints: ${part}`);
    }
    const large = textTable(9_500);
    const validation = async (name: string) =>
      (await planOf(large, { target: 'binary', featureNames: [name], timeBudgetSeconds: 3 })).partitioning.validation;
    expect([await validation('x'), await validation('note')], 'a text takes more time').to.deep.equal(['cv', 'tvh']);
    const constrained = await appErrorOf('VALIDATION_FAILED', () => ids({ monotonic: { increasing: ['note'] } }));
    expect(constrained.message).to.contain('"note" is text; only numbers can be constrained');
  });

  it('ends in an ensemble where there is something to blend: not by hand, and of a list only if it is named', async () => {
    const ensemble = async (request: Partial<AutopilotRequest>) =>
      (await planOf(TABLE, { target: 'binary', ...request })).ensemble;
    const limits = { membersMax: 6, stepsMax: 30, stacks: true };
    expect(await ensemble({})).to.deep.equal(limits);
    expect(await ensemble({ mode: 'full' })).to.deep.equal(limits);
    expect(await ensemble({ maxModels: 3 })).to.deep.equal(limits);
    expect(await ensemble({ maxModels: 2 }), 'the baseline and one more').to.equal(null);
    expect(await ensemble({ mode: 'manual' })).to.equal(null);
    const list = ['linear', 'lightgbm-fast', 'baseline'];
    expect(await ensemble({ blueprints: list })).to.equal(null);
    const named = await planOf(TABLE, { target: 'binary', blueprints: ['ensemble', ...list] });
    expect(named.ensemble).to.deep.equal(limits);
    expect(named.candidates.map(({ blueprintId }) => blueprintId)).to.have.members(list);
    const few = await appErrorOf('VALIDATION_FAILED', () =>
      ensemble({ blueprints: ['ensemble', 'linear', 'baseline'] }),
    );
    expect(few.message).to.contain('blueprints: an ensemble needs at least 2 models that learn from features');
  });

  it('knows columns by names that objects have by themselves', async () => {
    const table = [
      column('__proto__', repeat(['1', '2', '3'], 20)),
      column('constructor', repeat(['a', 'b'], 30), textRule),
    ];
    const plan = await planOf(table, { target: 'constructor' });
    expect(plan.features.map(({ name }) => name)).to.deep.equal(['__proto__']);
    await appErrorOf('FEATURE_UNKNOWN', () => planOf(table, { target: 'toString' }));
  });
});

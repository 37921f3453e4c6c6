import { expect } from 'chai';
import type { ModellingFeature, Parameters } from '#contracts';
import { BLUEPRINTS, fitModel, settingsOf } from '#ml';
import { createRandom } from '#statistics';
import { missingInput } from '../../../../../yarn-workers/ml/blueprints/missing-input.ts';
import { entryOf } from '../../../../../yarn-workers/ml/blueprints/catalogue.ts';
import { isBoosted, isForest } from '../../../../../yarn-workers/ml/blueprints/settings.ts';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { memorySource, numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

const ROWS = 6_000;
const WORDS = [
  'refund',
  'broken',
  'thanks',
  'parcel',
  'monday',
  'order',
  'box',
  'late',
  'perfect',
  'wrong',
  'again',
  'never',
];

/** Labels that were dealt at random, beside numbers, categories of up to half as many levels as rows, and texts. */
function guessing(): MemoryColumn[] {
  const random = createRandom(77);
  const cells = (cell: () => string): string[] => Array.from({ length: ROWS }, cell);
  return [
    ...[20, 300, 3_000].map((levels) => ({
      name: `c${levels}`,
      cells: cells(() => `v${random.below(levels)}`),
      parse: textRule,
    })),
    ...['a', 'b'].map((name) => ({ name, cells: cells(() => String(random.uniform())), parse: numberRule })),
    {
      name: 'message',
      cells: cells(() => Array.from({ length: 8 }, () => WORDS[random.below(WORDS.length)]).join(' ')),
      parse: textRule,
    },
    { name: 'y', cells: cells(() => String(random.below(2))), parse: numberRule },
  ];
}

/** What makes a fit short: fewer trees guess no better. */
function shortened(blueprintId: string): Parameters {
  const settings = settingsOf(blueprintId, {});
  if (settings === null) return {};
  if (isBoosted(settings)) return { maxIterations: 30 };
  return isForest(settings) ? { trees: 30 } : {};
}

describe('ml fit of a table without a signal', function () {
  this.timeout(120_000);

  // Pooled over folds, a fit that learns rows by heart scores a little below 0.5: each row pulls the models that judge others like it towards
  // its own label (Airola et al. 2011, "An experimental comparison of cross-validation techniques for estimating the AUC").
  it('scores 0.47 to 0.52 AUC by every blueprint, categories of many levels and texts included', async () => {
    const columns = guessing();
    const partitioning = { method: 'stratified', validation: 'cv', folds: 3, holdoutFraction: 0 } as const;
    const plan = await planOf(columns, { target: 'y', partitioning });
    const types = new Map(plan.features.map(({ name, type }: ModellingFeature) => [name, type]));
    expect([types.get('c3000'), types.get('message')]).to.deep.equal(['categorical', 'text']);
    const fitted = BLUEPRINTS.map(({ id }) => id).filter(
      (id) => entryOf(id).settings !== null && missingInput(entryOf(id), plan.features) === null,
    );
    expect(fitted).to.include.members([
      'extra-trees',
      'network',
      'factorization-machine',
      'xgboost-slow',
      'linear-text',
    ]);
    for (const blueprintId of fitted) {
      const spec = trainTask(columns, plan, { blueprintId, parameters: shortened(blueprintId) });
      const { scores } = await fitModel(spec, memorySource(columns, 1_000), testEngine(), freeIo());
      expect(scores?.crossValidation?.['auc'], blueprintId).to.be.within(0.47, 0.52);
    }
  });
});

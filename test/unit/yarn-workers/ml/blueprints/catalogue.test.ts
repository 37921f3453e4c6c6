import { expect } from 'chai';
import { Blueprint, METRIC_FACTS, METRIC_NAMES, parse } from '#contracts';
import { BLUEPRINTS, blueprintOf, candidateName, settingsOf } from '#ml';
import { objectiveOf } from '../../../../../yarn-workers/ml/blueprints/objective.ts';
import { textAnalysesOf } from '../../../../../yarn-workers/ml/blueprints/text.ts';
import { isAveraged, isBagged, isBoosted, usesRandomness } from '../../../../../yarn-workers/ml/blueprints/settings.ts';
import { variations } from '../../../../../yarn-workers/ml/blueprints/variations.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const CLASSES = ['a', 'b', 'c'].map((label) => ({ label, texts: [label], rowCount: 1 }));

describe('ml blueprints', () => {
  it('are whole: unique ids, documented steps that read what is there, settings that are allowed', () => {
    expect(new Set(BLUEPRINTS.map(({ id }) => id)).size).to.equal(BLUEPRINTS.length);
    expect(BLUEPRINTS).to.have.length.at.least(6);
    for (const blueprint of BLUEPRINTS) {
      parse(Blueprint, structuredClone(blueprint), 'blueprint');
      for (const step of blueprint.steps) expect(step.description, step.id).to.match(/\.$/);
      const { parameters } = blueprint;
      expect(settingsOf(blueprint.id, parameters)).to.deep.equal(blueprint.id === 'baseline' ? null : parameters);
    }
  });

  it('refuse what is unknown or out of range, naming it', async () => {
    const unknown = await appErrorOf('BLUEPRINT_UNKNOWN', () => blueprintOf('magic'));
    expect(unknown.message).to.contain('"magic"').and.contain('lightgbm-slow');
    await appErrorOf('BLUEPRINT_UNKNOWN', () => blueprintOf('__proto__'));
    for (const [parameters, part] of [
      [{ leaves: 1 }, 'an integer from 2 to 4096; found 1'],
      [{ leaves: 31.5 }, 'an integer'],
      [{ learningRate: 'fast' }, 'a number from 0.001 to 1; found "fast"'],
      [{ learningRate: NaN }, 'a number'],
      [{ boosting: 'goss' }, 'one of gbdt, dart, rf'],
      [{ dropRate: 0.2 }, 'only where boosting is dart'],
      [{ boosting: 'dart', skipDrop: 2 }, 'a number from 0 to 1; found 2'],
      [{ extraTrees: 1 }, 'true or false'],
      [{ constructor: 1 }, 'is not a parameter'],
      [{ boosting: 'rf' }, 'below 1 for a random forest'],
    ] as const) {
      const err = await appErrorOf('VALIDATION_FAILED', () => settingsOf('lightgbm-default', parameters));
      expect(err.message).to.contain(part);
      expect(err.errors[0]?.path).to.match(/^\/parameters\//);
    }
    for (const [parameters, part] of [
      [{ l1Ratio: 1.5 }, 'a number from 0 to 1; found 1.5'],
      [{ pieces: 0 }, 'an integer from 1 to 100; found 0'],
      [{ words: 9 }, 'an integer from 0 to 8; found 9'],
      [{ characters: -1 }, 'an integer from 0 to 8; found -1'],
      [{ leaves: 31 }, 'is not a parameter of this blueprint; known are l1Ratio, '],
    ] as const) {
      const err = await appErrorOf('VALIDATION_FAILED', () => settingsOf('linear', parameters));
      expect(err.message).to.contain(part);
    }
    for (const [parameters, part] of [
      [{ maxDepth: 0 }, 'an integer from 1 to 16; found 0'],
      [{ minChildWeight: 0 }, 'a number from 0.000001 to 1000000; found 0'],
      [{ minRowsPerLeaf: 5 }, 'is not a parameter of this blueprint; known are categories, '],
    ] as const) {
      const err = await appErrorOf('VALIDATION_FAILED', () => settingsOf('xgboost-default', parameters));
      expect(err.message).to.contain(part);
    }
    await appErrorOf('VALIDATION_FAILED', () => settingsOf('baseline', { leaves: 3 }));
  });

  it('read texts by words, by characters, by both or not at all', () => {
    const analyses = (id: string, parameters = {}) =>
      textAnalysesOf(settingsOf(id, parameters)).map(({ tokens, minLength, maxLength }) => [
        tokens,
        minLength,
        maxLength,
      ]);
    expect(analyses('baseline')).to.deep.equal([]);
    expect(analyses('linear')).to.deep.equal([]);
    expect(analyses('linear', { characters: 1 })).to.deep.equal([['characters', 1, 1]]);
    expect(analyses('linear-text')).to.deep.equal([
      ['words', 1, 2],
      ['characters', 2, 4],
    ]);
    expect(analyses('lightgbm-slow')).to.deep.equal([['words', 1, 2]]);
  });

  it('know which of them draw random numbers', () => {
    const random = BLUEPRINTS.filter(({ id }) => {
      const settings = settingsOf(id, {});
      return settings !== null && isBoosted(settings) && usesRandomness(settings);
    });
    expect(random.map(({ id }) => id)).to.include.members([
      'lightgbm-slow',
      'lightgbm-random-forest',
      'lightgbm-extra-trees',
      'xgboost-slow',
    ]);
    expect(random.map(({ id }) => id)).not.to.include.members([
      'lightgbm-fast',
      'lightgbm-default',
      'lightgbm-shallow',
      'xgboost-default',
    ]);
    const kindOf = (id: string, parameters = {}): string => {
      const settings = settingsOf(id, parameters);
      return isBagged(settings) ? 'bags' : isAveraged(settings) ? 'seeds' : 'one';
    };
    expect([kindOf('xgboost-slow'), kindOf('xgboost-default', { rowFraction: 0.7 })]).to.deep.equal(['seeds', 'seeds']);
    expect([kindOf('xgboost-default'), kindOf('lightgbm-default')]).to.deep.equal(['bags', 'bags']);
    expect([kindOf('random-forest'), kindOf('linear'), kindOf('baseline')]).to.deep.equal(['one', 'one', 'one']);
  });

  it('have an objective for every metric, stopped by a loss of which less is better', () => {
    for (const metric of METRIC_NAMES) {
      for (const targetType of METRIC_FACTS[metric].targetTypes) {
        const { stoppingMetric, link } = objectiveOf({ targetType, classes: CLASSES }, metric);
        expect(METRIC_FACTS[stoppingMetric].direction).to.equal('lower');
        expect(METRIC_FACTS[stoppingMetric].targetTypes).to.include(targetType);
        expect(['logit', 'softmax', 'identity', 'log'].indexOf(link) < 2).to.equal(targetType !== 'regression');
      }
    }
    // These need positive predictions.
    for (const metric of ['rmsle', 'poissonDeviance', 'gammaDeviance', 'tweedieDeviance'] as const)
      expect(objectiveOf({ targetType: 'regression', classes: [] }, metric).link).to.equal('log');
    for (const metric of ['rmse', 'r2', 'tweedieDeviance'] as const)
      expect(objectiveOf({ targetType: 'regression', classes: [], exposureColumn: 'e' }, metric).link).to.equal('log');
  });

  it('let LightGBM minimise what each metric measures, or what stands for it', () => {
    const minimised = (targetType: 'binary' | 'multiclass' | 'regression') =>
      Object.fromEntries(
        METRIC_NAMES.filter((metric) => METRIC_FACTS[metric].targetTypes.includes(targetType)).map((metric) => [
          metric,
          objectiveOf({ targetType, classes: CLASSES, quantile: 0.9 }, metric).engine['objective'],
        ]),
      );
    expect(minimised('regression')).to.deep.equal({
      rmse: 'regression',
      mae: 'regression_l1',
      rmsle: 'tweedie',
      mape: 'mape',
      r2: 'regression',
      medianAbsoluteError: 'regression_l1',
      poissonDeviance: 'poisson',
      gammaDeviance: 'gamma',
      tweedieDeviance: 'tweedie',
      quantileLoss: 'quantile',
    });
    expect(new Set(Object.values(minimised('binary')))).to.deep.equal(new Set(['binary']));
    expect(new Set(Object.values(minimised('multiclass')))).to.deep.equal(new Set(['multiclass']));
  });

  it('give a model its name, with parameters that are its own', () => {
    expect(candidateName({ blueprintId: 'lightgbm-slow', parameters: {} })).to.equal('LightGBM, slow learning');
    expect(
      candidateName({ blueprintId: 'lightgbm-slow', parameters: { leaves: 8, extraTrees: true, l1: 1, l2: 2 } }),
    ).to.equal('LightGBM, slow learning (leaves 8, extraTrees true, l1 1)');
    expect(candidateName({ blueprintId: 'ensemble', parameters: {} })).to.equal('Ensemble');
  });

  it('vary by seed, a longer list beginning with a shorter one', () => {
    expect(variations(3, 5)).to.deep.equal(variations(3, 9).slice(0, 5));
    expect(variations(4, 5)).not.to.deep.equal(variations(3, 5));
    for (const { blueprintId, parameters } of variations(1, 200)) settingsOf(blueprintId, parameters);
  });
});

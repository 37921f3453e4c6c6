import { expect } from 'chai';
import { HUMILITY_RULES_MAX, HumilityRules, parse, type HumilityCondition, type HumilityRule } from '#contracts';
import { checkRules, compileRules, openArtifact, type RawRow } from '#scoring';
import {
  binary,
  multiclass,
  regression,
  sha256,
  STATISTICS,
  unsignedModel,
  type TestContent,
} from '../../../../support/serving/models.ts';

const ROW = { age: 30, color: 'red', height: 1.7, ['__proto__']: 1 };

const opened = (made: TestContent) => {
  const { manifest, blob } = unsignedModel('mdl_1', { ...made, statistics: STATISTICS });
  return openArtifact(manifest, blob, sha256);
};

const warn = (when: HumilityCondition, name = 'rule'): HumilityRule => ({ name, when, then: { type: 'warn' } });

/** Whether a rule holds for a row. */
function holds(made: TestContent, when: HumilityCondition, row: RawRow, threshold?: number): boolean {
  const scorer = opened(made);
  const prediction = scorer.createPrediction();
  scorer.scoreRow(row, prediction);
  return compileRules([warn(when)], scorer.manifest, threshold)(row, prediction) === 1;
}

describe('scoring: humility rules', () => {
  it('hold outside of the training range, not at its ends and not where a value is missing', () => {
    const of = (age: unknown, features?: string[]) =>
      holds(regression(), { type: 'outsideRange', ...(features === undefined ? {} : { features }) }, { ...ROW, age });
    expect([17.999, 18, 60, '60.001', '1e9'].map((age) => of(age, ['age']))).to.deep.equal([
      true,
      false,
      false,
      true,
      true,
    ]);
    expect([null, '', 'NA'].map((age) => of(age, ['age']))).to.deep.equal([false, false, false]);
    expect(of(17, ['height'])).to.equal(false);
    expect(of(17)).to.equal(true);
    // `__proto__` has no training range, so nothing is outside of it.
    expect(holds(regression(), { type: 'outsideRange' }, { ...ROW, ['__proto__']: 1e9 })).to.equal(false);
  });

  it('take limits that are given instead, also of a number without a training range', () => {
    const of = (value: number, limits: { least?: number; most?: number }) =>
      holds(
        regression(),
        { type: 'outsideRange', features: ['__proto__'], ...limits },
        { ...ROW, ['__proto__']: value },
      );
    expect([-1, 0, 5].map((value) => of(value, { least: 0 }))).to.deep.equal([true, false, false]);
    expect([-1, 0, 5].map((value) => of(value, { least: 0, most: 4 }))).to.deep.equal([true, false, true]);
  });

  it('hold for levels that the model does not know and for missing cells and columns', () => {
    const unseen: HumilityCondition = { type: 'unseenLevel' };
    expect(['red', 'violet', null, ''].map((color) => holds(regression(), unseen, { ...ROW, color }))).to.deep.equal([
      false,
      true,
      false,
      false,
    ]);
    const missing: HumilityCondition = { type: 'missingValue', features: ['color', 'height'] };
    expect(holds(regression(), missing, ROW)).to.equal(false);
    expect(holds(regression(), missing, { ...ROW, age: null })).to.equal(false);
    expect(holds(regression(), missing, { ...ROW, color: 'NA' })).to.equal(true);
    expect(holds(regression(), missing, { age: 1, color: 'red' })).to.equal(true);
    expect(holds(regression(), missing, [30, 'red', undefined, 1])).to.equal(true);
    expect(holds(regression(), missing, [30, 'red', 1.7, 1])).to.equal(false);
    expect(holds(regression(), { type: 'missingValue' }, { ...ROW, age: '' })).to.equal(true);
  });

  it('hold near the threshold of the deployment, or else of the model', () => {
    // Log odds 2, or 3 where it is red: 0.881 and 0.953.
    const of = (within: number, threshold?: number) =>
      holds(binary(), { type: 'nearThreshold', within }, { age: 30, color: 'blue' }, threshold);
    expect([of(0.37), of(0.39)]).to.deep.equal([false, true]);
    expect([of(0.01, 0.9), of(0.02, 0.9)]).to.deep.equal([false, true]);
    const low = (below: number) => holds(multiclass(), { type: 'lowProbability', below }, { age: 30 });
    // e / (e + 1 + 1/e) = 0.665
    expect([low(0.66), low(0.67)]).to.deep.equal([false, true]);
  });

  it('hold for predictions outside of an interval', () => {
    const of = (limits: { least?: number; most?: number }) =>
      holds(regression(), { type: 'predictionOutside', ...limits }, ROW);
    // Predicted as 111.
    expect([of({ least: 111 }), of({ least: 111.5 }), of({ most: 111 }), of({ most: 110 })]).to.deep.equal([
      false,
      true,
      false,
      true,
    ]);
  });

  it('are told apart by bits, up to the last one', () => {
    const scorer = opened(regression());
    const prediction = scorer.createPrediction();
    scorer.scoreRow(ROW, prediction);
    const rules = Array.from({ length: HUMILITY_RULES_MAX }, (_, index) =>
      warn({ type: 'predictionOutside', most: index % 7 === 1 ? 0 : 1e6 }, `rule ${index}`),
    );
    const held = compileRules(rules, scorer.manifest, undefined)(ROW, prediction);
    expect(rules.flatMap((_, index) => ((held & (1 << index)) === 0 ? [] : [index]))).to.deep.equal([1, 8, 15, 22, 29]);
  });

  it('are refused with the field, what is there instead and how to mend it', () => {
    const { manifest } = opened(regression());
    const rules: HumilityRule[] = [
      warn({ type: 'outsideRange', features: ['age', 'agee'] }, 'a'),
      warn({ type: 'outsideRange', features: ['color'] }, 'a'),
      warn({ type: 'outsideRange', features: ['__proto__'] }, 'c'),
      warn({ type: 'outsideRange', features: ['age', 'height'], least: 1 }, 'd'),
      warn({ type: 'outsideRange', features: ['age'], least: 2, most: 1 }, 'e'),
      warn({ type: 'unseenLevel', features: ['age'] }, 'f'),
      warn({ type: 'nearThreshold', within: 0.1 }, 'g'),
      warn({ type: 'predictionOutside' }, 'h'),
      { name: 'i', when: { type: 'missingValue' }, then: { type: 'override', prediction: 'many' } },
    ];
    const message = (path: string) => checkRules(rules, manifest).find((error) => error.path === path)?.message;
    expect(message('/0/when/features/1')).to.equal(
      '"agee" is no feature that the model reads ("age", "color", "height", "__proto__")',
    );
    expect(message('/1/when/features/0')).to.equal('"color" is read as category; expected a number or a date');
    expect(message('/1/name')).to.equal('"a" is the name of another rule');
    expect(message('/2/when/features/0')).to.equal('"__proto__" has no known training range; give least and most');
    expect(message('/3/when/features')).to.equal('must name one feature where least or most is given');
    expect(message('/4/when/least')).to.equal('must be at most most; found 2 and 1');
    expect(message('/5/when/features/0')).to.equal('"age" is read as number, and the model knows no levels of it');
    expect(message('/6/when/type')).to.equal('is for a binary target; the target is regression');
    expect(message('/7/when')).to.equal('must have least, most or both');
    expect(message('/8/then/prediction')).to.equal('must be a number; found "many"');
    expect(checkRules(rules, manifest)).to.have.length(10);
  });

  it('that are of classes name one of them', () => {
    const { manifest } = opened(multiclass());
    const override = (prediction: string | number): HumilityRule[] => [
      { name: 'a', when: { type: 'missingValue' }, then: { type: 'override', prediction } },
    ];
    expect(checkRules(override(2), manifest)).to.deep.equal([]);
    expect(checkRules(override('4'), manifest)).to.deep.equal([
      { path: '/0/then/prediction', message: '"4" is no class of the target ("1", "2", "3")' },
    ]);
  });

  it('of a type that there is not are told the types that there are', () => {
    const given = [{ name: 'a', when: { type: 'strange' }, then: { type: 'warn' } }];
    expect(() => parse(HumilityRules, given, 'rules')).to.throw(
      /\/0\/when\/type must be one of outsideRange, unseenLevel, missingValue, nearThreshold, lowProbability, predictionOutside; found "strange"/,
    );
  });
});

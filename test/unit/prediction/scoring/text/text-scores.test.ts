import { expect } from 'chai';
import { checkStep, compileSteps, compileText, type TextStep } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { textRule } from '../../../../support/memory-table.ts';

const STEP: TextStep = {
  kind: 'text-scores',
  feature: 0,
  tokens: 'words',
  minLength: 1,
  maxLength: 2,
  charactersMax: 1_000,
  documentCount: 9,
  terms: ['a', 'a b', 'b'],
  documents: [4, 1, 9],
  outputCount: 2,
  coefficients: [1, -1, 10, 0, 0.5, 2],
};
const FEATURES = [{ name: 'note', type: 'text' as const, parse: textRule }];

function scoresOf(step: TextStep, text: string | null): number[] {
  const out = new Float64Array(step.outputCount + 1).fill(7);
  compileText(step)(text, out, 1);
  expect(out[0], 'what is before').to.equal(7);
  return [...out.subarray(1)];
}

describe('text step', () => {
  it('is the product of coefficients and the tf-idf vector of length 1, worked out by hand', () => {
    const idf = (documents: number): number => Math.log(10 / (1 + documents)) + 1;
    const weights = [(1 + Math.log(2)) * idf(4), idf(1), idf(9)];
    const length = Math.hypot(...weights);
    // "x" is no term and changes nothing; "a b" is there once.
    const [first = NaN, second = NaN] = scoresOf(STEP, 'A x a B');
    expect(first).to.be.closeTo(((weights[0] ?? 0) + 10 * (weights[1] ?? 0) + 0.5 * (weights[2] ?? 0)) / length, 1e-14);
    expect(second).to.be.closeTo((-(weights[0] ?? 0) + 2 * (weights[2] ?? 0)) / length, 1e-14);
  });

  it('tells a missing text from one without any known term', () => {
    expect(scoresOf(STEP, null)).to.deep.equal([NaN, NaN]);
    for (const text of ['', 'unknown words', '😀', '\u0000']) expect(scoresOf(STEP, text)).to.deep.equal([0, 0]);
    expect(scoresOf({ ...STEP, terms: [], documents: [], coefficients: [] }, 'a')).to.deep.equal([0, 0]);
  });

  it('forgets the text before, and gives alone what it gives among others', () => {
    const other: TextStep = { ...STEP, terms: ['b', 'z'], documents: [2, 3], coefficients: [3, 1, 1, 1] };
    const longer: TextStep = { ...STEP, maxLength: 1 };
    const steps = [STEP, other, longer];
    const { compiled, columnCount } = compileSteps(steps);
    expect(columnCount).to.equal(6);
    // Two of them cut texts alike.
    expect(compiled).to.have.length(2);
    const texts = ['a b b z', null, 'z', 'b a', '', 'a b b z'];
    const together = new Float64Array(texts.length * columnCount).fill(7);
    for (const { apply, inputs } of compiled)
      apply(new Map([[inputs[0] ?? -1, { kind: 'text', texts }]]), 0, texts.length, together, columnCount);
    const alone = texts.flatMap((text) => steps.flatMap((step) => scoresOf(step, text)));
    expect([...together]).to.deep.equal(alone);
  });

  it('is refused where its arrays do not fit each other or its feature', async () => {
    checkStep(STEP, 0, FEATURES);
    for (const [changes, part] of [
      [{ terms: ['a', 'b'] }, '3 document counts of 2 terms'],
      [{ outputCount: 1 }, '6 coefficients of 3 terms and 1 outputs'],
      [{ terms: ['a', 'b', 'a'] }, 'a term appears twice'],
      [{ documents: [4, 10, 9] }, 'a term is in 10 of 9 texts'],
      [{ minLength: 3 }, 'minLength is 3, maxLength 2'],
      [{ coefficients: [1, -1, 1e300, 0, 0, 0] }, 'a coefficient is 1e+300'],
      [{ coefficients: [1, -1, NaN, 0, 0, 0] }, 'a coefficient is NaN'],
    ] as const) {
      // The cast holds: every change is of a field of the step.
      const changed = { ...STEP, ...changes } as TextStep;
      const err = await appErrorOf('ARTIFACT_INVALID', () => checkStep(changed, 0, FEATURES));
      expect(err.message).to.contain(part);
    }
    const other = [{ name: 'note', type: 'categorical' as const, parse: textRule }];
    const err = await appErrorOf('ARTIFACT_INVALID', () => checkStep(STEP, 0, other));
    expect(err.message).to.contain('feature "note" is categorical');
    await appErrorOf('ARTIFACT_INVALID', () =>
      checkStep({ kind: 'category-codes', feature: 0, keys: [], missingCode: null }, 0, FEATURES),
    );
  });
});

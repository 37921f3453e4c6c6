import { expect } from 'chai';
import { predictedClass, regressionValue, writeProbabilities, type Answer } from '#scoring';

const binary: Answer = {
  targetType: 'binary',
  classes: ['no', 'yes'],
  positiveClass: 1,
  threshold: null,
  link: 'logit',
};
const multiclass: Answer = {
  targetType: 'multiclass',
  classes: ['a', 'b', 'c'],
  positiveClass: null,
  threshold: null,
  link: 'softmax',
};

function probabilities(answer: Answer, raw: readonly number[]): number[] {
  const out = new Float64Array(answer.classes.length + 2).fill(9);
  writeProbabilities(answer, Float64Array.from([7, ...raw]), 1, out, 1);
  expect([out[0], out.at(-1)]).to.deep.equal([9, 9]);
  return [...out.slice(1, -1)];
}

describe('links', () => {
  it('gives a binary pair in class order', () => {
    expect(probabilities(binary, [0])).to.deep.equal([0.5, 0.5]);
    expect(probabilities(binary, [1000])).to.deep.equal([0, 1]);
    expect(probabilities(binary, [-1000])).to.deep.equal([1, 0]);
    const [no, yes] = probabilities(binary, [Math.log(3)]);
    expect(yes).to.be.closeTo(0.75, 1e-15);
    expect(no).to.equal(1 - (yes ?? 0));
    expect(probabilities({ ...binary, positiveClass: 0 }, [1000])).to.deep.equal([1, 0]);
  });

  it('gives multiclass probabilities that no raw score overflows', () => {
    expect(probabilities(multiclass, [0, 0, 0])).to.deep.equal([1 / 3, 1 / 3, 1 / 3]);
    expect(probabilities(multiclass, [1e100, 0, -1e100])).to.deep.equal([1, 0, 0]);
    const found = probabilities(multiclass, [1, 2, 3]);
    const sum = Math.exp(1) + Math.exp(2) + Math.exp(3);
    for (const [i, value] of found.entries()) expect(value).to.be.closeTo(Math.exp(i + 1) / sum, 1e-15);
  });

  it('chooses labels: threshold inclusive, ties to the first class', () => {
    expect(predictedClass(binary, Float64Array.of(0.5, 0.5), 0)).to.equal(1);
    expect(predictedClass({ ...binary, positiveClass: 0 }, Float64Array.of(0.5, 0.5), 0)).to.equal(0);
    expect(predictedClass({ ...binary, threshold: 0.7 }, Float64Array.of(0.4, 0.6), 0)).to.equal(0);
    expect(predictedClass({ ...binary, threshold: 0.6 }, Float64Array.of(0.4, 0.6), 0)).to.equal(1);
    expect(predictedClass({ ...binary, threshold: 0 }, Float64Array.of(1, 0), 0)).to.equal(1);
    expect(predictedClass(multiclass, Float64Array.of(0.2, 0.4, 0.4), 0)).to.equal(1);
    expect(predictedClass(multiclass, Float64Array.of(9, 0.5, 0.1, 0.4), 1)).to.equal(0);
  });

  it('gives regression values', () => {
    expect(regressionValue({ link: 'identity' }, -3.5)).to.equal(-3.5);
    expect(regressionValue({ link: 'log' }, Math.log(5))).to.be.closeTo(5, 1e-14);
    expect(regressionValue({ link: 'log' }, 1e100)).to.equal(Number.MAX_VALUE);
    expect(regressionValue({ link: 'log' }, -1e100)).to.equal(0);
  });
});

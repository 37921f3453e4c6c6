import { expect } from 'chai';
import type { Link, TargetSpec, TargetType } from '#contracts';
import { linkScale } from '../../../../../yarn-workers/ml/ensemble/link-scale.ts';

const target = (targetType: TargetType, positiveClass: number | null = null): TargetSpec => ({
  name: 'y',
  targetType,
  classes: (targetType === 'regression' ? [] : targetType === 'binary' ? ['a', 'b'] : ['a', 'b', 'c']).map((label) => ({
    label,
    texts: [label],
    rowCount: 1,
  })),
  positiveClass,
});

const CASES: readonly (readonly [TargetSpec, Link, readonly number[]])[] = [
  [target('regression'), 'identity', [-1e300, -2.5, 0, 3, 1e300]],
  [target('regression'), 'log', [1e-300, 0.5, 1, 20, 1e300]],
  [target('binary', 1), 'logit', [1e-300, 1e-9, 0.25, 0.5, 0.75, 1 - 1e-9]],
  [target('binary', 0), 'logit', [1e-300, 0.3, 1 - 1e-9]],
  [target('multiclass'), 'softmax', [0.2, 0.3, 0.5, 1e-300, 0.25, 0.75]],
];

describe('ml ensemble link scale', () => {
  it('goes there and back', () => {
    for (const [spec, link, values] of CASES) {
      const scale = linkScale(spec, { link });
      const predictions = Float64Array.from(values);
      const raw = new Float64Array(predictions.length);
      scale.toRaw(predictions, 0, predictions.length / scale.outputCount, raw);
      const back = scale.toPredictions(raw);
      for (const [at, value] of values.entries())
        // Logarithm and exponential of a value up to 1e300 lose up to 690 units of the last place each.
        expect(back[at], `${link} ${value}`).to.be.closeTo(value, 1e-12 * Math.abs(value));
    }
  });

  it('keeps what has reached an end of its range finite', () => {
    for (const [spec, link, values] of [
      [target('binary', 1), 'logit', [0, 1]],
      [target('multiclass'), 'softmax', [1, 0, 0]],
      [target('regression'), 'log', [0, Number.MAX_VALUE]],
    ] as const) {
      const scale = linkScale(spec, { link });
      const raw = new Float64Array(values.length);
      scale.toRaw(Float64Array.from(values), 0, values.length / scale.outputCount, raw);
      expect(raw.every(Number.isFinite), link).to.be.true;
      expect([...scale.toPredictions(raw)].every(Number.isFinite), link).to.be.true;
    }
  });

  it('reads from a row on', () => {
    const scale = linkScale(target('multiclass'), { link: 'softmax' });
    const raw = new Float64Array(3);
    scale.toRaw(Float64Array.from([1, 0, 0, 0.2, 0.3, 0.5]), 1, 1, raw);
    expect([...raw]).to.deep.equal([0.2, 0.3, 0.5].map(Math.log));
  });
});

import { expect } from 'chai';
import { compareCodePoints, inTextOrder } from '../../../../yarn-workers/ml/text-order.ts';

describe('ml text order', () => {
  it('orders by number if all are numbers, else by code points', () => {
    expect(inTextOrder(['10', '9', '-1', '1e1', '0.5'])).to.deep.equal(['-1', '0.5', '9', '10', '1e1']);
    expect(inTextOrder(['10', '9', 'a'])).to.deep.equal(['10', '9', 'a']);
    expect(inTextOrder(['b', 'a', 'B', ''])).to.deep.equal(['', 'B', 'a', 'b']);
  });

  it('puts astral characters after all others, as code points are', () => {
    const astral = '\u{1F600}';
    const last = '\uFFFD';
    expect(astral < last).to.be.true;
    expect(compareCodePoints(astral, last)).to.be.greaterThan(0);
    expect(compareCodePoints(last, astral)).to.be.lessThan(0);
    expect(compareCodePoints(astral, '\u{1F601}')).to.be.lessThan(0);
    expect(compareCodePoints('ab', 'abc')).to.be.lessThan(0);
    expect(compareCodePoints('x', 'x')).to.equal(0);
  });
});

import { expect } from 'chai';
import { indicesBelow, indicesWhere } from '#statistics';

describe('statistics: indices', () => {
  it('counts up to a number', () => {
    expect([...indicesBelow(4)]).to.deep.equal([0, 1, 2, 3]);
    expect(indicesBelow(0)).to.have.length(0);
  });

  it('keeps those that are wanted, ascending', () => {
    expect([...indicesWhere(10, (index) => index % 3 === 1)]).to.deep.equal([1, 4, 7]);
  });

  it('keeps all or none', () => {
    expect(indicesWhere(5, () => true)).to.deep.equal(indicesBelow(5));
    expect(indicesWhere(5, () => false)).to.have.length(0);
    expect(indicesWhere(0, () => true)).to.have.length(0);
  });
});

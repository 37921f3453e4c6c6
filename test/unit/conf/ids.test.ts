import { expect } from 'chai';
import { newId, randomHex, useRandomSource } from '#runtime';

describe('ids', () => {
  it('name what they are of and never come twice', () => {
    const ids = new Set(Array.from({ length: 1_000 }, () => newId('task')));
    expect(ids.size).to.equal(1_000);
    for (const id of ids) expect(id).to.match(/^task_[0-9a-hjkmnp-tv-z]{20}$/);
    expect(randomHex(6))
      .to.match(/^[0-9a-f]{12}$/)
      .and.not.equal(randomHex(6));
  });

  it('are the same again from the same source, until it is taken back', () => {
    const restore = useRandomSource((count) => new Uint8Array(count).fill(31));
    try {
      expect(newId('a')).to.equal(`a_${'z'.repeat(20)}`);
      expect(randomHex(2)).to.equal('1f1f');
    } finally {
      restore();
    }
    expect(newId('a')).to.not.equal(newId('a'));
  });
});

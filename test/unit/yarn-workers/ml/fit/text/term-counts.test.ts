import { expect } from 'chai';
import type { TextAnalysis } from '#scoring';
import { createRandom } from '#statistics';
import { COUNTED_TERMS_MAX } from '../../../../../../yarn-workers/ml/fit/text/limits.ts';
import { rowSampler, takesBelow } from '../../../../../../yarn-workers/ml/fit/text/row-sampler.ts';
import { termCounter } from '../../../../../../yarn-workers/ml/fit/text/term-counts.ts';

const WORDS: TextAnalysis = { tokens: 'words', minLength: 1, maxLength: 1, charactersMax: 20_000 };

describe('ml term counts', () => {
  it('choose the terms of most texts outside a group, and count a text once', () => {
    const counter = termCounter(WORDS, 2);
    for (const text of ['b b b a', 'b a', 'b c']) counter.add(text, 0);
    for (const text of ['d a', 'd c', 'd']) counter.add(text, 1);
    expect(counter.mostFrequent(() => true, 10)).to.deep.equal(['a', 'b', 'c', 'd']);
    // c is in one text of each group, which is too few without either.
    expect(counter.mostFrequent((group) => group !== 1, 10)).to.deep.equal(['a', 'b']);
    expect(counter.mostFrequent((group) => group !== 0, 10)).to.deep.equal(['d']);
    expect(
      counter.mostFrequent(() => true, 2),
      'of equally many the first by code points',
    ).to.deep.equal(['a', 'b']);
    expect(counter.documentsOf('b')).to.equal(3);
    expect(counter.documentsOf('e')).to.equal(0);
  });

  it('stay within their memory and keep what is frequent, whatever comes once', () => {
    const counter = termCounter({ ...WORDS, charactersMax: 1_000_000 }, 1);
    let made = 0;
    for (let text = 0; made < 2.5 * COUNTED_TERMS_MAX; text += 1) {
      const once = Array.from({ length: 10_000 }, (_, word) => `w${made + word}`);
      made += once.length;
      counter.add(`${once.join(' ')} always ${text % 2 === 0 ? 'often' : ''}`, 0);
    }
    expect(counter.mostFrequent(() => true, 10)).to.deep.equal(['always', 'often']);
    expect(counter.documentsOf('always')).to.equal(75);
    expect(counter.documentsOf('w0'), 'dropped').to.equal(0);
  });
});

describe('ml row sampler', () => {
  it('takes all rows until its work is spent, then fewer and fewer, always some of those before', () => {
    const sampler = rowSampler(3, 1_000);
    const random = createRandom(1);
    const seen: number[] = [];
    for (let row = 0; row < 20_000; row += 1) {
      if (!sampler.takes(row)) continue;
      seen.push(row);
      sampler.spend(1 + random.below(2));
    }
    expect(seen.slice(0, 600)).to.deep.equal(Array.from({ length: 600 }, (_, row) => row));
    const taken = takesBelow(3, sampler.limit);
    const kept = Array.from({ length: 20_000 }, (_, row) => row).filter(taken);
    // About as many as the work allows: each row costs 1.5 on average.
    expect(kept.length).to.be.within(450, 750);
    expect(new Set([...kept, ...seen]).size).to.equal(seen.length);
  });
});

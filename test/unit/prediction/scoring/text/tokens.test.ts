import { expect } from 'chai';
import { forEachTerm, type TextAnalysis } from '#scoring';
import { ODD_TEXTS } from '../../../../support/text-table.ts';

const WORDS: TextAnalysis = { tokens: 'words', minLength: 1, maxLength: 2, charactersMax: 20_000 };
const CHARACTERS: TextAnalysis = { tokens: 'characters', minLength: 2, maxLength: 3, charactersMax: 20_000 };

function termsOf(text: string, analysis: Partial<TextAnalysis> = {}): string[] {
  const terms: string[] = [];
  forEachTerm(text, { ...WORDS, ...analysis }, (term) => terms.push(term));
  return terms;
}

const single = (text: string): string[] => termsOf(text, { maxLength: 1 });

describe('terms of texts', () => {
  it('are words and runs of words in lower case, whatever stands between them', () => {
    expect(termsOf('The parcel,\nTHE box!')).to.deep.equal([
      'the',
      'parcel',
      'the',
      'box',
      'the parcel',
      'parcel the',
      'the box',
    ]);
    expect(termsOf('one two three', { minLength: 2, maxLength: 3 })).to.deep.equal([
      'one two',
      'two three',
      'one two three',
    ]);
    expect(termsOf('')).to.deep.equal([]);
    expect(termsOf(' \u0000\u0007 ... --- ')).to.deep.equal([]);
  });

  it('compare what looks the same: composed and combining, wide and narrow, ligatures', () => {
    expect(single('e\u0301te\u0301')).to.deep.equal(single('ÉTÉ'));
    expect(single('ＡＢＣ ﬁsh ①')).to.deep.equal(['abc', 'fish', '1']);
    expect(single('हिन्दी भाषा')).to.deep.equal(['हिन्दी', 'भाषा']);
  });

  it('are characters where a script has no spaces, and symbols one by one', () => {
    expect(single('坏了ABC很好')).to.deep.equal(['坏', '了', 'abc', '很', '好']);
    expect(termsOf('坏了')).to.deep.equal(['坏', '了', '坏 了']);
    expect(single('ไม่มี')).to.have.length(5);
    expect(single('😀😡 £5')).to.deep.equal(['😀', '😡', '£', '5']);
    expect(single('👩‍👧')).to.deep.equal(['👩', '👧']);
  });

  it('of characters stay within the words, with a blank at both ends', () => {
    expect(termsOf('ab  c', CHARACTERS)).to.deep.equal([' a', 'ab', 'b ', ' ab', 'ab ', ' c', 'c ', ' c ']);
    expect(termsOf('😀x', CHARACTERS)).to.deep.equal([' 😀', '😀x', 'x ', ' 😀x', '😀x ']);
    expect(termsOf('a', { ...CHARACTERS, minLength: 5, maxLength: 6 })).to.deep.equal([' a ']);
  });

  it('read so many characters of a text and no more', () => {
    expect(single('aaa bbb ccc'.repeat(2))).to.have.length(5);
    expect(termsOf('aaa bbb ccc', { charactersMax: 5, maxLength: 1 })).to.deep.equal(['aaa', 'b']);
    // The cut may halve an emoji; the half that is left is none.
    expect(termsOf('a😀', { charactersMax: 2, maxLength: 1 })[0]).to.equal('a');
    const megabyte = 'word '.repeat(200_000);
    expect(termsOf(megabyte)).to.have.length(7_999);
    expect(termsOf('x'.repeat(1_000_000), CHARACTERS).length).to.be.below(40_002);
  });

  it('are well-formed and the same again, whatever the text', () => {
    for (const text of ODD_TEXTS) {
      for (const analysis of [WORDS, CHARACTERS]) {
        const terms = termsOf(text ?? '', analysis);
        expect(terms.every((term) => term.isWellFormed())).to.be.true;
        expect(termsOf(text ?? '', analysis)).to.deep.equal(terms);
        expect(terms.filter((term) => term === '')).to.deep.equal([]);
      }
    }
    expect(single('__proto__ constructor')).to.deep.equal(['proto', 'constructor']);
  });
});

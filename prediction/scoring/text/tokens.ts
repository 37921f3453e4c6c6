import type { TextTokens } from '#contracts';

/** How a text becomes terms. */
export interface TextAnalysis {
  readonly tokens: TextTokens;
  /** Shortest and longest n-gram, both included. */
  readonly minLength: number;
  readonly maxLength: number;
  /** UTF-16 units that are read of a text; what follows is as if it were not there. */
  readonly charactersMax: number;
}

/** Told every term of a text, repeated ones too, in the text's order. */
export type TermSink = (term: string) => void;

/**
 * A word, a symbol, or a character of a script that is written without spaces: there each character is a word of its own and
 * n-grams of two are what Lucene's CJK bigrams are. Everything else (blanks, punctuation, controls) only parts words.
 */
const WORD =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]|[[\p{L}\p{M}\p{N}]--[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]]+|\p{S}/gv;

const BLANKS = /\s+/u;

/**
 * The form in which texts are compared: compatibility characters folded and combining marks composed (NFKC), lower case,
 * halves of surrogate pairs replaced. The tables are those of the runtime's Unicode version.
 *
 * @see Unicode Standard Annex 15, normalization forms
 */
export function normalText(text: string, charactersMax: number): string {
  const cut = text.length > charactersMax ? text.slice(0, charactersMax) : text;
  return cut.toWellFormed().normalize('NFKC').toLowerCase();
}

/**
 * Terms of a text: a pure function of the text and the analysis.
 * - `words`: runs of `minLength` to `maxLength` words, parted by one blank. By length, as they follow each other.
 * - `characters`: n-grams of code points within each run of non-blank characters with a blank before and behind it; of a
 *   run that is not longer than n only one, itself, and no longer n-gram.
 *
 * @see scikit-learn 1.9, `TfidfVectorizer` with analyzer `word` and `char_wb`
 */
export function forEachTerm(
  text: string,
  { tokens, minLength, maxLength, charactersMax }: TextAnalysis,
  sink: TermSink,
): void {
  const normal = normalText(text, charactersMax);
  if (tokens === 'words') wordTerms(normal.match(WORD) ?? [], minLength, maxLength, sink);
  else for (const run of normal.split(BLANKS)) if (run !== '') characterTerms(` ${run} `, minLength, maxLength, sink);
}

function wordTerms(words: readonly string[], minLength: number, maxLength: number, sink: TermSink): void {
  for (let length = minLength; length <= maxLength; length += 1) {
    for (let first = 0; first + length <= words.length; first += 1) {
      let term = words[first] ?? '';
      for (let next = first + 1; next < first + length; next += 1) term += ` ${words[next] ?? ''}`;
      sink(term);
    }
  }
}

/** Half of a surrogate pair; normal texts have only whole ones. */
const HIGH_SURROGATE = /[\ud800-\udbff]/;

function characterTerms(run: string, minLength: number, maxLength: number, sink: TermSink): void {
  const points = HIGH_SURROGATE.test(run) ? Array.from(run) : null;
  const count = points?.length ?? run.length;
  for (let length = minLength; length <= maxLength; length += 1) {
    if (count <= length) {
      sink(run);
      return;
    }
    for (let first = 0; first + length <= count; first += 1)
      sink(points === null ? run.slice(first, first + length) : points.slice(first, first + length).join(''));
  }
}

import { hash32, rowHash } from '#statistics';
import { COMPONENT_ENTRIES_MAX, COMPONENT_ROWS_MAX, COMPONENT_TERMS_MAX } from './limits.ts';
import { termColumns, type MemberText } from './member-text.ts';
import { rightSingularVectors } from './truncated-svd.ts';

const ROWS_SALT = 0x5a17_0051;
const START_SALT = 0x5a17_0052;

/** Digits that a coefficient keeps: a component is one column among many, and there are many coefficients. */
const COMPONENT_DIGITS = 5;

/** Coefficients of terms, an array an output. */
export interface TermOutputs {
  readonly text: MemberText;
  readonly outputs: readonly Float64Array[];
}

/**
 * Latent semantic analysis: the directions in which the tf-idf vectors of a member's texts lie, most first. They know no target, so a training
 * row's components are as honest as those of any other. Of the COMPONENT_TERMS_MAX terms in most texts, from COMPONENT_ROWS_MAX rows
 * and some COMPONENT_ENTRIES_MAX entries at most; weights of rows say nothing here.
 *
 * @param rows of the table that train
 * @param count of components at most
 * @returns none where there are none: no terms, or all texts alike
 * @see Deerwester, Dumais, Furnas, Landauer, Harshman 1990, "Indexing by latent semantic analysis"
 */
export function textComponents(text: MemberText, rows: Int32Array, count: number, seed: number): TermOutputs[] {
  if (count === 0) return [];
  const narrow = withFewerTerms(text, COMPONENT_TERMS_MAX);
  const chosen = someRows(text, rows, seed);
  const columns = termColumns(narrow, chosen);
  const vectors = rightSingularVectors(columns, chosen.length, count, hash32(seed, START_SALT));
  const outputs = vectors.map((vector) => vector.map((value) => Number(value.toPrecision(COMPONENT_DIGITS))));
  return outputs.length === 0 ? [] : [{ text: narrow, outputs }];
}

/** The same text with only the terms that are in most documents; ties go to the first in order. */
function withFewerTerms(text: MemberText, most: number): MemberText {
  const { corpus, terms, documents, idf } = text;
  if (terms.length <= most) return text;
  const places = [...terms.keys()]
    .sort((a, b) => (documents[b] ?? 0) - (documents[a] ?? 0) || a - b)
    .slice(0, most)
    .sort((a, b) => a - b);
  const kept = places.map((place) => terms[place] ?? '');
  const own = new Int32Array(text.own.length).fill(-1);
  for (const [place, term] of kept.entries()) own[corpus.placeOf.get(term) ?? 0] = place;
  return {
    ...text,
    terms: kept,
    documents: places.map((place) => documents[place] ?? 0),
    own,
    idf: Float64Array.from(places, (place) => idf[place] ?? 0),
  };
}

/** As many rows as can be read, by hash. */
function someRows({ corpus: { rows: held, offsets } }: MemberText, rows: Int32Array, seed: number): Int32Array {
  const entryCount = rows.reduce((sum, row) => {
    const place = held.placeOf(row);
    return sum + (offsets[place + 1] ?? 0) - (offsets[place] ?? 0);
  }, 0);
  const share = Math.min(COMPONENT_ROWS_MAX / rows.length, COMPONENT_ENTRIES_MAX / Math.max(1, entryCount));
  if (share >= 1) return rows;
  const salted = hash32(seed, ROWS_SALT);
  const chosen = rows.filter((row) => rowHash(salted, row) < share * 0x1_0000_0000);
  return chosen.length === 0 ? rows.slice(0, 1) : chosen;
}

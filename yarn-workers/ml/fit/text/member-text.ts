import { inverseDocumentFrequency, sublinear, type TextStep } from '#scoring';
import type { SparseColumns } from '../linear/design.ts';
import type { Corpus } from './corpus.ts';

/** A member's own terms of a corpus, with how many of its training rows have each. */
export interface MemberText {
  readonly corpus: Corpus;
  /** In the order of code points. */
  readonly terms: readonly string[];
  readonly documents: readonly number[];
  readonly documentCount: number;
  /** By place of the corpus: place among `terms`, -1 for terms of others. */
  readonly own: Int32Array;
  /** By place among `terms`. */
  readonly idf: Float64Array;
}

/**
 * A member's vocabulary, counted over its training rows. A term that none of them has (it was chosen from more rows than
 * are held) is left out.
 *
 * @param rows of the table, ascending
 */
export function memberText(corpus: Corpus, member: number, rows: Int32Array): MemberText {
  const { rows: held, offsets, places, placeOf, isMissing } = corpus;
  const all = new Int32Array(placeOf.size);
  let documentCount = 0;
  for (const row of rows) {
    const at = held.placeOf(row);
    if (isMissing[at] === 1) continue;
    documentCount += 1;
    for (let entry = offsets[at] ?? 0; entry < (offsets[at + 1] ?? 0); entry += 1) {
      const place = places[entry] ?? 0;
      all[place] = (all[place] ?? 0) + 1;
    }
  }
  const documentsOf = (term: string): number => all[placeOf.get(term) ?? -1] ?? 0;
  const terms = (corpus.vocabularies[member] ?? []).filter((term) => documentsOf(term) > 0);
  const documents = terms.map(documentsOf);
  const own = new Int32Array(placeOf.size).fill(-1);
  for (const [place, term] of terms.entries()) own[placeOf.get(term) ?? 0] = place;
  const idf = Float64Array.from(documents, (count) => inverseDocumentFrequency(documentCount, count));
  return { corpus, terms, documents, documentCount, own, idf };
}

/**
 * The tf-idf vectors of some rows, each of length 1, as columns: one a term. Memory: 8 bytes an entry.
 *
 * @param rows of the table; row i of the result is `rows[i]`
 */
export function termColumns({ corpus, terms, own, idf }: MemberText, rows: Int32Array): SparseColumns {
  const { rows: held, offsets, places, counts } = corpus;
  const starts = new Int32Array(terms.length + 1);
  for (const row of rows) {
    const at = held.placeOf(row);
    for (let entry = offsets[at] ?? 0; entry < (offsets[at + 1] ?? 0); entry += 1) {
      const term = own[places[entry] ?? 0] ?? -1;
      if (term >= 0) starts[term + 1] = (starts[term + 1] ?? 0) + 1;
    }
  }
  for (let term = 0; term < terms.length; term += 1) starts[term + 1] = (starts[term + 1] ?? 0) + (starts[term] ?? 0);
  const next = starts.slice(0, terms.length);
  const columns = {
    offsets: starts,
    rows: new Int32Array(starts[terms.length] ?? 0),
    values: new Float32Array(starts[terms.length] ?? 0),
  };
  for (const [index, row] of rows.entries()) {
    const place = held.placeOf(row);
    const from = offsets[place] ?? 0;
    const to = offsets[place + 1] ?? 0;
    let squares = 0;
    const weightAt = (entry: number): number => {
      const term = own[places[entry] ?? 0] ?? -1;
      return term < 0 ? 0 : sublinear(counts[entry] ?? 1) * (idf[term] ?? 0);
    };
    for (let entry = from; entry < to; entry += 1) squares += weightAt(entry) ** 2;
    const length = Math.sqrt(squares);
    for (let entry = from; entry < to; entry += 1) {
      const term = own[places[entry] ?? 0] ?? -1;
      if (term < 0) continue;
      const at = next[term] ?? 0;
      next[term] = at + 1;
      columns.rows[at] = index;
      columns.values[at] = weightAt(entry) / length;
    }
  }
  return columns;
}

/** Digits that a coefficient keeps in an artefact: what they leave out is far below what a fit leaves open. */
const COEFFICIENT_DIGITS = 8;

/** @param outputs the terms' coefficients, an array an output */
export function textStep(text: MemberText, outputs: readonly Float64Array[]): TextStep {
  const { corpus, terms, documents, documentCount } = text;
  return {
    kind: 'text-scores',
    feature: corpus.feature,
    ...corpus.analysis,
    documentCount,
    terms: [...terms],
    documents: [...documents],
    outputCount: outputs.length,
    coefficients: terms.flatMap((_, term) =>
      outputs.map((own) => Number((own[term] ?? 0).toPrecision(COEFFICIENT_DIGITS))),
    ),
  };
}

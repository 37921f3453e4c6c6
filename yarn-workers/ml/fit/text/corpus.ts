import { AppError, type BatchSource } from '#contracts';
import { featureDecoder, forEachTerm, type TextAnalysis } from '#scoring';
import { HOLDOUT, isModelled } from '../../partition/types.ts';
import { trainingGroups, type RowRoles } from '../row-roles.ts';
import type { TaskFeature } from '../task-columns.ts';
import { CORPUS_ENTRIES_MAX, TERMS_MAX, TERM_COEFFICIENTS_MAX } from './limits.ts';
import { takesBelow } from './row-sampler.ts';
import type { SurveyedTerms } from './text-survey.ts';

/** The terms of each row of a text feature in one analysis: those that some member has among its own. */
export interface Corpus {
  readonly feature: number;
  readonly analysis: TextAnalysis;
  /** By member, in the order of code points. */
  readonly vocabularies: readonly (readonly string[])[];
  /** Place of each term that the entries name. */
  readonly placeOf: ReadonlyMap<string, number>;
  /** Entries of row r are from offsets[r] to offsets[r + 1]. */
  readonly offsets: Int32Array;
  /** Place of the entry's term. */
  readonly places: Int32Array;
  /** How often the row has it, 65,535 at most. */
  readonly counts: Uint16Array;
  /** 1 for rows whose text is missing. */
  readonly isMissing: Uint8Array;
}

/** The texts of a task as numbers. */
export interface Corpora {
  readonly all: readonly Corpus[];
  /** False for rows that were left out: of the holdout, and of a table too large to be held. */
  readonly holds: (row: number) => boolean;
  /** Part of the rows that could be held. */
  readonly rowShare: number;
  /** Lets go of all of them: nothing is fitted from them any more. */
  readonly release: () => void;
}

const COUNT_MAX = 0xffff;

/** Of tables without texts. */
export const NO_CORPORA: Corpora = { all: [], holds: () => false, rowShare: 1, release: () => undefined };

/**
 * Each member's vocabulary, found from its own training rows, and one pass that turns the texts into numbers; the texts
 * themselves are not kept. Where not all fit, characters beside words are left out, and then rows by hash. Memory: 6 bytes
 * an entry, CORPUS_ENTRIES_MAX at most, and 5 bytes a row and analysis.
 */
export async function readCorpora(
  surveyed: readonly SurveyedTerms[],
  task: { readonly seed: number; readonly outputCount: number; readonly rowCount: number },
  features: readonly TaskFeature[],
  roles: RowRoles,
  source: BatchSource,
  signal?: AbortSignal,
): Promise<Corpora> {
  if (surveyed.length === 0) return NO_CORPORA;
  const termsMax = Math.min(TERMS_MAX, Math.floor(TERM_COEFFICIENTS_MAX / task.outputCount));
  const all = surveyed.map((terms) => corpusReader(terms, roles, termsMax, task.rowCount));
  const fits = entriesOf(all) <= CORPUS_ENTRIES_MAX;
  const readers = fits ? all : all.filter(({ isOptional }) => !isOptional);
  const rowLimit = Math.min(...readers.map((reader) => reader.rowLimit));
  const limit = rowLimit * Math.min(1, CORPUS_ENTRIES_MAX / Math.max(1, entriesOf(readers)));
  const isTaken = takesBelow(task.seed, limit);
  const holds = (row: number): boolean =>
    isModelled(roles.of[row] ?? HOLDOUT) && (roles.sample === null || roles.sample[row] === 1) && isTaken(row);
  const wanted = [...new Set(readers.map(({ feature }) => feature))];
  const decoders = wanted.map((index) => decoderOf(features, index));
  const batches = source.batches(
    decoders.map(({ request }) => request),
    signal,
  );
  for await (const { firstRow, rowCount, columns } of batches) {
    for (const [place, { index, decode }] of decoders.entries()) {
      const column = columns[place];
      const values = column === undefined ? null : decode(column, rowCount, firstRow);
      if (values?.kind !== 'text') throw new AppError('INTERNAL', `feature ${index} does not decode as texts`);
      for (const reader of readers) {
        if (reader.feature !== index) continue;
        for (let row = 0; row < rowCount; row += 1)
          reader.add(firstRow + row, holds(firstRow + row) ? (values.texts[row] ?? null) : undefined);
      }
    }
  }
  const corpora = readers.map((reader) => reader.finish());
  return { all: corpora, holds, rowShare: limit / 0x1_0000_0000, release: () => void corpora.splice(0) };
}

function decoderOf(features: readonly TaskFeature[], index: number) {
  const feature = features[index];
  if (feature === undefined) throw new AppError('INTERNAL', `a corpus reads feature ${index} of ${features.length}`);
  return { index, request: feature.request, decode: featureDecoder(feature.manifest) };
}

const entriesOf = (readers: readonly { readonly entryCount: number }[]): number =>
  readers.reduce((sum, { entryCount }) => sum + entryCount, 0);

function corpusReader(
  { feature, analysis, counter, rowLimit, isOptional }: SurveyedTerms,
  roles: RowRoles,
  termsMax: number,
  rowCount: number,
) {
  const { trains } = trainingGroups(roles);
  const vocabularies = roles.members.map((member) => counter.mostFrequent(trains(member), termsMax));
  const placeOf = new Map<string, number>();
  for (const term of vocabularies.flat()) if (!placeOf.has(term)) placeOf.set(term, placeOf.size);
  const entryCount = [...placeOf.keys()].reduce((sum, term) => sum + counter.documentsOf(term), 0);
  const countOf = new Int32Array(placeOf.size);
  const offsets = new Int32Array(rowCount + 1);
  const isMissing = new Uint8Array(rowCount);
  let places = new Int32Array(1024);
  let counts = new Uint16Array(1024);
  let length = 0;
  const push = (place: number): void => {
    if (length === places.length) {
      const [morePlaces, moreCounts] = [new Int32Array(2 * length), new Uint16Array(2 * length)];
      morePlaces.set(places);
      moreCounts.set(counts);
      [places, counts] = [morePlaces, moreCounts];
    }
    places[length] = place;
    length += 1;
  };
  return {
    feature,
    entryCount,
    rowLimit,
    isOptional,
    /** Rows in order; `undefined`: a row that is not held. */
    add: (row: number, text: string | null | undefined): void => {
      const first = length;
      if (text === null) isMissing[row] = 1;
      else if (text !== undefined) {
        forEachTerm(text, analysis, (term) => {
          const place = placeOf.get(term);
          if (place === undefined) return;
          const count = countOf[place] ?? 0;
          if (count === 0) push(place);
          countOf[place] = count + 1;
        });
        for (let entry = first; entry < length; entry += 1) {
          const place = places[entry] ?? 0;
          counts[entry] = Math.min(COUNT_MAX, countOf[place] ?? 0);
          countOf[place] = 0;
        }
      }
      offsets[row + 1] = length;
    },
    finish: (): Corpus => ({
      feature,
      analysis,
      vocabularies,
      placeOf,
      offsets,
      places: places.subarray(0, length),
      counts: counts.subarray(0, length),
      isMissing,
    }),
  };
}

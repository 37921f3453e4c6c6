import { AppError, type BatchSource } from '#contracts';
import { featureDecoder, forEachTerm, type TextAnalysis } from '#scoring';
import { HOLDOUT, isModelled } from '../../partition/types.ts';
import { RowPlaces } from '../row-places.ts';
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
  /** The rows that are held. */
  readonly rows: RowPlaces;
  /** Entries of the row at place p are from offsets[p] to offsets[p + 1]. */
  readonly offsets: Int32Array;
  /** Place of the entry's term. */
  readonly places: Int32Array;
  /** How often the row has it, 65,535 at most. */
  readonly counts: Uint16Array;
  /** By place, 1 for rows whose text is missing. */
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
 * an entry, CORPUS_ENTRIES_MAX at most, 5 bytes a held row and analysis, and two bits a row of the table.
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
  const all = surveyed.map((terms) => planCorpus(terms, roles, termsMax));
  const fits = entriesOf(all) <= CORPUS_ENTRIES_MAX;
  const plans = fits ? all : all.filter(({ isOptional }) => !isOptional);
  const rowLimit = Math.min(...plans.map((plan) => plan.rowLimit));
  const limit = rowLimit * Math.min(1, CORPUS_ENTRIES_MAX / Math.max(1, entriesOf(plans)));
  const isTaken = takesBelow(task.seed, limit);
  const rows = RowPlaces.of(
    task.rowCount,
    (row) => isModelled(roles.of[row] ?? HOLDOUT) && (roles.sample === null || roles.sample[row] === 1) && isTaken(row),
  );
  const readers = plans.map((plan) => corpusReader(plan, rows));
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
        for (let row = 0; row < rowCount; row += 1) if (rows.has(firstRow + row)) reader.add(values.texts[row] ?? null);
      }
    }
  }
  const corpora = readers.map((reader) => reader.finish());
  return {
    all: corpora,
    holds: (row) => rows.has(row),
    rowShare: limit / 0x1_0000_0000,
    release: () => void corpora.splice(0),
  };
}

function decoderOf(features: readonly TaskFeature[], index: number) {
  const feature = features[index];
  if (feature === undefined) throw new AppError('INTERNAL', `a corpus reads feature ${index} of ${features.length}`);
  return { index, request: feature.request, decode: featureDecoder(feature.manifest) };
}

type CorpusPlan = ReturnType<typeof planCorpus>;

const entriesOf = (plans: readonly CorpusPlan[]): number => plans.reduce((sum, { entryCount }) => sum + entryCount, 0);

/** The members' terms, and how many entries all rows have of them. */
function planCorpus(
  { feature, analysis, counter, rowLimit, isOptional }: SurveyedTerms,
  roles: RowRoles,
  termsMax: number,
) {
  const { trains } = trainingGroups(roles);
  const vocabularies = roles.members.map((member) => counter.mostFrequent(trains(member), termsMax));
  const placeOf = new Map<string, number>();
  for (const term of vocabularies.flat()) if (!placeOf.has(term)) placeOf.set(term, placeOf.size);
  const entryCount = [...placeOf.keys()].reduce((sum, term) => sum + counter.documentsOf(term), 0);
  return { feature, analysis, vocabularies, placeOf, entryCount, rowLimit, isOptional };
}

function corpusReader({ feature, analysis, vocabularies, placeOf }: CorpusPlan, rows: RowPlaces) {
  const countOf = new Int32Array(placeOf.size);
  const offsets = new Int32Array(rows.count + 1);
  const isMissing = new Uint8Array(rows.count);
  let places = new Int32Array(1024);
  let counts = new Uint16Array(1024);
  let length = 0;
  let next = 0;
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
    /** The texts of the rows that are held, in order. */
    add: (text: string | null): void => {
      const first = length;
      if (text === null) isMissing[next] = 1;
      else {
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
      next += 1;
      offsets[next] = length;
    },
    finish: (): Corpus => ({
      feature,
      analysis,
      vocabularies,
      placeOf,
      rows,
      offsets,
      places: places.subarray(0, length),
      counts: counts.subarray(0, length),
      isMissing,
    }),
  };
}

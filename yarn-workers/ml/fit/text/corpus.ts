import { AppError } from '#contracts';
import type { TextAnalysis } from '#scoring';
import { RowPlaces } from '../row-places.ts';
import { trainingGroups, type RowRoles } from '../row-roles.ts';
import type { Passes } from '../survey/passes.ts';
import { partsOf, takeJoined, type StateParts } from '../survey/state-parts.ts';
import { heldRows } from './held-rows.ts';
import { CORPUS_ENTRIES_MAX, TERMS_MAX, TERM_COEFFICIENTS_MAX } from './limits.ts';
import { spanCorpusOf } from './span-corpus.ts';
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
  roles: RowRoles,
  passes: Passes,
): Promise<Corpora> {
  if (surveyed.length === 0) return NO_CORPORA;
  const termsMax = Math.min(TERMS_MAX, Math.floor(TERM_COEFFICIENTS_MAX / task.outputCount));
  const all = surveyed.map((terms) => planCorpus(terms, roles, termsMax));
  const fits = entriesOf(all) <= CORPUS_ENTRIES_MAX;
  const plans = fits ? all : all.filter(({ isOptional }) => !isOptional);
  const rowLimit =
    Math.min(...plans.map((plan) => plan.rowLimit)) * Math.min(1, CORPUS_ENTRIES_MAX / Math.max(1, entriesOf(plans)));
  const rows = RowPlaces.of(task.rowCount, heldRows(task.seed, roles, rowLimit));
  const makers = plans.map((plan) => corpusMaker(plan, rows));
  const ordered = plans.map(({ feature, analysis, placeOf }) => ({ feature, analysis, terms: [...placeOf.keys()] }));
  await passes.over({ pass: 'corpora', rowLimit, plans: ordered }, (state) => {
    for (const [index, own] of partsOf(state, makers.length).entries()) makers[index]?.merge(own);
  });
  const corpora = makers.map((maker) => maker.finish());
  return {
    all: corpora,
    holds: (row) => rows.has(row),
    rowShare: rowLimit / 0x1_0000_0000,
    release: () => void corpora.splice(0),
  };
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

/** The terms of spans, one after the other. */
function corpusMaker({ feature, analysis, vocabularies, placeOf }: CorpusPlan, rows: RowPlaces) {
  const lengths: Int32Array[] = [];
  const isMissing: Uint8Array[] = [];
  const places: Int32Array[] = [];
  const counts: Uint16Array[] = [];
  return {
    merge: (state: StateParts): void => {
      const piece = spanCorpusOf(state);
      lengths.push(piece.lengths);
      isMissing.push(piece.isMissing);
      places.push(piece.places);
      counts.push(piece.counts);
    },
    finish: (): Corpus => {
      const ofRows = takeJoined(lengths, (length) => new Int32Array(length));
      if (ofRows.length !== rows.count)
        throw new AppError('INTERNAL', `terms of ${ofRows.length} rows, expected ${rows.count}`);
      return {
        ...{ feature, analysis, vocabularies, placeOf, rows },
        offsets: endsOf(ofRows),
        places: takeJoined(places, (length) => new Int32Array(length)),
        counts: takeJoined(counts, (length) => new Uint16Array(length)),
        isMissing: takeJoined(isMissing, (length) => new Uint8Array(length)),
      };
    },
  };
}

/** Where the entries of each row begin, and the last ones end. */
function endsOf(lengths: Int32Array): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  for (const [place, length] of lengths.entries()) offsets[place + 1] = (offsets[place] ?? 0) + length;
  return offsets;
}

import { AppError, type BatchSource } from '#contracts';
import { featureDecoder, forEachTerm } from '#scoring';
import { grownArray } from '../grown-array.ts';
import type { RowRoles } from '../row-roles.ts';
import type { CorporaOrder } from '../survey/pass-order.ts';
import type { SpanPass } from '../survey/passes.ts';
import { spanStates, type SpanGatherer } from '../survey/spans.ts';
import { arrayAt, joinParts, type StateParts } from '../survey/state-parts.ts';
import type { TaskFeature } from '../task-columns.ts';
import { heldRows } from './held-rows.ts';

/** The chosen terms of a text in the held rows of a span. */
export interface SpanCorpus {
  /** By row, how many entries it has. */
  readonly lengths: Int32Array;
  /** By row, 1 where the text is missing. */
  readonly isMissing: Uint8Array;
  /** Place of each entry's term in the order. */
  readonly places: Int32Array;
  /** How often the row has it, COUNT_MAX at most. */
  readonly counts: Uint16Array;
}

const COUNT_MAX = 0xffff;

/** What decides about the rows and the texts of corpora. */
interface CorporaJob {
  readonly features: readonly TaskFeature[];
  readonly roles: RowRoles;
  readonly source: BatchSource;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** The chosen terms of texts in the held rows of spans. */
export function corporaPass({ features, roles, source, seed, signal }: CorporaJob, order: CorporaOrder): SpanPass {
  const isHeld = heldRows(seed, roles, order.rowLimit);
  const wanted = [...new Set(order.plans.map(({ feature }) => feature))];
  return (spans) => {
    const decoders = wanted.map((index) => decoderOf(features, index));
    const request = decoders.map((decoder) => decoder.request);
    const gather = (): SpanGatherer => {
      const readers = order.plans.map(corpusReader);
      return {
        add: ({ firstRow, rowCount, columns }) => {
          for (const [place, { index, decode }] of decoders.entries()) {
            const column = columns[place];
            const values = column === undefined ? null : decode(column, rowCount, firstRow);
            if (values?.kind !== 'text') throw new AppError('INTERNAL', `feature ${index} does not decode as texts`);
            for (const reader of readers) {
              if (reader.feature !== index) continue;
              for (let row = 0; row < rowCount; row += 1)
                if (isHeld(firstRow + row)) reader.add(values.texts[row] ?? null);
            }
          }
        },
        parts: () => joinParts(readers.map((reader) => reader.parts())),
      };
    };
    return spanStates(source, request, spans, gather, signal);
  };
}

function decoderOf(features: readonly TaskFeature[], index: number) {
  const feature = features[index];
  if (feature === undefined) throw new AppError('INTERNAL', `a corpus reads feature ${index} of ${features.length}`);
  return { index, request: feature.request, decode: featureDecoder(feature.manifest) };
}

function corpusReader({ feature, analysis, terms }: CorporaOrder['plans'][number]) {
  const placeOf = new Map(terms.map((term, place) => [term, place]));
  const countOf = new Int32Array(terms.length);
  const lengths = grownArray((length) => new Int32Array(length));
  const isMissing = grownArray((length) => new Uint8Array(length));
  const places = grownArray((length) => new Int32Array(length));
  const counts = grownArray((length) => new Uint16Array(length));
  const own: number[] = [];
  return {
    feature,
    /** The texts of the rows that are held, in order. */
    add: (text: string | null): void => {
      own.length = 0;
      if (text !== null)
        forEachTerm(text, analysis, (term) => {
          const place = placeOf.get(term);
          if (place === undefined) return;
          const count = countOf[place] ?? 0;
          if (count === 0) own.push(place);
          countOf[place] = count + 1;
        });
      for (const place of own) {
        places.push(place);
        counts.push(Math.min(COUNT_MAX, countOf[place] ?? 0));
        countOf[place] = 0;
      }
      lengths.push(own.length);
      isMissing.push(text === null ? 1 : 0);
    },
    parts: (): StateParts => ({
      head: null,
      arrays: [lengths.take(), isMissing.take(), places.take(), counts.take()],
    }),
  };
}

/** What such a state says. @throws INTERNAL where it is of something else */
export function spanCorpusOf(state: StateParts): SpanCorpus {
  const lengths = arrayAt(state, 0, Int32Array);
  const entryCount = lengths.reduce((sum, length) => sum + length, 0);
  return {
    lengths,
    isMissing: arrayAt(state, 1, Uint8Array, lengths.length),
    places: arrayAt(state, 2, Int32Array, entryCount),
    counts: arrayAt(state, 3, Uint16Array, entryCount),
  };
}

import { ManifestStep, TrainingStatistics, Type, isAppError, nullable, parse, strict, type Static } from '#contracts';
import type { HeldOutEncoding } from '../categories/encode-categories.ts';
import type { FitIo } from '../clock.ts';
import { RowPlaces } from '../row-places.ts';
import type { HeldOutScores } from '../text/score-texts.ts';
import type { KeptRows } from '../kept-rows.ts';
import { BinsLost, kept, type BinSet, type BinStore } from './bin-store.ts';
import { readIndex, writeIndex } from './set-index.ts';
import { StoredArray, readArray, writeArray } from './stored-arrays.ts';

/** The rows that bins are found from, encoded. */
export type BinSample = Pick<KeptRows, 'values' | 'rowCount'>;

/** What a fit finds out about the features of a large table before its rows are put into bins. */
export interface SurveyedFacts {
  readonly statistics: readonly TrainingStatistics[];
  /** Of the only member. */
  readonly steps: readonly ManifestStep[];
  /** Encodings of categories, each of one of these steps. */
  readonly encodings: readonly HeldOutEncoding[];
  /** Of the rows that models of texts were fitted on; null where no texts are read. */
  readonly texts: HeldOutScores | null;
}

/** The same as an earlier model of the project has left it. */
export interface FoundFacts extends SurveyedFacts, FoundSample {}

/** The rows that bins are found from, to be read. */
export interface FoundSample {
  /** @throws BinsLost */
  readonly readSample: () => Promise<BinSample>;
}

const FactsIndex = strict({
  statistics: Type.Array(TrainingStatistics),
  steps: Type.Array(ManifestStep),
  encodings: Type.Array(strict({ at: Type.Integer({ minimum: 0 }), without: Type.Array(ManifestStep) })),
  texts: nullable(strict({ columnCount: Type.Integer({ minimum: 1 }), rows: StoredArray, values: StoredArray })),
  sample: strict({ rowCount: Type.Integer({ minimum: 0 }), values: StoredArray }),
});

/** Leaves facts under a key. @throws BinsLost */
export async function writeFacts(
  store: BinStore,
  key: string,
  { statistics, steps, encodings, texts }: SurveyedFacts,
  { values, rowCount }: BinSample,
  { sha256 }: Pick<FitIo, 'sha256'>,
): Promise<void> {
  const writer = store.create(key);
  const write = (name: string, array: Uint32Array | Float64Array): Promise<StoredArray> =>
    writeArray(writer, name, array, sha256);
  try {
    const index: Static<typeof FactsIndex> = {
      statistics: [...statistics],
      steps: [...steps],
      encodings: encodings.map(({ step, without }) => ({ at: steps.indexOf(step), without: [...without] })),
      texts:
        texts === null
          ? null
          : {
              columnCount: texts.columnCount,
              rows: await write('rows', texts.rows.bits),
              values: await write('scores', texts.values),
            },
      sample: { rowCount, values: await write('sample', values) },
    };
    await kept('the facts cannot be written', () => writer.seal(writeIndex(index, sha256)));
  } catch (err) {
    await writer.abandon().catch(() => undefined);
    throw err;
  }
}

/** The first whole facts under a key; those that are damaged are no more. @throws BinsLost */
export async function findFacts(store: BinStore, key: string, io: FitIo): Promise<FoundFacts | null> {
  for (const set of await kept('facts cannot be looked for', () => store.find(key))) {
    try {
      const facts = await factsIn(set, io);
      await kept('facts cannot be marked', () => set.use());
      return facts;
    } catch (err) {
      await giveUp(set, err, io);
    }
  }
  return null;
}

async function giveUp(set: BinSet, err: unknown, { log }: FitIo): Promise<void> {
  if (!(err instanceof BinsLost)) throw err;
  log?.(`what an earlier model has left is not used: ${err.message}`);
  await set.drop().catch(() => undefined);
}

async function factsIn(set: BinSet, io: FitIo): Promise<FoundFacts> {
  const { statistics, steps, encodings, texts, sample } = parsed(readIndex(set.index, io.sha256));
  return {
    ...{ statistics, steps },
    encodings: encodings.map(({ at, without }) => ({
      step: numbersStep(steps[at]),
      without: without.map(numbersStep),
    })),
    texts:
      texts === null
        ? null
        : {
            columnCount: texts.columnCount,
            rows: new RowPlaces(new Uint32Array(await readArray(set, texts.rows, io.sha256))),
            values: new Float64Array(await readArray(set, texts.values, io.sha256)),
          },
    readSample: async () => {
      try {
        const values = new Float64Array(await readArray(set, sample.values, io.sha256));
        return { rowCount: sample.rowCount, values };
      } catch (err) {
        await giveUp(set, err, io);
        throw err;
      }
    },
  };
}

function parsed(content: unknown): Static<typeof FactsIndex> {
  try {
    return parse(FactsIndex, content, 'facts');
  } catch (err) {
    throw isAppError(err) ? new BinsLost(err.message, err) : err;
  }
}

function numbersStep(step: ManifestStep | undefined): HeldOutEncoding['step'] {
  if (step?.kind !== 'category-numbers') throw new BinsLost('an encoding is of no step');
  return step;
}

import { ManifestStep, TrainingStatistics, Type, isAppError, parse, strict, type Static } from '#contracts';
import type { HeldOutEncoding } from '../categories/encode-categories.ts';
import type { FitIo } from '../clock.ts';
import type { KeptRows } from '../kept-rows.ts';
import { BinsLost, kept, type BinSet, type BinStore } from './bin-store.ts';
import { readIndex, writeIndex } from './set-index.ts';

/** The rows that bins are found from, encoded. */
export type BinSample = Pick<KeptRows, 'values' | 'rowCount'>;

/** What a fit finds out about the features of a large table before its rows are put into bins. */
export interface SurveyedFacts {
  readonly statistics: readonly TrainingStatistics[];
  /** Of the only member. */
  readonly steps: readonly ManifestStep[];
  /** Encodings of categories, each of one of these steps. */
  readonly encodings: readonly HeldOutEncoding[];
}

/** The same as an earlier model of the project has left it. */
export interface FoundFacts extends SurveyedFacts {
  /** @throws BinsLost */
  readonly readSample: () => Promise<BinSample>;
}

/** Bytes of a shard of the sample. */
const SHARD_BYTES = 16 * 1024 * 1024;
const shardName = (shard: number): string => `sample-${String(shard).padStart(6, '0')}`;

const FactsIndex = strict({
  statistics: Type.Array(TrainingStatistics),
  steps: Type.Array(ManifestStep),
  encodings: Type.Array(strict({ at: Type.Integer({ minimum: 0 }), without: Type.Array(ManifestStep) })),
  sample: strict({
    rowCount: Type.Integer({ minimum: 0 }),
    sizeBytes: Type.Integer({ minimum: 0 }),
    digests: Type.Array(Type.String()),
  }),
});

/** Leaves facts under a key. @throws BinsLost */
export async function writeFacts(
  store: BinStore,
  key: string,
  { statistics, steps, encodings }: SurveyedFacts,
  { values, rowCount }: BinSample,
  { sha256 }: Pick<FitIo, 'sha256'>,
): Promise<void> {
  const writer = store.create(key);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const digests: string[] = [];
  try {
    for (let from = 0; from < bytes.length; from += SHARD_BYTES) {
      const shard = bytes.subarray(from, from + SHARD_BYTES);
      await kept('the rows for bins cannot be written', () => writer.write(shardName(digests.length), shard));
      digests.push(sha256(shard));
    }
    const index: Static<typeof FactsIndex> = {
      statistics: [...statistics],
      steps: [...steps],
      encodings: encodings.map(({ step, without }) => ({ at: steps.indexOf(step), without: [...without] })),
      sample: { rowCount, sizeBytes: bytes.length, digests },
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
      const facts = factsIn(set, io);
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

function factsIn(set: BinSet, io: FitIo): FoundFacts {
  const { statistics, steps, encodings, sample } = parsed(readIndex(set.index, io.sha256));
  return {
    ...{ statistics, steps },
    encodings: encodings.map(({ at, without }) => ({
      step: numbersStep(steps[at]),
      without: without.map(numbersStep),
    })),
    readSample: async () => {
      try {
        return { rowCount: sample.rowCount, values: await readSample(set, sample, io) };
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

async function readSample(
  set: BinSet,
  { sizeBytes, digests }: Static<typeof FactsIndex>['sample'],
  { sha256 }: FitIo,
): Promise<Float64Array> {
  const values = new Float64Array(sizeBytes / Float64Array.BYTES_PER_ELEMENT);
  const bytes = new Uint8Array(values.buffer);
  for (const [shard, digest] of digests.entries()) {
    const from = shard * SHARD_BYTES;
    const length = Math.min(SHARD_BYTES, sizeBytes - from);
    const found = await kept('the rows for bins cannot be read', () => set.read(shardName(shard), 0, length));
    if (found.length !== length || sha256(found) !== digest) throw new BinsLost(`${shardName(shard)} was altered`);
    bytes.set(found, from);
  }
  return values;
}

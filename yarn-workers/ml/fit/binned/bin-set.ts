import { Type, isAppError, parse, strict, type RowSpan, type Static } from '#contracts';
import type { FitIo } from '../clock.ts';
import { rowsByPass, type EncodedRows } from '../encoder.ts';
import { dealtChunks, heldChunks, type BinChunk } from './bin-chunks.ts';
import type { BinJob, MemberBins } from './bin-job.ts';
import { BinsLost, kept, type BinSet, type BinSetWriter, type BinStore } from './bin-store.ts';
import { binRows, readBinned } from './binned-dataset.ts';
import { binnedRows, type BinnedRows } from './binned-rows.ts';
import { chunkLayout, type ChunkLayout } from './chunk-layout.ts';
import { goingOn } from './going-on.ts';
import { BIN_PARTS, ofParts, type BinPart, type OfParts } from './row-uses.ts';
import { readIndex, writeIndex } from './set-index.ts';
import { shardSink, shardWriter, storedChunks } from './stored-shards.ts';

/**
 * A set of the bins of a table's rows: spans of the table, one after the other, each with its rows that train, validate and are held out, in
 * chunks of its own. Who made it had as many spans as there were ranks; who reads it need not know: the rows of a part are those of its
 * spans, in the table's order.
 *
 *     shards = part "-" span "-" chunk
 *     index  = spans, of each by part: rows, rows and bytes of a chunk, digests by chunk and column
 */
const IndexedPart = strict({
  rowCount: Type.Integer({ minimum: 0 }),
  chunkRows: Type.Integer({ minimum: 1 }),
  chunkBytes: Type.Integer({ minimum: 0 }),
  digests: Type.Array(Type.Array(Type.String())),
});
/** What an index says of a span. */
export const IndexedSpan = strict({ training: IndexedPart, validation: IndexedPart, holdout: IndexedPart });
export type IndexedSpan = Static<typeof IndexedSpan>;
const SetIndex = strict({ spans: Type.Array(IndexedSpan, { minItems: 1 }) });

/** The bytes that seal a set of these spans. */
export const setIndex = (spans: readonly IndexedSpan[], { sha256 }: FitIo): Uint8Array => writeIndex({ spans }, sha256);

/** A span of a table that is written to a set. */
export interface SetSpan {
  /** Number of the span in the set. */
  readonly number: number;
  readonly rows: RowSpan;
  readonly layouts: OfParts<ChunkLayout>;
}

/**
 * Puts the rows of a span into bins, whichever rank's they are, and writes them. What was begun is written when it returns or throws.
 *
 * @throws BinsLost; what reading the table throws
 */
export async function writeSpan(
  writer: Pick<BinSetWriter, 'write'>,
  { number, rows, layouts }: SetSpan,
  { reference, encoder, anywhere }: BinJob,
  { sha256 }: FitIo,
): Promise<IndexedSpan> {
  const shards = shardWriter(writer);
  const sinks = ofParts((part) => shardSink({ part, span: number, layout: layouts[part] }, shards, sha256));
  try {
    await binRows(reference, encoder, anywhere, rows, layouts, sinks);
    await shards.end();
  } catch (err) {
    await shards.end().catch(() => undefined);
    throw err;
  }
  const indexed = (part: BinPart): Static<typeof IndexedPart> => ({
    ...factsOf(layouts[part]),
    digests: sinks[part].digests.map((digests) => [...digests]),
  });
  return ofParts(indexed);
}

const factsOf = ({ rowCount, chunkRows, chunkBytes }: ChunkLayout) => ({ rowCount, chunkRows, chunkBytes });

/**
 * The rows of a set that are this rank's, its training rows read by the engine.
 *
 * Memory: rows that validate; a few chunks while others are read; LightGBM's bins.
 *
 * @param expected spans that have the same rows, perhaps divided otherwise
 * @throws BinsLost where the set is not whole, or not of these rows
 */
export async function openBins(set: BinSet, job: BinJob, expected: readonly SetSpan[], io: FitIo): Promise<MemberBins> {
  const { engine, facts, reference, rows, encoder } = job;
  const { columnCount } = encoder;
  const spans = spansIn(set, io);
  const chunks = ofParts((part) => {
    const all = spans.flatMap((span, number) => chunksIn(set, span, number, part, job, io));
    const [found, wanted] = [rowsOf(all), rowsOf(expected.map(({ layouts }) => layouts[part]))];
    if (found !== wanted) throw new BinsLost(`${part}: ${found} rows, expected ${wanted}`);
    return io.ranks === undefined ? all : dealtChunks(all, io.ranks);
  });
  const binned = (of: readonly BinChunk[]): BinnedRows => binnedRows(reference, columnCount, of);
  const validation = binned(await heldChunks(chunks.validation));
  const training = binned(chunks.training);
  const holdout = binned(chunks.holdout);
  const dataset = await readBinned(engine, facts, reference, rows, training);
  const again = (all: BinnedRows, wanted: (row: number) => boolean): EncodedRows =>
    goingOn(all, rowsByPass(encoder, wanted, all.rowCount), io.log);
  return {
    ...{ dataset, validation },
    training: again(training, rows.trains),
    holdout: again(holdout, rows.isHeldOut),
    close: async () => dataset.close(),
    closeHoldout: async () => undefined,
  };
}

const rowsOf = (all: readonly { readonly rowCount: number }[]): number =>
  all.reduce((sum, { rowCount }) => sum + rowCount, 0);

/** Rows of all parts. */
export const rowCountOf = (spans: readonly SetSpan[]): number =>
  rowsOf(spans.flatMap(({ layouts }) => BIN_PARTS.map((part) => layouts[part])));

/** The chunks of a part of a span, where the index says of them what is expected of so many rows. @throws BinsLost */
function chunksIn(
  set: BinSet,
  span: IndexedSpan,
  number: number,
  part: BinPart,
  { reference }: BinJob,
  { sha256, chunkRowsMax }: FitIo,
): BinChunk[] {
  const { digests, ...facts } = span[part];
  const layout = chunkLayout(reference, facts.rowCount, chunkRowsMax);
  const expected = factsOf(layout);
  const isSame =
    facts.chunkRows === expected.chunkRows &&
    facts.chunkBytes === expected.chunkBytes &&
    digests.length === layout.chunkCount;
  if (!isSame) throw new BinsLost(`${part}: ${JSON.stringify(facts)}, expected ${JSON.stringify(expected)}`);
  return storedChunks({ part, span: number, layout }, set, digests, sha256);
}

function spansIn({ index }: BinSet, { sha256 }: FitIo): readonly IndexedSpan[] {
  const said = readIndex(index, sha256);
  try {
    return parse(SetIndex, said, 'index of bins').spans;
  } catch (err) {
    throw isAppError(err) ? new BinsLost(err.message, err) : err;
  }
}

/** Columns of chunks that a set has at most: each is read by itself and has a digest in the index, 70 bytes. */
const STORED_PIECES_MAX = 250_000;

/** Whether a set of these spans has no more pieces than it may. */
export const isSmallEnough = (spans: readonly SetSpan[]): boolean =>
  spans
    .flatMap(({ layouts }) => BIN_PARTS.map((part) => layouts[part]))
    .reduce((sum, { chunkCount, offsets }) => sum + chunkCount * offsets.length, 0) <= STORED_PIECES_MAX;

/** @throws BinsLost */
export const setsOf = (store: BinStore, key: string): Promise<readonly BinSet[]> =>
  kept('kept bins cannot be looked for', () => store.find(key));

/** Says that a set is of use. */
export async function markUsed(set: BinSet, { log }: FitIo): Promise<void> {
  await kept('kept bins cannot be marked', () => set.use()).catch(tellLost(log, 'bins are not kept'));
}

/** Logs what was lost. @throws any other error */
export const tellLost =
  (log: FitIo['log'], what: string) =>
  (err: unknown): null => {
    if (!(err instanceof BinsLost)) throw err;
    log?.(`${what}: ${err.message}`);
    return null;
  };

import { Type, isAppError, parse, strict, type Static } from '#contracts';
import type { FitIo, Spool } from '../clock.ts';
import { rowsByPass, type EncodedRows, type TableEncoder } from '../encoder.ts';
import type { BoostingEngine, EngineDataset, EngineDatasetFacts } from '../engine.ts';
import { BinsLost, kept, type BinSet, type BinStore } from './bin-store.ts';
import {
  binRows,
  ofParts,
  partLayouts,
  readBinned,
  type BinPart,
  type OfParts,
  type RowsToBin,
} from './binned-dataset.ts';
import { binnedRows, chunksInMemory, type BinnedRows, type ChunkSource } from './binned-rows.ts';
import type { ChunkLayout } from './chunk-layout.ts';
import type { BinReference } from './dataset-file.ts';
import { goingOn } from './going-on.ts';
import { readIndex, writeIndex } from './set-index.ts';
import { shardSink, shardSource, shardWriter, type PieceDigests } from './stored-shards.ts';

/** Columns of chunks that a set has at most: each is read by itself and has a digest in the index, 70 bytes. */
const STORED_PIECES_MAX = 250_000;

/** What bins are made from. */
export interface BinJob {
  readonly engine: BoostingEngine;
  readonly facts: EngineDatasetFacts;
  readonly reference: BinReference;
  readonly encoder: Pick<TableEncoder, 'columnCount' | 'pass' | 'encode'>;
  readonly rows: RowsToBin;
  /** Rows of the table. */
  readonly tableRows: number;
  /** The key of all that the bins depend on, of those that a program makes; null where that cannot be said. */
  readonly keyOf: (program: string) => string | null;
}

/** A member's rows in bins. */
export interface MemberBins extends OfParts<EncodedRows> {
  readonly dataset: EngineDataset;
  /** Lets go of all but the rows of the holdout. */
  readonly close: () => Promise<void>;
  readonly closeHoldout: () => Promise<void>;
}

/**
 * A member's rows in bins: those that an earlier model of the project has left, or made in one pass over the table and left for later ones.
 * Where there is no place for that, training rows and those of the holdout are in spools for this fit alone. Rows that validate, which are
 * looked at again and again, are in memory.
 */
export async function memberBins(job: BinJob, io: FitIo, openSpool: () => Promise<Spool>): Promise<MemberBins> {
  const layouts = partLayouts(job.reference, job.rows, job.tableRows, io.chunkRowsMax);
  return (await keptBins(job, layouts, io)) ?? spooledBins(job, layouts, openSpool);
}

const nothing = async (): Promise<void> => undefined;

async function spooledBins(
  job: BinJob,
  layouts: OfParts<ChunkLayout>,
  openSpool: () => Promise<Spool>,
): Promise<MemberBins> {
  const { engine, facts, reference, encoder, rows } = job;
  const spools = { training: await openSpool(), validation: chunksInMemory(), holdout: await openSpool() };
  try {
    await binRows(reference, encoder, rows, layouts, spools);
    const parts = ofParts((part) => binnedRows(reference, encoder.columnCount, layouts[part], spools[part]));
    const dataset = await readBinned(engine, facts, reference, rows, parts.training);
    return {
      ...{ ...parts, dataset },
      close: async () => {
        dataset.close();
        await spools.training.close();
      },
      closeHoldout: () => spools.holdout.close(),
    };
  } catch (err) {
    await spools.training.close();
    await spools.holdout.close();
    throw err;
  }
}

/** Bins in the store; null where they can neither be read nor written there. */
async function keptBins(job: BinJob, layouts: OfParts<ChunkLayout>, io: FitIo): Promise<MemberBins | null> {
  const { bins: store, ranks, log } = io;
  if (store === undefined || ranks !== undefined || pieceCount(layouts) > STORED_PIECES_MAX) return null;
  const key = job.keyOf(store.program);
  if (key === null) return null;
  const rowCount = layouts.training.rowCount + layouts.validation.rowCount + layouts.holdout.rowCount;
  try {
    for (const set of await kept('kept bins cannot be looked for', () => store.find(key))) {
      const found = await opened(set, job, layouts, io);
      if (found === null) continue;
      log?.(`${rowCount} rows are in bins already, an earlier model has left them`);
      await kept('kept bins cannot be marked', () => set.use()).catch(tell(log));
      return found;
    }
    const made = await opened(await makeSet(store, key, job, layouts, io), job, layouts, io);
    if (made !== null) log?.(`the bins of ${rowCount} rows are kept for later models`);
    return made;
  } catch (err) {
    if (!(err instanceof BinsLost)) throw err;
    tell(log)(err);
    return null;
  }
}

const pieceCount = (layouts: OfParts<ChunkLayout>): number =>
  Object.values(layouts).reduce((sum, { chunkCount, offsets }) => sum + chunkCount * offsets.length, 0);

const tell = (log: FitIo['log']) => (err: unknown) => {
  if (!(err instanceof BinsLost)) throw err;
  log?.(`bins are not kept: ${err.message}`);
};

/** Puts all rows into bins, shard by shard. @throws BinsLost */
async function makeSet(
  store: BinStore,
  key: string,
  { reference, encoder, rows }: BinJob,
  layouts: OfParts<ChunkLayout>,
  { sha256 }: FitIo,
): Promise<BinSet> {
  const writer = store.create(key);
  const shards = shardWriter(writer);
  const sinks = ofParts((part) => shardSink(part, layouts[part], shards, sha256));
  try {
    await binRows(reference, encoder, rows, layouts, sinks);
    await shards.end();
    const index = ofParts((part) => ({ ...factsOf(layouts[part]), digests: sinks[part].digests }));
    return await kept('the index of bins cannot be written', () => writer.seal(writeIndex(index, sha256)));
  } catch (err) {
    await shards.end().catch(nothing);
    await writer.abandon().catch(nothing);
    throw err;
  }
}

const IndexedPart = strict({
  rowCount: Type.Integer({ minimum: 0 }),
  chunkRows: Type.Integer({ minimum: 1 }),
  chunkBytes: Type.Integer({ minimum: 0 }),
  digests: Type.Array(Type.Array(Type.String())),
});
const SetIndex = strict({ training: IndexedPart, validation: IndexedPart, holdout: IndexedPart });

const factsOf = ({ rowCount, chunkRows, chunkBytes }: ChunkLayout) => ({ rowCount, chunkRows, chunkBytes });

/** What an index says of a part, where it is what this fit expects. @throws BinsLost */
function digestsIn(index: Static<typeof SetIndex>, part: BinPart, layout: ChunkLayout): PieceDigests {
  const { digests, ...facts } = index[part];
  const expected = factsOf(layout);
  const isSame =
    facts.rowCount === expected.rowCount &&
    facts.chunkRows === expected.chunkRows &&
    facts.chunkBytes === expected.chunkBytes &&
    digests.length === layout.chunkCount;
  if (!isSame) throw new BinsLost(`${part}: ${JSON.stringify(facts)}, expected ${JSON.stringify(expected)}`);
  return digests;
}

/** The rows of a set, its training rows read by the engine; null, and the set is no more, where it is not whole. */
async function opened(set: BinSet, job: BinJob, layouts: OfParts<ChunkLayout>, io: FitIo): Promise<MemberBins | null> {
  const { engine, facts, reference, rows } = job;
  try {
    const index = indexIn(set, io);
    const { training, validation, holdout } = ofParts((part) => {
      const digests = digestsIn(index, part, layouts[part]);
      return shardSource(part, layouts[part], set, digests, io.sha256);
    });
    const binned = (part: BinPart, source: ChunkSource): BinnedRows =>
      binnedRows(reference, job.encoder.columnCount, layouts[part], source);
    const inMemory = await copied(validation, layouts.validation);
    const dataset = await readBinned(engine, facts, reference, rows, binned('training', training));
    const again = (part: BinPart, source: ChunkSource, wanted: (row: number) => boolean): EncodedRows =>
      goingOn(binned(part, source), rowsByPass(job.encoder, wanted, layouts[part].rowCount), io.log);
    return {
      ...{ dataset, validation: binned('validation', inMemory) },
      training: again('training', training, rows.trains),
      holdout: again('holdout', holdout, rows.isHeldOut),
      close: async () => dataset.close(),
      closeHoldout: nothing,
    };
  } catch (err) {
    if (!(err instanceof BinsLost)) throw err;
    io.log?.(`kept bins are made anew: ${err.message}`);
    await set.drop().catch(nothing);
    return null;
  }
}

function indexIn({ index }: BinSet, { sha256 }: FitIo): Static<typeof SetIndex> {
  const said = readIndex(index, sha256);
  try {
    return parse(SetIndex, said, 'index of bins');
  } catch (err) {
    throw isAppError(err) ? new BinsLost(err.message, err) : err;
  }
}

async function copied(source: ChunkSource, { chunkBytes, chunkCount }: ChunkLayout): Promise<ChunkSource> {
  const memory = chunksInMemory();
  for (let chunk = 0; chunk < chunkCount; chunk += 1)
    await memory.append(await source.read(chunk * chunkBytes, chunkBytes));
  return memory;
}

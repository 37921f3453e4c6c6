import { report, type FitIo, type Spool } from '../clock.ts';
import { rankMeeting } from '../rank-meeting.ts';
import { chunksOf } from './bin-chunks.ts';
import type { BinJob, MemberBins } from './bin-job.ts';
import {
  isSmallEnough,
  markUsed,
  openBins,
  rowCountOf,
  setIndex,
  setsOf,
  tellLost,
  writeSpan,
  type IndexedSpan,
  type SetSpan,
} from './bin-set.ts';
import { kept, type BinSet, type BinStore } from './bin-store.ts';
import { binRows, partLayouts, readBinned } from './binned-dataset.ts';
import { binnedRows } from './binned-rows.ts';
import { chunksInMemory } from './chunk-spool.ts';
import { groupBins } from './group-bins.ts';
import { ofParts, rowSpans } from './row-uses.ts';

/** Part of a fit's progress that is made before. */
const FRACTION = 0.04;

/**
 * A member's rows in bins: those that an earlier model of the project has left, or made in one pass over the table and left for later ones.
 * Where there is no place for that, training rows and those of the holdout are in spools for this fit alone. Rows that validate, which are
 * looked at again and again, are in memory.
 */
export async function memberBins(job: BinJob, io: FitIo, openSpool: () => Promise<Spool>): Promise<MemberBins> {
  await report(io, FRACTION, 'bins', 'putting the rows into bins');
  const meeting = rankMeeting(io);
  const spans = rowSpans(job.tableRows, meeting?.size ?? 1).map((rows, number): SetSpan => {
    const layouts = partLayouts(job.reference, job.anywhere, rows, io.chunkRowsMax);
    return { number, rows, layouts };
  });
  const found = await (meeting === null ? keptBins(job, spans, io) : groupBins(job, spans, meeting, io));
  return found ?? spooledBins(job, io, openSpool);
}

async function spooledBins(job: BinJob, io: FitIo, openSpool: () => Promise<Spool>): Promise<MemberBins> {
  const { engine, facts, reference, encoder, rows, tableRows } = job;
  const all = { from: 0, to: tableRows };
  const layouts = partLayouts(reference, rows, all, io.chunkRowsMax);
  const spools = { training: await openSpool(), validation: chunksInMemory(), holdout: await openSpool() };
  try {
    await binRows(reference, encoder, rows, all, layouts, spools);
    const parts = ofParts((part) => binnedRows(reference, encoder.columnCount, chunksOf(layouts[part], spools[part])));
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
async function keptBins(job: BinJob, spans: readonly SetSpan[], io: FitIo): Promise<MemberBins | null> {
  const { bins: store, log } = io;
  const key = store === undefined || !isSmallEnough(spans) ? null : job.keyOf(store.program);
  if (store === undefined || key === null) return null;
  try {
    for (const set of await setsOf(store, key)) {
      const found = await openedOrDropped(set, job, spans, io);
      if (found === null) continue;
      log?.(`${rowCountOf(spans)} rows are in bins already, an earlier model has left them`);
      await markUsed(set, io);
      return found;
    }
    const made = await openedOrDropped(await makeSet(store, key, job, spans, io), job, spans, io);
    if (made !== null) log?.(`the bins of ${rowCountOf(spans)} rows are kept for later models`);
    return made;
  } catch (err) {
    return tellLost(log, 'bins are not kept')(err);
  }
}

/** Puts all rows into bins, shard by shard. @throws BinsLost */
async function makeSet(
  store: BinStore,
  key: string,
  job: BinJob,
  spans: readonly SetSpan[],
  io: FitIo,
): Promise<BinSet> {
  const writer = store.create(key);
  try {
    const written: IndexedSpan[] = [];
    for (const span of spans) written.push(await writeSpan(writer, span, job, io));
    return await kept('the index of bins cannot be written', () => writer.seal(setIndex(written, io)));
  } catch (err) {
    await writer.abandon().catch(() => undefined);
    throw err;
  }
}

/** The rows of a set; null, and the set is no more, where it is not whole. */
async function openedOrDropped(
  set: BinSet,
  job: BinJob,
  spans: readonly SetSpan[],
  io: FitIo,
): Promise<MemberBins | null> {
  const opened = await openBins(set, job, spans, io).catch(tellLost(io.log, 'kept bins are made anew'));
  if (opened === null) await set.drop().catch(() => undefined);
  return opened;
}

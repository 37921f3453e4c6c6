import { AppError, parse } from '#contracts';
import type { FitIo } from '../clock.ts';
import type { RankMeeting } from '../rank-meeting.ts';
import type { BinJob, MemberBins } from './bin-job.ts';
import {
  IndexedSpan,
  isSmallEnough,
  markUsed,
  openBins,
  rowCountOf,
  setIndex,
  setsOf,
  tellLost,
  writeSpan,
  type SetSpan,
} from './bin-set.ts';
import { kept, type BinStore } from './bin-store.ts';

/** A group that keeps bins. */
interface GroupBins {
  readonly store: BinStore;
  readonly key: string;
  readonly job: BinJob;
  /** One a rank. */
  readonly spans: readonly SetSpan[];
  readonly meeting: RankMeeting;
  readonly io: FitIo;
}

/**
 * The rows of a group's ranks in bins of one set, which is that of a fit by one process: the first rank finds it, or all make it, each of its
 * span of the table. All read it, and each takes its own rows.
 *
 * The meetings are these, in this order, on every rank:
 *
 * 1. `key`: what the bins are kept under; nothing from a rank that has no place for them. Unless all say the same: spools.
 * 2. `found`: the name of a set that the first rank has found; nothing when there is no further one.
 * 3. `read`, after a name: whether the rank has its rows. All: done. Else all close, the first one drops the set, and 2 follows again.
 * 4. `made`, after no name: the name of the set that the first rank has begun. Each writes its span.
 * 5. `written`: the span as an index has it; nothing from a rank that could not write.
 * 6. `sealed`: whether the first rank has sealed it. Unless it has: spools.
 * 7. `read`, as 3, but that spools follow.
 *
 * What a store fails in is caught before the next meeting, and said there, so that no rank is alone in doing without it. Any other error
 * leaves the group, and so ends every meeting by GROUP_BROKEN. A rank waits for the others as long as they live. 2 ends as the
 * first rank has a list of sets that grows no more.
 *
 * @returns null on every rank: each is to have spools
 */
export async function groupBins(
  job: BinJob,
  spans: readonly SetSpan[],
  meeting: RankMeeting,
  io: FitIo,
): Promise<MemberBins | null> {
  const { bins: store, log } = io;
  const own = store === undefined || !isSmallEnough(spans) ? null : job.keyOf(store.program);
  const keys = await meeting.tell('where they keep bins', own ?? '');
  if (store === undefined || own === null || keys.some((key) => key !== own)) return null;
  const group = { store, key: own, job, spans, meeting, io };
  const found = await foundTogether(group);
  if (found !== null) {
    log?.(`${rowCountOf(spans)} rows are in bins already, an earlier model has left them`);
    return found;
  }
  const name = await madeTogether(group);
  const made = name === null ? null : await readTogether(group, name);
  if (made !== null) log?.(`the bins of ${rowCountOf(spans)} rows are kept for later models`);
  return made;
}

async function foundTogether(group: GroupBins): Promise<MemberBins | null> {
  const { store, key, meeting, io } = group;
  const lost = tellLost(io.log, 'bins are not found');
  const sets = meeting.isFirst ? [...((await setsOf(store, key).catch(lost)) ?? [])] : [];
  for (;;) {
    const set = sets.shift();
    const name = await meeting.hear('a set of bins', set?.name ?? '');
    if (name === '') return null;
    const found = await readTogether(group, name);
    if (found === null) continue;
    if (set !== undefined) await markUsed(set, io);
    return found;
  }
}

/** A set that all ranks can read; null, and the set is no more, where one of them cannot. */
async function readTogether({ store, job, spans, meeting, io }: GroupBins, name: string): Promise<MemberBins | null> {
  const lost = tellLost(io.log, 'kept bins are made anew');
  const set = await kept('kept bins cannot be opened', () => store.open(name)).catch(lost);
  const own = set === null ? null : await openBins(set, job, spans, io).catch(lost);
  let isRead = false;
  try {
    isRead = await meeting.all('their rows of the bins', own !== null);
  } finally {
    if (!isRead) await own?.close();
  }
  if (isRead) return own;
  if (own !== null) io.log?.('kept bins are made anew: another rank could not read them');
  if (meeting.isFirst) await set?.drop().catch(() => undefined);
  return null;
}

/** The name of a set that all ranks have written; null where one of them could not. */
async function madeTogether(group: GroupBins): Promise<string | null> {
  const { store, key, job, spans, meeting, io } = group;
  const lost = tellLost(io.log, 'bins are not kept');
  const writer = meeting.isFirst ? store.create(key) : null;
  const abandon = async (): Promise<void> => writer?.abandon().catch(() => undefined);
  try {
    const name = await meeting.hear('the name of a set', writer?.name ?? '');
    const own = await writeSpan(writer ?? store.join(name), spanOf(spans, meeting.rank), job, io).catch(lost);
    const all = await meeting.tell('their part of the bins', own === null ? '' : JSON.stringify(own));
    const isWritten = all.every((span) => span !== '');
    if (!isWritten && own !== null) io.log?.('bins are not kept: another rank could not write its part');
    const index = isWritten && writer !== null ? setIndex(all.map(spanIn), io) : null;
    const sealed =
      writer === null || index === null
        ? null
        : await kept('the index of bins cannot be written', () => writer.seal(index)).catch(lost);
    const isSealed = (await meeting.hear('the index of the bins', sealed === null ? '' : 'sealed')) !== '';
    if (!isSealed) await abandon();
    return isSealed ? name : null;
  } catch (err) {
    await abandon();
    throw err;
  }
}

function spanOf(spans: readonly SetSpan[], rank: number): SetSpan {
  const span = spans[rank];
  if (span === undefined) throw new AppError('INTERNAL', `rank ${rank} has none of ${spans.length} spans`);
  return span;
}

const spanIn = (text: string): IndexedSpan => parse(IndexedSpan, JSON.parse(text), 'a span of bins');

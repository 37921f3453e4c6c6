import { AppError, Type, isAppError, parse } from '#contracts';
import { report, type FitIo } from '../clock.ts';
import type { RankMeeting } from '../rank-meeting.ts';
import type { PassOrder } from '../survey/pass-order.ts';
import type { Passes, SpanPass, SpanWork } from '../survey/passes.ts';
import { decodeParts, encodeParts } from '../survey/state-bytes.ts';
import type { StateParts } from '../survey/state-parts.ts';
import { tellLost } from './bin-set.ts';
import { BinsLost, kept, type BinStore } from './bin-store.ts';
import { rowSpans } from './row-uses.ts';

/** A group whose ranks make passes over a table together. */
export interface PassGroup {
  readonly store: BinStore;
  /** What shards are written under. */
  readonly key: string;
  readonly meeting: RankMeeting;
  readonly io: FitIo;
}

/** Bytes of the state of each of a rank's spans; of those that it could not write there is nothing. */
const Sizes = Type.Array(Type.Integer({ minimum: 0 }));

/** Part of a fit's progress that is made where passes are. */
const FRACTION = 0.03;

const WRITTEN = 'the states of their spans';
const shardOf = (span: number): string => `state-${String(span).padStart(6, '0')}`;

/** Numbers of the spans that a rank goes over. */
function ownSpans({ spans }: SpanWork, { size }: RankMeeting, rank: number): { from: number; to: number } {
  const own = rowSpans(spans.length, size)[rank];
  if (own === undefined) throw new AppError('INTERNAL', `rank ${rank} of ${size}`);
  return own;
}

/**
 * Passes of the first rank, in which all others take part. Of each there are two meetings: the first rank says what is to be found out, and
 * the others say which states they have left. It merges them in the order of the spans; one that is not there, or damaged, it makes itself, so that
 * nothing depends on what became of a store.
 *
 * Memory: one state at a time.
 *
 * @param say tells the others of a pass where they wait for it
 */
export const groupPasses = (
  group: PassGroup,
  work: SpanWork,
  say: (order: PassOrder, set: string) => Promise<void>,
): Passes => ({
  over: async (order, merge) => {
    const { store, key, meeting, io } = group;
    const writer = store.create(key);
    const pass = work.passOf(order);
    try {
      await say(order, writer.name);
      for await (const state of pass(spansOf(work, ownSpans(work, meeting, 0)))) merge(state);
      const told = await meeting.tell(WRITTEN, '[]');
      const read = (span: number, size: number): Promise<StateParts> => readState(store, writer.name, span, size, io);
      for (let rank = 1; rank < meeting.size; rank += 1) {
        const sizes = parse(Sizes, JSON.parse(told[rank] ?? ''), 'states of a rank', 'INTERNAL');
        await mergeOthers(work, pass, ownSpans(work, meeting, rank), sizes, read, merge, io);
      }
    } finally {
      await writer.abandon().catch(() => undefined);
    }
  },
});

const spansOf = ({ spans }: SpanWork, { from, to }: { from: number; to: number }) => spans.slice(from, to);

/** Merges the states of another rank; from the first one that is lost on all are made here. */
async function mergeOthers(
  work: SpanWork,
  pass: SpanPass,
  { from, to }: { from: number; to: number },
  sizes: readonly number[],
  read: (span: number, size: number) => Promise<StateParts>,
  merge: (state: StateParts) => void,
  { log }: FitIo,
): Promise<void> {
  for (let span = from; span < to; span += 1) {
    const size = sizes[span - from];
    const state =
      size === undefined ? null : await read(span, size).catch(tellLost(log, 'what another rank has found is lost'));
    if (state === null) {
      log?.(`the rows that another rank has lost are surveyed again: ${to - span} of ${work.spans.length} spans`);
      for await (const again of pass(spansOf(work, { from: span, to }))) merge(again);
      return;
    }
    merge(state);
  }
}

/** @throws BinsLost */
async function readState(
  store: BinStore,
  set: string,
  span: number,
  size: number,
  { sha256 }: FitIo,
): Promise<StateParts> {
  const name = shardOf(span);
  const bytes = await kept(`${name} cannot be read`, () => store.join(set).read(name, 0, size));
  try {
    return decodeParts(bytes, sha256);
  } catch (err) {
    throw isAppError(err) && err.code === 'ARTIFACT_INVALID' ? new BinsLost(`${name} was altered`, err) : err;
  }
}

/** Takes part in a pass that the first rank has ordered: leaves the states of this rank's spans, as far as they can be written. */
export async function joinPass(
  { store, meeting, io }: Omit<PassGroup, 'key'>,
  work: SpanWork,
  order: PassOrder,
  set: string,
): Promise<void> {
  const own = ownSpans(work, meeting, meeting.rank);
  await report(io, FRACTION, 'reading', `spans of the table for all ranks: ${order.pass}`);
  const shards = store.join(set);
  const sizes: number[] = [];
  try {
    for await (const state of work.passOf(order)(spansOf(work, own))) {
      const name = shardOf(own.from + sizes.length);
      const bytes = encodeParts(state, io.sha256);
      await kept(`${name} cannot be written`, () => shards.write(name, bytes));
      sizes.push(bytes.length);
    }
  } catch (err) {
    tellLost(io.log, 'what is found in these rows is not here for the other ranks')(err);
  }
  io.log?.(`${sizes.length} of ${work.spans.length} spans of the table are surveyed for all ranks (${order.pass})`);
  await meeting.tell(WRITTEN, JSON.stringify(sizes));
}

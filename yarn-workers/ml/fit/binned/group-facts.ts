import { Type, nullable, parse, strict, type FitStops, type Static } from '#contracts';
import type { FitIo } from '../clock.ts';
import type { RankMeeting } from '../rank-meeting.ts';
import type { StopBook } from '../stops.ts';
import { PassOrder } from '../survey/pass-order.ts';
import type { SpanWork } from '../survey/passes.ts';
import { tellLost } from './bin-set.ts';
import { kept, type BinStore } from './bin-store.ts';
import { digestOf } from './digest.ts';
import type { FactsKeeper } from './facts-keeper.ts';
import { groupPasses, joinPass } from './group-passes.ts';
import { findFacts, writeFacts, type FoundFacts } from './kept-facts.ts';

/** What the first rank says of the facts: their key, null where they could not be kept; and where texts ended by its clock. */
const Known = strict({ key: nullable(Type.String()), stops: Type.Record(Type.String(), Type.Number()) });
/** Before that: what all find out about the table, and the set in which they leave it. */
const Ordered = strict({ order: PassOrder, set: Type.String() });
const Said = Type.Union([Ordered, Known]);

const WAIT = 'the first one finds out about the features';

/**
 * What the ranks of a group know of a table's features: the first one finds it, or makes it of what all find in spans of the table; the
 * others take it from the store.
 *
 * There are these meetings, in this order, on every rank:
 *
 * 1. `key`: what facts are kept under; nothing from a rank that has no place for them, or, if it is the first, cannot write there and finds
 *    none. Unless all say the same, all survey, as ranks that keep nothing do.
 * 2. `said`: the first rank orders a pass that all make together (`groupPasses`). A meeting of that pass follows, and then 2 again. Or it has found
 *    facts, or has kept what it made (`tellRanks`, which it calls however the keeping ended), or could not: that is the end.
 *    A rank that does not get them, then, surveys by itself; it knows where the first one's clock ended the fits of texts, and ends its own there.
 *
 * So nobody asks the others about a clock between these, and all facts are the same, wherever they come from. Facts of texts that a
 * deadline ended have a key of their own, that only this group looks for.
 *
 * @param store none: nothing is kept
 * @param key of what no deadline ended
 * @param work what passes are made of, the same on all ranks
 * @returns null on every rank: all survey
 */
export async function groupFacts(
  store: BinStore | undefined,
  key: string,
  stops: StopBook,
  meeting: RankMeeting,
  work: SpanWork,
  io: FitIo,
): Promise<FactsKeeper | null> {
  const lost = tellLost(io.log, 'what is known of the features is not kept');
  const found = meeting.isFirst && store !== undefined ? await findFacts(store, key, io).catch(lost) : null;
  const canKeep = store !== undefined && (!meeting.isFirst || found !== null || (await isWritable(store, key, io)));
  const keys = await meeting.tell('where they keep what is known of the features', canKeep ? key : '');
  if (store === undefined || keys.some((other) => other === '' || other !== key)) return null;
  const group = { store, key, stops, meeting, work, io };
  return meeting.isFirst ? factsOfFirst(group, found) : factsOfOther(group);
}

interface FactsGroup {
  readonly store: BinStore;
  readonly key: string;
  readonly stops: StopBook;
  readonly meeting: RankMeeting;
  readonly work: SpanWork;
  readonly io: FitIo;
}

/** Whether something can be kept there: known before the others wait for it. */
async function isWritable(store: BinStore, key: string, { log }: FitIo): Promise<boolean> {
  const writer = store.create(key);
  const lost = tellLost(log, 'what is known of the features is not kept');
  const done = await kept('nothing can be written', async () => {
    await writer.write('begun', new Uint8Array(0));
    await writer.abandon();
    return true;
  }).catch(lost);
  return done ?? false;
}

async function factsOfFirst(group: FactsGroup, found: FoundFacts | null): Promise<FactsKeeper> {
  const { store, key, stops, meeting, work, io } = group;
  const { log } = io;
  const alone = stops.apart(null);
  const say = async (said: Static<typeof Said>): Promise<void> => {
    await meeting.hear(WAIT, JSON.stringify(said));
  };
  const tell = (under: string | null): Promise<void> => say({ key: under, stops: alone.noted() });
  let keptUnder: string | null = null;
  const keep: FactsKeeper['keep'] = async (surveyed, sample) => {
    const cuts = alone.noted();
    const under = Object.keys(cuts).length === 0 ? key : digestOf({ facts: key, stops: cuts }, io.sha256);
    const isKept = await writeFacts(store, under, surveyed, sample, io).then(
      () => true,
      tellLost(log, 'what is known of the features is not kept'),
    );
    if (isKept === true) keptUnder = under;
  };
  if (found === null) {
    log?.('the features are surveyed by all ranks; what this one makes of it the others wait for');
    const passes = groupPasses(group, work, (order, set) => say({ order, set }));
    return { found, keep, apart: { stops: alone, isCut: false, passes, tellRanks: () => tell(keptUnder) } };
  }
  log?.('the features are not surveyed: an earlier model has left what is known of them');
  await tell(key);
  return { found, keep, apart: null };
}

/** Takes part in what the first rank orders, until it says what is known. */
async function heardOfFirst(group: FactsGroup): Promise<Static<typeof Known>> {
  for (;;) {
    const said = parse(
      Said,
      JSON.parse(await group.meeting.hear(WAIT, '')),
      'what the first rank has found',
      'INTERNAL',
    );
    if ('stops' in said) return said;
    await joinPass(group, group.work, said.order, said.set);
  }
}

async function factsOfOther(group: FactsGroup): Promise<FactsKeeper> {
  const { store, stops, io } = group;
  const { log } = io;
  const said = await heardOfFirst(group);
  for (const [place, done] of Object.entries(said.stops)) stops.note(place, done);
  const lost = tellLost(log, 'what the first rank has found is not here');
  const found = said.key === null ? null : await findFacts(store, said.key, io).catch(lost);
  log?.(
    found === null
      ? 'the features are surveyed by this rank, too'
      : 'the features are not surveyed: the first rank has found out about them',
  );
  const cuts: FitStops = said.stops;
  return {
    found,
    // It is the first one's to keep.
    keep: async () => undefined,
    apart: { stops: stops.apart(cuts), isCut: Object.keys(cuts).length > 0, passes: null, tellRanks: null },
  };
}

import { expect } from 'chai';
import { AppError, isAppError } from '#contracts';
import type { BinStore, RankGroup } from '#ml';
import { groupPasses, joinPass, type PassGroup } from '../../../../../../yarn-workers/ml/fit/binned/group-passes.ts';
import { rankMeeting } from '../../../../../../yarn-workers/ml/fit/rank-meeting.ts';
import type { PassOrder } from '../../../../../../yarn-workers/ml/fit/survey/pass-order.ts';
import { passesAlone, type SpanWork } from '../../../../../../yarn-workers/ml/fit/survey/passes.ts';
import { surveySpans } from '../../../../../../yarn-workers/ml/fit/survey/spans.ts';
import type { StateParts } from '../../../../../../yarn-workers/ml/fit/survey/state-parts.ts';
import { localBins } from '../../../../../support/bin-objects.ts';
import { freeIo } from '../../../../../support/modelling-task.ts';
import { ranksInProcess } from '../../../../../support/ranks-in-process.ts';

const KEY = 'b'.repeat(64);
const ORDER: PassOrder = { pass: 'features' };
const SPANS = surveySpans(1_000, 140);

/** States that say of which span they are. */
const stateOf = (from: number, to: number): StateParts => ({
  head: { from, to },
  arrays: [Float64Array.from({ length: to - from }, (_, row) => Math.sqrt(from + row))],
});

interface Surveyed {
  readonly merged: StateParts[];
  /** Spans that this rank has read, by their first row. */
  readonly read: number[];
  readonly log: string;
}

/** What a rank of a group does, which is one pass. */
async function surveyed(store: BinStore, rank: RankGroup, fails: (from: number) => void): Promise<Surveyed> {
  const log: string[] = [];
  const io = freeIo({ ranks: rank, log: (line: string) => void log.push(line) });
  const meeting = rankMeeting(io) ?? expect.fail('a group meets');
  const read: number[] = [];
  const work: SpanWork = {
    spans: SPANS,
    passOf: () =>
      async function* (spans) {
        for (const { from, to } of spans) {
          fails(from);
          read.push(from);
          yield stateOf(from, to);
        }
      },
  };
  const group: PassGroup = { store, key: KEY, meeting, io };
  const merged: StateParts[] = [];
  if (meeting.isFirst) {
    const say = async (order: PassOrder, set: string): Promise<void> => {
      await meeting.hear('a pass', JSON.stringify({ order, set }));
    };
    await groupPasses(group, work, say).over(ORDER, (state) => void merged.push(state));
  } else {
    const { order, set } = JSON.parse(await meeting.hear('a pass', '')) as { order: PassOrder; set: string }; // as said
    await joinPass(group, work, order, set);
  }
  return { merged, read, log: log.join('\n') };
}

async function surveyedByAll(size: number, storeOf: (rank: number) => BinStore): Promise<Surveyed[]> {
  const { ranks, gathered } = ranksInProcess(size);
  const all = await Promise.all(ranks.map((rank) => surveyed(storeOf(rank.rank), rank, () => undefined)));
  expect(new Set(gathered.map((said) => said.length)).size, 'all are at the same meetings').to.equal(1);
  return all;
}

/** A store in which shards are altered or fail as they are joined. */
function failing(
  store: BinStore,
  how: { readonly write?: string; readonly read?: (shard: string, bytes: Uint8Array) => Uint8Array },
): BinStore {
  return {
    ...store,
    join: (name) => {
      const joined = store.join(name);
      return {
        write: async (shard, bytes) => {
          if (how.write !== undefined && shard >= how.write) throw new Error('the disk is full');
          await joined.write(shard, bytes);
        },
        read: async (shard, at, length) => {
          const bytes = await joined.read(shard, at, length);
          return how.read?.(shard, bytes) ?? bytes;
        },
      };
    },
  };
}

describe('fit: passes that ranks make together', () => {
  let alone: StateParts[];

  before(async () => {
    alone = [];
    const pass: SpanWork['passOf'] = () =>
      async function* (spans) {
        for (const { from, to } of spans) yield stateOf(from, to);
      };
    await passesAlone({ spans: SPANS, passOf: pass }).over(ORDER, (state) => void alone.push(state));
    expect(alone).to.have.length(7);
  });

  for (const size of [2, 3, 9])
    it(`${size} ranks have the states of one process, in its order, each span having been read once`, async () => {
      const store = localBins();
      const all = await surveyedByAll(size, () => store.bins);
      expect(all[0]?.merged).to.deep.equal(alone);
      expect(all.flatMap(({ read }) => read)).to.deep.equal(SPANS.map(({ from }) => from));
      expect(await store.names(), 'nothing is left').to.deep.equal([]);
    });

  it('states that a rank cannot write are made by the first one', async () => {
    const store = localBins();
    for (const [write, again] of [
      ['state-000000', [285, 428]],
      ['state-000003', [428]],
    ] as const) {
      const all = await surveyedByAll(3, (rank) => (rank === 1 ? failing(store.bins, { write }) : store.bins));
      expect(all[0]?.merged).to.deep.equal(alone);
      expect(all[0]?.read.slice(2)).to.deep.equal(again);
      expect(all[1]?.log).to.match(/the disk is full/);
      expect(all[0]?.log).to.match(/surveyed again/);
      expect(await store.names()).to.deep.equal([]);
    }
  });

  it('states that are lost or altered are made by the first one', async () => {
    const store = localBins();
    const altered = (shard: string, bytes: Uint8Array): Uint8Array => {
      if (shard !== 'state-000005') return bytes;
      const other = bytes.slice();
      other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
      return other;
    };
    const gone = (): never => {
      throw new Error('no such object');
    };
    for (const [read, message] of [
      [altered, /state-000005 was altered/],
      [(_: string, bytes: Uint8Array) => bytes.subarray(1), /was altered/],
      [gone, /no such object/],
    ] as const) {
      const all = await surveyedByAll(2, (rank) => (rank === 0 ? failing(store.bins, { read }) : store.bins));
      expect(all[0]?.merged).to.deep.equal(alone);
      expect(all[0]?.log).to.match(message);
      expect(await store.names()).to.deep.equal([]);
    }
  });

  for (const failed of [0, 2])
    it(`rank ${failed} that fails for another reason leaves, and nobody waits for it`, async () => {
      const { bins: store } = localBins();
      const { ranks, leave } = ranksInProcess(3);
      const codes = await Promise.all(
        ranks.map((rank) =>
          surveyed(store, rank, () => {
            if (rank.rank === failed) throw new AppError('DATASET_CHANGED', 'the file is another one');
          }).then(
            () => 'surveyed',
            (err: unknown) => {
              leave(rank.rank);
              return isAppError(err) ? err.code : String(err);
            },
          ),
        ),
      );
      expect(codes.map((code, rank) => rank === failed || code === 'GROUP_BROKEN')).to.deep.equal([true, true, true]);
      expect(codes[failed]).to.equal('DATASET_CHANGED');
    });
});

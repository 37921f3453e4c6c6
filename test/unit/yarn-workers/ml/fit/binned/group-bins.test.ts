import { expect } from 'chai';
import { AppError, isAppError } from '#contracts';
import type { BinStore, EngineDataset, FitIo, RankGroup } from '#ml';
import type { BinJob, MemberBins } from '../../../../../../yarn-workers/ml/fit/binned/bin-job.ts';
import { findReference } from '../../../../../../yarn-workers/ml/fit/binned/binned-dataset.ts';
import { chunksInMemory } from '../../../../../../yarn-workers/ml/fit/binned/chunk-spool.ts';
import { readReference } from '../../../../../../yarn-workers/ml/fit/binned/dataset-file.ts';
import { memberBins } from '../../../../../../yarn-workers/ml/fit/binned/member-bins.ts';
import { partCounts, rowSpans } from '../../../../../../yarn-workers/ml/fit/binned/row-uses.ts';
import type { EncodedRows, TableEncoder } from '../../../../../../yarn-workers/ml/fit/encoder.ts';
import { ownRows } from '../../../../../../yarn-workers/ml/fit/rank-group.ts';
import { localBins } from '../../../../../support/bin-objects.ts';
import { testEngine } from '../../../../../support/boosting-engine.ts';
import { HOSTILE_CATEGORIES, HOSTILE_COLUMNS, hostileMatrix } from '../../../../../support/hostile-matrix.ts';
import { freeIo } from '../../../../../support/modelling-task.ts';
import { ranksInProcess } from '../../../../../support/ranks-in-process.ts';

const ROWS = 9_007;
const COLUMNS = HOSTILE_COLUMNS.length;
const BLOCK_ROWS = 256;
const CHUNK_ROWS_MAX = 512;
const KEY = 'a'.repeat(64);

const values = hostileMatrix(ROWS, 3);
const labelOf = (row: number): number => ((values[row * COLUMNS] ?? 0) + (row % 3) / 3 > 0.4 ? 1 : 0);

const uses = {
  trains: (row: number): boolean => row % 7 < 5 && row % 11 !== 10,
  validates: (row: number): boolean => row % 7 === 5,
  isHeldOut: (row: number): boolean => row % 7 === 6,
};
const trainingCount = partCounts(uses, { from: 0, to: ROWS }).training;

const facts = {
  ...{ rowCount: trainingCount, columnCount: COLUMNS, categoricalColumns: HOSTILE_CATEGORIES },
  // Few bins lie two a byte.
  ...{ hasWeights: false, threadCount: 1, parameters: { max_bin: 15 } },
};

/** The matrix block by block, and the rows that were asked for. */
function encoderOf(asked: [number, number][]): TableEncoder {
  return {
    columnCount: COLUMNS,
    pass: async (sink, { from, to } = { from: 0, to: ROWS }) => {
      asked.push([from, to]);
      for (let at = from; at < to; at += BLOCK_ROWS) {
        const count = Math.min(BLOCK_ROWS, to - at);
        await sink(values.slice(at * COLUMNS, (at + count) * COLUMNS), count, at);
      }
    },
    encode: () => undefined,
  };
}

interface Opened {
  readonly bins: MemberBins;
  readonly asked: readonly [number, number][];
  readonly spools: number;
  readonly log: string;
}

async function opened(store: BinStore | null, ranks: RankGroup | null, changes: Partial<BinJob> = {}): Promise<Opened> {
  const log: string[] = [];
  const io: FitIo = freeIo({
    ...{ chunkRowsMax: CHUNK_ROWS_MAX, log: (line: string) => void log.push(line) },
    ...(store === null ? {} : { bins: store }),
    ...(ranks === null ? {} : { ranks }),
  });
  const sample = { values: values.subarray(0, 4_000 * COLUMNS), rowCount: 4_000 };
  const reference = readReference(
    await findReference({ engine: testEngine(), io: freeIo() }, facts, async () => sample),
  );
  const isOwn = ownRows(ranks, ROWS, (row) =>
    uses.trains(row) ? 0 : uses.validates(row) ? 1 : uses.isHeldOut(row) ? 2 : -1,
  );
  const own = (uses: (row: number) => boolean) => (row: number) => isOwn(row) && uses(row);
  const trains = own(uses.trains);
  const asked: [number, number][] = [];
  let spools = 0;
  const job: BinJob = {
    ...{ engine: testEngine(), facts, reference, anywhere: uses, tableRows: ROWS, keyOf: () => KEY },
    encoder: encoderOf(asked),
    rows: {
      ...{ trains, validates: own(uses.validates), isHeldOut: own(uses.isHeldOut), weights: null },
      labels: Float32Array.from(
        Array.from({ length: ROWS }, (_, row) => row).filter((row) => trains(row)),
        labelOf,
      ),
    },
    ...changes,
  };
  const bins = await memberBins(job, io, async () => {
    spools += 1;
    return { ...chunksInMemory(), close: async () => undefined };
  });
  return { bins, asked, spools, log: log.join('\n') };
}

/** All ranks of a group of so many; those whose store is another one have it. */
async function openedByAll(size: number, storeOf: (rank: number) => BinStore | null): Promise<Opened[]> {
  const { ranks, gathered } = ranksInProcess(size);
  const all = await Promise.all(ranks.map((rank) => opened(storeOf(rank.rank), rank)));
  // Nobody is at another meeting.
  expect(new Set(gathered.map((said) => said.length)).size).to.equal(1);
  return all;
}

async function rowsOf(rows: EncodedRows): Promise<number[]> {
  const found: number[] = [];
  await rows.forEach((block, count, first) => {
    expect(first * COLUMNS).to.equal(found.length);
    found.push(...block.subarray(0, count * COLUMNS));
  });
  expect(found).to.have.length(rows.rowCount * COLUMNS);
  return found;
}

function modelOf(dataset: EngineDataset): string {
  const booster = dataset.createBooster({ objective: 'binary', num_leaves: 31, min_data_in_leaf: 5 });
  for (let iteration = 0; iteration < 10; iteration += 1) booster.update();
  const text = booster.modelText(0, 10);
  booster.close();
  return text;
}

/** What LightGBM and others get of a rank's rows. */
async function contentOf({ bins }: Opened): Promise<unknown> {
  const content = {
    model: modelOf(bins.dataset),
    training: await rowsOf(bins.training),
    validation: await rowsOf(bins.validation),
    holdout: await rowsOf(bins.holdout),
  };
  await bins.close();
  await bins.closeHoldout();
  return content;
}

const contentsOf = async (all: readonly Opened[]): Promise<unknown[]> => {
  const contents: unknown[] = [];
  for (const each of all) contents.push(await contentOf(each));
  return contents;
};

/** A store where reading or writing what is called so fails. */
function failing(
  store: BinStore,
  what: { readonly read?: string; readonly write?: string; readonly seal?: true },
): BinStore {
  const fails = (shard: string, name: string | undefined): void => {
    if (name !== undefined && shard.startsWith(name)) throw new Error(`${shard} is gone`);
  };
  return {
    ...store,
    open: async (name) => {
      const set = await store.open(name);
      return {
        ...set,
        read: async (shard, at, length) => {
          fails(shard, what.read);
          return set.read(shard, at, length);
        },
      };
    },
    create: (key) => {
      const writer = store.create(key);
      return {
        ...writer,
        write: async (shard, bytes) => {
          fails(shard, what.write);
          await writer.write(shard, bytes);
        },
        seal: async (index) => {
          if (what.seal === true) throw new Error('the seal is broken');
          return writer.seal(index);
        },
      };
    },
    join: (name) => {
      const writer = store.join(name);
      return {
        ...writer,
        write: async (shard, bytes) => {
          fails(shard, what.write);
          await writer.write(shard, bytes);
        },
      };
    },
  };
}

describe('fit: spans of a table', () => {
  it('meet, and differ by one row at most', () => {
    for (const [rowCount, count] of [
      [10, 3],
      [2, 4],
      [0, 2],
      [1_000_003, 7],
    ] as const) {
      const spans = rowSpans(rowCount, count);
      expect(spans.map(({ from }) => from)).to.deep.equal([0, ...spans.map(({ to }) => to).slice(0, -1)]);
      expect(spans.at(-1)?.to).to.equal(rowCount);
      const sizes = spans.map(({ from, to }) => to - from);
      expect(Math.max(...sizes) - Math.min(...sizes)).to.be.at.most(1);
    }
  });
});

describe('fit: bins that the ranks of a group make and read together', () => {
  /** By size of the group, what each rank has in spools. */
  const spooled = new Map<number, unknown[]>();

  before(async function () {
    this.timeout(20_000);
    for (const size of [2, 3]) spooled.set(size, await contentsOf(await openedByAll(size, () => null)));
    spooled.set(1, [await contentOf(await opened(null, null))]);
  });

  for (const makers of [1, 2, 3])
    it(`made by ${makers} are those of one process, of two and of three, each with its own rows`, async () => {
      const { bins: store } = localBins();
      const made = makers === 1 ? [await opened(store, null)] : await openedByAll(makers, () => store);
      expect(made.map(({ asked }) => asked)).to.deep.equal(rowSpans(ROWS, makers).map(({ from, to }) => [[from, to]]));
      expect(await contentsOf(made)).to.deep.equal(spooled.get(makers));
      for (const size of [1, 2, 3]) {
        const found = size === 1 ? [await opened(store, null)] : await openedByAll(size, () => store);
        for (const each of found) expect(each).to.deep.include({ asked: [], spools: 0 });
        expect(await contentsOf(found)).to.deep.equal(spooled.get(size));
      }
    });

  for (const rank of [0, 1, 2]) {
    for (const read of ['training-001', 'validation-000', 'training-000-000001'])
      it(`where rank ${rank} cannot read ${read} of a set, all do without it, and then have spools`, async () => {
        const store = localBins();
        await contentsOf(await openedByAll(2, () => store.bins));
        const all = await openedByAll(3, (each) => (each === rank ? failing(store.bins, { read }) : store.bins));
        for (const { spools, log } of all) {
          expect(spools).to.equal(2);
          expect(log).to.match(/kept bins are made anew/);
        }
        expect(await contentsOf(all)).to.deep.equal(spooled.get(3));
      });
    for (const write of ['training', 'holdout'])
      it(`where rank ${rank} cannot write ${write}, all have spools`, async () => {
        const store = localBins();
        const all = await openedByAll(3, (each) => (each === rank ? failing(store.bins, { write }) : store.bins));
        for (const { spools, log } of all) {
          expect(spools).to.equal(2);
          expect(log).to.match(/bins are not kept/);
        }
        expect(await store.names(), 'what was begun').to.deep.equal([]);
        expect(await contentsOf(all)).to.deep.equal(spooled.get(3));
      });
  }

  it('where the set cannot be sealed, or not be looked for, or one rank has no place, all go on', async () => {
    const store = localBins();
    const sealing = await openedByAll(2, () => failing(store.bins, { seal: true }));
    expect(sealing.map(({ spools }) => spools)).to.deep.equal([2, 2]);
    expect(await contentsOf(sealing)).to.deep.equal(spooled.get(2));
    expect(await store.names()).to.deep.equal([]);
    const placeless = await openedByAll(2, (rank) => (rank === 1 ? null : store.bins));
    expect(placeless.map(({ spools, asked }) => [spools, asked.length])).to.deep.equal([
      [2, 1],
      [2, 1],
    ]);
    expect(await contentsOf(placeless)).to.deep.equal(spooled.get(2));
    const blind: BinStore = { ...store.bins, find: () => Promise.reject(new Error('no such host')) };
    const made = await openedByAll(2, (rank) => (rank === 0 ? blind : store.bins));
    expect(made.map(({ spools }) => spools)).to.deep.equal([0, 0]);
    expect(await contentsOf(made)).to.deep.equal(spooled.get(2));
  });

  it('a rank that fails for another reason leaves, and nobody waits for it', async () => {
    const { bins: store, names } = localBins();
    const { ranks, leave } = ranksInProcess(3);
    const damaged: TableEncoder = {
      ...encoderOf([]),
      pass: () => Promise.reject(new AppError('DATASET_CHANGED', 'the file is another one')),
    };
    const codes = await Promise.all(
      ranks.map((rank) =>
        opened(store, rank, rank.rank === 1 ? { encoder: damaged } : {}).then(
          () => 'opened',
          (err: unknown) => {
            leave(rank.rank);
            return isAppError(err) ? err.code : String(err);
          },
        ),
      ),
    );
    expect(codes).to.deep.equal(['GROUP_BROKEN', 'DATASET_CHANGED', 'GROUP_BROKEN']);
    expect((await names()).filter((name) => name.endsWith('index'))).to.deep.equal([]);
  });
});

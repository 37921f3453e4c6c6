import { readFile, rm, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { BatchSource, TrainTask } from '#contracts';
import { type BinStore, type FitIo, type Spool } from '#ml';
import { fitModel, type FitResult } from '../../../../../support/in-memory.ts';
import { chunksInMemory } from '../../../../../../yarn-workers/ml/fit/binned/chunk-spool.ts';
import { binObjects } from '../../../../../../yarn-workers/worker/child/bin-objects.ts';
import { localBins } from '../../../../../support/bin-objects.ts';
import { testEngine } from '../../../../../support/boosting-engine.ts';
import { CELLS_MAX, NOTE, SOIL, source, taskOf } from '../../../../../support/computed-table.ts';
import { freeIo } from '../../../../../support/modelling-task.ts';

/** Ten chunks of training rows. */
const CHUNK_ROWS_MAX = 256;

interface Fitted {
  readonly fit: FitResult;
  readonly log: readonly string[];
  /** What was asked of the table: the number of columns of each read that has been begun. */
  readonly reads: readonly number[];
  readonly spools: number;
}

async function fitted(bins: BinStore | null, changes: Partial<TrainTask> = {}, table = source): Promise<Fitted> {
  const log: string[] = [];
  const reads: number[] = [];
  let spools = 0;
  const counted: BatchSource = {
    rowCount: table.rowCount,
    batches: (request, signal, wanted) => {
      reads.push(request.length);
      return table.batches(request, signal, wanted);
    },
  };
  const io: Partial<FitIo> = {
    ...{ matrixCellsMax: CELLS_MAX, chunkRowsMax: CHUNK_ROWS_MAX },
    ...(bins === null ? {} : { bins }),
    openSpool: async (): Promise<Spool> => {
      spools += 1;
      return { ...chunksInMemory(), close: async () => undefined };
    },
    log: (line) => log.push(line),
  };
  const fit = await fitModel(taskOf(changes), counted, testEngine(), freeIo(io));
  return { fit, log, reads, spools };
}

const TARGET_ONLY = [1];
/** Target; survey; bins: 13 features. */
const FIRST = [1, 13, 13];

/** The same model, to the last bit. */
function expectSame({ fit }: Fitted, other: Fitted): void {
  expect(fit.contentHash).to.equal(other.fit.contentHash);
  expect(fit.outOfFold).to.deep.equal(other.fit.outOfFold);
  expect(fit.trainingStatistics).to.deep.equal(other.fit.trainingStatistics);
  expect(fit.scores).to.deep.equal(other.fit.scores);
}

/** Shards of a part, and indexes, as far as their names tell. */
const kindsOf = (names: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const name of names) {
    const kind = name.split('.')[2]?.split('-')[0] ?? '';
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
};

describe('fit: bins that are kept for later models', () => {
  for (const [name, changes] of Object.entries({
    'one booster': {},
    'boosters that begin from scores': {
      parameters: { maxIterations: 55, leaves: 4, earlyStoppingRounds: 40, rowFraction: 0.5, featureFraction: 0.1 },
    },
    'a refit': { refit: { of: 'model', iterations: 8 } },
    'categories as numbers of their targets': {
      parameters: { maxIterations: 12, categories: 'target', categoryCounts: true, minRowsPerLeaf: 50 },
      features: [...taskOf({}).features, SOIL],
    },
    'a text': { features: [...taskOf({}).features, NOTE] },
    'a text and encodings': {
      parameters: { maxIterations: 12, categories: 'both', minRowsPerLeaf: 50, textComponents: 3 },
      features: [...taskOf({}).features, SOIL, NOTE],
    },
    'weights by class': { imbalance: { method: 'weights' as const, factors: [0.5, 2] } },
  } satisfies Record<string, Partial<TrainTask>>)) {
    it(`give the model of spools and of values, and are made once: ${name}`, async () => {
      const { bins } = localBins();
      const spooled = await fitted(null, changes);
      const first = await fitted(bins, changes);
      const second = await fitted(bins, { ...changes, modelId: 'other' });
      expect([spooled.spools, first.spools, second.spools]).to.deep.equal([2, 0, 0]);
      expectSame(first, spooled);
      expectSame(second, spooled);
      expect(first.reads).to.deep.equal(spooled.reads);
      expect(second.reads, 'the target is read, no feature').to.deep.equal(TARGET_ONLY);
      expect(second.log.join('\n'))
        .to.match(/the features are not surveyed/)
        .and.match(/in bins already/);
    });
  }

  it('are shards of each part, rows to find bins from, and two indexes', async () => {
    const store = localBins();
    const { reads } = await fitted(store.bins);
    expect(reads).to.deep.equal(FIRST);
    const { training, validation, holdout, ...rest } = kindsOf(await store.names());
    expect(rest).to.deep.equal({ index: 2, sample: 1 });
    for (const count of [training, validation, holdout]) expect(count).to.be.greaterThan(1);
    expect(
      (await store.names()).filter((each) => !/^[0-9a-f]{64}\.bins_[0-9a-z]+\.[a-z]+(-\d{3})?(-\d{6})?$/.test(each)),
    ).to.deep.equal([]);
  });

  it('serve models that boost otherwise: others of leaves and rows a leaf find their bins without a read', async () => {
    const { bins } = localBins();
    await fitted(bins);
    const parameters = { maxIterations: 5, leaves: 15, minRowsPerLeaf: 2, l2: 3 };
    const other = await fitted(bins, { parameters, metric: 'auc', modelId: 'other' });
    expect(other.reads).to.deep.equal(TARGET_ONLY);
    expectSame(other, await fitted(null, { parameters, metric: 'auc' }));
  });

  it('of texts are other ones for another metric, and those of a replay that says where texts ended', async () => {
    const store = localBins();
    const features = [...taskOf({}).features, NOTE];
    await fitted(store.bins, { features });
    const auc = await fitted(store.bins, { features, metric: 'auc' });
    expect(auc.reads, 'target, survey, terms; the bins are the same').to.deep.equal([1, 14, 1]);
    const replay = await fitted(store.bins, { features, stops: {} });
    expect(replay.reads).to.deep.equal([1, 14, 1]);
    expect((await fitted(store.bins, { features })).reads).to.deep.equal(TARGET_ONLY);
  });

  it('are other ones where rows, features, bins, the table or the program differ', async () => {
    const { bins, root, objects, folder } = localBins();
    const { features, table, partitioning } = taskOf({});
    await fitted(bins);
    const file = { path: 'datasets/d/1-a/part-0', sizeBytes: 1, rowCount: table.rowCount, sha256: 'a'.repeat(64) };
    const inPlace = { path: '/data/part-0', sizeBytes: 1, rowCount: table.rowCount, modifiedAt: 1_000 };
    /** Passes over the features: a survey, bins, or both. */
    const others: readonly [string, Partial<TrainTask>, number][] = [
      ['all rows are in the sample of the bins, whatever the seed', { seed: 6 }, 1],
      ['other partitions', { partitioning: { ...partitioning, seed: 4 } }, 2],
      ['fewer rows', { sampleFraction: 0.9 }, 2],
      ['fewer features', { features: features.slice(1), monotonic: { increasing: [], decreasing: [] } }, 2],
      ['fewer bins', { parameters: { maxIterations: 3, maxBins: 31 } }, 1],
      ['a refit', { refit: { of: 'model', iterations: 3 } }, 2],
      ['another version of the dataset', { table: { ...table, files: [file] } }, 2],
      ['files in place', { table: { ...table, inPlaceFiles: [inPlace] } }, 2],
      ['a file that was changed', { table: { ...table, inPlaceFiles: [{ ...inPlace, modifiedAt: 2_000 }] } }, 2],
    ];
    for (const [name, changes, expected] of others) {
      const { reads } = await fitted(bins, changes);
      expect(reads.filter((columns) => columns > 1).length, name).to.equal(expected);
      const again = await fitted(bins, changes);
      expect(again.reads, `${name}, again`).to.deep.equal(TARGET_ONLY);
    }
    expect((await fitted(binObjects(objects, folder, '2.0.0'))).reads, 'another program').to.deep.equal(FIRST);
    await rm(root, { recursive: true });
  });

  const damage = async (store: ReturnType<typeof localBins>, kind: string, how: 'alter' | 'remove'): Promise<void> => {
    const name = (await store.names()).filter((each) => each.split('.')[2]?.startsWith(kind)).at(-1) ?? '';
    const file = store.objects.localPath(`${store.folder}/${name}`);
    if (how === 'remove') return rm(file);
    const bytes = await readFile(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await rm(file);
    await writeFile(file, bytes);
  };

  for (const how of ['alter', 'remove'] as const)
    for (const kind of ['training', 'validation', 'sample', 'index'] as const)
      it(`are made anew where a ${kind} was lost (${how}), and found again after that`, async () => {
        const store = localBins();
        const first = await fitted(store.bins);
        await damage(store, kind, how);
        const second = await fitted(store.bins);
        expectSame(second, first);
        expect(second.reads.length).to.be.within(2, 3);
        if (how === 'alter') expect(second.log.join('\n')).to.match(/altered/);
        const third = await fitted(store.bins);
        expectSame(third, first);
        expect(third.reads).to.deep.equal(TARGET_ONLY);
      });

  for (const kind of ['rows', 'scores'] as const)
    it(`are made anew where the ${kind} of texts were altered`, async () => {
      const store = localBins();
      const changes = { features: [...taskOf({}).features, NOTE] };
      const first = await fitted(store.bins, changes);
      await damage(store, kind, 'alter');
      const second = await fitted(store.bins, changes);
      expectSame(second, first);
      expect(second.log.join('\n')).to.match(/altered/);
      expect((await fitted(store.bins, changes)).reads).to.deep.equal(TARGET_ONLY);
    });

  for (const how of ['alter', 'remove'] as const)
    it(`of the holdout that are lost (${how}) are read from the table`, async () => {
      const store = localBins();
      const first = await fitted(store.bins);
      await damage(store, 'holdout', how);
      const second = await fitted(store.bins);
      expectSame(second, first);
      expect(second.log.join('\n')).to.match(/kept bins are lost, the table is read again/);
    });

  it('that go while trees are grown on them are read from the table, from where they ended', async () => {
    const store = localBins();
    const changes = { parameters: { maxIterations: 120, leaves: 4, earlyStoppingRounds: 0, rowFraction: 0.5 } };
    const first = await fitted(store.bins, changes);
    let reads = 0;
    const wasted: BinStore = {
      ...store.bins,
      find: async (key) =>
        (await store.bins.find(key)).map((set) => ({
          ...set,
          read: async (shard, at, length) => {
            // Columns are read for LightGBM, whole chunks for scores.
            if (shard.startsWith('training') && at === 0 && length > CHUNK_ROWS_MAX * 2 && (reads += 1) > 3)
              throw new Error('the sweeper was here');
            return set.read(shard, at, length);
          },
        })),
    };
    const second = await fitted(wasted, changes);
    expectSame(second, first);
    expect(second.log.join('\n')).to.match(/kept bins are lost, the table is read again: .*the sweeper was here/);
    expect(reads).to.be.greaterThan(3);
  });

  it('are not kept where nothing can be written, and the fit has a spool instead', async () => {
    const store = localBins();
    const spooled = await fitted(null);
    for (const pass of [1, 4, 12]) {
      let writes = 0;
      const broken: BinStore = {
        ...store.bins,
        create: (key) => {
          const writer = store.bins.create(key);
          return {
            ...writer,
            write: async (shard, bytes) => {
              writes += 1;
              if (writes >= pass) throw new Error('permission denied');
              await writer.write(shard, bytes);
            },
          };
        },
      };
      const fit = await fitted(broken);
      expectSame(fit, spooled);
      expect(fit.spools).to.equal(2);
      expect(fit.log.join('\n')).to.match(/bins are not kept: .*permission denied/);
    }
    const unreadable: BinStore = { ...store.bins, find: () => Promise.reject(new Error('no such host')) };
    const fit = await fitted(unreadable);
    expectSame(fit, spooled);
    expect(fit.spools).to.equal(2);
    expect(kindsOf(await store.names()), 'what was begun is gone').to.not.have.any.keys('training', 'validation');
  });

  it('are written by two at the same time, who do not meet, and one of them is found', async () => {
    const store = localBins();
    const [first, second] = await Promise.all([fitted(store.bins), fitted(store.bins)]);
    expectSame(first, second);
    expect(kindsOf(await store.names())).to.include({ index: 4 });
    const third = await fitted(store.bins);
    expectSame(third, first);
    expect(third.reads).to.deep.equal(TARGET_ONLY);
  });
});

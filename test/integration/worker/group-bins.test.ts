import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { RowSpan, TrainTask } from '#contracts';
import { FileObjectStore } from '#object-store';
import { sha256 } from '../../support/boosting-engine.ts';
import { NOTE, SOIL, taskOf } from '../../support/computed-table.ts';
import type { FitWithBinsOptions, FittedWithBins } from '../../support/fit-with-bins.ts';

const PROGRAM = path.resolve('test/support/fit-with-bins.ts');
const SIZE = 2;
const ROWS = taskOf({}).table.rowCount;
const HALVES: readonly RowSpan[] = [
  { from: 0, to: ROWS / 2 },
  { from: ROWS / 2, to: ROWS },
];

/** Two of five spans, and three. */
const SURVEYED_HALVES: readonly RowSpan[] = [
  { from: 0, to: 1_600 },
  { from: 1_600, to: ROWS },
];

/** How a process ended that fits: what it said, or how it failed. */
interface Ended {
  readonly fit: FittedWithBins | null;
  readonly code: number | string | null;
  readonly stderr: string;
}

async function run(folder: string, options: FitWithBinsOptions, failpoints = ''): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, folder, JSON.stringify(options)], {
    env: { ...process.env, TRAINYARD_FAILPOINTS: failpoints },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...end) => resolve(end));
  });
  // What the program prints.
  const fit = code === 0 ? (JSON.parse(said.stdout) as FittedWithBins) : null;
  return { fit, code: code ?? signal, stderr: said.stderr };
}

const fitted = ({ fit, code, stderr }: Ended): FittedWithBins => fit ?? expect.fail(`${code ?? ''}: ${stderr}`);

const newFolder = (): string => mkdtempSync(path.join(os.tmpdir(), 'trainyard-group-bins-'));

/** Ranks that are each told something else. */
function runGroup(
  folder: string,
  options: FitWithBinsOptions = {},
  own: readonly FitWithBinsOptions[] = [],
  failpoints: readonly string[] = [],
  size = SIZE,
): Promise<Ended[]> {
  const meeting = mkdtempSync(path.join(os.tmpdir(), 'trainyard-meeting-'));
  return Promise.all(
    Array.from({ length: size }, (_, rank) =>
      run(folder, { ...options, ...own[rank], ranks: { rank, size, folder: meeting } }, failpoints[rank]),
    ),
  );
}

/** The two ranks of a group, which end well. */
async function group(...args: Parameters<typeof runGroup>): Promise<[FittedWithBins, FittedWithBins]> {
  const [first, second, ...others] = (await runGroup(...args)).map(fitted);
  if (first === undefined || second === undefined || others.length > 0) return expect.fail('two ranks');
  expect(second.contentHash, 'of both').to.equal(first.contentHash);
  expect(second.predictionsSha256).to.equal(first.predictionsSha256);
  return [first, second];
}

const modelOf = ({ contentHash, predictionsSha256, stoppedByDeadline }: FittedWithBins) => ({
  ...{ contentHash, predictionsSha256, stoppedByDeadline },
});

const storedIn = async (folder: string): Promise<string[]> =>
  (await Array.fromAsync(new FileObjectStore(folder).list('bins'))).map((object) => object.path.split('.')[2] ?? '');

/** The digests of what is kept of the features, and what it is kept under. */
async function factsIn(folder: string): Promise<Record<string, string>> {
  const store = new FileObjectStore(folder);
  const paths = (await Array.fromAsync(store.list('bins'))).map((object) => object.path);
  const [, key = '', set = ''] =
    /\/([0-9a-f]+)\.(\w+)\.sample-/.exec(paths.find((each) => each.includes('.sample-')) ?? '') ?? [];
  const facts: Record<string, string> = {};
  for (const each of paths) {
    const [, name] = each.split(`${key}.${set}.`);
    if (name !== undefined) facts[`${key} ${name}`] = sha256(await store.readAll(each, { maxBytes: 1024 ** 2 }));
  }
  return facts;
}

const logOf = ({ log }: FittedWithBins): string => log.join('\n');

const SURVEYED = /waited|the features are (not surveyed|surveyed by all)/;

describe('worker: ranks of a group share the reading of a table', function () {
  this.timeout(120_000);
  /** Of a group that keeps nothing. */
  let alone: ReturnType<typeof modelOf>;

  before(async () => {
    const spooled = await group(newFolder(), { isWithoutStore: true });
    for (const rank of spooled) {
      expect(rank.reads).to.deep.equal([1, 13, 13]);
      expect(rank.spools).to.equal(2);
    }
    alone = modelOf(spooled[0]);
  });

  for (const [name, changes] of Object.entries({
    'one booster': {},
    'boosters that begin from scores': {
      parameters: { maxIterations: 55, leaves: 4, earlyStoppingRounds: 40, rowFraction: 0.5, featureFraction: 0.1 },
    },
    'a refit': { refit: { of: 'model', iterations: 8 } },
    'a text and encodings': {
      parameters: { maxIterations: 12, categories: 'both', minRowsPerLeaf: 50, textComponents: 3 },
      features: [...taskOf({}).features, SOIL, NOTE],
    },
    'weights by class, few bins': {
      imbalance: { method: 'weights' as const, factors: [0.5, 2] },
      parameters: { maxIterations: 12, maxBins: 15 },
    },
  } satisfies Record<string, Partial<TrainTask>>))
    it(`the model is that of ranks with spools, and all survey: ${name}`, async () => {
      const folder = newFolder();
      const [spooled] = await group(folder, { changes, isWithoutStore: true });
      const made = await group(folder, { changes });
      expect(modelOf(made[0])).to.deep.equal(modelOf(spooled));
      const [first, second] = made;
      expect([first.spans[0], second.spans[0]], 'the target').to.deep.equal([null, null]);
      for (const [rank, { reads, spans, spools }] of made.entries()) {
        expect(reads).to.deep.equal(spooled.reads);
        expect(spans.at(-1), 'bins').to.deep.equal(HALVES[rank]);
        expect(new Set(spans.slice(1, -1).map((span) => JSON.stringify(span)))).to.deep.equal(
          new Set([JSON.stringify(SURVEYED_HALVES[rank])]),
        );
        expect(spools).to.equal(0);
      }
      const found = await group(folder, { changes: { ...changes, modelId: 'other' } });
      expect(modelOf(found[0])).to.deep.equal(modelOf(spooled));
      for (const rank of found) expect(rank.reads, 'the target').to.deep.equal([1]);
      // A fit by one process has another model, and the same bins.
      const single = fitted(await run(folder, { changes }));
      expect(single.reads).to.deep.equal([1]);
      expect(modelOf(single)).to.deep.equal(modelOf(fitted(await run(newFolder(), { changes }))));
    });

  it('one process, two ranks and three keep the same facts, byte for byte', async () => {
    const changes = {
      parameters: { maxIterations: 4, categories: 'both', categoryCounts: true, minRowsPerLeaf: 50, textComponents: 3 },
      features: [...taskOf({}).features, SOIL, NOTE],
    } satisfies Partial<TrainTask>;
    const folders = [newFolder(), newFolder(), newFolder()];
    for (const [index, folder] of folders.entries()) {
      const size = index + 1;
      const ranks = size === 1 ? [await run(folder, { changes })] : await runGroup(folder, { changes }, [], [], size);
      const reads = ranks.map((rank) => fitted(rank).reads);
      expect(reads, 'target, features, texts, encodings, bins').to.deep.equal(ranks.map(() => [1, 15, 1, 1, 15]));
    }
    const [one = {}, two, three] = await Promise.all(folders.map(factsIn));
    expect(Object.keys(one).map((name) => name.split(' ')[1])).to.include.members([
      'sample-000000',
      'scores-000000',
      'index',
    ]);
    expect(two).to.deep.equal(one);
    expect(three).to.deep.equal(one);
  });

  for (const [name, own] of Object.entries({
    'the other rank cannot write': [{}, { unwritable: 'state-000003' }],
    'the first one cannot read': [{ unreadable: 'state-000003' }],
  } satisfies Record<string, FitWithBinsOptions[]>))
    it(`a state of a span that ${name} is made by the first one`, async () => {
      const folder = newFolder();
      const changes = { features: [...taskOf({}).features, NOTE] };
      const [first, second] = await group(folder, { changes }, own);
      expect(modelOf(first)).to.deep.equal(modelOf((await group(newFolder(), { changes }))[0]));
      expect(first.reads).to.deep.equal([1, 14, 14, 1, 1, 14]);
      expect(first.spans.slice(1, 3)).to.deep.equal([SURVEYED_HALVES[0], { from: 2_400, to: ROWS }]);
      expect(second.reads).to.deep.equal([1, 14, 1, 14]);
      expect(logOf(first)).to.match(/surveyed again: 2 of 5 spans/);
      expect((await storedIn(folder)).filter((part) => part.startsWith('state'))).to.deep.equal([]);
    });

  it('a set that one process has made is that of a group', async () => {
    const folder = newFolder();
    fitted(await run(folder, {}));
    const stored = await storedIn(folder);
    const ranks = await group(folder);
    expect(modelOf(ranks[0])).to.deep.equal(alone);
    for (const rank of ranks) expect(rank.reads).to.deep.equal([1]);
    expect(await storedIn(folder), 'nothing is written').to.deep.equal(stored);
  });

  for (const part of ['training-001', 'validation-000'])
    for (const rank of [0, 1])
      it(`a shard of ${part} that rank ${rank} cannot read: all do without the set, which is made anew for others`, async () => {
        const folder = newFolder();
        await group(folder);
        const own = Array.from({ length: SIZE }, (_, each) => (each === rank ? { unreadable: part } : {}));
        const ranks = await group(folder, {}, own);
        expect(modelOf(ranks[0])).to.deep.equal(alone);
        for (const each of ranks) {
          expect(each.spools).to.equal(2);
          expect(logOf(each)).to.match(/kept bins are made anew/);
        }
        expect(await storedIn(folder), 'of bins').not.to.include('training-000-000000');
        const again = await group(folder);
        expect(modelOf(again[0])).to.deep.equal(alone);
        expect(again.map(({ spools }) => spools)).to.deep.equal([0, 0]);
      });

  it('rows of the holdout that one rank cannot read are read from the table by that one', async () => {
    const folder = newFolder();
    await group(folder);
    const ranks = await group(folder, {}, [{}, { unreadable: 'holdout' }]);
    expect(modelOf(ranks[0])).to.deep.equal(alone);
    expect(ranks.map(({ reads }) => reads)).to.deep.equal([[1], [1, 13]]);
    expect(logOf(ranks[1])).to.match(/kept bins are lost, the table is read again/);
  });

  for (const [rank, unwritable] of [
    [0, 'training'],
    [1, 'training'],
    [1, 'holdout'],
  ] as const)
    it(`a shard of ${unwritable} that rank ${rank} cannot write: all have spools`, async () => {
      const folder = newFolder();
      const own = Array.from({ length: SIZE }, (_, each) => (each === rank ? { unwritable } : {}));
      const ranks = await group(folder, {}, own);
      expect(modelOf(ranks[0])).to.deep.equal(alone);
      for (const each of ranks) {
        expect(each.spools).to.equal(2);
        expect(logOf(each)).to.match(/bins are not kept/);
      }
      expect((await storedIn(folder)).filter((name) => name !== 'index')).to.deep.equal(['sample-000000']);
    });

  it('facts that the first rank cannot keep are found by the others, too; those that one cannot get by that one', async () => {
    const late = await group(newFolder(), {}, [{ unwritable: 'sample' }]);
    expect(modelOf(late[0])).to.deep.equal(alone);
    expect(late.map(({ reads }) => reads)).to.deep.equal([
      [1, 13, 13],
      [1, 13, 13, 13],
    ]);
    expect(logOf(late[1])).to.match(/the features are surveyed by this rank, too/);
    const early = await group(newFolder(), {}, [{ unwritable: 'begun' }]);
    expect(modelOf(early[0])).to.deep.equal(alone);
    for (const each of early) expect(logOf(each)).not.to.match(SURVEYED);
    const sample = await group(newFolder(), {}, [{}, { unreadable: 'sample' }]);
    expect(modelOf(sample[0])).to.deep.equal(alone);
    expect(sample.map(({ reads }) => reads)).to.deep.equal([
      [1, 13, 13],
      [1, 13, 13, 13],
    ]);
  });

  it('texts whose fit the clock of the first rank ends: the others have its models of them, and a replay too', async () => {
    const changes = { features: [...taskOf({}).features, NOTE] };
    // Each look at the clock takes so long that the fits of texts are late; what the other rank's clock says counts for nothing.
    const clocks = [
      { remainingMs: 60_000, stepMs: 400 },
      { remainingMs: 1e9, stepMs: 1 },
    ];
    for (const [name, own, readsOfOther] of [
      ['taken from the store', clocks, 4],
      ['made by each', [{ ...clocks[0], unwritable: 'sample' }, clocks[1] ?? {}], 6],
    ] as const) {
      const folder = newFolder();
      const [first, second] = await group(folder, { changes }, own);
      expect(first.stoppedByDeadline, name).to.equal(true);
      expect(Object.keys(first.stops).some((place) => place.startsWith('texts-'))).to.equal(true);
      expect(second).to.deep.include({ stops: first.stops, stoppedByDeadline: true });
      expect(second.reads, name).to.have.length(readsOfOther);
      const replayed = await group(folder, { changes: { ...changes, stops: first.stops } });
      expect(replayed[0].contentHash, name).to.equal(first.contentHash);
      expect(replayed[1].reads, 'no survey that was kept is of a replay').to.deep.equal([1, 14, 1]);
      // Nobody else's texts are ended there.
      expect((await group(folder, { changes }))[0].stops).to.deep.equal({});
    }
  });

  it('one rank that has no place: all do without', async () => {
    const folder = newFolder();
    const ranks = await group(folder, {}, [{}, { isWithoutStore: true }]);
    expect(modelOf(ranks[0])).to.deep.equal(alone);
    for (const each of ranks) expect(each).to.deep.include({ reads: [1, 13, 13], spools: 2 });
    expect(await storedIn(folder)).to.deep.equal([]);
  });

  it('a rank that is killed while the set is made ends the group, which makes it anew to the same model', async () => {
    for (const [rank, failpoint, readsAgain] of [
      // States of its spans.
      [1, 'worker.bins.shard=kill@2', 3],
      [1, 'worker.bins.shard=kill@5', 2],
      // One is tried, one is of the survey.
      [0, 'worker.bins.shard=kill@4', 2],
      [0, 'worker.bins.seal=kill@2', 2],
      [0, 'worker.bins.sealed=kill@2', 1],
    ] as const) {
      const folder = newFolder();
      const failpoints = Array.from({ length: SIZE }, (_, each) => (each === rank ? failpoint : ''));
      const ends = await runGroup(folder, {}, [], failpoints);
      expect(ends[rank]?.code, failpoint).to.equal('SIGKILL');
      expect(ends[1 - rank]?.stderr, failpoint).to.match(/GROUP_BROKEN|the connection to rank/);
      const again = await group(folder);
      expect(modelOf(again[0])).to.deep.equal(alone);
      expect(again.map(({ spools }) => spools)).to.deep.equal([0, 0]);
      expect(again[1].reads.length, failpoint).to.equal(readsAgain);
    }
  });
});

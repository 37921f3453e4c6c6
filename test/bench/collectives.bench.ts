/**
 * Our collectives beside LightGBM's own sockets: `node test/bench/collectives.bench.ts [RANKS] [ROWS] [COLUMNS] [TREES] [ROUNDS]`.
 * Each rank is a process with its part of a made table (uniform numbers, a category of 20 levels, a binary target), one thread, 31
 * leaves. In each round the same processes boost the same trees by both, one after the other, on loopback. Printed are the slowest
 * rank's wall and CPU of a tree, their ratios, what a rank sends, and the load of the machine. The models of all ranks must be the
 * same bytes, or it fails; of two ranks those of both ways too: LightGBM's sockets add up three and more in another order.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import koffi from 'koffi';
import { issueGroupCertificates } from '#runtime';
import type { EngineDataset, EngineParameters } from '#ml';
import { createRandom } from '#statistics';
import { joinGroup, type Group } from '../../yarn-workers/worker/collectives/join-group.ts';
import type { Membership, RankAddress } from '../../yarn-workers/worker/collectives/messages.ts';
import { dieWithParent } from '../../yarn-workers/worker/native/process.ts';
import { lightgbmLibraryPath, sha256, testEngine } from '../support/boosting-engine.ts';
import { freePorts } from '../support/platform.ts';

const LEVELS = 20;
const SAMPLE_ROWS = 50_000;
const CHUNK_ROWS = 20_000;
/** Trees that are not timed: buffers grow, sockets find their windows. */
const WARM_TREES = 5;
const DAY_MS = 24 * 3_600_000;
const WAYS = ['own', 'sockets'] as const;
type Way = (typeof WAYS)[number];

interface Config {
  readonly member: Membership;
  readonly bins: Uint8Array;
  readonly rowCount: number;
  readonly columnCount: number;
  readonly trees: number;
  readonly rounds: number;
  /** Ports of LightGBM's own, one a rank, for each round: it does not get one back at once. */
  readonly ports: readonly (readonly number[])[];
}

/** One boosting of one rank. */
interface Timed {
  readonly way: Way;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Of a tree. */
  readonly sentBytes: number;
  readonly operations: number;
  readonly model: string;
}

function madeRows(seed: number, rowCount: number, columnCount: number) {
  const random = createRandom(seed);
  const values = new Float64Array(rowCount * columnCount);
  const labels = new Float32Array(rowCount);
  for (let row = 0, at = 0; row < rowCount; row += 1) {
    const level = random.below(LEVELS);
    let signal = Math.cos(level);
    values[at] = level;
    at += 1;
    for (let column = 1; column < columnCount; column += 1, at += 1) {
      const value = random.uniform();
      values[at] = value;
      if (column < 5) signal += (column % 2 === 0 ? 1 : -1) * value;
    }
    labels[row] = random.uniform() < 1 / (1 + Math.exp(-3 * signal)) ? 1 : 0;
  }
  return { values, labels };
}

const shared = { categoricalColumns: [0], hasWeights: false, threadCount: 1, parameters: { max_bin: 255 } };

function filled({ member, bins, rowCount, columnCount }: Config): EngineDataset {
  const dataset = testEngine().createPart(bins, { ...shared, rowCount, columnCount });
  for (let first = 0; first < rowCount; first += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, rowCount - first);
    const { values, labels } = madeRows(1 + member.rank * 1_000_003 + first, count, columnCount);
    dataset.push(values, count, labels, null);
  }
  dataset.finish();
  return dataset;
}

/** LightGBM's own network, which the product never opens. */
function openSockets({ rank, size }: Membership, ports: readonly number[]) {
  const library = koffi.load(lightgbmLibraryPath());
  const init = library.func('int LGBM_NetworkInit(const char *machines, int port, int minutes, int size)');
  const free = library.func('int LGBM_NetworkFree()');
  const machines = ports.map((port) => `127.0.0.1:${port}`).join(',');
  if (init(machines, ports[rank], 2, size) !== 0) throw new Error('LGBM_NetworkInit failed');
  const parameters: EngineParameters = {
    ...{ tree_learner: 'data', num_machines: size, pre_partition: true, machines, time_out: 2 },
    local_listen_port: ports[rank] ?? 0,
  };
  return { parameters, close: () => void free() };
}

function timed(dataset: EngineDataset, group: Group, config: Config, way: Way, round: number): Timed {
  const engine = testEngine();
  let sockets: ReturnType<typeof openSockets> | null = null;
  if (way === 'own') group.install(engine);
  else sockets = openSockets(config.member, config.ports[round] ?? []);
  const booster = dataset.createBooster({ objective: 'binary', num_leaves: 31, ...sockets?.parameters });
  for (let tree = 0; tree < WARM_TREES; tree += 1) booster.update();
  const before = { stats: group.stats, cpu: process.cpuUsage(), at: performance.now() };
  for (let tree = 0; tree < config.trees; tree += 1) booster.update();
  const wallMs = (performance.now() - before.at) / config.trees;
  const { user, system } = process.cpuUsage(before.cpu);
  const text = booster.modelText(0, WARM_TREES + config.trees);
  booster.close();
  if (sockets === null) engine.leaveNetwork();
  else sockets.close();
  return {
    way,
    wallMs,
    cpuMs: (user + system) / 1000 / config.trees,
    sentBytes: (group.stats.sentBytes - before.stats.sentBytes) / config.trees,
    operations: (group.stats.operationCount - before.stats.operationCount) / config.trees,
    model: sha256(Buffer.from(text.slice(text.indexOf('Tree=0'), text.indexOf('end of trees')))),
  };
}

async function runRank(config: Config): Promise<void> {
  const group = await joinGroup({
    ...config.member,
    listenHost: '127.0.0.1',
    peers: async (port) => {
      process.send?.({ port });
      const [message] = (await once(process, 'message')) as [{ addresses: readonly RankAddress[] }]; // of its parent
      return message.addresses;
    },
    onFailure: (err) => console.error(err.message),
  });
  const dataset = filled(config);
  const results: Timed[] = [];
  for (let round = 0; round < config.rounds; round += 1)
    for (const way of WAYS) results.push(timed(dataset, group, config, way, round));
  dataset.close();
  await group.leave();
  process.send?.({ results }, () => process.exit(0));
}

async function resultsOf(configs: readonly Config[]): Promise<Timed[][]> {
  const ranks = configs.map((config) => {
    const child = fork(import.meta.filename, ['rank'], { serialization: 'advanced' });
    child.on('exit', (code) => {
      if (code !== 0) throw new Error(`a rank ended by ${code ?? 'a signal'}`);
    });
    child.send(config);
    return child;
  });
  const ports = await Promise.all(ranks.map(async (rank) => ((await once(rank, 'message')) as [{ port: number }])[0]));
  const addresses = ports.map(({ port }) => ({ host: '127.0.0.1', port }));
  const ends = ranks.map(async (rank) => ((await once(rank, 'message')) as [{ results: Timed[] }])[0].results);
  for (const rank of ranks) rank.send({ addresses });
  return Promise.all(ends);
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

async function main(): Promise<void> {
  const [size = 2, rowCount = 300_000, columnCount = 20, trees = 50, rounds = 3] = process.argv.slice(2).map(Number);
  const bins = testEngine().findBins({
    ...{ ...shared, columnCount, rowCount: size * rowCount },
    ...{ sample: madeRows(777, SAMPLE_ROWS, columnCount).values, sampleRowCount: SAMPLE_ROWS },
  });
  const certificates = issueGroupCertificates({ groupId: 'bench', size, now: Date.now(), validMs: DAY_MS });
  const free = await freePorts(size * rounds);
  const ports = Array.from({ length: rounds }, (_, round) => free.slice(round * size, (round + 1) * size));
  const load = os.loadavg()[0] ?? 0;
  const results = await resultsOf(
    certificates.map((own, rank) => ({
      member: { groupId: 'bench', rank, size, epoch: 1, certificates: own },
      ...{ bins, rowCount, columnCount, trees, rounds, ports },
    })),
  );
  const modelsOf = (one: Way) => new Set(results.flat().flatMap(({ way, model }) => (way === one ? [model] : [])));
  const isOneOfAll = modelsOf('own').size === 1;
  const isSameByBoth = modelsOf('own').union(modelsOf('sockets')).size === 1;
  console.log(
    `${size} ranks x ${rowCount} rows x ${columnCount} columns, ${trees} trees, load ${load.toFixed(1)} before`,
  );
  const slowest = (index: number, figure: (one: Timed) => number): number =>
    Math.max(...results.map((rank) => (rank[index] === undefined ? NaN : figure(rank[index]))));
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [own, sockets] = [2 * round, 2 * round + 1];
    const wall = [slowest(own, ({ wallMs }) => wallMs), slowest(sockets, ({ wallMs }) => wallMs)] as const;
    const cpu = [slowest(own, ({ cpuMs }) => cpuMs), slowest(sockets, ({ cpuMs }) => cpuMs)] as const;
    ratios.push(wall[0] / wall[1]);
    console.log(
      `round ${round + 1}: ms a tree, own ${wall[0].toFixed(1)}, sockets ${wall[1].toFixed(1)}, ratio ${(wall[0] / wall[1]).toFixed(2)}; ` +
        `CPU ms ${cpu[0].toFixed(1)}, ${cpu[1].toFixed(1)}, ratio ${(cpu[0] / cpu[1]).toFixed(2)}; ` +
        `a rank sends ${Math.round(slowest(own, ({ sentBytes }) => sentBytes) / 1000)} kB in ${slowest(own, ({ operations }) => operations)} exchanges`,
    );
  }
  console.log(
    `median ratio ${median(ratios).toFixed(2)}; own models of all ranks and rounds ${isOneOfAll ? 'equal' : 'DIFFERENT'}, ` +
      `to the sockets' ${isSameByBoth ? 'equal' : 'different'}`,
  );
  if (!isOneOfAll || (size === 2 && !isSameByBoth)) process.exitCode = 1;
}

if (process.argv[2] === 'rank') {
  dieWithParent(process.ppid);
  process.once('message', (config: Config) => void runRank(config));
} else await main();

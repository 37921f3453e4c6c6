import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { Leaderboard, type Job } from '#contracts';
import { rowHash } from '#statistics';
import { listeningAt } from '../../support/listening.ts';
import { newProject, startAutopilot } from '../../support/modelling.ts';
import { until } from '../../support/processes.ts';
import { openCluster, type Cluster, type WorkerProcess } from './cluster.ts';

const ROWS = 4_000;
/** Without random numbers, whose booster goes on from the scores of its trees, and with them. */
const DEFAULT = 'lightgbm-default';
const RANDOM = 'lightgbm-extra-trees';
/** So many that there are two checkpoints of a fit under way. */
const TREES = 110;
/** Hundreds of rows judge. */
const AUC_TOLERANCE = 0.01;

const KINDS = ['red', 'green', 'blue', 'grey'];

/** A table that takes many trees to learn, with some noise. */
function wavyCsv(rowCount: number): string {
  const lines = ['a,b,c,d,kind,label'];
  for (let row = 0; row < rowCount; row += 1) {
    const draw = (salt: number): number => rowHash(salt, row) / 2 ** 32;
    const [a, b, c, d] = [draw(1), draw(2), draw(3), draw(4)];
    const kind = KINDS[rowHash(6, row) % KINDS.length] ?? '';
    const wave = Math.sin(9 * a) + Math.sin(7 * b + 4 * c) + c * d + (kind === 'red' ? 0.5 * Math.cos(5 * d) : 0);
    const cells = [a, row % 11 === 0 ? NaN : b, c, d].map((cell) => (Number.isNaN(cell) ? '' : cell.toFixed(6)));
    lines.push(`${cells.join(',')},${kind},${wave + 0.8 * draw(5) > 1 ? 'yes' : 'no'}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A run of Autopilot. */
interface Run {
  readonly projectId: string;
  readonly job: Job;
}

describe('worker: several workers fit one model together', function () {
  this.timeout(180_000);
  let cluster: Cluster;
  let datasetId = '';
  /** Where one worker fits a model. */
  let alone: Cluster;
  let datasetIdAlone = '';
  /** Of runs that nothing has disturbed, by blueprint. */
  const expected = new Map<string, string[]>();

  const open = (ranksMax: number): Promise<Cluster> =>
    openCluster({
      'worker.checkpointMs': 0,
      'autopilot.ranksMax': ranksMax,
      // No worker has the memory, so that all ranks are needed.
      'autopilot.workerBytesMax': 1,
      'autopilot.insights': 'none',
      'queue.leaseMs': 4_000,
    });

  async function upload(to: Cluster): Promise<string> {
    const worker = to.startWorker();
    const id = await to.api.dataset({ content: wavyCsv(ROWS), fileName: 'table.csv' });
    await to.stop(worker);
    return id;
  }

  /** Trains a model, and refits it. */
  async function begin(blueprint: string, { api } = cluster, id = datasetId): Promise<Run> {
    const projectId = await newProject(api, id);
    const job = await startAutopilot(api, projectId, {
      target: 'label',
      metric: 'auc',
      maxModels: 1,
      blueprints: [blueprint],
      pinnedParameters: { maxIterations: TREES, leaves: 8 },
      partitioning: { method: 'stratified', validation: 'tvh' },
      seed: 7,
    });
    return { projectId, job };
  }

  async function hashesAtEnd({ job, projectId }: Run, of = cluster): Promise<string[]> {
    await of.api.succeeded(job);
    return of.contentHashesOf(projectId);
  }

  /** Of the model on validation rows. */
  async function aucOf({ api }: Cluster, { projectId }: Run): Promise<number> {
    const { data } = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    return data.find(({ refitOf }) => refitOf === null)?.scores.validation?.['auc'] ?? expect.fail('no model');
  }

  /** Log lines of the first rank and of the others that fit. */
  async function lines({ projectId }: Run, fits: RegExp): Promise<{ first: string[]; others: string[] }> {
    const of = async (kind: string) => (await cluster.taskLog(kind, projectId)).filter((line) => fits.test(line));
    return { first: await of('train'), others: await of('train-part') };
  }

  /** Content hashes that parts have sealed, in the order of their tasks. */
  async function sealedByParts({ projectId }: Run): Promise<string[]> {
    const outcomes = (await cluster.server.database
      .knex('task_seal')
      .join('task', 'task.id', 'task_seal.task_id')
      .where({ 'task.kind': 'train-part', 'task.share_key': projectId })
      .pluck('task_seal.outcome')) as string[]; // the column asked for
    return outcomes.map((text) => (JSON.parse(text) as { contentHash: string }).contentHash); // of a part
  }

  const stopAll = async (workers: readonly WorkerProcess[]): Promise<void> => {
    for (const worker of workers) await cluster.stop(worker);
  };

  before(async () => {
    cluster = await open(2);
    datasetId = await upload(cluster);
    alone = await open(1);
    datasetIdAlone = await upload(alone);
  });
  after(async () => {
    await cluster.close();
    await alone.close();
  });

  for (const blueprint of [DEFAULT, RANDOM])
    it(`${blueprint} of two: the same model on both, nearly as good as that of one worker`, async () => {
      const workers = [cluster.startWorker(), cluster.startWorker()];
      const run = await begin(blueprint);
      const hashes = await hashesAtEnd(run);
      await stopAll(workers);
      expected.set(blueprint, hashes);
      expect(hashes).to.have.length(2);
      expect((await sealedByParts(run)).sort(), 'of the parts').to.deep.equal(hashes);
      expect(await lines(run, /^rank /)).to.deep.equal({
        first: ['rank 0 of 2, epoch 1', 'rank 0 of 2, epoch 1'],
        others: ['rank 1 of 2, epoch 1', 'rank 1 of 2, epoch 1'],
      });
      expect(await cluster.server.database.knex('group_rank').select('rank'), 'keys that are kept').to.deep.equal([]);
      const worker = alone.startWorker();
      const single = await begin(blueprint, alone, datasetIdAlone);
      expect(await hashesAtEnd(single, alone)).to.not.deep.equal(hashes);
      expect(await aucOf(cluster, run)).to.be.closeTo(await aucOf(alone, single), AUC_TOLERANCE);
      await alone.stop(worker);
    });

  it('the first rank killed: all go on from its checkpoint, to the same models', async () => {
    const workers = [1, 2].map(() => cluster.startWorker('worker.checkpoint=kill@2'));
    const run = await begin(DEFAULT);
    expect(await hashesAtEnd(run)).to.deep.equal(expected.get(DEFAULT));
    const { first, others } = await lines(run, /^resumed /);
    expect(first[0]).to.equal('resumed at iteration 50');
    expect(others).to.deep.equal(first);
    expect(await chargedOf(run), 'attempts that are charged').to.deep.equal([]);
    await stopAll(workers);
  });

  it('a rank killed while all put the table into bins: they begin again, to the same models', async () => {
    // Of the first rank's objects the fifth is its last one: two are of the survey, which it finds when it begins again.
    const workers = [1, 2].map(() => cluster.startWorker('worker.bins.shard=kill@5'));
    const run = await begin(DEFAULT);
    expect(await hashesAtEnd(run)).to.deep.equal(expected.get(DEFAULT));
    const begun = await lines(run, /^rank /);
    expect(begun.first.length, 'more than of the model and its refit').to.be.greaterThan(2);
    const bins = await lines(run, /bins of \d+ rows are kept|in bins already/);
    expect(bins.first.length).to.be.at.least(2);
    expect(bins.others).to.deep.equal(bins.first);
    const surveys = await lines(run, /surveyed by all ranks|the first rank has found out/);
    expect(surveys.first[0]).to.match(/^the features are surveyed by all ranks/);
    expect(surveys.others[0]).to.match(/^the features are not surveyed: the first rank has found out/);
    expect(await chargedOf(run), 'attempts that are charged').to.deep.equal([]);
    await stopAll(workers);
  });

  it('another rank frozen, and a new worker in its place: the same models; the frozen one is refused when it wakes', async () => {
    const workers = [1, 2].map(() => cluster.startWorker('worker.checkpoint=pause:60000@2'));
    const run = await begin(RANDOM);
    const first = await Promise.race(
      workers.map(async (worker) => {
        await worker.until('a checkpoint', ({ event }) => event === 'checkpoint_taken');
        return worker;
      }),
    );
    const [frozen = first] = workers.filter((worker) => worker !== first);
    const pids = [frozen.pid, ...cluster.childrenOf(frozen.pid).map(({ pid }) => pid)];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    workers.push(cluster.startWorker());
    expect(await hashesAtEnd(run)).to.deep.equal(expected.get(RANDOM));
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await frozen.until('the refusal', ({ event }) => event === 'task_refused' || event === 'task_interrupted');
    const resumed = await lines(run, /^resumed /);
    expect(resumed).to.deep.equal({ first: ['resumed at iteration 50'], others: ['resumed at iteration 50'] });
    expect(await chargedOf(run), 'attempts that are charged').to.deep.equal([]);
    await stopAll(workers);
  });

  it('the first rank frozen while another one waits for its survey: it waits as long as that one lives, and no longer', async () => {
    // The first rank looks whether it can keep what it finds, and keeps it then.
    const workers = [1, 2].map(() => cluster.startWorker('worker.bins.shard=pause:60000@2'));
    const run = await begin(DEFAULT);
    await until('that the other one waits', async () => (await lines(run, /^waiting for the other ranks/)).others[0]);
    const isFirst = ({ lines: told }: WorkerProcess): boolean =>
      told.some(({ event, kind }) => event === 'task_started' && kind === 'train');
    const frozen = workers.find(isFirst) ?? expect.fail('nobody has begun');
    const pids = [frozen.pid, ...cluster.childrenOf(frozen.pid).map(({ pid }) => pid)];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    workers.push(cluster.startWorker());
    expect(await hashesAtEnd(run)).to.deep.equal(expected.get(DEFAULT));
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await frozen.until('the refusal', ({ event }) => event === 'task_refused' || event === 'task_interrupted');
    expect(await chargedOf(run), 'attempts that are charged').to.deep.equal([]);
    await stopAll(workers);
  });

  it('strangers with random bytes at every port that opens: no effect', async () => {
    const workers = [cluster.startWorker(), cluster.startWorker()];
    let isOver = false;
    let count = 0;
    const strangers = (async () => {
      while (!isOver) {
        for (const { pid } of workers.flatMap((worker) => cluster.childrenOf(worker.pid)))
          for (const address of listeningAt(pid)) {
            const [host = '', port = ''] = address.split(':');
            const socket = connect(Number(port), host, () => socket.end(randomBytes(600)));
            socket.on('error', () => undefined);
            count += 1;
          }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const run = await begin(DEFAULT);
    expect(await hashesAtEnd(run)).to.deep.equal(expected.get(DEFAULT));
    isOver = true;
    await strangers;
    expect(count).to.be.greaterThan(0);
    const { first, others } = await lines(run, /^a connection to this rank was refused/);
    expect(first.length + others.length).to.be.greaterThan(0);
    await stopAll(workers);
  });

  /** Attempts of a run whose failure is the task's. */
  async function chargedOf({ job }: Run): Promise<unknown[]> {
    const { knex } = cluster.server.database;
    const attempts = knex('attempt').join('task', 'task.id', 'attempt.task_id');
    return attempts.where({ 'task.job_id': job.id, 'attempt.blame': 'task' }).pluck('attempt.problem');
  }
});

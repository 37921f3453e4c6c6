import { expect } from 'chai';
import { newProject, startAutopilot } from '../support/modelling.ts';
import { churnCsv } from '../integration/worker/support.ts';
import { openCluster, type Cluster, type WorkerProcess } from '../integration/worker/cluster.ts';
import { until } from '../support/processes.ts';

const RANKS = 3;
const FAULT_EVERY_MS = 20_000;
const FAULTS_MIN = 3;
/** A group whose rank is frozen, cut off or lost is given back within that time. */
const GIVEN_BACK_MS_MAX = 90_000;

const RUN_MS_MAX = 600_000;

/** Faults of a worker: killed outright, its task process killed, frozen for good, or asked to end as YARN does when it preempts. */
const FAULTS = ['kill', 'kill-child', 'freeze', 'preempt'] as const;

describe('faults: workers that fit one model together, one of them lost every 20 s', function () {
  this.timeout(900_000);
  let cluster: Cluster;
  let datasetId = '';
  const workers: WorkerProcess[] = [];
  const frozen: number[] = [];

  const start = (failpoints = '') => workers.push(cluster.startWorker(failpoints));
  const allPids = ({ pid }: WorkerProcess) => [pid, ...cluster.childrenOf(pid).map((child) => child.pid)];
  async function dissolvedCount(): Promise<number> {
    const counts = (await cluster.server.database.knex('task_group').pluck('dissolved')) as number[]; // the column asked for
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Whether all ranks of a group have begun. */
  async function isFitting(): Promise<boolean> {
    const running = await cluster.server.database
      .knex('task')
      .whereIn('kind', ['train', 'train-part'])
      .where({ state: 'RUNNING' })
      .pluck('id');
    return running.length === RANKS;
  }

  const hasCheckpoint = async (): Promise<boolean> =>
    (await cluster.server.database.knex('task').whereNotNull('checkpoint').pluck('id')).length > 0;

  async function begin(): Promise<{ end: () => Promise<string[]>; isOver: () => Promise<boolean> }> {
    const { api } = cluster;
    const projectId = await newProject(api, datasetId);
    const job = await startAutopilot(api, projectId, {
      target: 'label',
      maxModels: 1,
      blueprints: ['lightgbm-extra-trees'],
      pinnedParameters: { maxIterations: 1_500, earlyStoppingRounds: 0, learningRate: 0.02, leaves: 31 },
      partitioning: { method: 'stratified', validation: 'tvh' },
      seed: 3,
    });
    const isOver = async (): Promise<boolean> => {
      const ends = await cluster.server.database.knex('job').where({ id: job.id }).pluck('finished_at');
      return ends[0] !== null;
    };
    return {
      isOver,
      end: async () => {
        await until('the end of the run', isOver, RUN_MS_MAX);
        await api.succeeded(job);
        return cluster.contentHashesOf(projectId);
      },
    };
  }

  before(async () => {
    cluster = await openCluster({
      'worker.checkpointMs': 0,
      'autopilot.ranksMax': RANKS,
      // No worker has the memory, so that all ranks are needed.
      'autopilot.workerBytesMax': 1,
      'autopilot.insights': 'none',
      'queue.leaseMs': 5_000,
    });
    for (let rank = 0; rank < RANKS; rank += 1) start();
    datasetId = await cluster.api.dataset({ content: churnCsv(8_000), fileName: 'churn.csv' });
  });
  after(async () => {
    for (const pid of frozen) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    await cluster.close();
  });

  it('the models are those of an undisturbed run', async () => {
    const expected = await (await begin()).end();
    const run = await begin();
    let count = 0;
    while (!(await run.isOver())) {
      const at = performance.now() + FAULT_EVERY_MS;
      await until('the next fault', async () => performance.now() > at || (await run.isOver()), 2 * FAULT_EVERY_MS);
      await until('all ranks at work', async () => (await isFitting()) || (await run.isOver()), GIVEN_BACK_MS_MAX);
      if (await run.isOver()) break;
      const fault = FAULTS[count % FAULTS.length] ?? 'kill';
      const [victim] = workers.splice(count % workers.length, 1);
      if (victim === undefined) throw new Error('there is no worker');
      const before = await dissolvedCount();
      count += 1;
      if (fault === 'kill-child') {
        for (const { pid } of cluster.childrenOf(victim.pid)) process.kill(pid, 'SIGKILL');
        workers.push(victim);
      } else if (fault === 'freeze') {
        const pids = allPids(victim);
        frozen.push(...pids);
        for (const pid of pids) process.kill(pid, 'SIGSTOP');
      } else victim.process.kill(fault === 'kill' ? 'SIGKILL' : 'SIGTERM');
      if (fault !== 'kill-child') start();
      await until(
        `the group given back after ${fault}`,
        async () => (await dissolvedCount()) > before || (await run.isOver()),
        GIVEN_BACK_MS_MAX,
      );
    }
    expect(await run.end()).to.deep.equal(expected);
    expect(count, 'faults').to.be.at.least(FAULTS_MIN);
  });

  it('a task process that is frozen alone before it met the others, or after: the group is given back in time', async () => {
    for (const isMet of [false, true]) {
      const run = await begin();
      const victim = workers[0];
      if (victim === undefined) throw new Error('there is no worker');
      await until('all ranks at work', isFitting);
      if (isMet) await until('a checkpoint', hasCheckpoint);
      const before = await dissolvedCount();
      for (const { pid } of cluster.childrenOf(victim.pid)) process.kill(pid, 'SIGSTOP');
      await until('the group given back', async () => (await dissolvedCount()) > before, GIVEN_BACK_MS_MAX);
      await run.end();
    }
  });
});

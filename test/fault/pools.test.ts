import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { PoolEntry, QueueEntry, pageOf, type AutopilotRequest, type Leaderboard } from '#contracts';
import { armFailpoints } from '#runtime';
import { liveApplications, rawRows, type Database, type YarnApplication } from '#store';
import { startTestAppServer, type TestAppServer } from '../support/app-server.ts';
import { clusterProcesses, sharedHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { modelled, newProject, startAutopilot } from '../support/modelling.ts';
import { freePorts } from '../support/platform.ts';
import { until } from '../support/processes.ts';
import { clientFor } from '../support/yarn/pool.ts';
import { sleeper } from '../support/yarn/sleeper.ts';
import { installPrograms, removePrograms, yarnFlags } from '../support/yarn-platform.ts';
import { churnCsv } from '../integration/worker/support.ts';

const REQUEST: AutopilotRequest = { target: 'label', maxModels: 3, seed: 7 };
const DATA = { content: churnCsv(3_000), fileName: 'churn.csv' };
const WAIT_MS = 120_000;
/** Memory of an application master by default. */
const MASTER_MB = 512;
/** The masters of the queue may have 4 GB, which are eight. */
const SLEEPER_COUNT = 10;

/** Faults of YARN's own daemons and containers in the middle of an end user's run. */
describe('faults: pools on YARN', function () {
  this.timeout(400_000);
  let cluster: HadoopCluster;
  let platform: TestAppServer;
  let undisturbed: readonly string[];
  let userCount = 0;

  const database = (): Database => platform.server.database;
  const hashesOf = async (board: Leaderboard): Promise<string[]> => {
    const ids = board.data.map(({ modelId }) => modelId);
    const rows = await rawRows<{ id: string; content_hash: string }>(database(), 'select id, content_hash from models');
    return rows
      .filter(({ id }) => ids.includes(id))
      .map(({ content_hash: hash }) => hash)
      .toSorted();
  };
  const theApplication = async (): Promise<YarnApplication> => {
    const [application, ...others] = await liveApplications(database());
    if (application === undefined || others.length > 0) throw new Error(`${others.length} applications too many`);
    return application;
  };
  const aTraining = () =>
    until(
      'a training that runs in a container',
      async () => {
        const [row] = await rawRows<{ container_id: string }>(
          database(),
          `select worker.container_id from task join worker on worker.id = task.worker_id
           where task.state = 'RUNNING' and task.kind = 'train'`,
        );
        return row ?? null;
      },
      WAIT_MS,
    );
  /** YARN names the container in the environment of what it starts. */
  const processesIn = (containerId: string) =>
    clusterProcesses(cluster.folder).filter(({ pid }) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`CONTAINER_ID=${containerId}`);
      } catch {
        return false; // it has ended
      }
    });

  before(async () => {
    cluster = await sharedHadoopCluster('plain');
    await installPrograms(cluster);
    const [port = 0] = await freePorts(1);
    platform = await startTestAppServer({
      ...yarnFlags(cluster),
      'server.port': port,
      'queue.leaseMs': 4_000,
      'queue.beatMs': 1_000,
      'queue.backoffMs': 100,
      'yarn.containerIdleMs': 60_000,
      'yarn.reconcileMs': 1_000,
    });
    const { api } = await platform.user('alice');
    undisturbed = await hashesOf((await modelled(api, DATA, REQUEST)).board);
    expect(undisturbed.length).to.be.greaterThan(2);
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.log(platform.log.slice(-60).join('\n'));
  });
  after(async () => {
    await platform.close();
    await removePrograms(cluster);
  });

  /** A run of alice's, with what is done to it in the middle; its models are the undisturbed ones. */
  async function run(disturb: () => Promise<void>): Promise<void> {
    userCount += 1;
    const answer = await platform.admin.request('GET', '/users');
    const users = answer.json as { data: { id: string; name: string }[] }; // a page
    const id = users.data.find(({ name }) => name === 'alice')?.id;
    const made = await platform.admin.request('POST', '/api-keys', { json: { name: `key ${userCount}`, userId: id } });
    const { key } = made.json as { key: string };
    const alice = platform.admin.as(key);
    const projectId = await newProject(alice, await alice.dataset(DATA));
    const job = await startAutopilot(alice, projectId, REQUEST);
    await disturb();
    await alice.succeeded(job);
    const answerOfBoard = await alice.request('GET', `/projects/${projectId}/leaderboard`);
    expect(await hashesOf(answerOfBoard.json as Leaderboard)).to.deep.equal(undisturbed); // checked by the server's schema
    const twice = await rawRows(database(), 'select task_id from result group by task_id having count(*) > 1');
    expect(twice, 'results twice').to.deep.equal([]);
  }

  it('a worker’s container killed in the middle of a training', async () => {
    await run(async () => {
      const { container_id: id } = await aTraining();
      const processes = processesIn(id);
      expect(processes.length).to.be.greaterThan(0);
      for (const { pid } of processes) process.kill(pid, 'SIGKILL');
      await until(
        'the end of the container told',
        async () =>
          (
            await rawRows(database(), 'select 1 as one from yarn_container where container_id = ? and ended_at > 0', [
              id,
            ])
          ).length === 1,
        WAIT_MS,
      );
    });
  });

  it('the application master killed: its workers live on', async () => {
    await run(async () => {
      await aTraining();
      const { applicationId, attempt } = await theApplication();
      const masters = clusterProcesses(cluster.folder).filter(({ command }) =>
        command.includes('io.trainyard.master.ApplicationMaster'),
      );
      for (const { pid } of masters) process.kill(pid, 'SIGKILL');
      await until('the next attempt', async () => (await theApplication()).attempt > attempt, WAIT_MS);
      expect((await theApplication()).applicationId).to.equal(applicationId);
    });
  });

  it('the ResourceManager killed and started again', async () => {
    await run(async () => {
      await aTraining();
      const { applicationId } = await theApplication();
      const manager = cluster.daemon('resourcemanager');
      await manager.kill();
      await manager.start();
      expect((await theApplication()).applicationId, 'nothing is given up for it').to.equal(applicationId);
    });
  });

  it('a NodeManager killed whose containers live on: fenced, no result twice', async () => {
    await run(async () => {
      const { container_id: id } = await aTraining();
      const [row] = await rawRows<{ node: string }>(
        database(),
        'select node from yarn_container where container_id = ?',
        [id],
      );
      const manager = cluster.daemon(row?.node.startsWith('127.0.0.2') === true ? 'nodemanager1' : 'nodemanager2');
      await manager.kill();
      await manager.start();
    });
  });

  it('an app server that stops between the reservation and the submission: one application', async () => {
    const { api: bob } = await platform.user('bob');
    armFailpoints('pool.afterReserve=error');
    try {
      const datasetId = await bob.dataset(DATA);
      expect(datasetId).to.match(/^ds_/);
    } finally {
      armFailpoints('');
    }
    const rows = await rawRows(database(), `select application_id from yarn_application where pool = 'yarn:ml:bob'`);
    expect(rows).to.have.length(1);
  });

  it('says in the scheduler’s own figures why work waits', async () => {
    const dave = clientFor(cluster, 'dave');
    const sleepers: string[] = [];
    const isFull = async () => {
      const ask = { size: { memoryMb: MASTER_MB, vcores: 1 }, user: 'carol', isMaster: true };
      return (await dave.explainWait('ml', ask)).kind === 'masters_limit';
    };
    try {
      // More than there is room for: what becomes free goes to those that wait before carol's.
      for (let count = 0; count < SLEEPER_COUNT; count += 1) {
        const { applicationId } = await dave.newApplication();
        sleepers.push(applicationId);
        await dave.submit(sleeper(applicationId, { master: { memoryMb: MASTER_MB, vcores: 1 } }));
      }
      await until('a queue without room for a master', isFull, WAIT_MS);
      const { api: carol } = await platform.user('carol');
      await carol.upload({ ...DATA });
      const reason = await until(
        'a reason',
        async () => {
          const pools = await platform.admin.get('/pools', pageOf(PoolEntry));
          return pools.data.find(({ name }) => name === 'yarn:ml:carol')?.waitReason ?? null;
        },
        WAIT_MS,
      );
      expect(reason).to.equal(
        'queue `ml` has no room for one more application master: asked 512 MB, 4 GB of 4 GB used',
      );
      const queue = await platform.admin.get('/queue', pageOf(QueueEntry));
      expect(queue.data.map(({ waitReason }) => waitReason)).to.include(reason);
    } finally {
      for (const applicationId of sleepers) await dave.kill(applicationId);
    }
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { PoolEntry, pageOf } from '#contracts';
import { rawRows } from '#store';
import type { ResourceManagerClient } from '#yarn';
import { ContainerShell } from '../support/faults/container-shell.ts';
import { noteRecovery } from '../support/faults/recovery.ts';
import { SLOW } from '../support/faults/runs.ts';
import { WAIT_MS, YarnLab, type HolderRow } from '../support/faults/yarn-lab.ts';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { until } from '../support/processes.ts';
import { greedyApplication } from '../support/yarn/greedy.ts';
import { HDFS_FOLDERS } from '../support/yarn-platform.ts';
import { clientFor, killMaster } from '../support/yarn/pool.ts';

/** Far beyond what is usual, but for faults that last themselves. */
const RECOVERY_MS_MAX = 60_000;
const SHORT_IDLE = { 'yarn.containerIdleMs': 500, 'yarn.applicationIdleMs': 500 };
const RM_ADMIN = 'org.apache.hadoop.yarn.client.cli.RMAdminCLI';
/** Where attempts at models write. */
const MODELS = `${HDFS_FOLDERS.objects}/models`;
const DFS_ADMIN = 'org.apache.hadoop.hdfs.tools.DFSAdmin';

describe('faults on YARN: daemons and masters in the middle of a run', function () {
  this.timeout(400_000);
  let folder = '';
  let shell: ContainerShell;
  let cluster: HadoopCluster;
  let lab: YarnLab;
  let isOpen = false;
  let client: ResourceManagerClient;

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-shell-'));
    shell = new ContainerShell(folder);
    const yarn = {
      ...shell.properties['yarn-site'],
      'yarn.resourcemanager.scheduler.monitor.enable': 'true',
      'yarn.resourcemanager.am.max-attempts': '4',
    };
    cluster = await startHadoopCluster({ shape: 'plain', properties: { 'yarn-site': yarn } });
    client = clientFor(cluster);
    lab = await YarnLab.open(cluster);
    isOpen = true;
  });
  after(async () => {
    if (isOpen) await lab.close();
    await cluster.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(async function () {
    lab.letGo();
    // Only a test that failed has left one that does not run.
    for (const daemon of cluster.daemons) if (!daemon.isRunning) await daemon.start();
    if (this.currentTest?.state === 'failed') console.log(String(this.currentTest.err), lab.newestLog());
  });

  /** Whether a holder's node is another one than that of alice's master. */
  const besideMaster = async (): Promise<(row: HolderRow) => boolean> => {
    const { applicationId } = await lab.application();
    const attempts = await client.attempts(applicationId);
    const master = attempts.at(-1)?.node ?? '';
    return ({ node }) => node !== master;
  };
  const attemptsOf = (taskId: string) =>
    rawRows<{ fence: number; ending: string | null; blame: string | null; problem: string | null }>(
      lab.database,
      'select fence, ending, blame, problem from attempt where task_id = ? order by fence',
      [taskId],
    );
  /** Nobody ever had another attempt at it. */
  const expectOneAttempt = async (taskId: string): Promise<void> => {
    expect(await attemptsOf(taskId)).to.have.lengthOf(1);
  };
  const untilNodesRun = (count: number): Promise<boolean> =>
    until(
      `${count} nodes`,
      async () => (await client.nodes()).filter(({ state }) => state === 'RUNNING').length === count,
      WAIT_MS,
    );

  describe('the application master', () => {
    it('killed three times in a row: no training step is lost', async () => {
      await lab.calmRun(SLOW);
      const run = await lab.startRun(SLOW);
      const holder = await lab.hold(({ progress }) => /"iteration":[1-9]/.test(progress ?? ''));
      const done = await lab.fractionOf(holder);
      const { applicationId } = await lab.application();
      for (const next of [2, 3, 4]) {
        const killedAtMs = Date.now();
        await lab.killMaster();
        expect(await lab.application()).to.deep.include({ applicationId, attempt: next });
        noteRecovery(`application master killed, ${next - 1} times in a row`, Date.now() - killedAtMs, {
          what: 'the next attempt holds its containers',
          limitMs: RECOVERY_MS_MAX,
        });
      }
      expect(await lab.fractionOf(holder)).to.equal(done);
      lab.letGo();
      await lab.expectSameModels(run);
      await expectOneAttempt(holder.taskId);
      await lab.check();
    });

    it('killed at its last attempt: one more application, exactly one', async () => {
      const run = await lab.startRun();
      const { taskId, fence } = await lab.hold();
      const { applicationId, attempt } = await lab.application();
      expect(attempt).to.equal(4);
      const killedAtMs = Date.now();
      await killMaster(applicationId);
      const next = await lab.nextApplication(applicationId);
      await lab.expectSameModels(run);
      await lab.recovered(
        'application master killed at its last attempt: another application',
        killedAtMs,
        RECOVERY_MS_MAX,
      );
      expect((await lab.application()).applicationId).to.equal(next.applicationId);
      const rows = await rawRows(lab.database, 'select application_id from yarn_application where created_at >= ?', [
        killedAtMs,
      ]);
      expect(rows).to.have.lengthOf(1);
      const [lost] = (await attemptsOf(taskId)).filter((one) => one.fence === fence);
      expect(lost?.blame, 'nobody is charged').to.be.oneOf(['unknown', 'worker']);
      await lab.check();
    });
  });

  describe('the ResourceManager', () => {
    it('away for 5 s: the run goes on meanwhile', async () => {
      const run = await lab.startRun();
      const { taskId } = await lab.hold();
      const { applicationId } = await lab.application();
      const manager = cluster.daemon('resourcemanager');
      await manager.kill();
      const killedAtMs = Date.now();
      lab.letGo();
      // The time itself is the fault.
      await pause(5_000);
      await manager.start();
      await lab.expectSameModels(run);
      await lab.recovered('ResourceManager away for 5 s', killedAtMs, RECOVERY_MS_MAX);
      await expectOneAttempt(taskId);
      expect((await lab.application()).applicationId).to.equal(applicationId);
      await lab.check();
    });

    it('away for 60 s, and the worker dies meanwhile: it is told what is missing, and goes on when it is back', async () => {
      // What is not needed makes room for another user.
      await lab.restartServer({ flags: SHORT_IDLE });
      const run = await lab.startRun();
      const { containerId } = await lab.hold();
      const manager = cluster.daemon('resourcemanager');
      await manager.kill();
      const killedAtMs = Date.now();
      const containers = await lab.containers();
      expect(containers).to.include(containerId);
      // An idle one may be ending by itself just now, and nobody can tell that YARN has let go of it.
      for (const one of containers)
        if (one === containerId || lab.processesOf(one).length > 0) await lab.killContainer(one);
      const bob = await lab.user('bob');
      await bob.upload({ content: 'a,label\n1,x\n2,y\n', fileName: 'small.csv' });
      const reason = await until(
        'the reason of the wait',
        async () => {
          const pools = await lab.admin.get('/pools', pageOf(PoolEntry));
          return pools.data.find(({ name }) => name === 'yarn:ml:bob')?.waitReason;
        },
        WAIT_MS,
      );
      expect(reason).to.match(/ResourceManager|localhost:\d+/);
      await until('a minute', () => Date.now() - killedAtMs > 60_000, 90_000);
      await manager.start();
      const backAtMs = Date.now();
      await lab.expectSameModels(run);
      await lab.recovered(
        'ResourceManager away for 60 s and all workers killed, from its return',
        backAtMs,
        RECOVERY_MS_MAX,
      );
      const ofAlice = await rawRows(
        lab.database,
        `select application_id from yarn_application where pool = 'yarn:ml:alice' and created_at >= ?`,
        [killedAtMs],
      );
      expect(ofAlice, 'nothing is given up for it').to.deep.equal([]);
      await until(
        'bob’s dataset',
        async () =>
          (await rawRows(lab.database, `select id from datasets where name like 'small%' and state = 'ready'`))
            .length === 1,
        WAIT_MS,
      );
      await lab.check();
    });

    it('with its state lost: another application, the old one’s books are closed', async () => {
      await lab.restartServer({ flags: SHORT_IDLE });
      await lab.untilNoApplication();
      await lab.restartServer();
      const run = await lab.startRun();
      await lab.hold();
      const { applicationId } = await lab.application();
      const manager = cluster.daemon('resourcemanager');
      await manager.kill();
      const killedAtMs = Date.now();
      const site = path.join(cluster.folder, 'conf/resourcemanager/yarn-site.xml');
      const text = readFileSync(site, 'utf8');
      const forgetful = text.replace(
        /(<name>yarn\.resourcemanager\.recovery\.enabled<\/name>\s*<value>)true/,
        '$1false',
      );
      expect(forgetful).to.not.equal(text);
      writeFileSync(site, forgetful);
      try {
        await manager.start();
        expect((await lab.nextApplication(applicationId)).applicationId).to.not.equal(applicationId);
        await lab.expectSameModels(run);
        await lab.recovered('ResourceManager without its state', killedAtMs, 2 * RECOVERY_MS_MAX);
        const rows = await rawRows<{ state: string }>(
          lab.database,
          'select state from yarn_application where application_id = ?',
          [applicationId],
        );
        expect(rows).to.deep.equal([{ state: 'ABANDONED' }]);
        await lab.check();
      } finally {
        writeFileSync(site, text);
      }
    });
  });

  describe('the NodeManager', () => {
    it('lost while its containers live on: fenced, no result twice', async () => {
      // Two runs have two workers, one on each node.
      const runs = [await lab.startRun(), await lab.startRun()];
      const holder = await lab.hold(await besideMaster());
      const daemon = lab.nodeManager(holder.node);
      await daemon.kill();
      const killedAtMs = Date.now();
      expect(await lab.ended(holder.containerId)).to.equal(-100);
      expect(lab.processesOf(holder.containerId)).to.not.be.empty;
      lab.letGo();
      for (const run of runs) await lab.expectSameModels(run);
      await lab.recovered('NodeManager lost, its containers live on', killedAtMs, RECOVERY_MS_MAX);
      expect(lab.logOf(holder.containerId)).to.match(/"task_(refused|interrupted)"/);
      expect((await attemptsOf(holder.taskId))[0]).to.deep.include({ blame: 'unknown' });
      // Nobody but its own app server can tell it to go.
      await until('the end of the orphan', () => lab.processesOf(holder.containerId).length === 0, WAIT_MS);
      lab.disturbed();
      await daemon.start();
      await untilNodesRun(2);
      await lab.check();
    });

    it('taken out of service: its worker ends its task and is given back', async () => {
      // Two runs have two workers, one on each node.
      const runs = [await lab.startRun(), await lab.startRun()];
      const holder = await lab.hold(await besideMaster());
      const exclude = path.join(cluster.folder, 'conf/nodes.exclude');
      writeFileSync(exclude, `${holder.node.split(':')[0] ?? ''}\n`);
      try {
        const answer = await cluster.java(RM_ADMIN, ['-refreshNodes', '-g', '300', '-server'], { asUser: 'yarn' });
        expect(answer.code, answer.stderr).to.equal(0);
        const leavingAtMs = Date.now();
        await until(
          'the news',
          async () =>
            (
              await rawRows(lab.database, `select node from yarn_node where node = ? and state = 'DECOMMISSIONING'`, [
                holder.node,
              ])
            ).length === 1,
          WAIT_MS,
        );
        lab.letGo();
        for (const run of runs) await lab.expectSameModels(run);
        await expectOneAttempt(holder.taskId);
        await lab.ended(holder.containerId);
        noteRecovery('node taken out of service', Date.now() - leavingAtMs, {
          what: 'its worker has ended its task and is given back',
          limitMs: RECOVERY_MS_MAX,
        });
        const [end] = await rawRows<{ was_released: number; exit_status: number }>(
          lab.database,
          'select was_released, exit_status from yarn_container where container_id = ?',
          [holder.containerId],
        );
        // Its worker, which gets no more tasks, may leave before it is told to.
        expect(end?.was_released === 1 || end?.exit_status === 0, JSON.stringify(end)).to.equal(true);
        await lab.check();
      } finally {
        writeFileSync(exclude, '');
        await cluster.java(RM_ADMIN, ['-refreshNodes'], { asUser: 'yarn' });
        const daemon = lab.nodeManager(holder.node);
        await until(
          'both nodes',
          async () => {
            // It may have gone already, or be about to.
            if (!daemon.isRunning) await daemon.start();
            return (await client.nodes()).filter(({ state }) => state === 'RUNNING').length === 2;
          },
          WAIT_MS,
        );
      }
    });
  });

  describe('the scheduler', () => {
    it('takes containers for a higher queue: not charged, and goes on', async () => {
      // Two runs have two workers, which fill the cluster.
      const runs = [await lab.startRun(), await lab.startRun()];
      const first = await lab.hold();
      const second = await lab.hold((row) => row.container_id !== first.containerId);
      const { applicationId: greedy } = await client.newApplication();
      await client.submit(greedyApplication(greedy));
      const askedAtMs = Date.now();
      try {
        const victim = await until(
          'a preempted container',
          async () => {
            const rows = await rawRows<{ container_id: string }>(
              lab.database,
              'select container_id from yarn_container where exit_status = -102 and ended_at >= ?',
              [askedAtMs],
            );
            return [first, second].find(({ containerId }) => rows.some((row) => row.container_id === containerId));
          },
          WAIT_MS,
        );
        lab.letGo();
        for (const run of runs) await lab.expectSameModels(run);
        await lab.recovered('preempted by a higher queue', askedAtMs, RECOVERY_MS_MAX);
        const lost = (await attemptsOf(victim.taskId)).find(({ fence }) => fence === victim.fence);
        expect(lost).to.deep.include({ blame: 'unknown' });
        expect(lost?.problem).to.match(/the scheduler took its container for another queue/);
      } finally {
        await client.kill(greedy);
      }
      await lab.check();
    });
  });

  describe('HDFS', () => {
    before(async () => {
      // Nothing is cached by a worker that was there before.
      await lab.restartServer({ flags: { 'yarn.containerIdleMs': 500 } });
    });
    beforeEach(() => lab.untilIdle());

    for (const [what, point] of [
      ['reads', 'worker.read=pause:2000'],
      ['writes', 'worker.write=pause:2000'],
    ] as const) {
      it(`the DataNode killed while a worker ${what}, started again after 5 s`, async () => {
        const taken = shell.armFailpoints(point);
        const run = await lab.startRun();
        const { containerId } = await taken();
        await lab.training((row) => row.container_id === containerId);
        const dataNode = cluster.daemon('datanode');
        await dataNode.kill();
        const killedAtMs = Date.now();
        // The time itself is the fault.
        await pause(5_000);
        await dataNode.start();
        await lab.expectSameModels(run);
        await lab.recovered(
          `DataNode killed while a worker ${what}, started again after 5 s`,
          killedAtMs,
          RECOVERY_MS_MAX,
        );
        await lab.check();
      });
    }

    it('the NameNode away for 30 s', async () => {
      const run = await lab.startRun();
      await lab.hold();
      const nameNode = cluster.daemon('namenode');
      await nameNode.kill();
      lab.letGo();
      await pause(30_000);
      await nameNode.start();
      const backAtMs = Date.now();
      await lab.expectSameModels(run);
      await lab.recovered('NameNode away for 30 s, from its return', backAtMs, RECOVERY_MS_MAX);
      await lab.check();
    });

    it('the NameNode in safe mode for 10 s', async () => {
      const run = await lab.startRun();
      await lab.hold();
      await dfsAdmin('-safemode', 'enter');
      lab.letGo();
      await pause(10_000);
      await dfsAdmin('-safemode', 'leave');
      const leftAtMs = Date.now();
      await lab.expectSameModels(run);
      await lab.recovered('NameNode in safe mode for 10 s, from its end', leftAtMs, RECOVERY_MS_MAX);
      await lab.check();
    });

    it('a space quota that is used up: the run fails and names the folder', async () => {
      await dfsAdmin('-setSpaceQuota', '1', MODELS);
      try {
        const job = await lab.settled(await lab.startRun());
        expect(job.state).to.equal('failed');
        expect(JSON.stringify(job.error)).to.contain(`the space quota of ${MODELS} in HDFS is used up`);
      } finally {
        await dfsAdmin('-clrSpaceQuota', MODELS);
      }
      await lab.check();
    });

    it('a space quota that is raised after the first failure: the run goes on', async () => {
      await lab.restartServer({ flags: { 'yarn.containerIdleMs': 500, 'queue.backoffMs': 15_000 } });
      await dfsAdmin('-setSpaceQuota', '1', MODELS);
      const run = await lab.startRun();
      const ofRun = 'attempt.task_id in (select id from task where job_id = ?)';
      const failed = await until(
        'the first failure',
        async () => {
          const rows = await rawRows<{ problem: string }>(
            lab.database,
            `select problem from attempt where ending = 'failed' and ${ofRun}`,
            [run.job.id],
          );
          return rows[0];
        },
        WAIT_MS,
      );
      await dfsAdmin('-clrSpaceQuota', MODELS);
      const raisedAtMs = Date.now();
      expect(failed.problem).to.contain('DISK_FULL').and.contain(`the space quota of ${MODELS} in HDFS is used up`);
      await lab.expectSameModels(run);
      await lab.recovered('space quota used up, from when it is raised', raisedAtMs, RECOVERY_MS_MAX);
      await lab.check();
    });

    async function dfsAdmin(...args: string[]): Promise<void> {
      const { code, stderr } = await cluster.java(DFS_ADMIN, args);
      expect(code, stderr).to.equal(0);
    }
  });

  describe('the app server killed between the reservation of an application and its submission', () => {
    for (const point of ['pool.reserved', 'pool.afterReserve', 'pool.afterSubmit']) {
      it(`${point}: started again, exactly one application`, async () => {
        await lab.restartServer({ flags: SHORT_IDLE });
        await lab.untilNoApplication();
        const killed = await lab.restartServer({ failpoints: `${point}=kill` });
        const run = await lab.startRun();
        const { signal, atMs } = await killed.ended;
        expect(signal).to.equal('SIGKILL');
        await lab.startServer();
        await lab.expectSameModels(run);
        await lab.recovered(`app server killed at ${point}, started again`, atMs, RECOVERY_MS_MAX);
        const rows = await rawRows(
          lab.database,
          `select application_id from yarn_application where created_at >= ? or state in ('RESERVED', 'SUBMITTED', 'RUNNING')`,
          [atMs],
        );
        expect(rows).to.have.lengthOf(1);
        await lab.check();
      });
    }
  });

  describe('all of them', () => {
    it('leave nothing behind', async () => {
      await lab.expectNothingLeaked();
      await lab.check();
    });
  });
});

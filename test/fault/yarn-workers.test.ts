import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { rawRows } from '#store';
import { ContainerShell, type Victim } from '../support/faults/container-shell.ts';
import { noteRecovery, TOLD_MS_MAX } from '../support/faults/recovery.ts';
import { WAIT_MS, YarnLab } from '../support/faults/yarn-lab.ts';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { isAlive, processOf, until } from '../support/processes.ts';

const LEASE_MS = 4_000;
/** A container that dies is told, asked for anew, started, and its worker registers: far beyond the usual 4 s. */
const RECOVERY_MS_MAX = 40_000;

/** Steps of the supervisor: the worker program itself, and so its container, ends. */
const SUPERVISOR_STEPS = [
  'worker.register',
  'worker.claim.sent',
  'worker.claim.answered',
  'worker.start',
  'worker.seal',
  'worker.commit.sent',
  'worker.commit.answered',
];
/** Steps of the task child: the supervisor stays and starts another child. */
const CHILD_STEPS = [
  'worker.read',
  'worker.bin',
  'worker.iterate=kill@7',
  'worker.write',
  'worker.close',
  'worker.manifest',
  'worker.reread',
];

/** Grows to 2.4 GB, once the file is there; beside the worker, whose own watchdog does not see it. */
const growing = (sign: string): string => `trap : EXIT
(until [ -e "${sign}" ]; do sleep 0.1; done; cat /dev/zero | tail -c 2400M >/dev/null) &`;

describe('faults on YARN: workers in their containers', function () {
  this.timeout(300_000);
  let folder = '';
  let shell: ContainerShell;
  let cluster: HadoopCluster;
  let lab: YarnLab;
  let isOpen = false;

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-shell-'));
    shell = new ContainerShell(folder);
    const properties = { 'yarn-site': { ...shell.properties['yarn-site'], 'yarn.nodemanager.vmem-pmem-ratio': '10' } };
    cluster = await startHadoopCluster({ shape: 'plain', properties });
    lab = await YarnLab.open(cluster);
    isOpen = true;
  });
  after(async () => {
    if (isOpen) await lab.close();
    await cluster.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(function () {
    lab.letGo();
    if (this.currentTest?.state === 'failed') console.log(String(this.currentTest.err), lab.newestLog());
  });

  describe('killed at each of their steps', () => {
    before(async () => {
      // One worker at a time, which is gone before the next run: the next one takes what is armed and comes to its step.
      await lab.restartServer({ flags: { 'yarn.containersMax': 1, 'yarn.containerIdleMs': 500 } });
    });

    /** When the supervisor, or its first child, was gone. */
    async function death(step: string, { containerId, pid }: Victim): Promise<number> {
      const isChild = CHILD_STEPS.includes(step);
      if (isChild)
        await until('the death of the child', () => lab.logOf(containerId).includes('"task_process_died"'), WAIT_MS);
      else await until('the death of the worker', () => processOf(pid) === null, WAIT_MS);
      const atMs = Date.now();
      if (!isChild) await lab.noteDeath(containerId, atMs);
      return atMs;
    }

    for (const step of [...SUPERVISOR_STEPS, ...CHILD_STEPS]) {
      it(step, async () => {
        await lab.untilIdle();
        const taken = shell.armFailpoints(step.includes('=') ? step : `${step}=kill`);
        const run = await lab.startRun();
        const faultAtMs = await death(step, await taken());
        await lab.expectSameModels(run);
        await lab.recovered(`worker killed in its container: ${step}`, faultAtMs, RECOVERY_MS_MAX);
        await lab.check();
      });
    }
  });

  describe('frozen and short of memory', () => {
    before(async () => {
      await lab.untilIdle();
      await lab.forgiveNodes();
      await lab.restartServer();
    });

    it('frozen for three leases in a training, then thawed: refused, no result twice', async () => {
      // Two runs have two workers.
      const runs = [await lab.startRun(), await lab.startRun()];
      await until('two workers', async () => (await lab.containers()).length === 2, WAIT_MS);
      const holder = await lab.hold();
      lab.freeze(holder);
      const frozenAtMs = Date.now();
      for (const run of runs) await lab.expectSameModels(run);
      await lab.recovered('worker frozen in its container in a training', frozenAtMs, RECOVERY_MS_MAX);
      await until('the end of the third lease', () => Date.now() > frozenAtMs + 3 * LEASE_MS);
      const worker = processOf(holder.pid);
      if (worker === null) expect.fail('the frozen worker is there');
      lab.letGo();
      lab.disturbed();
      const thawedAtMs = Date.now();
      await until('the refusal', () => /"task_(refused|interrupted)"/.test(lab.logOf(holder.containerId)));
      noteRecovery('the same, thawed', Date.now() - thawedAtMs, {
        what: 'it is refused and stops',
        limitMs: TOLD_MS_MAX,
      });
      const fences = await rawRows<{ fence: number }>(lab.database, 'select fence from result where task_id = ?', [
        holder.taskId,
      ]);
      expect(fences.map(({ fence }) => fence)).to.deep.equal([holder.fence + 1]);
      await lab.check();
    });

    it('frozen for good, the only one of its pool: replaced', async () => {
      await lab.restartServer({ flags: { 'yarn.containersMax': 1, 'yarn.containerIdleMs': 500 } });
      await lab.untilIdle();
      const run = await lab.startRun();
      const holder = await lab.hold();
      lab.freeze(holder);
      const frozenAtMs = Date.now();
      await lab.expectSameModels(run);
      await lab.recovered('the only worker of a pool frozen for good (4 leases of 4 s)', frozenAtMs, RECOVERY_MS_MAX);
      expect(processOf(holder.pid), 'the frozen worker').to.equal(null);
      await lab.check();
    });

    it('beyond its container’s memory: the figures and the advice are stored with the task', async () => {
      await lab.restartServer({ flags: { 'yarn.containerMemoryMb': 2_048, 'yarn.containerIdleMs': 500 } });
      await lab.untilIdle();
      await lab.restartServer({ flags: { 'yarn.containerMemoryMb': 2_048 } });
      const sign = path.join(folder, 'grow');
      const taken = shell.arm(growing(sign));
      const run = await lab.startRun();
      const { containerId, pid } = await taken();
      const root = processOf(pid);
      const holder = await lab.hold((row) => row.container_id === containerId);
      writeFileSync(sign, '');
      const faultAtMs = Date.now();
      expect(await lab.ended(containerId)).to.equal(-104);
      expect(root !== null && isAlive(root)).to.equal(false);
      await lab.expectSameModels(run);
      await lab.recovered('a container beyond its memory', faultAtMs, RECOVERY_MS_MAX);
      const attempts = await rawRows<{ problem: string | null; blame: string | null }>(
        lab.database,
        'select problem, blame from attempt where worker_id = ? and fence = ? and task_id = ?',
        [holder.workerId, holder.fence, holder.taskId],
      );
      expect(attempts[0]?.blame).to.equal('memory');
      expect(attempts[0]?.problem)
        .to.match(/TASK_MEMORY/)
        .and.match(/killed at \S+ GB of 2 GB: ask for 3 GB/);
      await lab.check();
    });

    it('leave nothing behind', async () => {
      await lab.expectNothingLeaked();
      await lab.check();
    });
  });
});

import { expect } from 'chai';
import { Insight, Job, pageOf } from '#contracts';
import { rawRows } from '#store';
import { Lab, type LabOptions } from '../../support/faults/lab.ts';
import {
  BLENDED,
  expectSameModels,
  inTraining,
  SLOW,
  startRun,
  undisturbedHashes,
  uploadChurn,
} from '../../support/faults/runs.ts';

/** Steps of the supervisor: the worker program itself is killed. */
export const SUPERVISOR_STEPS = [
  'worker.register',
  'worker.claim.sent',
  'worker.claim.answered',
  'worker.start',
  'worker.seal',
  'worker.commit.sent',
  'worker.commit.answered',
];
/** Steps of the task child: the supervisor stays and starts another child. */
export const CHILD_STEPS = [
  'worker.read',
  'worker.bin',
  'worker.iterate=kill@7',
  'worker.write',
  'worker.close',
  'worker.manifest',
  'worker.reread',
];

/** Kills a worker, or its child, at each of these steps in the middle of a run; the run ends with the same models. */
export function workerKilledSuite(database: LabOptions['database'] & string, at: readonly string[]): void {
  describe(`faults on ${database}: worker killed at its steps`, function () {
    this.timeout(180_000);
    let lab: Lab;
    let datasetId = '';
    before(async () => {
      await undisturbedHashes();
      lab = await Lab.open({ database });
      const worker = lab.startWorker();
      datasetId = await uploadChurn(lab);
      await lab.stop(worker);
    });
    after(() => lab.close());

    const steps = at.map((step) => (step.includes('=') ? step : `${step}=kill`));
    for (const step of steps) {
      const isChild = CHILD_STEPS.some((name) => step.startsWith(name));
      it(step, async () => {
        const run = await startRun(lab, datasetId);
        const victim = lab.startWorker({ failpoints: step });
        let faultAtMs: number;
        if (isChild) {
          await victim.line('the death of the child', ({ event }) => event === 'task_process_died');
          faultAtMs = Date.now();
        } else {
          const { signal, atMs } = await victim.ended;
          expect(signal).to.equal('SIGKILL');
          faultAtMs = atMs;
          lab.startWorker();
        }
        await expectSameModels(lab, run);
        await lab.recovered(`worker killed: ${step}`, faultAtMs, 20_000);
        await lab.check();
        await lab.stopWorkers();
      });
    }

    it('task child killed before the manifest of an ensemble', async () => {
      await undisturbedHashes(BLENDED);
      const run = await startRun(lab, datasetId, BLENDED);
      const victim = lab.startWorker({ failpoints: 'worker.manifest=kill@4' });
      await victim.line('the death of the child', ({ event }) => event === 'task_process_died');
      const faultAtMs = Date.now();
      await expectSameModels(lab, run, BLENDED);
      const ensembles = await rawRows<{ fence: number }>(
        lab.database,
        `select fence from task where kind = 'ensemble' and job_id = ? order by job_position`,
        [run.job.id],
      );
      expect(ensembles[0]?.fence, 'attempts at the ensemble').to.be.at.least(2);
      await lab.recovered('task child killed before the manifest of an ensemble', faultAtMs, 20_000);
      await lab.check();
      await lab.stopWorkers();
    });

    it('task child killed before the file of an insight', async () => {
      const calm = lab.startWorker();
      const runs = [await startRun(lab, datasetId), await startRun(lab, datasetId)];
      const twins: string[] = [];
      for (const run of runs) {
        await expectSameModels(lab, run);
        const insights = (await lab.api.get(`/jobs?projectId=${run.projectId}`, pageOf(Job))).data;
        for (const job of insights) await lab.succeeded(job.id);
        const { data } = await lab.leaderboard(run.projectId);
        twins.push(
          data.find(({ blueprintId }) => blueprintId === 'lightgbm-default')?.modelId ?? expect.fail('no twin'),
        );
      }
      await lab.stop(calm);
      const [first, second] = twins.map((modelId) => `/models/${modelId}/insights/feature-effects`);
      const victim = lab.startWorker({ failpoints: 'worker.close=kill' });
      const asked = await lab.api.request('POST', first ?? '');
      await victim.line('the death of the child', ({ event }) => event === 'task_process_died');
      const faultAtMs = Date.now();
      await lab.succeeded((asked.json as Job).id);
      await lab.succeeded(((await lab.api.request('POST', second ?? '')).json as Job).id);
      const told = async (path = '') => (await lab.api.get(path, Insight)).insight;
      expect(await told(first), 'as of the same model, undisturbed').to.deep.equal(await told(second));
      await lab.recovered('task child killed before the file of an insight', faultAtMs, 20_000);
      await lab.check();
      await lab.stopWorkers();
    });

    it('task child killed from outside in the middle of an iteration', async () => {
      await undisturbedHashes(SLOW);
      const worker = lab.startWorker();
      const run = await startRun(lab, await uploadChurn(lab, SLOW), SLOW);
      await inTraining(lab);
      const child = worker.children.find(({ command }) => command.some((word) => word.endsWith('child/main.ts')));
      if (child === undefined) expect.fail('the worker has a task child');
      process.kill(child.pid, 'SIGKILL');
      const faultAtMs = Date.now();
      await expectSameModels(lab, run, SLOW);
      expect(worker.lines.filter(({ event }) => event === 'task_process_died')).to.have.length(1);
      await lab.recovered('task child killed in the middle of an iteration', faultAtMs, 10_000);
      await lab.check();
      await lab.stopWorkers();
    });
  });
}

import { expect } from 'chai';
import { newProject, startAutopilot } from '../../support/modelling.ts';
import { openCluster, type Cluster } from './cluster.ts';
import { churnCsv } from './support.ts';

/** Steps of the supervisor: the worker program itself is killed. */
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
const CHILD_STEPS = ['worker.read', 'worker.write', 'worker.close', 'worker.reread'];
const TRAIN_STEPS = ['worker.bin', 'worker.iterate', 'worker.manifest'];

describe('worker: killed at each of its steps', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  for (const step of SUPERVISOR_STEPS) {
    it(`${step}: another worker does the task`, async () => {
      const { api } = cluster;
      const killed = cluster.startWorker(`${step}=kill`);
      const answer = await api.upload({ content: churnCsv(50), fileName: 'table.csv' });
      expect(answer.status).to.equal(202);
      expect(await killed.ended).to.deep.equal({ code: null, signal: 'SIGKILL' });
      const other = cluster.startWorker();
      const { id } = answer.json as { id: string }; // a job
      expect((await api.final(id)).state).to.equal('succeeded');
      await cluster.stop(other);
    });
  }

  for (const step of CHILD_STEPS) {
    it(`${step}: the next child does the task`, async () => {
      const { api } = cluster;
      const worker = cluster.startWorker(`${step}=kill`);
      const answer = await api.upload({ content: churnCsv(50), fileName: 'table.csv' });
      const { id } = answer.json as { id: string }; // a job
      expect((await api.final(id)).state).to.equal('succeeded');
      expect(worker.lines.filter(({ event }) => event === 'task_process_died')).to.have.length(1);
      await cluster.stop(worker);
    });
  }

  it('binning, an iteration, the manifest: the next child does the task, and the model is the same', async () => {
    const { api } = cluster;
    const unhurt = cluster.startWorker();
    const datasetId = await api.dataset({ content: churnCsv(300), fileName: 'table.csv' });
    const contentHashes = async () => {
      const projectId = await newProject(api, datasetId);
      await api.succeeded(
        await startAutopilot(api, projectId, { target: 'label', maxModels: 1, blueprints: ['lightgbm-fast'], seed: 7 }),
      );
      return cluster.contentHashesOf(projectId);
    };
    const expected = await contentHashes();
    expect(expected.length).to.be.greaterThan(0);
    await cluster.stop(unhurt);
    for (const step of TRAIN_STEPS) {
      const worker = cluster.startWorker(`${step}=kill`);
      expect(await contentHashes(), step).to.deep.equal(expected);
      expect(worker.lines.filter(({ event }) => event === 'task_process_died')).to.have.length(1);
      await cluster.stop(worker);
    }
  });
});

import { appendFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import type { Checkpoint } from '#contracts';
import { newProject, startAutopilot } from '../../support/modelling.ts';
import { until } from '../../support/processes.ts';
import { openCluster, type Cluster, type WorkerProcess } from './cluster.ts';
import { churnCsv } from './support.ts';

const RESUMED = /^resumed at iteration (\d+)/;
const BEGUN_ANEW = /^the checkpoint (was altered|cannot be read), the task begins anew/;

describe('worker: a killed training goes on from its checkpoint', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let datasetId = '';
  let expected: string[] = [];
  /** Checkpoints of the undisturbed job. */
  let checkpointCount = 0;

  /** Trains one model of random segments, and refits it. */
  async function begin(): Promise<{ projectId: string; end: () => Promise<string[]> }> {
    const { api } = cluster;
    const projectId = await newProject(api, datasetId);
    const job = await startAutopilot(api, projectId, {
      target: 'label',
      maxModels: 1,
      blueprints: ['lightgbm-extra-trees'],
      partitioning: { method: 'stratified', validation: 'tvh' },
      seed: 7,
    });
    return {
      projectId,
      end: async () => {
        await api.succeeded(job);
        return cluster.contentHashesOf(projectId);
      },
    };
  }
  const taken = (worker: WorkerProcess) => worker.lines.filter(({ event }) => event === 'checkpoint_taken').length;
  const resumptions = async (projectId: string) =>
    (await cluster.taskLog('train', projectId)).filter((line) => RESUMED.test(line) || BEGUN_ANEW.test(line));

  before(async () => {
    cluster = await openCluster({ 'worker.checkpointMs': 0 });
    const worker = cluster.startWorker();
    datasetId = await cluster.api.dataset({ content: churnCsv(300), fileName: 'table.csv' });
    const { projectId, end } = await begin();
    expected = await end();
    checkpointCount = taken(worker);
    expect(expected).to.have.length(2);
    expect(checkpointCount).to.be.at.least(4);
    expect(await resumptions(projectId)).to.deep.equal([]);
    await cluster.stop(worker);
  });
  after(() => cluster.close());

  it('in the middle of an iteration: the next child resumes, the models are the same', async () => {
    const worker = cluster.startWorker('worker.iterate=kill@77');
    const { projectId, end } = await begin();
    expect(await end()).to.deep.equal(expected);
    expect(await resumptions(projectId)).to.deep.equal(['resumed at iteration 50']);
    await cluster.stop(worker);
  });

  it('at every boundary of segments, once the checkpoint is written: the models are the same', async () => {
    for (let boundary = 1; boundary <= checkpointCount; boundary += 1) {
      const worker = cluster.startWorker(`worker.checkpoint=kill@${boundary}`);
      const { projectId, end } = await begin();
      expect(await end(), `boundary ${boundary}`).to.deep.equal(expected);
      expect(worker.lines.filter(({ event }) => event === 'task_process_died')).to.have.length(1);
      // The first of a task was not told yet when its writer died: nothing to go on from.
      expect((await resumptions(projectId)).length, `boundary ${boundary}`).to.be.at.most(1);
      await cluster.stop(worker);
    }
  });

  for (const [what, spoil] of [
    ['damaged', (file: string) => appendFileSync(file, '!')],
    ['deleted', (file: string) => rmSync(file)],
  ] as const) {
    it(`a checkpoint that is ${what} in between: the task begins anew, the models are the same`, async () => {
      const killed = cluster.startWorker('worker.checkpoint=pause:60000@2');
      const { projectId, end } = await begin();
      await killed.until('a checkpoint', ({ event }) => event === 'checkpoint_taken');
      killed.process.kill('SIGKILL');
      await killed.ended;
      const checkpoint = await until('the checkpoint', () => checkpointOf(projectId));
      spoil(path.join(cluster.config.objectStore.root, checkpoint.path));
      const worker = cluster.startWorker();
      expect(await end()).to.deep.equal(expected);
      const [line, ...more] = await resumptions(projectId);
      expect(line).to.match(BEGUN_ANEW);
      expect(more).to.deep.equal([]);
      await cluster.stop(worker);
    });
  }

  /** The checkpoint of a project's unfinished task. */
  async function checkpointOf(projectId: string): Promise<Checkpoint | null> {
    const rows = (await cluster.server.database
      .knex('task')
      .where({ share_key: projectId, kind: 'train' })
      .whereNotNull('checkpoint')
      .pluck('checkpoint')) as string[]; // the column asked for
    return rows[0] === undefined ? null : (JSON.parse(rows[0]) as Checkpoint); // as the app server wrote it
  }
});

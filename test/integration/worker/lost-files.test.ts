import { rmSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { churnCsv } from './support.ts';
import { openCluster, type Cluster } from './cluster.ts';

describe('worker: its files are taken away', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it('ends, and its task is done by another one, uncharged', async () => {
    const { api, config } = cluster;
    const workDir = path.join(config.dataDir, 'work-a');
    const first = cluster.startWorker('', { 'worker.workDir': workDir });
    await first.until('ready', ({ event }) => event === 'worker_registered');
    rmSync(workDir, { recursive: true });

    const datasetId = api.dataset({ content: churnCsv(50), fileName: 'churn.csv' });
    expect(await first.ended).to.deep.equal({ code: 11, signal: null });
    const failed = first.lines.find(({ event }) => event === 'worker_failed');
    expect(JSON.stringify(failed)).to.contain('WORK_FOLDER_LOST').and.to.contain(workDir);
    cluster.startWorker();
    await datasetId;
    const { knex } = cluster.server.database;
    expect(await knex('attempt').orderBy('fence').pluck('blame')).to.deep.equal(['worker', null]);
    expect(await knex('task').pluck('charged')).to.deep.equal([0]);
    expect(await knex('worker').orderBy('registered_at').pluck('draining')).to.deep.equal([1, 0]);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { Job } from '#contracts';
import { csvRecords, idOf } from '../../support/api.ts';
import { newProject, startAutopilot } from '../../support/modelling.ts';
import { processOf, until } from '../../support/processes.ts';
import { openCluster, type Cluster } from './cluster.ts';
import { churnCsv } from './support.ts';

const ROWS = 400;
const MIB = 1024 ** 2;

describe('worker: a whole job through a real app server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it('ingests, trains and predicts, although the worker is killed in the middle', async () => {
    const { api } = cluster;
    const first = cluster.startWorker();
    const csv = churnCsv(ROWS);
    const datasetId = await api.dataset({ content: csv, fileName: 'churn.csv' });

    const projectId = await newProject(api, datasetId);
    const job = await startAutopilot(api, projectId, { target: 'label', maxModels: 2, mode: 'quick', seed: 1 });
    await first.until('a train task', ({ event, kind }) => event === 'task_started' && kind === 'train');
    const child = first.lines.findLast(({ event }) => event === 'child_ready');
    expect(child).to.not.equal(undefined);
    first.process.kill('SIGKILL');
    expect(await first.ended).to.deep.equal({ code: null, signal: 'SIGKILL' });

    const second = cluster.startWorker();
    await api.succeeded(job);
    const { json } = await api.request('GET', `/projects/${projectId}/recommended-model`);
    const { modelId } = json as { modelId: string }; // the contract of the route

    const batch = await api.call('POST', '/batch-predictions', 202, Job, {
      json: { modelId, input: { datasetId }, passthroughColumns: ['id', 'plan'] },
    });
    const batchId = idOf(await api.succeeded(batch));
    const rows = csvRecords((await api.request('GET', `/batch-predictions/${batchId}/rows`)).text);
    expect(rows[0]).to.deep.equal(['id', 'plan', 'prediction', 'probability_no', 'probability_yes']);
    expect(rows.slice(1).map(([id]) => id)).to.deep.equal(
      csvRecords(csv)
        .slice(1)
        .map(([id]) => id),
    );
    const right = rows.slice(1).filter((row, index) => row[2] === csvRecords(csv)[index + 1]?.[4]).length;
    expect(right / ROWS).to.be.greaterThan(0.85);
    const ndjson = await api.request('GET', `/batch-predictions/${batchId}/rows`, {
      headers: { accept: 'application/x-ndjson' },
    });
    expect(ndjson.text.trim().split('\n')).to.have.length(ROWS);
    expect(await cluster.stop(second)).to.deep.equal({ code: 0, signal: null });
  });

  it('no task child outlives its supervisor', async () => {
    const worker = cluster.startWorker();
    await worker.until('ready', ({ event }) => event === 'worker_registered');
    const children = () => cluster.childrenOf(worker.pid);
    const task = await until('the task child', () => children()[0]);
    worker.process.kill('SIGKILL');
    await worker.ended;
    await until('the end of the child', () => processOf(task.pid)?.startTicks !== task.startTicks);
  });

  it('a worker that cannot load LightGBM ends by the error table and names the library', async () => {
    const worker = cluster.startWorker('', { 'worker.lightgbmLibrary': '/nowhere/lib_lightgbm.so' });
    expect(await worker.ended).to.deep.equal({ code: 11, signal: null });
    const failed = worker.lines.find(({ event }) => event === 'worker_failed');
    expect(JSON.stringify(failed)).to.contain('NATIVE_LIBRARY').and.to.contain('/nowhere/lib_lightgbm.so');
  });

  it('a task that needs too much memory: the job says found, limit, where and what to raise, and so does the log', async () => {
    const { api } = cluster;
    const worker = cluster.startWorker('', { 'worker.memoryBytes': String(256 * MIB) });
    const answer = await api.upload({ content: churnCsv(200_000), fileName: 'large.csv' });
    const job = await api.final((answer.json as { id: string }).id); // a job
    expect(job.state).to.equal('failed');
    expect(job.error?.code).to.equal('TASK_MEMORY');
    expect(job.error?.detail).to.match(
      /uses \d+ MiB, more than 92 % of its limit of 256 MiB, reached (in phase "|before).*: raise worker\.memoryBytes/,
    );
    const log = (await cluster.server.database
      .knex('task_log')
      .join('task', 'task.id', 'task_log.task_id')
      .where({ 'task.job_id': job.id })
      .pluck('task_log.line')) as string[]; // the column asked for
    expect(log.filter((line) => line.startsWith('TASK_MEMORY: '))).to.have.length(2);
    await cluster.stop(worker);
  });

  it('a worker that the operator drains finishes what it does and ends with 0', async () => {
    const { api } = cluster;
    const worker = cluster.startWorker();
    const { workerId } = await worker.until('its registration', ({ event }) => event === 'worker_registered');
    const answer = await api.request('PATCH', `/workers/${String(workerId)}`, { json: { draining: true } });
    expect(answer.status).to.equal(200);
    expect(await worker.ended).to.deep.equal({ code: 0, signal: null });
    const last = JSON.stringify(worker.lines.slice(-5));
    expect(
      worker.lines.some(({ event }) => event === 'worker_drained'),
      last,
    ).to.be.true;
  });

  it('a worker with another secret ends and says so', async () => {
    const keys = mkdtempSync(path.join(os.tmpdir(), 'trainyard-keys-'));
    writeFileSync(path.join(keys, 'pool.secret'), 'not the secret');
    const worker = cluster.startWorker('', { 'keys.dir': keys });
    expect(await worker.ended).to.deep.equal({ code: 10, signal: null });
    expect(worker.lines.some(({ event }) => event === 'worker_failed')).to.be.true;
    expect(JSON.stringify(worker.lines)).to.not.contain('not the secret');
    rmSync(keys, { recursive: true });
  });
});

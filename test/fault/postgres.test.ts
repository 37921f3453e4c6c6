import { expect } from 'chai';
import { rawRows } from '#store';
import { churnCsv } from '../integration/worker/support.ts';
import { Lab } from '../support/faults/lab.ts';
import { crashingPostgres, type CrashingPostgres } from '../support/faults/postgres-crash.ts';
import { startProxy, type Proxy } from '../support/faults/proxy.ts';
import { noteRecovery } from '../support/faults/recovery.ts';
import {
  attemptCounts,
  expectSameModels,
  inTraining,
  QUICK,
  SLOW,
  startRun,
  undisturbedHashes,
  uploadChurn,
} from '../support/faults/runs.ts';
import { newProject } from '../support/modelling.ts';
import { startPostgres, type PostgresServer } from '../support/postgres.ts';
import { until } from '../support/processes.ts';

/** Statements of a transaction by which its commit is known, and what it means. */
const TRANSACTIONS: Readonly<Record<string, RegExp>> = {
  'a claim': /insert into "?attempt"?/i,
  'a start': /started_at = coalesce/i,
  'a seal': /insert into "?task_seal"?/i,
  'a result': /insert into "?result"?/i,
};

describe('faults: PostgreSQL', function () {
  this.timeout(180_000);
  let server: PostgresServer;
  let crashing: CrashingPostgres;
  let proxy: Proxy;
  let lab: Lab;
  let datasetId = '';
  let slowDataset = '';
  before(async () => {
    await undisturbedHashes(QUICK);
    await undisturbedHashes(SLOW);
    server = await startPostgres({ fsync: true });
    crashing = crashingPostgres(server);
    proxy = await startProxy(Number(new URL(server.url).port));
    const database = await server.createDatabase();
    const throughProxy = new URL(database.url);
    throughProxy.port = String(proxy.port);
    lab = await Lab.open({ database: { url: database.url }, serverDatabaseUrl: throughProxy.href });
    lab.startWorker();
    datasetId = await uploadChurn(lab);
    slowDataset = await uploadChurn(lab, SLOW);
  });
  after(async () => {
    await lab.close();
    await proxy.close();
    await crashing.close();
    await server.close();
  });

  it('killed in the middle of a run and started again on the same data', async () => {
    const run = await startRun(lab, slowDataset, SLOW);
    await inTraining(lab);
    await crashing.kill();
    const killedAtMs = Date.now();
    lab.disturbed();
    await until('an answer that names the database', async () => {
      const answer = await lab.api.request('GET', '/projects');
      return answer.status === 503;
    });
    await crashing.restart();
    await expectSameModels(lab, run, SLOW);
    await lab.recovered('PostgreSQL killed in the middle of the training', killedAtMs, 30_000);
    expect(await attemptCounts(lab, run.job.id)).to.deep.equal([1, 1]);
    await lab.check();
  });

  for (const [name, after] of Object.entries(TRANSACTIONS)) {
    it(`connection reset after the COMMIT of ${name}: asked again, nothing is done twice`, async () => {
      const startedAtMs = Date.now();
      proxy.loseAnswers({ to: /COMMIT/i, after, times: 2 });
      const run = await startRun(lab, datasetId);
      await expectSameModels(lab, run);
      expect(proxy.lostCount).to.equal(2);
      noteRecovery(`connection reset twice after the COMMIT of ${name}`, Date.now() - startedAtMs, {
        what: 'the whole run is done',
        limitMs: 20_000,
      });
      expect(await attemptCounts(lab, run.job.id)).to.deep.equal([1, 1, 1, 1]);
      await lab.check();
    });
  }

  it('connection reset after the COMMIT of an upload: the request is repeated, there is one dataset, and it is whole', async () => {
    const send = () =>
      lab.api.upload(
        { content: churnCsv(30), fileName: 'once.csv', name: 'once' },
        { 'idempotency-key': 'upload-once' },
      );
    proxy.loseAnswers({ to: /COMMIT/i, after: /insert into "?datasets"?/i, times: 1 });
    const lost = await send();
    expect(lost.status, lost.text).to.equal(503);
    expect(proxy.lostCount).to.equal(1);
    const answer = await send();
    expect(answer.status).to.equal(202);
    await lab.succeeded((answer.json as { id: string }).id); // a job
    expect(await rawRows(lab.database, `select id from datasets where name = 'once'`)).to.have.length(1);
    await lab.check();
  });

  it('connection reset after the COMMIT of a started run: the request is repeated, there is one run', async () => {
    const projectId = await newProject(lab.api, datasetId);
    const send = () =>
      lab.api.request('POST', `/projects/${projectId}/autopilot`, {
        json: QUICK.request,
        headers: { 'idempotency-key': 'run-once' },
      });
    proxy.loseAnswers({ to: /COMMIT/i, after: /insert into "?autopilot_runs"?/i, times: 1 });
    expect((await send()).status).to.equal(503);
    const answer = await send();
    expect(answer.status).to.equal(202);
    const job = await lab.succeeded((answer.json as { id: string }).id); // a job
    expect(
      await rawRows(lab.database, 'select id from autopilot_runs where project_id = ?', [projectId]),
    ).to.have.length(1);
    expect(await lab.contentHashes(projectId)).to.deep.equal(await undisturbedHashes(QUICK));
    expect(job.state).to.equal('succeeded');
    await lab.check();
  });
});

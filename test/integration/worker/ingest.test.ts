import { gzipSync } from 'node:zlib';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { toAppError, type IngestTask } from '#contracts';
import { openContext } from '../../../yarn-workers/worker/child/context.ts';
import { runIngest } from '../../../yarn-workers/worker/tasks/ingest.ts';
import { churnCsv, objectNames, openWorkbench, profiledOutcome, type Workbench } from './support.ts';

describe('worker: ingest task', function () {
  this.timeout(30_000);
  let bench: Workbench;
  let server: http.Server;
  let port = 0;
  const files = new Map<string, string | Buffer>();
  before(async () => {
    server = http.createServer(({ url }, response) => {
      const body = files.get(url ?? '');
      if (body === undefined) response.writeHead(404).end();
      else response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port; // listening on TCP
    bench = await openWorkbench({ 'ingest.urlHosts': `127.0.0.1:${port}` });
  });
  after(async () => {
    await bench.close();
    await new Promise((resolve) => server.close(resolve));
  });

  const perform = async (spec: IngestTask) => {
    const run = bench.run(spec);
    const outcome = profiledOutcome(await runIngest(run));
    await run.attempt.verify();
    return { run, outcome };
  };
  const codeOf = async (spec: IngestTask) => {
    const run = bench.run(spec);
    const error = await runIngest(run).then(
      () => null,
      (err: unknown) => toAppError(err),
    );
    expect(await objectNames(bench.context, run.attempt.path)).to.deep.equal([]);
    expect(readdirSync(run.scratchDir).filter((name) => name !== 'fetched')).to.deep.equal([]);
    return error?.code;
  };

  it('makes a snapshot in the attempt folder with a profile of each column', async () => {
    const { run, outcome } = await perform(bench.ingestTask(churnCsv(200)));
    expect(outcome.table.rowCount).to.equal(200);
    expect(outcome.table.files.map((file) => file.path)).to.deep.equal([`${run.attempt.path}/rows.parquet`]);
    expect(run.attempt.files).to.have.length(1);
    expect(outcome.sizeBytes).to.equal(run.attempt.files[0]?.sizeBytes);
    expect(await objectNames(bench.context, run.attempt.path)).to.deep.equal(['rows.parquet']);
    expect(outcome.profile.features.map(({ name }) => name)).to.deep.equal(['id', 'age', 'plan', 'since', 'label']);
    expect(outcome.profile.features[1]?.missingCount).to.equal(12);
    expect(outcome.profile.sampleRows[0]).to.deep.equal(['1000', null, null, '2026-01-15', 'no']);
    expect(run.told.progress.at(-1)?.fraction).to.be.greaterThan(0.7);
  });

  it('reads an upload from the object store and leaves it there', async () => {
    await bench.context.store.write('uploads/up_1/0', gzipSync(churnCsv(30)));
    const { outcome } = await perform({
      kind: 'ingest',
      datasetId: 'ds_2',
      input: { type: 'upload', objectPath: 'uploads/up_1/0', fileName: 'table.csv.gz' },
      options: {},
    });
    expect(outcome.table.rowCount).to.equal(30);
    expect(await bench.context.store.stat('uploads/up_1/0')).to.not.equal(null);
  });

  it('fetches a URL of an allowed host', async () => {
    files.set('/churn.csv', churnCsv(40));
    const input = { type: 'url' as const, url: `http://127.0.0.1:${port}/churn.csv` };
    const { outcome, run } = await perform({ kind: 'ingest', datasetId: 'ds_3', input, options: {} });
    expect(outcome.table.rowCount).to.equal(40);
    expect(run.told.progress.some(({ phase }) => phase === 'fetching')).to.be.true;
  });

  it('warnings about columns are with the column and, in short, with the table', async () => {
    const { outcome } = await perform(bench.ingestTask('a,a,a\n1,2,3\n4,5,6\n'));
    expect(outcome.profile.features.map(({ name }) => name)).to.deep.equal(['a', 'a_2', 'a_3']);
    expect(outcome.profile.features[1]?.warnings.map(({ code }) => code)).to.include('DUPLICATE_NAME');
    expect(outcome.warnings.map(({ code }) => code)).to.deep.equal(['DUPLICATE_NAME']);
  });

  it('a failed ingest leaves nothing in the attempt folder', async () => {
    expect(await codeOf(bench.ingestTask('', 'empty.csv'))).to.equal('DATASET_EMPTY');
    expect(await codeOf(bench.ingestTask('a,b\n', 'header.csv'))).to.equal('DATASET_NO_ROWS');
    expect(await codeOf(bench.ingestTask('a,b\n1\n', 'ragged.csv'))).to.equal('DATASET_RAGGED');
    const url = (address: string): IngestTask => ({
      kind: 'ingest',
      datasetId: 'd',
      input: { type: 'url', url: address },
      options: {},
    });
    expect(await codeOf(url(`http://127.0.0.1:${port}/none.csv`))).to.equal('SOURCE_NOT_FOUND');
    expect(await codeOf(url(`http://localhost:${port}/churn.csv`))).to.equal('SOURCE_NOT_ALLOWED');
    const outside: IngestTask = {
      kind: 'ingest',
      datasetId: 'd',
      input: { type: 'path', path: '/etc/hostname' },
      options: {},
    };
    expect(await codeOf(outside)).to.equal('SOURCE_NOT_ALLOWED');
    const gone: IngestTask = {
      kind: 'ingest',
      datasetId: 'd',
      input: { type: 'upload', objectPath: 'uploads/up_9/0', fileName: 'x.csv' },
      options: {},
    };
    expect(await codeOf(gone)).to.equal('STORE_OBJECT_MISSING');
    expect(existsSync(bench.folder)).to.be.true;
  });

  it('a new child removes what killed ones of this host left in the work folder, and nothing else', async () => {
    const work = bench.context.configuration.worker.workDir;
    const dead = path.join(work, `task-${os.hostname()}-4194305-abc`); // above the largest pid of Linux
    const alive = path.join(work, `task-${os.hostname()}-${process.ppid}-abc`);
    const other = path.join(work, 'task-otherhost-4194305-abc');
    for (const folder of [dead, alive, other]) mkdirSync(path.join(folder, 'sub'), { recursive: true });
    const next = await openContext(bench.context.configuration);
    expect([dead, alive, other].map((folder) => existsSync(folder))).to.deep.equal([false, true, true]);
    await next.close();
    expect(existsSync(next.workDir)).to.be.false;
  });
});

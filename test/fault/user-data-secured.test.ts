import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { BatchPrediction, Dataset, Job } from '#contracts';
import type { HttpTransport } from '#hadoop-auth';
import type { WebHdfsClient } from '#webhdfs';
import { churnCsv } from '../integration/worker/support.ts';
import { startTestAppServer, type TestAppServer } from '../support/app-server.ts';
import { hdfsClient, transportOf } from '../support/hadoop/clients.ts';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { modelled } from '../support/modelling.ts';
import { freePorts } from '../support/platform.ts';
import { TableLab } from '../support/tables.ts';
import { installPrograms, yarnFlags } from '../support/yarn-platform.ts';

const ROWS = 300;
const CHURN = '/user/alice/churn';
const OUTPUT = '/user/alice/predictions';
const LOG_LINES = 100;

/** With Kerberos: the app server acts for the user, his containers have his token, and nobody else sees his files. */
describe('a user’s data in HDFS, in a secured cluster', function () {
  this.timeout(400_000);
  let cluster: HadoopCluster;
  let platform: TestAppServer;
  let transport: HttpTransport;
  let hdfs: WebHdfsClient;
  let lab: TableLab;
  let krb5Before: string | undefined;

  before(async () => {
    krb5Before = process.env['KRB5_CONFIG'];
    cluster = await startHadoopCluster({ shape: 'secured' });
    transport = transportOf(cluster);
    hdfs = hdfsClient(cluster, { user: 'alice', transport });
    lab = await TableLab.open();
    await installPrograms(cluster);
    const [port = 0] = await freePorts(1);
    platform = await startTestAppServer({ ...yarnFlags(cluster), 'server.port': port });
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.log(platform.log.slice(-LOG_LINES).join('\n'));
  });
  after(async () => {
    await platform.close();
    await hdfs.close();
    transport.close();
    await lab.close();
    await cluster.close();
    if (krb5Before === undefined) delete process.env['KRB5_CONFIG'];
    else process.env['KRB5_CONFIG'] = krb5Before;
  });

  it('is modelled where it lies and predicted into a folder of hers; another user may not read it', async () => {
    writeFileSync(lab.at('in', 'all.csv'), churnCsv(ROWS));
    const all = `read_csv('${lab.at('in', 'all.csv')}', types = {'label': 'VARCHAR'}, parallel = false)`;
    for (const index of [0, 1]) {
      const rows = `SELECT * FROM ${all} OFFSET ${(index * ROWS) / 2} LIMIT ${ROWS / 2}`;
      await lab.duckdb.execute(`COPY (${rows}) TO '${lab.at('in', 'part')}' (FORMAT parquet)`);
      await hdfs.create(`${CHURN}/part-${index}.parquet`, readFileSync(lab.at('in', 'part')), { permission: '600' });
    }
    const source = { type: 'hdfs', path: CHURN };
    const { api: bob } = await platform.user('bob');
    const refusal = { status: 403, code: 'HDFS_PERMISSION_DENIED', says: [/as bob/] } as const;
    await bob.refused('POST', '/datasets', refusal, { json: { name: 'churn', source } });

    const { api: alice } = await platform.user('alice');
    const ingest = await alice.call('POST', '/datasets', 202, Job, { json: { name: 'churn', source } });
    const registered = await alice.succeeded(ingest);
    const dataset = await alice.get(String(registered.resource).replace('/api/v1', ''), Dataset);
    expect(dataset).to.include({ rowCount: ROWS, inPlace: true });
    const { modelId } = await modelled(alice, { datasetId: dataset.id }, { target: 'label', maxModels: 2 });
    const json = { modelId, input: { source }, output: { type: 'hdfs', path: OUTPUT } };
    const job = await alice.succeeded(await alice.call('POST', '/batch-predictions', 202, Job, { json }));
    const made = await alice.get(String(job.resource).replace('/api/v1', ''), BatchPrediction);
    expect(made.rowCount).to.equal(ROWS);
    const owners: string[] = [];
    for await (const { path, owner } of hdfs.list(OUTPUT)) owners.push(`${owner} ${path.slice(OUTPUT.length + 1)}`);
    expect(owners).to.deep.equal(['alice _SUCCESS', 'alice part-00000.parquet']);
  });
});

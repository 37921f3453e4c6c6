import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { BatchPrediction, BatchPredictionDryRun, Dataset, FeaturePage, Job, type ErrorCode } from '#contracts';
import type { HttpTransport } from '#hadoop-auth';
import type { WebHdfsClient } from '#webhdfs';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import type { Api } from '../../support/api.ts';
import { hdfsClient, transportOf } from '../../support/hadoop/clients.ts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { modelled } from '../../support/modelling.ts';
import { freePorts } from '../../support/platform.ts';
import { until } from '../../support/processes.ts';
import { TableLab } from '../../support/tables.ts';
import { installPrograms, removePrograms, yarnFlags } from '../../support/yarn-platform.ts';
import { churnCsv } from '../worker/support.ts';

const ROWS = 300;
const HOME = '/user/alice/data';
const CHURN = `${HOME}/churn`;
const START_MS = 60_000;
const LOG_LINES = 100;

/** What an end user does with data of his own in HDFS, over REST, the work being done by his containers. */
describe('a user’s data in HDFS', function () {
  this.timeout(400_000);
  let cluster: HadoopCluster;
  let platform: TestAppServer;
  let transport: HttpTransport;
  let hdfs: WebHdfsClient;
  let lab: TableLab;
  let alice: Api;
  let datasetId: string;
  let modelId: string;

  const put = (content: Uint8Array | string, target: string): Promise<number> =>
    hdfs.create(target, Buffer.from(content), { overwrite: true });
  /** Rows [from, to) of the churn table as Parquet. */
  const churn = async (from: number, to: number): Promise<Uint8Array> => {
    writeFileSync(lab.at('in', 'all.csv'), churnCsv(ROWS));
    const all = `read_csv('${lab.at('in', 'all.csv')}', types = {'label': 'VARCHAR'}, parallel = false)`;
    await lab.duckdb.execute(
      `COPY (SELECT * FROM ${all} OFFSET ${from} LIMIT ${to - from}) TO '${lab.at('in', 'part')}' (FORMAT parquet)`,
    );
    return readFileSync(lab.at('in', 'part'));
  };
  const names = async (folder: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { path } of hdfs.list(folder)) found.push(path.slice(folder.length + 1));
    return found;
  };
  const register = (path: string, format?: string): Promise<Job> =>
    alice.call('POST', '/datasets', 202, Job, {
      json: { name: path, source: { type: 'hdfs', path, ...(format === undefined ? {} : { format }) } },
    });
  const refused = (status: number, code: ErrorCode, source: object, detail: RegExp): Promise<unknown> =>
    alice.refused(
      'POST',
      '/datasets',
      { status, code, says: [detail] },
      { json: { name: 'x', source: { type: 'hdfs', ...source } } },
    );
  const predict = (json: object): Promise<Job> => alice.call('POST', '/batch-predictions', 202, Job, { json });

  before(async () => {
    cluster = await sharedHadoopCluster('plain');
    transport = transportOf(cluster);
    hdfs = hdfsClient(cluster, { user: 'alice', transport });
    lab = await TableLab.open();
    await installPrograms(cluster);
    const [port = 0] = await freePorts(1);
    platform = await startTestAppServer({
      ...yarnFlags(cluster),
      'server.port': port,
      'queue.leaseMs': 10_000,
      'queue.reconcileMs': 1_000,
      'hadoop.allowedRoots': ['/user', '/data'],
    });
    ({ api: alice } = await platform.user('alice'));
    await put(await churn(0, 120), `${CHURN}/part-0.parquet`);
    await put(await churn(120, ROWS), `${CHURN}/part-1.parquet`);
    await put('', `${CHURN}/_SUCCESS`);
    await put('half', `${CHURN}/part-2.parquet._COPYING_`);
    await put('no data', `${CHURN}/_temporary/0/part-0.parquet`);
    await put(churnCsv(20), `${HOME}/csv/a.csv`);
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.log(platform.log.slice(-LOG_LINES).join('\n'));
  });
  after(async () => {
    await platform.close();
    await removePrograms(cluster);
    transport.close();
    await lab.close();
  });

  it('refuses sources by name, with the reason', async () => {
    await put(await churn(0, 10), `${HOME}/nested/dt=1/a.parquet`);
    await put(await churn(0, 10), `${HOME}/nested/b.parquet`);
    await put('{"a":1}\n', `${HOME}/text/dt=1/a.jsonl`);
    await put(await churn(0, 10), `${HOME}/below/dt=1/more/a.parquet`);
    await put(await churn(0, 10), `${HOME}/mixed/a.parquet`);
    await put(churnCsv(10), `${HOME}/mixed/b.csv`);
    await put('', `${HOME}/zero/a.parquet`);
    await put('', `${HOME}/none/_SUCCESS`);
    await put(await churn(0, 10), `${HOME}/secret/a.parquet`);
    await hdfs.setPermission(`${HOME}/secret/a.parquet`, '000');
    await put('ORC', `${HOME}/a.orc`);
    const cases: readonly (readonly [status: number, code: ErrorCode, path: string, detail: RegExp])[] = [
      [422, 'SOURCE_NOT_FOUND', `${HOME}/nothing`, /nothing: does not exist in HDFS/],
      [422, 'SOURCE_NOT_FOUND', `${HOME}/no*.parquet`, /has such a name/],
      [422, 'HDFS_PATH_INVALID', 'relative', /relative/],
      [422, 'HDFS_PATH_INVALID', `${HOME}/../bob`, /"\.\."/],
      [422, 'HDFS_PATH_INVALID', `${HOME}/a{b`, /braces/],
      [422, 'HDFS_PATH_INVALID', 'hdfs://elsewhere:8020/user/alice', /elsewhere/],
      [403, 'SOURCE_NOT_ALLOWED', '/tmp/x', /hadoop\.allowedRoots/],
      [403, 'SOURCE_NOT_ALLOWED', '/*/alice/data/churn', /hadoop\.allowedRoots/],
      [403, 'HDFS_PERMISSION_DENIED', `${HOME}/secret`, /secret\/a\.parquet as alice.*mode 0/],
      [
        422,
        'DATASET_SCHEMAS_DIFFER',
        `${HOME}/nested`,
        /dt=1\/a\.parquet: expected no partition folder as file .*b\.parquet, found folders dt=/,
      ],
      [
        422,
        'UNSUPPORTED_FORMAT',
        `${HOME}/text`,
        /expected Parquet, csv or tsv in partition folders \(dt\), found jsonl/,
      ],
      [
        422,
        'DATASET_SUBFOLDERS',
        `${HOME}/below`,
        /dt=1: expected files and folders key=value only, found folder more/,
      ],
      [422, 'DATASET_SUBFOLDERS', HOME, /expected files and folders key=value only, found folder/],
      [422, 'DATASET_SCHEMAS_DIFFER', `${HOME}/mixed`, /mixed\/b\.csv: expected parquet/],
      [422, 'DATASET_UNREADABLE', `${HOME}/zero`, /zero\/a\.parquet: expected Parquet, found 0 bytes/],
      [422, 'DATASET_EMPTY', `${HOME}/none`, /none: expected files/],
      [422, 'UNSUPPORTED_FORMAT', `${HOME}/a.orc`, /a\.orc: expected .* found \.orc/],
    ];
    for (const [status, code, path, detail] of cases) await refused(status, code, { path }, detail);
    await refused(422, 'VALIDATION_FAILED', { path: CHURN, format: 'orc' }, /source/);
    await hdfs.setPermission(`${HOME}/secret/a.parquet`, '644');
  });

  it('registers a folder of Parquet in place and models it', async () => {
    const job = await alice.succeeded(await register(`${CHURN}/`));
    const dataset = await alice.get(String(job.resource).replace('/api/v1', ''), Dataset);
    expect(dataset).to.include({ rowCount: ROWS, featureCount: 5, inPlace: true, state: 'ready' });
    expect(dataset.source).to.deep.equal({ type: 'hdfs', path: CHURN, format: 'parquet' });
    datasetId = dataset.id;
    const { board, modelId: recommended } = await modelled(alice, { datasetId }, { target: 'label', maxModels: 2 });
    expect(board.data.length).to.be.greaterThan(1);
    modelId = recommended;
  });

  it('registers partition folders, whose keys are columns that models read', async () => {
    const folder = `${HOME}/partitioned`;
    await put(await churn(0, 100), `${folder}/day=2026-11-28/region=eu/part-0.parquet`);
    await put(await churn(100, 200), `${folder}/day=2026-11-29/region=us/part-0.parquet`);
    await put(await churn(200, ROWS), `${folder}/day=2026-11-29/region=__HIVE_DEFAULT_PARTITION__/part-0.parquet`);
    await put('', `${folder}/_SUCCESS`);
    const job = await alice.succeeded(await register(folder));
    const dataset = await alice.get(String(job.resource).replace('/api/v1', ''), Dataset);
    expect(dataset).to.include({ rowCount: ROWS, featureCount: 7, inPlace: true });
    const { data } = await alice.get(`/datasets/${dataset.id}/features`, FeaturePage);
    const [day, region] = data.slice(-2);
    expect(day).to.include({ name: 'day', type: 'date', missingCount: 0 });
    expect(region).to.include({ name: 'region', missingCount: 100, uniqueCount: 2 });
    const { modelId: partitioned } = await modelled(
      alice,
      { datasetId: dataset.id },
      { target: 'label', maxModels: 1 },
    );
    // One day, by a pattern: its key is a column all the same.
    const source = { type: 'hdfs', path: `${folder}/day=*-29` };
    const scored = await alice.succeeded(await predict({ modelId: partitioned, input: { source } }));
    expect((await alice.get(String(scored.resource).replace('/api/v1', ''), BatchPrediction)).rowCount).to.equal(200);
  });

  it('predicts files as they are and writes into a folder of the user’s own, whole or not at all', async () => {
    const output = { type: 'hdfs', path: `${HOME}/out/predictions` };
    const input = { source: { type: 'hdfs', path: `${CHURN}/part-*.parquet` } };
    const request = { modelId, input, output, explanations: { top: 1 } };
    const plan = await alice.call('POST', '/batch-predictions?dryRun=true', 200, BatchPredictionDryRun, {
      json: request,
    });
    expect(plan).to.include({ datasetId: null, rowCount: null, missingFeatures: null });
    const job = await alice.succeeded(await predict({ ...request, passthroughColumns: ['id'] }));
    const made = await alice.get(String(job.resource).replace('/api/v1', ''), BatchPrediction);
    expect(made).to.include({ rowCount: ROWS, rows: null, datasetId: null });
    expect(made.output).to.deep.equal(output);
    expect(await names(output.path)).to.deep.equal(['_SUCCESS', 'part-00000.parquet']);
    const status = await hdfs.status(`${output.path}/part-00000.parquet`);
    expect(status.owner).to.equal('alice');
    const chunks: Uint8Array[] = [];
    for await (const chunk of hdfs.open(status.path)) chunks.push(chunk);
    writeFileSync(lab.at('in', 'out.parquet'), Buffer.concat(chunks));
    const rows = await lab.duckdb.rows(
      `SELECT id, typeof(prediction), typeof("probability_yes"), explanation_1_feature, typeof(explanation_rest) FROM read_parquet('${lab.at('in', 'out.parquet')}')`,
    );
    expect(rows.map(([id]) => Number(id))).to.deep.equal(Array.from({ length: ROWS }, (_, i) => 1_000 + i));
    const [, ...shown] = rows[0] ?? [];
    expect(shown.toSpliced(2, 1)).to.deep.equal(['VARCHAR', 'DOUBLE', 'DOUBLE']);
    expect(shown[2], 'a feature explains the prediction').to.be.oneOf(['id', 'age', 'plan', 'since']);
    await alice.refused('GET', `/batch-predictions/${made.id}/rows`, {
      status: 409,
      code: 'CONFLICT',
      says: [/in HDFS/],
    });
    await until('the staging folder to go', async () => (await names(`${HOME}/out`)).length === 1, START_MS);
  });

  it('never writes over what is there, unless told to; never over its input or into others’ folders', async () => {
    const place = `${HOME}/out/predictions`;
    const request = (path: string, more: object = {}): object => ({
      modelId,
      input: { datasetId },
      output: { type: 'hdfs', path, ...more },
    });
    const refusals: readonly (readonly [object, number, ErrorCode, RegExp])[] = [
      [request(place), 409, 'HDFS_OUTPUT_EXISTS', /predictions: expected nothing .* found a folder with files/],
      [request(HOME, { overwrite: true }), 409, 'HDFS_OUTPUT_EXISTS', /a folder with folders/],
      [request(`${HOME}/csv/a.csv`), 409, 'HDFS_OUTPUT_EXISTS', /found a file/],
      [request(`${HOME}/csv/a.csv/x`), 403, 'HDFS_OUTPUT_REFUSED', /is not a directory/],
      [request('/tmp/x/y'), 403, 'SOURCE_NOT_ALLOWED', /hadoop\.allowedRoots/],
      [request('/user/trainyard/x'), 403, 'HDFS_OUTPUT_REFUSED', /expected alice to have the right to write/],
    ];
    for (const [json, status, code, detail] of refusals)
      await alice.refused('POST', '/batch-predictions', { status, code, says: [detail] }, { json });
    await put(await churn(0, 10), `${HOME}/flat/a.parquet`);
    const own = {
      modelId,
      input: { source: { type: 'hdfs', path: `${HOME}/flat` } },
      output: { type: 'hdfs', path: `${HOME}/flat`, overwrite: true },
    };
    const refusal = { status: 422, code: 'VALIDATION_FAILED', says: [/is a folder of the input/] } as const;
    await alice.refused('POST', '/batch-predictions', refusal, { json: own });

    const before = (await hdfs.status(`${place}/part-00000.parquet`)).fileId;
    await alice.succeeded(await predict(request(place, { overwrite: true, format: 'csv' })));
    expect(await names(place)).to.deep.equal(['_SUCCESS', 'part-00000.csv']);
    expect((await hdfs.status(`${place}/part-00000.csv`)).fileId).not.to.equal(before);
    await until('what was replaced to go', async () => (await names(`${HOME}/out`)).length === 1, START_MS);
  });

  it('one that is made there meanwhile stays, and the job says so', async () => {
    const place = `${HOME}/out/raced`;
    const job = await predict({ modelId, input: { datasetId }, output: { type: 'hdfs', path: place } });
    await put('mine', `${place}/file`);
    await alice.failed(job, { status: 409, code: 'HDFS_OUTPUT_EXISTS', says: [/raced/] });
    expect(await names(place)).to.deep.equal(['file']);
    await until(
      'the staging folder to go',
      async () => !(await names(`${HOME}/out`)).some((name) => name.startsWith('_')),
      START_MS,
    );
  });

  it('small text files become a snapshot; the dataset says that it is not in place', async () => {
    const job = await alice.succeeded(await register(`${HOME}/csv`));
    const dataset = await alice.get(String(job.resource).replace('/api/v1', ''), Dataset);
    expect(dataset).to.include({ rowCount: 20, inPlace: false });
    expect(dataset.source).to.deep.equal({ type: 'hdfs', path: `${HOME}/csv`, format: 'csv' });
  });

  it('text in partition folders is profiled, modelled and predicted where it lies', async () => {
    const folder = `${HOME}/partitioned-text`;
    const [header = '', ...lines] = churnCsv(ROWS).trimEnd().split('\n');
    const part = (from: number, to: number): string => `${[header, ...lines.slice(from, to)].join('\n')}\n`;
    await put(part(0, 100), `${folder}/day=2026-11-28/region=eu/part-0.csv`);
    await put(part(100, 200), `${folder}/day=2026-11-29/region=__HIVE_DEFAULT_PARTITION__/part-0.csv`);
    await put(gzipSync(part(200, ROWS)), `${folder}/day=2026-11-29/region=us/part-0.csv.gz`);
    const job = await alice.succeeded(await register(folder));
    const dataset = await alice.get(String(job.resource).replace('/api/v1', ''), Dataset);
    expect(dataset).to.include({ rowCount: ROWS, featureCount: 7, inPlace: true });
    expect(dataset.source).to.deep.equal({ type: 'hdfs', path: folder, format: 'csv', inPlace: true });
    const { data } = await alice.get(`/datasets/${dataset.id}/features`, FeaturePage);
    expect(data.map(({ name, type }) => `${name} ${type}`)).to.deep.equal([
      'id id',
      'age numeric',
      'plan categorical',
      'since date',
      'label categorical',
      'day date',
      'region categorical',
    ]);
    const { modelId: ofText } = await modelled(alice, { datasetId: dataset.id }, { target: 'label', maxModels: 1 });
    const output = { type: 'hdfs', path: `${HOME}/out-of-text/predictions`, format: 'csv' };
    const ofDataset = await alice.succeeded(
      await predict({
        modelId: ofText,
        input: { datasetId: dataset.id },
        output,
        passthroughColumns: ['id', 'region'],
      }),
    );
    const made = await alice.get(String(ofDataset.resource).replace('/api/v1', ''), BatchPrediction);
    expect(made.rowCount).to.equal(ROWS);
    const chunks: Uint8Array[] = [];
    for await (const chunk of hdfs.open(`${output.path}/part-00000.csv`)) chunks.push(chunk);
    const [names, ...rows] = Buffer.concat(chunks).toString().trimEnd().split('\n');
    expect(names).to.match(/^id,region,prediction,/);
    expect(rows.map((row) => row.split(',').slice(0, 2))).to.deep.equal(
      lines.map((line, at) => [line.split(',')[0], at < 100 ? 'eu' : at < 200 ? '' : 'us']),
    );
    // One day, by a pattern: read where it lies, however little it is.
    const source = { type: 'hdfs', path: `${folder}/day=*-29` };
    const scored = await alice.succeeded(await predict({ modelId: ofText, input: { source } }));
    expect((await alice.get(String(scored.resource).replace('/api/v1', ''), BatchPrediction)).rowCount).to.equal(200);

    await put(part(0, 101), `${folder}/day=2026-11-28/region=eu/part-0.csv`);
    const late = await predict({ modelId: ofText, input: { datasetId: dataset.id } });
    await alice.failed(late, { status: 409, code: 'DATASET_CHANGED', says: [/region=eu\/part-0\.csv changed/] });
  });

  it('a file that changed is an error of the job, which names it', async () => {
    await put(await churn(0, 121), `${CHURN}/part-0.parquet`);
    const job = await predict({ modelId, input: { datasetId }, output: { type: 'hdfs', path: `${HOME}/out/late` } });
    await alice.failed(job, {
      status: 409,
      code: 'DATASET_CHANGED',
      says: [/part-0\.parquet changed after it was registered/],
    });
    expect(await hdfs.find(`${HOME}/out/late`)).to.equal(null);
  });
});

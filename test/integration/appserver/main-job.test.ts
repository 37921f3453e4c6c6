import { createHash, verify } from 'node:crypto';
import { expect } from 'chai';
import {
  AppError,
  AutopilotRun,
  BatchPrediction,
  canonicalJson,
  Dataset,
  Deployment,
  Insight,
  InsightList,
  Job,
  Leaderboard,
  Model,
  Project,
  type AssignmentFeed,
} from '#contracts';
import { readSecret, KEY_FILES } from '#runtime';
import { Api } from '../../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { until } from '../../support/processes.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';
import { unzip } from '../../support/zip.ts';

const ROWS = 200;
const columns: readonly MemoryColumn[] = [
  { name: 'x', cells: Array.from({ length: ROWS }, (_, row) => String((row * 37) % 101)), parse: numberRule },
  {
    name: 'colour',
    cells: Array.from({ length: ROWS }, (_, row) => (row % 3 === 0 ? 'red' : 'blue')),
    parse: textRule,
  },
  { name: 'y', cells: Array.from({ length: ROWS }, (_, row) => (row % 4 === 0 ? 'yes' : 'no')), parse: textRule },
];
const AUTOPILOT = { target: 'y', blueprints: ['baseline'] };

for (const client of ['sqlite', 'postgres'] as const)
  describe(`app server on ${client}: from upload to deployment`, () => mainJob(client));

function mainJob(client: 'sqlite' | 'postgres'): void {
  let world: TestAppServer;
  let postgres: TestDatabase | null = null;
  let worker: ProtocolWorker;
  let api: Api;
  let datasetId = '';

  before(async function () {
    this.timeout(60_000);
    postgres = client === 'postgres' ? await createDatabase() : null;
    const database = postgres === null ? {} : { 'database.client': 'postgres', 'database.url': postgres.url };
    world = await startTestAppServer({ 'retention.sweepIntervalMs': 100, ...database });
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columns);
    api = (await world.user('ann')).api;
  });
  after(async () => {
    worker.close();
    await world.close();
    await postgres?.close();
  });

  const project = async (name = 'p'): Promise<string> =>
    (await api.call('POST', '/projects', 201, Project, { json: { name, datasetId } })).id;

  const stateOf = async (id: string): Promise<Project['state']> => (await api.get(`/projects/${id}`, Project)).state;

  it('makes a dataset of an upload', async () => {
    const answer = await api.upload({ content: 'x,colour,y\n1,red,yes\n', fileName: 'data.csv' });
    expect(answer.status).to.equal(202);
    const job = answer.json as Job;
    expect(answer.headers.get('location')).to.equal(`/api/v1/jobs/${job.id}`);
    datasetId = job.resource?.split('/').at(-1) ?? '';
    await api.refused(
      'POST',
      '/projects',
      { status: 409, code: 'DATASET_NOT_READY' },
      { json: { name: 'p', datasetId } },
    );
    expect(await worker.workAll()).to.equal(1);
    expect((await api.get(`/jobs/${job.id}`, Job)).state).to.equal('succeeded');
    const dataset = await api.get(`/datasets/${datasetId}`, Dataset);
    expect(dataset).to.include({ state: 'ready', rowCount: ROWS, featureCount: 3, name: 'data', version: 1 });
    const features = await api.request('GET', `/datasets/${datasetId}/features?limit=2`);
    const page = features.json as { data: { name: string }[]; next: string };
    expect(page.data.map((feature) => feature.name)).to.deep.equal(['x', 'colour']);
    const rest = (await api.request('GET', page.next)).json as { data: { name: string }[]; next: null };
    expect(rest).to.deep.include({ next: null });
    expect(rest.data.map((feature) => feature.name)).to.deep.equal(['y']);
    const rows = (await api.request('GET', `/datasets/${datasetId}/rows?limit=1`)).json as { data: unknown[] };
    expect(rows.data).to.deep.equal([{ x: '0', colour: 'red', y: 'yes' }]);
  });

  it('runs Autopilot to a recommended refit, hides the holdout until it is unlocked', async () => {
    const id = await project();
    const plan = await api.request('POST', `/projects/${id}/autopilot?dryRun=true`, { json: AUTOPILOT });
    expect(plan.status).to.equal(200);
    await api.refused('GET', `/projects/${id}/autopilot`, { status: 404, code: 'NOT_FOUND' });
    await api.refused('GET', `/projects/${id}/recommended-model`, { status: 404, code: 'RECOMMENDED_MODEL_NOT_READY' });
    const job = await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: AUTOPILOT });
    await api.refused(
      'POST',
      `/projects/${id}/autopilot`,
      { status: 409, code: 'AUTOPILOT_RUNNING' },
      { json: AUTOPILOT },
    );
    expect(await worker.workAll(), 'one search, one refit').to.equal(2);
    const done = await api.get(`/jobs/${job.id}`, Job);
    expect(done).to.include({ state: 'succeeded', resource: `/api/v1/projects/${id}/autopilot` });
    const board = await api.get(`/projects/${id}/leaderboard`, Leaderboard);
    expect(board).to.include({ metric: 'logLoss', direction: 'lower', holdoutLocked: true });
    expect(board.data.map((row) => [row.rank, row.recommended, row.refitOf !== null])).to.deep.equal([
      [1, true, true],
      [2, false, false],
    ]);
    const [refit, twin] = board.data;
    const ofRefit = `/models/${refit?.modelId ?? ''}/insights`;
    const roc = await api.get(`${ofRefit}/roc`, Insight);
    expect(roc).to.deep.include({ modelId: refit?.modelId, predictedBy: twin?.modelId, partition: 'crossValidation' });
    expect(roc.rowCount).to.equal(ROWS * 0.8);
    const auc = roc.insight.kind === 'roc' ? roc.insight.auc : null;
    expect(auc).to.be.closeTo(twin?.scores.crossValidation?.['auc'] ?? NaN, 1e-12);
    const ofHoldout = `${ofRefit}/confusion?partition=holdout`;
    await api.refused('GET', ofHoldout, { status: 409, code: 'CONFLICT', says: [/locked/] });
    expect(refit?.scores).to.deep.equal(twin?.scores);
    expect(refit?.scores.holdout).to.equal(null);
    expect(refit?.scores.crossValidation?.['logLoss']).to.be.closeTo(0.5623, 0.01);
    await api.call('POST', `/projects/${id}/holdout/unlock`, 200, Project);
    expect((await api.get(ofHoldout, Insight)).rowCount).to.equal(ROWS * 0.2);
    const unlocked = await api.get(`/projects/${id}/leaderboard`, Leaderboard);
    expect(unlocked.data[0]?.scores.holdout?.['logLoss']).to.be.a('number');
    await api.refused('POST', `/projects/${id}/holdout/unlock`, { status: 409, code: 'HOLDOUT_ALREADY_UNLOCKED' });
    await api.refused(
      'POST',
      `/projects/${id}/autopilot`,
      { status: 409, code: 'PROJECT_TARGET_FIXED', says: [/target/] },
      { json: { ...AUTOPILOT, target: 'x' } },
    );
    const again = await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: { ...AUTOPILOT, seed: 7 } });
    await worker.workAll();
    expect((await api.get(`/jobs/${again.id}`, Job)).state).to.equal('succeeded');
  });

  it('does not commit a model whose scores are not those of its predictions', async () => {
    const id = await project();
    const job = await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: AUTOPILOT });
    const lie = worker.workOnce((made) => {
      if (made.outcome.kind !== 'train' || made.outcome.scores === null)
        throw new Error('expected a model with scores');
      const { scores } = made.outcome;
      return {
        ...made,
        outcome: { ...made.outcome, scores: { ...scores, validation: { ...scores.validation, logLoss: 0 } } },
      };
    });
    await lie;
    const board = await api.get(`/projects/${id}/leaderboard`, Leaderboard);
    expect(board.data).to.deep.equal([]);
    expect(world.log.some((line) => line.includes('not those of out-of-fold.bin'))).to.equal(true);
    const cancelled = await api.request('DELETE', `/jobs/${job.id}`);
    expect(cancelled.json).to.include({ state: 'cancelled' });
    await api.refused('DELETE', `/jobs/${job.id}`, { status: 409, code: 'JOB_FINISHED' });
    const run = (await api.request('GET', `/projects/${id}/autopilot`)).json;
    expect(run).to.include({ state: 'cancelled' });
  });

  it('fails a run whose every model failed, with the reasons', async () => {
    const id = await project();
    expect(await stateOf(id)).to.equal('new');
    const job = await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: AUTOPILOT });
    expect(await stateOf(id)).to.equal('modelling');
    await worker.failOnce(new AppError('TARGET_HAS_MISSING', 'the target has missing values in row 3'));
    const done = await api.get(`/jobs/${job.id}`, Job);
    expect(done.state).to.equal('failed');
    expect(done.error).to.include({ code: 'TARGET_HAS_MISSING' });
    expect(done.error?.detail).to.include('row 3');
    expect(await stateOf(id)).to.equal('failed');
    const { tasks, failures, untried } = await api.get(`/projects/${id}/autopilot`, AutopilotRun);
    expect([tasks.failed, untried]).to.deep.equal([1, []]);
    expect(failures.map(({ modelId: _, ...told }) => told)).to.deep.equal([
      {
        ...{ name: 'Baseline', blueprintId: 'baseline', state: 'failed' },
        reason: 'the target has missing values in row 3',
      },
    ]);
  });

  it('tells of candidates that failed, were cancelled and not begun, in the run and in the report', async () => {
    const id = await project();
    const blueprints = ['baseline', 'linear', 'linear-splines', 'lightgbm-fast'];
    await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: { target: 'y', blueprints } });
    const [, second, third, fourth] = (await api.get(`/projects/${id}/autopilot`, AutopilotRun)).plan.candidates;
    expect(await worker.workOnce(), 'the baseline').to.equal(true);
    await worker.failOnce(new AppError('TARGET_HAS_MISSING', 'no coefficient is finite <in> row 3'));
    expect((await api.request('POST', `/projects/${id}/autopilot/stop`)).json).to.include({ state: 'succeeded' });
    const run = await api.get(`/projects/${id}/autopilot`, AutopilotRun);
    expect([run.tasks.failed, run.untried]).to.deep.equal([2, [fourth]]);
    expect(run.failures.map(({ blueprintId, state, reason }) => [blueprintId, state, reason])).to.deep.equal([
      [second?.blueprintId, 'failed', 'no coefficient is finite <in> row 3'],
      [third?.blueprintId, 'cancelled', 'The run ended before it did.'],
    ]);
    const [failure] = run.failures;
    const model = await api.get(`/models/${failure?.modelId ?? ''}`, Model);
    expect([model.name, model.error?.detail]).to.deep.equal([failure?.name, failure?.reason]);
    const report = await api.request('GET', `/models/${run.recommendedModelId ?? ''}/compliance-report`);
    expect(report.text).to.include('no coefficient is finite &lt;in&gt; row 3');
    expect(report.text).to.include('of which 1 was not begun');
  });

  it('shows a project as its newest run while there is no model to recommend', async () => {
    const id = await project();
    const cancelled = await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: AUTOPILOT });
    await api.request('DELETE', `/jobs/${cancelled.id}`);
    expect(await stateOf(id)).to.equal('cancelled');
    await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: AUTOPILOT });
    expect(await stateOf(id)).to.equal('modelling');
    await worker.workAll();
    expect(await stateOf(id)).to.equal('ready');
  });

  it('ends a run in time without a worker: there is no model, and the job says so', async () => {
    const id = await project();
    const request = { ...AUTOPILOT, timeBudgetSeconds: 3 };
    const job = await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: request });
    const started = performance.now();
    const done = (await api.request('GET', `/jobs/${job.id}`, { headers: { prefer: 'wait=10' } })).json as Job;
    expect(performance.now() - started, 'the budget, and a second for a busy machine').to.be.below(4_000);
    expect(done).to.include({ state: 'failed' });
    expect(done.error).to.include({ code: 'NO_MODEL_IN_TIME', status: 504 });
    const { failures } = await api.get(`/projects/${id}/autopilot`, AutopilotRun);
    expect(failures.map(({ blueprintId }) => blueprintId)).to.deep.equal(['baseline']);
    expect(failures[0]?.reason).to.include('had no result by its deadline');
  });

  it('pauses, resumes and stops', async () => {
    const id = await project();
    const control = (verb: string) => api.request('POST', `/projects/${id}/autopilot/${verb}`);
    expect((await control('pause')).status).to.equal(409);
    await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: { ...AUTOPILOT, timeBudgetSeconds: 60 } });
    expect((await control('pause')).json).to.include({ state: 'paused' });
    expect(await worker.workAll(), 'held tasks are not given out').to.equal(0);
    expect((await control('pause')).status).to.equal(409);
    expect((await control('resume')).json).to.include({ state: 'running' });
    expect(await worker.workOnce()).to.equal(true);
    expect((await control('stop')).json).to.include({ state: 'succeeded' });
    const board = await api.get(`/projects/${id}/leaderboard`, Leaderboard);
    expect(board.data.map((row) => row.recommended)).to.deep.equal([true]);
    await api.refused('POST', `/projects/${id}/autopilot/stop`, { status: 409, code: 'AUTOPILOT_NOT_RUNNING' });
  });

  describe('with a model', () => {
    let projectId = '';
    let modelId = '';
    before(async () => {
      projectId = await project('deployed');
      await api.call('POST', `/projects/${projectId}/autopilot`, 202, Job, { json: AUTOPILOT });
      await worker.workAll();
      modelId = (await api.get(`/projects/${projectId}/leaderboard`, Leaderboard)).data[1]?.modelId ?? '';
    });

    it('fits a blueprint by hand and keeps stars, tags and descriptions', async () => {
      const body = { blueprintId: 'baseline' };
      const job = await api.call('POST', `/projects/${projectId}/models`, 202, Job, { json: body });
      expect(job.resource).to.match(/^\/api\/v1\/models\/model_/);
      const path = job.resource ?? '';
      expect((await api.get(path, Model)).state).to.equal('training');
      await api.refused('GET', `${path}/artifact`, { status: 409, code: 'MODEL_NOT_READY' });
      await worker.workAll();
      const model = await api.call('PATCH', path, 200, Model, {
        json: { starred: true, tags: ['a'], description: 'd' },
      });
      expect(model).to.deep.include({ state: 'ready', starred: true, tags: ['a'], description: 'd' });
      const unknown = { json: { blueprintId: 'nonsense' } };
      await api.refused('POST', `/projects/${projectId}/models`, { status: 422, code: 'BLUEPRINT_UNKNOWN' }, unknown);
    });

    it('gives artefact, log, parameters and out-of-fold predictions', async () => {
      const model = await api.get(`/models/${modelId}`, Model);
      const files = unzip((await api.request('GET', `/models/${modelId}/artifact`)).bytes);
      expect([...files.keys()]).to.deep.equal(['manifest.json', 'blob', 'signature.json']);
      const manifestSha256 = createHash('sha256')
        .update(files.get('manifest.json') ?? '')
        .digest('hex');
      expect(model.manifestSha256).to.equal(manifestSha256);
      const signed = JSON.parse(String(files.get('signature.json'))) as { signature: string; publicKey: string };
      const text = Buffer.from(canonicalJson({ modelId, manifestSha256 }));
      expect(verify(null, text, signed.publicKey, Buffer.from(signed.signature, 'base64'))).to.equal(true);
      const log = (await api.request('GET', `/models/${modelId}/log`)).json as { lines: string[] };
      expect(log.lines).to.deep.equal(['started', 'sealed']);
      expect((await api.request('GET', `/models/${modelId}/parameters`)).json).to.include({ blueprintId: 'baseline' });
      const csv = (await api.request('GET', `/models/${modelId}/training-predictions`)).text.trimEnd().split('\r\n');
      expect(csv[0]).to.equal('rowIndex,partition,prediction,probability_no,probability_yes');
      expect(csv.length - 1, 'the holdout is locked').to.equal(ROWS * 0.8);
      await api.refused(
        'GET',
        `/models/${modelId}/artifact`,
        { status: 406, code: 'NOT_ACCEPTABLE' },
        {
          headers: { accept: 'image/png' },
        },
      );
    });

    it('lists insights, gives each, and refuses what was not computed or does not fit', async () => {
      const path = `/models/${modelId}/insights`;
      const { data } = await api.get(path, InsightList);
      expect(data.map(({ kind }) => kind)).to.deep.equal([
        'lift',
        'roc',
        'precision-recall',
        'confusion',
        'calibration',
        'profit',
      ]);
      for (const { kind } of data) {
        const { insight, rowCount, isWeighted } = await api.get(`${path}/${kind}`, Insight);
        expect([insight.kind, rowCount, isWeighted]).to.deep.equal([kind, ROWS * 0.8, false]);
      }
      expect((await api.get(`${path}/roc?label=no`, Insight)).insight).to.deep.include({ label: 'no' });
      const refuse = (rest: string, status: number, code: Parameters<typeof api.refused>[2]['code']) =>
        api.refused('GET', `${path}/${rest}`, { status, code });
      await refuse('learning-curve', 409, 'CONFLICT');
      await refuse('coefficients', 422, 'VALIDATION_FAILED');
      await refuse('word-cloud', 422, 'VALIDATION_FAILED');
      await refuse('nonsense', 404, 'NOT_FOUND');
      await refuse('residuals', 422, 'VALIDATION_FAILED');
      await refuse('roc?label=maybe', 422, 'VALIDATION_FAILED');
      await refuse('confusion?label=no', 422, 'VALIDATION_FAILED');
      await refuse('roc?partition=all', 422, 'VALIDATION_FAILED');
      await api.refused('GET', '/models/mdl_none/insights/roc', { status: 404, code: 'NOT_FOUND' });
    });

    it('scores a dataset in the format that Accept asks for', async () => {
      const json = { modelId, input: { datasetId }, passthroughColumns: ['x'] };
      const dry = await api.request('POST', '/batch-predictions?dryRun=true', { json });
      expect(dry.json).to.deep.include({
        columns: ['x', 'prediction', 'probability_no', 'probability_yes'],
        missingFeatures: [],
        rowCount: ROWS,
      });
      const explained = { json: { ...json, explanations: { top: 1 } } };
      expect((await api.request('POST', '/batch-predictions?dryRun=true', explained)).json).to.deep.include({
        columns: [
          ...['x', 'prediction', 'probability_no', 'probability_yes'],
          ...['explanation_base', 'explanation_1_feature', 'explanation_1_contribution', 'explanation_rest'],
        ],
      });
      const job = await api.call('POST', '/batch-predictions', 202, Job, { json });
      const path = job.resource ?? '';
      await api.refused('GET', `${path}/rows`, { status: 409, code: 'JOB_NOT_FINISHED' });
      await worker.workAll();
      expect((await api.get(path, BatchPrediction)).state).to.equal('succeeded');
      const rows = await api.request('GET', `${path}/rows`);
      expect([rows.headers.get('content-type'), rows.text]).to.deep.equal([
        'text/csv; charset=utf-8',
        'prediction\r\n1\r\n',
      ]);
      const lines = await api.request('GET', `${path}/rows`, { headers: { accept: 'application/x-ndjson' } });
      expect(lines.headers.get('content-type')).to.equal('application/x-ndjson');
      const refuse = (change: object, status: number, code: Parameters<typeof api.refused>[2]['code']) =>
        api.refused('POST', '/batch-predictions', { status, code }, { json: { ...json, ...change } });
      await refuse({ passthroughColumns: ['z'] }, 422, 'COLUMN_UNKNOWN');
      await refuse({ modelId: undefined }, 422, 'VALIDATION_FAILED');
      await refuse({ explanations: { top: 0 } }, 422, 'VALIDATION_FAILED');
      await refuse({ explanations: { top: 101 } }, 422, 'VALIDATION_FAILED');
      const hdfs = { type: 'hdfs', path: '/x' };
      await refuse({ input: {} }, 422, 'VALIDATION_FAILED');
      await refuse({ input: { datasetId, source: hdfs } }, 422, 'VALIDATION_FAILED');
      await refuse({ input: { source: hdfs } }, 501, 'NOT_AVAILABLE');
      await refuse({ output: hdfs }, 501, 'NOT_AVAILABLE');
      await refuse({ output: { ...hdfs, format: 'orc' } }, 422, 'VALIDATION_FAILED');
      await refuse({ input: { source: { type: 'path', path: '/etc/passwd' } } }, 403, 'SOURCE_NOT_ALLOWED');
    });

    it('deploys, replaces the model with a reason, and tells prediction servers', async () => {
      const token = readSecret(`${world.config.keys.dir}/${KEY_FILES.predictionServerToken}`);
      const internal = new Api(world.server.url, token);
      const feedOf = async (after: number) =>
        internal.request('GET', `${world.server.url}/internal/v1/assignments?after=${after}&wait=5`);
      const json = { modelId, name: 'd' };
      expect((await api.request('POST', '/deployments?dryRun=true', { json })).status).to.equal(200);
      const deployedModel = await api.get(`/models/${modelId}`, Model);
      expect(await Array.fromAsync(world.store.list(`models/${deployedModel.taskId ?? ''}`))).to.have.length(3);
      const before = (await feedOf(0)).json as AssignmentFeed;
      const poll = feedOf(before.sequence);
      const deployment = await api.call('POST', '/deployments', 201, Deployment, { json });
      expect(deployment.ready).to.equal(false);
      const feed = (await poll).json as AssignmentFeed;
      const record = feed.deployments.find((entry) => entry.deploymentId === deployment.id);
      if (record === undefined) throw new Error('the feed names the deployment');
      const { signature, ...unsigned } = record;
      const isSigned = verify(
        null,
        Buffer.from(canonicalJson(unsigned)),
        feed.publicKey,
        Buffer.from(signature, 'base64'),
      );
      expect(isSigned).to.equal(true);
      expect(JSON.stringify(feed)).to.not.include(api.key ?? 'never');
      const manifest = await internal.request('GET', `${world.server.url}/internal/v1/models/${modelId}/manifest`, {
        headers: { accept: 'application/octet-stream' },
      });
      expect(createHash('sha256').update(manifest.bytes).digest('hex')).to.equal(record.manifestSha256);
      const { sequence } = deployment;
      const status = {
        url: 'http://127.0.0.1:9',
        programVersion: 't',
        feedSequence: feed.sequence,
        deployments: [{ deploymentId: deployment.id, modelId, sequence, ready: true, error: null }],
      };
      const report = await internal.request('PUT', `${world.server.url}/internal/v1/prediction-servers/ps1`, {
        json: status,
      });
      expect(report.status).to.equal(204);
      const ready = await api.get(`/deployments/${deployment.id}`, Deployment);
      expect(ready).to.include({ ready: true, predictionUrl: `http://127.0.0.1:9/predict/${deployment.id}` });
      const other = (await api.get(`/projects/${projectId}/leaderboard`, Leaderboard)).data[0]?.modelId ?? '';
      const replaced = await api.call('PUT', `/deployments/${deployment.id}/model`, 200, Deployment, {
        json: { modelId: other, reason: 'better' },
      });
      expect(replaced).to.include({ modelId: other, sequence: sequence + 1, ready: false });
      const history = (await api.request('GET', `/deployments/${deployment.id}/history`)).json as { data: unknown[] };
      expect(history.data.map((entry) => (entry as { reason: string }).reason)).to.deep.equal([
        'better',
        'first model',
      ]);
      await api.refused('DELETE', `/projects/${projectId}`, { status: 409, code: 'CONFLICT' });
      await api.refused('DELETE', `/datasets/${datasetId}`, { status: 409, code: 'DATASET_IN_USE' });
      expect((await api.request('DELETE', `/deployments/${deployment.id}`)).status).to.equal(204);
      expect((await api.request('DELETE', `/projects/${projectId}`)).status).to.equal(204);
      await api.refused('GET', `/models/${modelId}`, { status: 404, code: 'NOT_FOUND' });
      const { taskId } = deployedModel;
      await until(
        'the sweeper',
        async () => (await Array.fromAsync(world.store.list(`models/${taskId ?? ''}`))).length === 0,
      );
      await api.refused('GET', `${world.server.url}/internal/v1/assignments`, { status: 401, code: 'UNAUTHENTICATED' });
    });
  });
}

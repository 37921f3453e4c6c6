import { createHash } from 'node:crypto';
import { expect } from 'chai';
import {
  AutopilotDryRun,
  AutopilotRun,
  BatchPrediction,
  BatchPredictionDryRun,
  Blueprint,
  Dataset,
  DatasetQuality,
  DatasetRows,
  Deployment,
  DeploymentDryRun,
  DeploymentHistory,
  FeaturePage,
  Job,
  Leaderboard,
  Model,
  ModelParameters,
  pageOf,
  parse,
  Project,
  RecommendedModel,
  TaskLog,
  Type,
} from '#contracts';
import { Api, csvRecords, idOf } from '../support/api.ts';
import { batchPredicted, batchRows, deployed, newProject, predict, readyDeployment } from '../support/modelling.ts';
import { sharedPlatform, type SharedPlatform } from '../support/platform.ts';
import { adultSample, csvText, jsonRow, without } from '../support/sample-data.ts';
import { unzip } from '../support/zip.ts';

const TRAIN = adultSample(900);
const TEST = adultSample(60, 'test');
const MODELS = 2;

describe('main job over HTTP', function () {
  this.timeout(120_000);
  let platform: SharedPlatform;
  let api: Api;
  let datasetId = '';
  let projectId = '';
  let modelId = '';
  let deployment: Deployment;

  before(async () => {
    platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
  });

  it('uploads a CSV file: 202 with a job, then a ready dataset', async () => {
    const answer = await api.upload({ content: csvText(TRAIN), fileName: 'adult.csv', name: 'adult income' });
    expect(answer.status, answer.text).to.equal(202);
    const job = parse(Job, answer.json, 'job');
    expect(answer.headers.get('location')).to.equal(`/api/v1/jobs/${job.id}`);
    expect(job).to.have.all.keys(
      ...['id', 'kind', 'state', 'progress', 'createdAt', 'startedAt', 'finishedAt', 'projectId', 'resource', 'error'],
    );
    expect(job.kind).to.equal('ingest');
    const done = await api.succeeded(job);
    datasetId = idOf(done);
    expect(done.resource).to.equal(`/api/v1/datasets/${datasetId}`);
    const dataset = await api.get(`/datasets/${datasetId}`, Dataset);
    expect(dataset).to.include({
      name: 'adult income',
      state: 'ready',
      rowCount: TRAIN.rows.length,
      featureCount: TRAIN.columns.length,
      inPlace: false,
      version: 1,
      error: null,
    });
    expect(dataset.sizeBytes).to.be.greaterThan(0);
    expect(dataset.source).to.deep.include({ type: 'upload', fileName: 'adult.csv' });
    expect(dataset.createdAt).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  });

  it('answers a POST at once with the final job under Prefer: wait', async () => {
    const answer = await api.upload({ content: 'a,b\n1,2\n3,4\n' }, { prefer: 'wait=60' });
    expect(answer.status).to.equal(202);
    expect(answer.headers.get('preference-applied')).to.equal('wait=60');
    expect(parse(Job, answer.json, 'job').state).to.equal('succeeded');
  });

  it('profiles every feature; pages of features follow each other', async () => {
    const all = await api.get(`/datasets/${datasetId}/features`, FeaturePage);
    expect(all.data.map(({ name }) => name)).to.deep.equal(TRAIN.columns);
    expect(all.next).to.equal(null);
    const age = all.data[0];
    const ages = TRAIN.rows.map((row) => Number(row[0]));
    expect(age).to.include({ type: 'numeric', missingCount: 0, min: Math.min(...ages), max: Math.max(...ages) });
    expect(age?.mean).to.be.closeTo(ages.reduce((a, b) => a + b) / ages.length, 1e-9);
    expect(age?.uniqueCount).to.equal(new Set(ages).size);
    expect(age?.histogram?.counts.reduce((a, b) => a + b)).to.equal(ages.length);
    const workclass = all.data[1];
    const given = TRAIN.rows.map((row) => row[1]);
    expect(workclass).to.include({ type: 'categorical', missingCount: given.filter((cell) => cell === null).length });
    expect(workclass?.topValues[0]).to.deep.equal({
      value: 'Private',
      count: given.filter((cell) => cell === 'Private').length,
    });
    const names: string[] = [];
    let next: string | null = `/datasets/${datasetId}/features?limit=4`;
    while (next !== null) {
      const page: typeof all = await api.get(next, FeaturePage);
      expect(page.data.length).to.be.within(1, 4);
      names.push(...page.data.map(({ name }) => name));
      ({ next } = page);
    }
    expect(names).to.deep.equal(TRAIN.columns);
  });

  it('shows sample rows cell by cell, and what will be done about the data', async () => {
    const rows = await api.get(`/datasets/${datasetId}/rows?limit=5`, DatasetRows);
    expect(rows.columns).to.deep.equal(TRAIN.columns);
    expect(rows.data).to.deep.equal(TRAIN.rows.slice(0, 5).map((row) => jsonRow(TRAIN, row)));
    const quality = await api.get(`/datasets/${datasetId}/quality`, DatasetQuality);
    for (const { message, handling } of quality.data)
      expect([message, handling].every((text) => text !== '')).to.be.true;
  });

  it('makes a project; If-Match guards its changes', async () => {
    const answer = await api.request('POST', '/projects', { json: { name: 'income', datasetId } });
    const project = parse(Project, answer.json, 'project');
    expect(answer.status).to.equal(201);
    projectId = project.id;
    expect(answer.headers.get('location')).to.equal(`/api/v1/projects/${projectId}`);
    expect(project).to.include({ state: 'new', target: null, metric: null, partitioning: null, modelCount: 0 });
    const read = await api.request('GET', `/projects/${projectId}`);
    const etag = read.headers.get('etag') ?? '';
    expect(etag).to.match(/^"[^"]+"$/);
    const fresh = await api.request('GET', `/projects/${projectId}`, { headers: { 'if-none-match': etag } });
    expect(fresh.status).to.equal(304);
    const renamed = await api.call('PATCH', `/projects/${projectId}`, 200, Project, {
      json: { name: 'adult income' },
      headers: { 'if-match': etag },
    });
    expect(renamed.name).to.equal('adult income');
    await api.refused(
      'PATCH',
      `/projects/${projectId}`,
      { status: 412, code: 'STALE', says: ['If-Match'] },
      {
        json: { name: 'lost update' },
        headers: { 'if-match': etag },
      },
    );
    expect((await api.get(`/projects/${projectId}`, Project)).name).to.equal('adult income');
  });

  it('has blueprints, and neither leaderboard rows nor a recommended model before Autopilot', async () => {
    const { data } = await api.get(`/projects/${projectId}/blueprints`, pageOf(Blueprint));
    expect(data.map(({ family }) => family)).to.include.members(['baseline', 'gradient-boosting']);
    for (const blueprint of data) {
      expect(await api.get(`/blueprints/${blueprint.id}`, Blueprint)).to.deep.equal(blueprint);
      expect(blueprint.steps.every(({ description }) => description !== '')).to.be.true;
    }
    expect((await api.get(`/projects/${projectId}/leaderboard`, Leaderboard)).data).to.deep.equal([]);
    await api.refused('GET', `/projects/${projectId}/recommended-model`, {
      status: 404,
      code: 'RECOMMENDED_MODEL_NOT_READY',
    });
  });

  it('plans without doing anything under ?dryRun=true', async () => {
    const { plan } = await api.call('POST', `/projects/${projectId}/autopilot?dryRun=true`, 200, AutopilotDryRun, {
      json: { target: 'income', maxModels: MODELS },
    });
    expect(plan).to.deep.include({ metric: 'logLoss', rowCount: TRAIN.rows.length, maxModels: MODELS });
    expect(plan.target.targetType).to.equal('binary');
    expect(plan.target.classes.map(({ label }) => label)).to.deep.equal(['<=50K', '>50K']);
    expect((await api.get(`/projects/${projectId}`, Project)).state).to.equal('new');
    expect((await api.get(`/jobs?projectId=${projectId}`, pageOf(Job))).data).to.deep.equal([]);
    await api.refused('GET', `/projects/${projectId}/autopilot`, { status: 404, code: 'NOT_FOUND' });
  });

  it('runs Autopilot once per Idempotency-Key', async () => {
    const request = { target: 'income', positiveClass: '>50K', metric: 'auc', maxModels: MODELS, seed: 3 };
    const headers = { 'idempotency-key': `run-${projectId}` };
    const route = `/projects/${projectId}/autopilot`;
    const first = await api.call('POST', route, 202, Job, { json: request, headers });
    const again = await api.call('POST', route, 202, Job, { json: request, headers });
    expect(again).to.deep.equal(first);
    await api.refused(
      'POST',
      route,
      { status: 409, code: 'IDEMPOTENCY_KEY_REUSED' },
      {
        json: { ...request, seed: 4 },
        headers,
      },
    );
    expect(first.resource).to.equal(`/api/v1${route}`);
    const done = await api.succeeded(first);
    expect(done).to.include({ kind: 'autopilot', projectId });
    const run = await api.get(route, AutopilotRun);
    expect(run).to.include({ state: 'succeeded', jobId: first.id });
    expect(run.spent.models).to.equal(MODELS);
    expect(run.remaining.models).to.equal(0);
    expect((await api.get(`/jobs?projectId=${projectId}`, pageOf(Job))).data.map(({ id }) => id)).to.include(first.id);
  });

  it('ranks the models; the refit has the scores of its twin and is recommended', async () => {
    const board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    expect(board).to.include({ metric: 'auc', direction: 'higher', holdoutLocked: true });
    expect(board.data).to.have.length(MODELS + 1);
    for (const [index, row] of board.data.entries()) {
      expect(row).to.have.all.keys(
        ...['rank', 'modelId', 'name', 'family', 'blueprintId', 'sampleFraction', 'rowCount', 'scores', 'fitSeconds'],
        ...[
          'predictMicrosPerRow',
          'sizeBytes',
          'peakMemoryBytes',
          'predictedMemoryBytes',
          'recommended',
          'refitOf',
          'starred',
        ],
        ...['featureList', 'excludedForLeakage'],
      );
      expect(row.rank).to.equal(index + 1);
      expect(row.scores.holdout).to.equal(null);
      expect(row.scores.crossValidation).to.include.all.keys('auc', 'logLoss', 'accuracy', 'brier', 'mcc');
      expect(row.fitSeconds).to.be.greaterThan(0);
      expect(row.predictMicrosPerRow).to.be.greaterThan(0);
      expect(row.sizeBytes).to.be.greaterThan(0);
      expect(row.peakMemoryBytes).to.be.greaterThan(1e6);
      expect(row.predictedMemoryBytes, row.name).to.be.greaterThan(1e8);
    }
    const aucs = board.data.map(({ scores }) => scores.crossValidation?.['auc'] ?? NaN);
    expect(aucs).to.deep.equal(aucs.toSorted((a, b) => b - a));
    expect(aucs[0]).to.be.within(0.8, 1);
    const chosen = board.data.filter(({ recommended }) => recommended);
    expect(chosen).to.have.length(1);
    const refit = chosen[0];
    modelId = refit?.modelId ?? '';
    expect(refit?.rowCount).to.equal(TRAIN.rows.length);
    const twin = board.data.find((row) => row.modelId === refit?.refitOf);
    expect(twin?.scores).to.deep.equal(refit?.scores);
    expect(twin?.rowCount).to.be.lessThan(TRAIN.rows.length);
    const recommended = await api.get(`/projects/${projectId}/recommended-model`, RecommendedModel);
    expect(recommended.modelId).to.equal(modelId);
    expect(recommended.reason).to.match(/auc/);
    const byLogLoss = await api.get(`/projects/${projectId}/leaderboard?metric=logLoss&limit=1`, Leaderboard);
    expect(byLogLoss).to.include({ metric: 'logLoss', direction: 'lower' });
    expect(byLogLoss.data).to.have.length(1);
    await api.refused('GET', `/projects/${projectId}/leaderboard?metric=rmse`, {
      status: 422,
      code: 'METRIC_MISMATCH',
      says: ['rmse'],
    });
  });

  it('keeps the target of the first Autopilot', async () => {
    const project = await api.get(`/projects/${projectId}`, Project);
    expect(project).to.deep.include({
      ...{ state: 'ready', target: 'income', targetType: 'binary', metric: 'auc', positiveClass: '>50K' },
      ...{ classes: ['<=50K', '>50K'], recommendedModelId: modelId, modelCount: MODELS + 1 },
    });
    await api.refused(
      'POST',
      `/projects/${projectId}/autopilot`,
      { status: 409, code: 'PROJECT_TARGET_FIXED' },
      {
        json: { target: 'sex', maxModels: 1 },
      },
    );
  });

  it('shows holdout scores only once unlocked', async () => {
    const locked = await api.get(`/models/${modelId}`, Model);
    expect(locked.scores.holdout).to.equal(null);
    const project = await api.call('POST', `/projects/${projectId}/holdout/unlock`, 200, Project);
    expect(project.holdoutUnlockedAt).to.be.a('string');
    const board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    expect(board.holdoutLocked).to.equal(false);
    for (const { scores } of board.data) expect(scores.holdout?.['auc']).to.be.within(0.4, 1);
    await api.refused('POST', `/projects/${projectId}/holdout/unlock`, {
      status: 409,
      code: 'HOLDOUT_ALREADY_UNLOCKED',
    });
  });

  it('tells about a model: star, tags, parameters, log', async () => {
    const answer = await api.request('GET', `/models/${modelId}`);
    const model = parse(Model, answer.json, 'model');
    expect(model).to.deep.include({ state: 'ready', recommended: true, classes: ['<=50K', '>50K'], starred: false });
    expect(model.contentHash).to.match(/^[0-9a-f]{64}$/);
    const etag = answer.headers.get('etag') ?? '';
    const json = { starred: true, tags: ['first'], description: 'the one' };
    const starred = await api.call('PATCH', `/models/${modelId}`, 200, Model, { json, headers: { 'if-match': etag } });
    expect(starred).to.deep.include(json);
    await api.refused(
      'PATCH',
      `/models/${modelId}`,
      { status: 412, code: 'STALE' },
      {
        json: { starred: false },
        headers: { 'if-match': etag },
      },
    );
    const parameters = await api.get(`/models/${modelId}/parameters`, ModelParameters);
    expect(parameters.seed).to.equal(3);
    expect(parameters.features).to.not.include('income');
    const log = await api.get(`/models/${modelId}/log`, TaskLog);
    expect(log).to.include({ state: 'SUCCEEDED', cause: null });
  });

  it('gives the artefact as a zip archive whose blob is what the manifest says', async () => {
    const answer = await api.request('GET', `/models/${modelId}/artifact`);
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('content-type')).to.equal('application/zip');
    const files = unzip(answer.bytes);
    expect([...files.keys()]).to.include.members(['manifest.json', 'blob']);
    const manifestText = files.get('manifest.json') ?? Buffer.alloc(0);
    const manifest = JSON.parse(manifestText.toString('utf8')) as { contentHash: string; blobSha256?: string };
    const model = await api.get(`/models/${modelId}`, Model);
    expect(manifest.contentHash).to.equal(model.contentHash);
    expect(createHash('sha256').update(manifestText).digest('hex')).to.equal(model.manifestSha256);
    const blobHash = createHash('sha256')
      .update(files.get('blob') ?? '')
      .digest('hex');
    expect(manifestText.toString('utf8')).to.include(blobHash);
  });

  it('gives the predictions made while training, one per row outside the holdout', async () => {
    const { refitOf } = await api.get(`/models/${modelId}`, Model);
    const answer = await api.request('GET', `/models/${refitOf ?? ''}/training-predictions`);
    expect(answer.status, answer.text.slice(0, 500)).to.equal(200);
    expect(answer.headers.get('content-type')).to.match(/^text\/csv/);
    const [header = [], ...rows] = csvRecords(answer.text);
    expect(header).to.include.members(['prediction', 'probability_<=50K', 'probability_>50K']);
    expect(rows.length).to.be.within(TRAIN.rows.length * 0.75, TRAIN.rows.length);
    const positive = header.indexOf('probability_>50K');
    const negative = header.indexOf('probability_<=50K');
    for (const row of rows) expect(Number(row[positive]) + Number(row[negative])).to.be.closeTo(1, 1e-12);
  });

  it('deploys the model; dryRun changes nothing', async () => {
    await api.call('POST', '/deployments?dryRun=true', 200, DeploymentDryRun, { json: { modelId, name: 'dry' } });
    expect((await api.get('/deployments?limit=1000', pageOf(Deployment))).data.map(({ name }) => name)).to.not.include(
      'dry',
    );
    deployment = await deployed(api, modelId, 'income');
    expect(deployment).to.include({ name: 'income', modelId, projectId, ready: true });
    expect(deployment.predictionUrl).to.equal(`${platform.predictionUrl}/predict/${deployment.id}`);
  });

  it('answers over HTTP the same for an object, an array, {data}, NDJSON and CSV', async () => {
    const table = without(TEST, 'income');
    const rows = table.rows.map((row) => jsonRow(table, row));
    const url = deployment.predictionUrl;
    const answer = await api.request('POST', url, { json: rows });
    expect(answer.status, answer.text.slice(0, 500)).to.equal(200);
    expect(answer.headers.get('x-trainyard-model')).to.equal(modelId);
    expect(answer.headers.get('server-timing')).to.match(/dur=/);
    const all = await predict(api, url, rows);
    expect(all).to.include({ deploymentId: deployment.id, modelId });
    expect(all.data.map(({ rowIndex }) => rowIndex)).to.deep.equal(rows.map((_, index) => index));
    for (const { prediction, probabilities, warnings } of all.data) {
      // Rows of the test sample may have levels that the training rows have too few of.
      for (const warning of warnings ?? []) expect(warning).to.match(/none of the \d+ levels that the model knows/);
      expect(Object.keys(probabilities ?? {})).to.deep.equal(['<=50K', '>50K']);
      expect(prediction).to.equal((probabilities?.['>50K'] ?? 0) >= 0.5 ? '>50K' : '<=50K');
    }
    expect((await predict(api, url, rows[0])).data).to.deep.equal(all.data.slice(0, 1));
    expect((await predict(api, url, { data: rows })).data).to.deep.equal(all.data);
    const ndjson = await api.request('POST', url, {
      body: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect((ndjson.json as typeof all).data).to.deep.equal(all.data);
    const csv = await api.request('POST', url, {
      body: csvText(table),
      headers: { 'content-type': 'text/csv', accept: 'text/csv' },
    });
    expect(csvRecords(csv.text)).to.deep.equal([
      ['prediction', 'probability_<=50K', 'probability_>50K'],
      ...all.data.map(({ prediction, probabilities }) => [
        String(prediction),
        ...Object.values(probabilities ?? {}).map(String),
      ]),
    ]);
    const typed = rows.map((row) => ({
      ...row,
      age: Number(row['age']),
      hours_per_week: Number(row['hours_per_week']),
    }));
    expect((await predict(api, url, typed)).data).to.deep.equal(all.data);
  });

  it('warns of unknown and missing columns, and refuses what cannot be read', async () => {
    const table = without(TEST, 'income');
    const row = jsonRow(table, table.rows[0] ?? []);
    const { age: _age, ...less } = row;
    const url = deployment.predictionUrl;
    const answer = await predict(api, url, [{ ...less, income: '<=50K' }]);
    expect(answer.data[0]?.warnings?.join('\n')).to.include('"age"').and.include('"income"');
    const missing = await predict(api, url, [{ ...row, age: '' }]);
    expect(answer.data[0]?.probabilities).to.deep.equal(missing.data[0]?.probabilities);
    await api.refused(
      'POST',
      url,
      { status: 422, code: 'CELL_UNREADABLE', says: ['age', /row 2/] },
      {
        json: [row, { ...row, age: 'old' }],
      },
    );
    await api.refused(
      'POST',
      url,
      { status: 400, code: 'INVALID_JSON' },
      {
        body: '[{"age": 1},',
        headers: { 'content-type': 'application/json' },
      },
    );
    await api.refused(
      'POST',
      url,
      { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' },
      {
        body: '<row/>',
        headers: { 'content-type': 'text/xml' },
      },
    );
    await api.refused('GET', url, { status: 405, code: 'METHOD_NOT_ALLOWED' });
    await api.as(null).refused('POST', url, { status: 401, code: 'UNAUTHENTICATED' }, { json: row });
    await api.as('wrong').refused('POST', url, { status: 401, code: 'UNAUTHENTICATED' }, { json: row });
    await api.refused(
      'POST',
      `${platform.predictionUrl}/predict/dep_unknown`,
      { status: 404, code: 'DEPLOYMENT_UNKNOWN' },
      {
        json: row,
      },
    );
  });

  it('scores a file in batch: same numbers as HTTP, same order, pass-through cells as they were', async () => {
    const input = await api.dataset({ content: csvText(TEST), fileName: 'test.csv' });
    const request = { modelId, input: { datasetId: input }, passthroughColumns: ['income', 'age'] };
    const plan = await api.call('POST', '/batch-predictions?dryRun=true', 200, BatchPredictionDryRun, {
      json: request,
    });
    const header = ['income', 'age', 'prediction', 'probability_<=50K', 'probability_>50K'];
    expect(plan).to.deep.include({ modelId, datasetId: input, rowCount: TEST.rows.length, columns: header });
    const { data: started } = await api.get('/batch-predictions?limit=1000', pageOf(BatchPrediction));
    expect(started.map((entry) => entry.datasetId)).to.not.include(input);
    const resource = await batchPredicted(api, request);
    const view = await api.get(resource, BatchPrediction);
    expect(view).to.deep.include({
      modelId,
      datasetId: input,
      state: 'succeeded',
      rowCount: TEST.rows.length,
      error: null,
    });
    const csv = await batchRows(api, resource);
    expect(csv.headers.get('content-type')).to.match(/^text\/csv/);
    const table = without(TEST, 'income');
    const { data } = await predict(
      api,
      deployment.predictionUrl,
      table.rows.map((row) => jsonRow(table, row)),
    );
    const [found, ...records] = csvRecords(csv.text);
    expect(found).to.deep.equal(header);
    expect(records).to.deep.equal(
      data.map(({ prediction, probabilities }, index) => [
        TEST.rows[index]?.at(-1),
        TEST.rows[index]?.[0],
        prediction,
        ...Object.values(probabilities ?? {}).map(String),
      ]),
    );
    const byDeployment = await batchPredicted(api, { deploymentId: deployment.id, input: { datasetId: input } });
    const [, ...plain] = csvRecords((await batchRows(api, byDeployment)).text);
    expect(plain).to.deep.equal(records.map((cells) => cells.slice(2)));
    await api.refused(
      'GET',
      `${resource}/rows`,
      { status: 406, code: 'NOT_ACCEPTABLE' },
      { headers: { accept: 'image/png' } },
    );
    await api.refused(
      'POST',
      '/batch-predictions',
      { status: 422, code: 'COLUMN_UNKNOWN', says: ['nonsense'] },
      {
        json: { ...request, passthroughColumns: ['nonsense'] },
      },
    );
  });

  it('replaces the model of a deployment as a whole and keeps the history', async () => {
    const board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    const other = board.data.find((row) => row.modelId !== modelId)?.modelId ?? '';
    const etag = (await api.request('GET', `/deployments/${deployment.id}`)).headers.get('etag') ?? '';
    const route = `/deployments/${deployment.id}/model`;
    const json = { modelId: other, reason: 'try the other one' };
    await api.refused('PUT', route, { status: 412, code: 'STALE' }, { json, headers: { 'if-match': '"other"' } });
    const changed = await api.call('PUT', route, 200, Deployment, { json, headers: { 'if-match': etag } });
    expect(changed).to.include({ id: deployment.id, modelId: other, sequence: deployment.sequence + 1 });
    await readyDeployment(api, deployment.id);
    const table = without(TEST, 'income');
    expect((await predict(api, deployment.predictionUrl, jsonRow(table, table.rows[0] ?? []))).modelId).to.equal(other);
    const { data } = await api.get(`/deployments/${deployment.id}/history`, DeploymentHistory);
    expect(data.map((entry) => entry.modelId)).to.deep.equal([other, modelId]);
    expect(data[0]?.reason).to.equal('try the other one');
    expect(data.every(({ by, at }) => by !== '' && at.endsWith('Z'))).to.be.true;
  });

  it('refuses to deploy or fit what does not belong together', async () => {
    const elsewhere = await newProject(api, datasetId, 'elsewhere');
    await api.refused(
      'POST',
      `/projects/${elsewhere}/models`,
      { status: 409, code: 'CONFLICT' },
      {
        json: { blueprintId: 'baseline' },
      },
    );
    await api.refused(
      'POST',
      `/projects/${projectId}/models`,
      { status: 422, code: 'BLUEPRINT_UNKNOWN', says: ['magic', 'baseline'] },
      {
        json: { blueprintId: 'magic' },
      },
    );
    await api.refused('DELETE', `/datasets/${datasetId}`, { status: 409, code: 'DATASET_IN_USE' });
    await api.refused('DELETE', `/projects/${projectId}`, { status: 409, code: 'CONFLICT', says: ['deployed'] });
    const gone = await api.request('DELETE', `/projects/${elsewhere}`);
    expect(gone.status).to.equal(204);
    await api.refused('GET', `/projects/${elsewhere}`, { status: 404, code: 'NOT_FOUND' });
  });

  it('fits one blueprint by hand', async () => {
    const job = await api.call('POST', `/projects/${projectId}/models`, 202, Job, {
      json: { blueprintId: 'lightgbm-fast', parameters: { leaves: 4, maxIterations: 10 } },
    });
    const model = await api.get((await api.succeeded(job)).resource ?? '', Model);
    expect(model).to.include({ state: 'ready', blueprintId: 'lightgbm-fast', recommended: false, refitOf: null });
    const parameters = await api.get(`/models/${model.id}/parameters`, ModelParameters);
    expect(parameters.parameters).to.include({ leaves: 4, maxIterations: 10 });
    const board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    expect(board.data.map((row) => row.modelId)).to.include(model.id);
  });

  it('describes itself: OpenAPI, version, metrics of the prediction server', async () => {
    const document = await api
      .as(null)
      .get('/openapi.json', Type.Object({ openapi: Type.String(), paths: Type.Object({}) }));
    expect(document.openapi).to.match(/^3\.1\./);
    expect(Object.keys(document.paths)).to.include.members([
      '/api/v1/datasets',
      '/api/v1/projects/{id}/leaderboard',
      '/api/v1/batch-predictions/{id}/rows',
    ]);
    const metrics = await fetch(`${platform.predictionUrl}/metrics`);
    expect(await metrics.text()).to.match(/^trainyard_deployments_ready \d+$/m);
    expect((await fetch(`${platform.predictionUrl}/health`)).status).to.equal(200);
  });
});

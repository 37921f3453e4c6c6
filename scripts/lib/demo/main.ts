/** `scripts/demo`: real data to a leaderboard, a served model and batch predictions. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ApiClient,
  connectionOf,
  createOutput,
  leaderboardTable,
  startPlatform,
  type JsonObject,
  type Platform,
} from '#cli';
import { AppError, DeploymentTelemetry, fromProblem, parse, Problem } from '#contracts';
import { DEMO_HELP, demoOptions, type DemoOptions } from './options.ts';
import { askOneByOne, batchProbabilities, testAuc, testRows } from './predictions.ts';
import { freePorts } from '../free-ports.ts';
import { Phases, type DemoReport } from './report.ts';

const DATA = fileURLToPath(new URL('../../../examples/data/adult/', import.meta.url));
const TARGET = 'income';
const POSITIVE = '>50K';
/** How long the demo waits for the deployment to be ready, and for its predictions to be counted, milliseconds. */
const READY_MS = 30_000;

async function finish(api: ApiClient, job: JsonObject, label: string): Promise<string> {
  const bar = createOutput({ out: process.stdout, err: process.stderr }, false).progress(label);
  const final = await api.waitForJob(String(job['id']), ({ progress }) =>
    bar.update(progress.fraction, progress.phase),
  );
  bar.end(final.state);
  if (final.error !== null) throw fromProblem(parse(Problem, final.error, 'the job’s error'));
  assert.equal(final.state, 'succeeded');
  return String(final.resource);
}

async function untilReady(api: ApiClient, id: string): Promise<JsonObject> {
  const until = performance.now() + READY_MS;
  for (;;) {
    const deployment = await api.get(`/deployments/${id}`);
    if (deployment['ready'] === true) return deployment;
    if (performance.now() > until)
      throw new AppError('DEPLOYMENT_NOT_READY', `deployment ${id} is not ready after ${READY_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until a monitor has counted every prediction that was answered. */
async function untilCounted(api: ApiClient, id: string, served: number): Promise<DemoReport['telemetry']> {
  const until = performance.now() + READY_MS;
  for (;;) {
    const { received, duplicate, lost } = parse(
      DeploymentTelemetry,
      await api.get(`/deployments/${id}/telemetry`),
      'telemetry of the deployment',
    );
    if (received >= served || performance.now() > until) return { served, counted: received, duplicate, lost };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function mainJob(api: ApiClient, apiKey: string, options: DemoOptions, phases: Phases): Promise<DemoReport> {
  const dataset = await phases.run('ingest', 'adding examples/data/adult/train.csv.gz', async () =>
    api.get(
      await finish(api, await api.upload('/datasets', path.join(DATA, 'train.csv.gz'), { name: 'adult' }), 'reading'),
    ),
  );
  const created = await api.post('/projects', { name: 'adult income', datasetId: dataset['id'] });
  const route = `/projects/${String(created['id'])}`;
  await phases.run('autopilot', `Autopilot on ${TARGET}, at most ${options.budgetSeconds} s`, async () =>
    finish(
      api,
      await api.post(`${route}/autopilot`, {
        target: TARGET,
        positiveClass: POSITIVE,
        metric: 'auc',
        timeBudgetSeconds: options.budgetSeconds,
      }),
      'modelling',
    ),
  );
  await api.post(`${route}/holdout/unlock`, {});
  const board = await api.get(`${route}/leaderboard`);
  process.stdout.write(`${leaderboardTable(board)}\n`);
  const { modelId, reason } = await api.get(`${route}/recommended-model`);
  const leaderboard = board['data'] as readonly JsonObject[]; // Leaderboard of the contract
  const deployment = await phases.run('deploy', 'deploying the recommended model', async () =>
    untilReady(api, String((await api.post('/deployments', { modelId, name: 'adult income' }))['id'])),
  );
  const { rows, actual } = testRows(path.join(DATA, 'test.csv.gz'), TARGET);
  const { probabilities: single, ...predictions } = await phases.run(
    'predictions',
    'asking for predictions over HTTP, row by row',
    () => askOneByOne(deployment, apiKey, rows, POSITIVE),
  );
  const telemetry = await phases.run('telemetry', 'waiting until every prediction is counted', () =>
    untilCounted(api, String(deployment['id']), predictions.count),
  );
  assert.equal(telemetry.counted, telemetry.served, 'every prediction is counted once');
  const batch = await phases.run('batch', 'batch predictions for test.csv.gz', async () => {
    const input = await finish(
      api,
      await api.upload('/datasets', path.join(DATA, 'test.csv.gz'), { name: 'adult test' }),
      'reading',
    );
    const job = await api.post('/batch-predictions', { modelId, input: { datasetId: input.split('/').at(-1) } });
    return batchProbabilities(api, await finish(api, job, 'predicting'), POSITIVE);
  });
  assert.equal(batch.length, rows.length, 'one batch prediction per row');
  single.forEach((probability, row) => assert.equal(probability, batch[row], `row ${row}: HTTP and batch differ`));
  return {
    dataset,
    project: await api.get(route),
    leaderboard,
    recommended: { ...leaderboard.find((row) => row['modelId'] === modelId), reason },
    deployment,
    predictions: {
      ...predictions,
      batchRowCount: batch.length,
      comparedRowCount: single.length,
      testAuc: testAuc(actual, batch, POSITIVE),
    },
    telemetry,
    phases: phases.seconds(),
  };
}

async function startedPlatform(
  options: DemoOptions,
  dataDir: string,
): Promise<{ platform: Platform; api: ApiClient; apiKey: string }> {
  const [port = 0, predictionPort = 0] = options.port === null ? await freePorts(2) : [options.port, options.port + 1];
  const flags = {
    dataDir,
    'server.port': String(port),
    'predictionServer.port': String(predictionPort),
    'telemetry.segmentMs': '200',
  };
  const platform = await startPlatform(flags);
  await platform.ready();
  const connection = connectionOf({
    url: platform.url,
    apiKey: undefined,
    dataDir,
    env: { TRAINYARD_ADMIN_API_KEY: process.env['TRAINYARD_ADMIN_API_KEY'] },
  });
  return {
    platform,
    apiKey: connection.apiKey,
    api: new ApiClient({ ...connection, signal: platform.lifecycle.signal }),
  };
}

async function main(): Promise<void> {
  const options = demoOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(DEMO_HELP);
    return;
  }
  const dataDir = options.dataDir ?? mkdtempSync(path.join(tmpdir(), 'trainyard-demo-'));
  const phases = new Phases();
  const { platform, api, apiKey } = await phases.run('start', 'starting app server, worker and prediction server', () =>
    startedPlatform(options, dataDir),
  );
  try {
    const report = await mainJob(api, apiKey, options, phases);
    if (options.report !== null) writeFileSync(options.report, `${JSON.stringify(report, null, 2)}\n`);
    const { predictions } = report;
    process.stdout.write(
      `test AUC ${predictions.testAuc.toFixed(4)} on ${predictions.batchRowCount} rows; ` +
        `one row over HTTP: median ${predictions.p50Micros} us, p99 ${predictions.p99Micros} us; ${predictions.comparedRowCount} of them equal to batch; ` +
        `${report.telemetry.counted} of ${report.telemetry.served} counted by the monitor\n`,
    );
  } catch (err) {
    process.stderr.write(
      `the demo failed: ${err instanceof Error ? err.message : String(err)}\nlogs: ${dataDir}/logs\n`,
    );
    await platform.lifecycle.close('failed');
    process.exit(1);
  }
  // After a failure the folder stays, for its logs.
  if (options.dataDir === null) process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }));
  if (options.once) {
    api.close();
    await platform.lifecycle.close('done');
    process.exit(0);
  }
  process.stdout.write(`\nThe start page: ${platform.url}/#key=${apiKey}\nCtrl-C stops everything.\n`);
}

await main();

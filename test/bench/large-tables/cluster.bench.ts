/**
 * A large table on a real HDFS and YARN, in containers of bounded memory:
 * `node test/bench/large-tables/cluster.bench.ts FOLDER [--container-mb 6144] [--trees 100] [--leaves 63] [--scored-files 1] [--kill-every SECONDS]`.
 *
 * FOLDER is one that `scripts/bench/generate` has made. It is put into the HDFS of a cluster that this program starts; profiled in place; one
 * LightGBM model is fitted (train/validation/holdout), measured, and scores the table's first files into HDFS. Prints one JSON line with what
 * was predicted, what the platform says it took and what the operating system says it took. With `--kill-every` the model is fitted once more while
 * its worker is killed so often, and must be the same. Exits 1 when a fit took a tenth more than predicted, or the models differ.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Leaderboard, parse } from '#contracts';
import type { ApiClient, JsonObject } from '#cli';
import { AppServer } from '../../../examples/hadoop/app-server.ts';
import { CommandLine } from '../../../examples/hadoop/commands.ts';
import { install } from '../../../examples/hadoop/install.ts';
import { writeConfig } from '../../../examples/hadoop/site.ts';
import { startHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { freePorts } from '../../support/platform.ts';
import { ContainerWatch } from './watch-containers.ts';

const MIB = 1024 ** 2;
const MASTER_MB = 1_024;
const WIDE = '/user/alice/wide';
const FIRST = '/user/alice/first';
const SCORED = '/user/alice/scored';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'container-mb': { type: 'string', default: '6144' },
    'least-container-mb': { type: 'string', default: '2304' },
    containers: { type: 'string', default: '1' },
    vcores: { type: 'string', default: '2' },
    trees: { type: 'string', default: '100' },
    leaves: { type: 'string', default: '63' },
    'scored-files': { type: 'string', default: '1' },
    'kill-every': { type: 'string' },
  },
});
const [source = ''] = positionals;
const files = readdirSync(source)
  .filter((name) => name.endsWith('.parquet'))
  .sort()
  .map((name) => path.join(source, name));
if (files.length === 0) throw new Error(`${source}: no file of Parquet`);
const containerMb = Number(values['container-mb']);
const containers = Number(values.containers);
const PARAMETERS = { maxIterations: Number(values.trees), leaves: Number(values.leaves) };

const started = performance.now();
const steps: { readonly what: string; readonly seconds: number }[] = [];
let stepStart = started;
/** Ends a step: what it took, told at once. */
const done = (what: string): void => {
  const now = performance.now();
  steps.push({ what, seconds: Math.round((now - stepStart) / 100) / 10 });
  process.stderr.write(`${((now - started) / 1000).toFixed(1)} s: ${what}\n`);
  stepStart = now;
};

const dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-large-cluster-'));
const memory = String(containers * containerMb + MASTER_MB);
const cluster = await startHadoopCluster({
  shape: 'plain',
  nodeManagers: 1,
  properties: {
    'yarn-site': { 'yarn.nodemanager.resource.memory-mb': memory, 'yarn.scheduler.maximum-allocation-mb': memory },
  },
});
const [port = 0] = await freePorts(1);
const config = writeConfig(cluster, dataDir, port, {
  containerMemoryMb: Math.min(Number(values['least-container-mb']), containerMb),
  containerMemoryMaxMb: containerMb,
  containersMax: containers,
  containerVcores: Number(values.vcores),
});
let server: AppServer | null = null;
let watch: ContainerWatch | null = null;
process.once('SIGINT', () => void close().finally(() => process.exit(130)));
try {
  await install(new CommandLine(config), cluster);
  server = new AppServer(config, port);
  await server.ready();
  const key = await server.createUser('alice');
  await put(cluster);
  done(`cluster, installation and ${files.length} files in HDFS`);
  watch = new ContainerWatch(cluster.folder);
  const api = server.client(key);
  const found = await work(api).finally(() => api.close());
  watch.close();
  process.stdout.write(`${JSON.stringify({ ...found, steps, ...seen(watch) })}\n`);
} finally {
  await close();
}

async function close(): Promise<void> {
  watch?.close();
  await server?.stop();
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  await cluster.close();
}

/** A file at a time: the client of HDFS is not what is measured, and its limit of time is for one command. */
async function put(hdfs: HadoopCluster): Promise<void> {
  await hdfs.fsAs('alice', '-mkdir', '-p', WIDE, FIRST);
  for (const file of files) await hdfs.fsAs('alice', '-put', file, `${WIDE}/`);
  for (const file of files.slice(0, Number(values['scored-files'])))
    await hdfs.fsAs('alice', '-put', file, `${FIRST}/`);
}

async function work(api: ApiClient): Promise<JsonObject> {
  const datasetId = await ended(
    api,
    await api.post('/datasets', { name: 'wide', source: { type: 'hdfs', path: WIDE } }),
  );
  const dataset = await api.get(`/datasets/${datasetId}`);
  done(`profile of ${String(dataset['rowCount'])} rows`);
  const project = await api.post('/projects', { name: 'wide', datasetId });
  const projectId = String(project['id']);
  await ended(
    api,
    await api.post(`/projects/${projectId}/autopilot`, {
      ...{ target: 'target', metric: 'auc', mode: 'manual', seed: 1, queue: 'ml' },
      partitioning: { method: 'stratified', validation: 'tvh', validationFraction: 0.2, holdoutFraction: 0.2 },
    }),
  );
  done('plan, and the model of a constant');
  const modelId = await ended(
    api,
    await api.post(`/projects/${projectId}/models`, { blueprintId: 'lightgbm-default', parameters: PARAMETERS }),
  );
  done('model');
  await api.post(`/projects/${projectId}/holdout/unlock`, {});
  const { data } = parse(Leaderboard, await api.get(`/projects/${projectId}/leaderboard`), 'leaderboard');
  const model = data.find((entry) => entry.modelId === modelId);
  if (model === undefined) throw new Error(`no model ${modelId} on the leaderboard`);
  const batchId = await ended(
    api,
    await api.post('/batch-predictions', {
      modelId,
      ...{ input: { source: { type: 'hdfs', path: FIRST } }, passthroughColumns: ['row_id'] },
      output: { type: 'hdfs', path: SCORED },
    }),
  );
  done('predictions');
  const disturbed =
    values['kill-every'] === undefined ? null : await again(api, projectId, modelId, Number(values['kill-every']));
  const { predictedMemoryBytes, peakMemoryBytes, fitSeconds, scores } = model;
  const [predictedMib, takenMib] = [predictedMemoryBytes ?? 0, peakMemoryBytes].map((bytes) => Math.round(bytes / MIB));
  if (peakMemoryBytes > 1.1 * (predictedMemoryBytes ?? 0)) process.exitCode = 1;
  const log = await api.get(`/models/${modelId}/log`);
  return {
    rows: dataset['rowCount'],
    model: { predictedMib, takenMib, fitSeconds, scores, log },
    batch: await api.get(`/batch-predictions/${batchId}`),
    ...(disturbed === null ? {} : { disturbed }),
  };
}

/** The same model once more, its worker killed again and again; how often, and whether it is the same. */
async function again(api: ApiClient, projectId: string, modelId: string, everySeconds: number): Promise<JsonObject> {
  const startedAt = performance.now();
  let kills = 0;
  const timer = setInterval(() => (kills += watch?.killNewestWorker() === true ? 1 : 0), everySeconds * 1_000);
  const otherId = await ended(
    api,
    await api.post(`/projects/${projectId}/models`, { blueprintId: 'lightgbm-default', parameters: PARAMETERS }),
  ).finally(() => clearInterval(timer));
  done('model, disturbed');
  const [one, other] = await Promise.all([modelId, otherId].map((id) => api.get(`/models/${id}`)));
  const isSame = one?.['contentHash'] === other?.['contentHash'];
  if (!isSame) process.exitCode = 1;
  return { kills, isSame, seconds: Math.round((performance.now() - startedAt) / 1_000) };
}

/** Waits for a job. @returns id of what it made @throws Error unless it has succeeded */
async function ended(api: ApiClient, job: JsonObject): Promise<string> {
  const final = await api.waitForJob(String(job['id']), () => undefined);
  if (final.state !== 'succeeded') throw new Error(`${final.kind} has ${final.state}: ${JSON.stringify(final.error)}`);
  return final.resource?.split('/').at(-1) ?? '';
}

/** What the operating system says. */
function seen({ processes, diskMib }: ContainerWatch): JsonObject {
  return {
    diskMib: Math.round(diskMib),
    processes: [...processes.values()].map(({ container, role, peakMib, cpuSeconds, firstSeenMs, lastSeenMs }) => ({
      ...{ container, role, peakMib: Math.round(peakMib), cpuSeconds: Math.round(cpuSeconds) },
      seconds: [firstSeenMs, lastSeenMs].map((ms) => Math.round((ms - started) / 1000)),
    })),
  };
}

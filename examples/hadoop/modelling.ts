import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ApiClient, JsonObject } from '#cli';
import { until } from '../../test/support/processes.ts';
import type { CommandLine } from './commands.ts';

const DATA = path.resolve(import.meta.dirname, '../data/adult');
const AUTOPILOT = { target: 'income', positiveClass: '>50K', metric: 'auc', maxModels: 4, seed: 42, queue: 'ml' };
const CONTAINERS_MS = 120_000;
/** Rows of test.csv.gz, and the header. */
const PREDICTED_LINES = 16_282;

/** As an end user, from a file to a leaderboard and predictions. @throws Error when a step fails */
export async function work(trainyard: CommandLine, api: ApiClient): Promise<void> {
  await trainyard.run('datasets', 'add', path.join(DATA, 'train.csv.gz'), '--name', 'adult');
  await trainyard.run('projects', 'create', '--name', 'adult-income');
  const project = await api.newest('/projects', 'project');
  console.log(`\nPOST /projects/{id}/autopilot ${JSON.stringify(AUTOPILOT)}`);
  const job = await api.post(`/projects/${String(project['id'])}/autopilot`, AUTOPILOT);
  const ended = succeeded(api, job);
  await Promise.race([ended, untilAtWork(api)]);
  await trainyard.run('pools');
  await trainyard.run('workers');
  await ended;
  await trainyard.run('leaderboard');
  await predict(trainyard);
}

/** Waits until a worker in a container has registered. */
async function untilAtWork(api: ApiClient): Promise<void> {
  const isAtWork = async (): Promise<boolean> =>
    (await api.list('/workers')).some(({ state, logUrl }) => state === 'live' && logUrl !== null);
  await until('a container of YARN with a worker', isAtWork, CONTAINERS_MS);
}

async function succeeded(api: ApiClient, job: JsonObject): Promise<void> {
  const final = await api.waitForJob(String(job['id']), () => undefined);
  if (final.state !== 'succeeded') throw new Error(`Autopilot has ${final.state}: ${JSON.stringify(final.error)}`);
}

/** The rows are written by a worker into HDFS; here they are read from there through the app server. */
async function predict(trainyard: CommandLine): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-hadoop-example-'));
  try {
    const file = path.join(folder, 'predictions.csv');
    await trainyard.run('batch-predict', path.join(DATA, 'test.csv.gz'), '--passthrough', 'age,income', '-o', file);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    console.log(`${lines.slice(0, 3).join('\n')}\n... ${lines.length - 1} rows`);
    if (lines.length !== PREDICTED_LINES) throw new Error(`expected ${PREDICTED_LINES} lines, found ${lines.length}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import type { ApiClient, JsonObject } from '#cli';
import { until } from '../../test/support/processes.ts';
import type { HadoopCluster } from '../../test/support/hadoop/index.ts';
import type { CommandLine } from './commands.ts';
import { ADULT, putAdult, show } from './user-data.ts';

const AUTOPILOT = { target: 'income', positiveClass: '>50K', metric: 'auc', maxModels: 4, seed: 42, queue: 'ml' };
const CONTAINERS_MS = 120_000;
/** As an end user, from a folder in HDFS to a leaderboard and predictions in another. @throws Error when a step fails */
export async function work(cluster: HadoopCluster, trainyard: CommandLine, api: ApiClient): Promise<void> {
  await putAdult(cluster);
  await trainyard.run('datasets', 'add', `hdfs://${ADULT}/train`, '--name', 'adult');
  await requireInPlace(api);
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
  await predict(cluster, trainyard);
}

/** Waits until a worker in a container has registered. */
async function untilAtWork(api: ApiClient): Promise<void> {
  const isAtWork = async (): Promise<boolean> =>
    (await api.list('/workers')).some(({ state, logUrl }) => state === 'live' && logUrl !== null);
  await until('a container of YARN with a worker', isAtWork, CONTAINERS_MS);
}

/** Waits for a run of Autopilot. @throws Error unless it has succeeded */
export async function succeeded(api: ApiClient, job: JsonObject): Promise<void> {
  const final = await api.waitForJob(String(job['id']), () => undefined);
  if (final.state !== 'succeeded') throw new Error(`Autopilot has ${final.state}: ${JSON.stringify(final.error)}`);
}

async function requireInPlace(api: ApiClient): Promise<void> {
  const dataset = await api.newest('/datasets', 'dataset');
  if (dataset['inPlace'] !== true) throw new Error(`expected a dataset in place, found ${JSON.stringify(dataset)}`);
}

/** The rows are read where they lie and written by a worker into a folder of alice's, put in place by one rename. */
async function predict(cluster: HadoopCluster, trainyard: CommandLine): Promise<void> {
  const target = `${ADULT}/predictions`;
  const words = ['--passthrough', 'age,income', '--output', `hdfs://${target}`];
  await trainyard.run('batch-predict', `hdfs://${ADULT}/test`, ...words);
  const listing = await show(cluster, '-ls', target);
  for (const name of ['_SUCCESS', 'part-00000.parquet'])
    if (!new RegExp(` alice .*${target}/${name}`).test(listing))
      throw new Error(`expected ${name} of alice in ${target}`);
}

/** What she has put and what was written for her: it is hers to remove. */
export async function removeAll(cluster: HadoopCluster): Promise<void> {
  await show(cluster, '-rm', '-r', '-skipTrash', ADULT);
}

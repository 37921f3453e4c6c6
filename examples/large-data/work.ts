import { Leaderboard, parse } from '#contracts';
import type { ApiClient } from '#cli';
import type { HadoopCluster } from '../../test/support/hadoop/index.ts';
import type { CommandLine } from '../hadoop/commands.ts';
import { succeeded } from '../hadoop/modelling.ts';
import { say } from '../hadoop/story.ts';
import { WIDE } from './table.ts';

const SCORED = '/user/alice/scored';
const MIB = 1024 ** 2;
/** One model of LightGBM, and its refit on all rows. */
const AUTOPILOT = {
  ...{ target: 'target', metric: 'auc', mode: 'quick', maxModels: 1, seed: 1, queue: 'ml' },
  blueprints: ['lightgbm-default'],
  partitioning: { method: 'stratified', validation: 'tvh', validationFraction: 0.2, holdoutFraction: 0.2 },
};

/** As an end user: profile, model, predictions. @throws Error when a step fails */
export async function work(cluster: HadoopCluster, trainyard: CommandLine, api: ApiClient): Promise<void> {
  say('registered where it lies, and profiled');
  await trainyard.run('datasets', 'add', `hdfs://${WIDE}`, '--name', 'wide');
  await trainyard.run('projects', 'create', '--name', 'wide');
  const project = await api.newest('/projects', 'project');
  say('Autopilot with one model');
  console.log(`POST /projects/{id}/autopilot ${JSON.stringify(AUTOPILOT)}`);
  await succeeded(api, await api.post(`/projects/${String(project['id'])}/autopilot`, AUTOPILOT));
  await trainyard.run('leaderboard');
  await showMemory(api, String(project['id']));
  say('every row scored, into HDFS');
  await trainyard.run('batch-predict', `hdfs://${WIDE}`, '--passthrough', 'row_id', '--output', `hdfs://${SCORED}`);
  console.log(`\n$ hdfs dfs -ls ${SCORED}\n${(await cluster.fsAs('alice', '-ls', SCORED)).trimEnd()}`);
}

/** What each model's task was predicted to take, and took. @throws Error where it took a tenth more */
async function showMemory(api: ApiClient, projectId: string): Promise<void> {
  const answer = await api.get(`/projects/${projectId}/leaderboard`);
  const { data } = parse(Leaderboard, answer, 'leaderboard');
  console.log('\nmemory of each task, MiB: predicted, taken');
  for (const { name, predictedMemoryBytes, peakMemoryBytes } of data) {
    const mib = (bytes: number): string => String(Math.round(bytes / MIB)).padStart(6);
    const [predicted, taken] = [mib(predictedMemoryBytes ?? 0), mib(peakMemoryBytes)];
    console.log(`${predicted} ${taken}  ${name}`);
    if (predictedMemoryBytes !== null && peakMemoryBytes > 1.1 * predictedMemoryBytes)
      throw new Error(`${name}: ${taken} MiB taken, ${predicted} MiB predicted`);
  }
}

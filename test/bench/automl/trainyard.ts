import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { AutopilotRun, Job, RecommendedModel } from '#contracts';
import { Api } from '../../support/api.ts';
import { batchPredicted, batchRows, newProject, startAutopilot } from '../../support/modelling.ts';
import { startPlatform } from '../../support/platform.ts';
import { REPOSITORY_ROOT } from '../../support/repository.ts';
import { predictedColumns, type BenchSet } from './data-sets.ts';
import { meter, treeBytes } from './meter.ts';
import type { System } from './systems.ts';

/** `trainyard up` with its defaults, as a user would drive it. */
export const trainyard: System = async ({ set, budgetSeconds, seed }) => {
  const platform = await startPlatform();
  try {
    const api = new Api(platform.url, platform.adminKey);
    const upload = (name: 'train.csv.gz' | 'test.csv.gz'): Promise<string> =>
      api.dataset({ content: new Uint8Array(readFileSync(set.file(name))), fileName: name });
    const datasetId = await upload('train.csv.gz');
    const testId = await upload('test.csv.gz');
    const projectId = await newProject(api, datasetId);
    const idleBytes = treeBytes(platform.pid);
    const watched = meter(platform.pid);
    const { fitSeconds, modelId, said } = await autopilot(api, projectId, set, {
      timeBudgetSeconds: budgetSeconds,
      seed,
    });
    const used = watched.stop();
    const batch = await batchPredicted(api, { modelId, input: { datasetId: testId } });
    const { text } = await batchRows(api, batch);
    const predicted = predictedColumns(set, text, (label) => `probability_${label}`);
    return { version: trainyardVersion(), predicted, fitSeconds, ...used, idleBytes, said };
  } finally {
    await platform.close();
  }
};

/** From the accepted POST to the end of the job, and the model that it recommends. */
async function autopilot(
  api: Api,
  projectId: string,
  { target, targetType, metric, positiveClass }: BenchSet,
  more: { readonly timeBudgetSeconds: number; readonly seed: number },
): Promise<{ fitSeconds: number; modelId: string; said: string }> {
  const { id } = await startAutopilot(api, projectId, {
    target,
    targetType,
    metric,
    ...(positiveClass === null ? {} : { positiveClass }),
    ...more,
  });
  const acceptedAt = performance.now();
  let job: Job;
  do job = await api.call('GET', `/jobs/${id}`, 200, Job, { headers: { prefer: 'wait=60' } });
  while (job.finishedAt === null);
  const fitSeconds = (performance.now() - acceptedAt) / 1000;
  if (job.state !== 'succeeded') throw new Error(`Autopilot ${job.state}: ${JSON.stringify(job.error)}`);
  const { modelId, reason } = await api.get(`/projects/${projectId}/recommended-model`, RecommendedModel);
  const { failures } = await api.get(`/projects/${projectId}/autopilot`, AutopilotRun);
  const ended = failures.map((task) => `\n  ${task.name} ${task.state}: ${task.reason}`).join('');
  return { fitSeconds, modelId, said: reason + ended };
}

/** The commit that runs. */
export const trainyardVersion = (): string =>
  execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: REPOSITORY_ROOT, encoding: 'utf8' }).trim();

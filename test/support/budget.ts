import { gunzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { AutopilotRun, Job, Leaderboard, RecommendedModel } from '#contracts';
import { Api } from './api.ts';
import { newProject, startAutopilot } from './modelling.ts';
import type { TestPlatform } from './platform.ts';
import { REPOSITORY_ROOT } from './repository.ts';
import { unzip } from './zip.ts';

/** How much longer than its budget a run may take, seconds. */
export const BUDGET_TOLERANCE_SECONDS = 1;

/** The adult training file: 32,561 rows, too much work for any of the budgets that are tested. */
export function adultDataset(platform: TestPlatform): Promise<string> {
  const file = readFileSync(path.join(REPOSITORY_ROOT, 'examples/data/adult/train.csv.gz'));
  expect(gunzipSync(file).length).to.be.greaterThan(3e6);
  return new Api(platform.url, platform.adminKey).dataset({ content: new Uint8Array(file), fileName: 'train.csv.gz' });
}

/**
 * Runs Autopilot with a budget and measures, from the accepted POST on, until the job is final, `recommended-model`
 * answers, and the artefact that it names has been fetched as a whole.
 */
export async function measureBudget(platform: TestPlatform, datasetId: string, timeBudgetSeconds: number) {
  const api = new Api(platform.url, platform.adminKey);
  const projectId = await newProject(api, datasetId, `budget ${timeBudgetSeconds}`);
  const job = await startAutopilot(api, projectId, { target: 'income', metric: 'auc', timeBudgetSeconds });
  const accepted = performance.now();
  const final = await finalAsSoonAsPossible(api, job.id);
  const { modelId, reason } = await api.get(`/projects/${projectId}/recommended-model`, RecommendedModel);
  const artifact = await api.request('GET', `/models/${modelId}/artifact`);
  const seconds = (performance.now() - accepted) / 1000;
  expect(final.state, JSON.stringify(final.error)).to.equal('succeeded');
  expect(artifact.status).to.equal(200);
  expect([...unzip(artifact.bytes).keys()]).to.include('manifest.json');
  const board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
  const run = await api.get(`/projects/${projectId}/autopilot`, AutopilotRun);
  expect(run.remaining.seconds).to.equal(0);
  expect(board.data.find((row) => row.recommended)?.modelId).to.equal(modelId);
  console.log(
    `      ${seconds.toFixed(2)} s of ${timeBudgetSeconds} s, ${board.data.length} models, ` +
      `auc ${(board.data[0]?.scores.crossValidation ?? board.data[0]?.scores.validation)?.['auc']?.toFixed(4) ?? '-'}: ${reason}`,
  );
  return { seconds, board, reason };
}

async function finalAsSoonAsPossible(api: Api, jobId: string): Promise<Job> {
  for (;;) {
    const job = await api.call('GET', `/jobs/${jobId}`, 200, Job, { headers: { prefer: 'wait=60' } });
    if (job.finishedAt !== null) return job;
  }
}

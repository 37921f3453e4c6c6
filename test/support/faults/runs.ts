import { expect } from 'chai';
import type { AutopilotRequest, Job } from '#contracts';
import { rawRows } from '#store';
import { churnCsv } from '../../integration/worker/support.ts';
import { newProject, startAutopilot } from '../modelling.ts';
import { Lab } from './lab.ts';

/** What a run learns from and how: the same data and request give the same models. */
export interface RunKind {
  readonly rowCount: number;
  readonly request: AutopilotRequest;
}

/** Half a second of work in four tasks: baseline, two kinds of boosting, the refit of the best. */
export const QUICK: RunKind = {
  rowCount: 300,
  request: { target: 'label', blueprints: ['baseline', 'lightgbm-fast', 'lightgbm-default'], seed: 7 },
};

/** The same models, then their ensemble, and refits of what is best. */
export const BLENDED: RunKind = { rowCount: 300, request: { target: 'label', maxModels: 3, seed: 7 } };

/** One boosted model, which takes a second or two, and its refit: long enough to be hit in the middle of the training. */
export const SLOW: RunKind = {
  rowCount: 100_000,
  request: { target: 'label', maxModels: 1, blueprints: ['lightgbm-fast'], seed: 7 },
};

/** Makes the dataset; needs a worker. */
export const uploadChurn = (lab: Lab, { rowCount }: RunKind = QUICK): Promise<string> =>
  lab.api.dataset({ content: churnCsv(rowCount), fileName: 'churn.csv' });

/** A run under way. */
export interface Run {
  readonly projectId: string;
  readonly job: Job;
}

export async function startRun(lab: Lab, datasetId: string, { request }: RunKind = QUICK, api = lab.api): Promise<Run> {
  const projectId = await newProject(api, datasetId);
  return { projectId, job: await startAutopilot(api, projectId, request) };
}

/** The run has succeeded with exactly the models that it has when nothing disturbs it. */
export async function expectSameModels(lab: Lab, { projectId, job }: Run, kind: RunKind = QUICK): Promise<void> {
  await lab.succeeded(job.id);
  expect(await lab.contentHashes(projectId)).to.deep.equal(await undisturbedHashes(kind));
}

/** Claims of each task of a job, in order of creation. */
export async function attemptCounts(lab: Lab, jobId: string): Promise<number[]> {
  const rows = await rawRows<{ fence: number }>(
    lab.database,
    'select fence from task where job_id = ? order by job_position',
    [jobId],
  );
  return rows.map(({ fence }) => fence);
}

/** Waits until a train task is in the middle of its iterations; its row. */
export const inTraining = (lab: Lab): Promise<Readonly<Record<string, unknown>>> =>
  lab.task('a task in the middle of its training', ({ kind, state, progress }) => {
    if (kind !== 'train' || state !== 'RUNNING' || typeof progress !== 'string') return false;
    const { iteration } = JSON.parse(progress) as { iteration?: number | null }; // TaskProgress
    return (iteration ?? 0) > 0;
  });

const undisturbed = new Map<RunKind, Promise<readonly string[]>>();

/** Content hashes of the models of a run that nothing disturbs, sorted; computed once per process. */
export function undisturbedHashes(kind: RunKind = QUICK): Promise<readonly string[]> {
  const found = undisturbed.get(kind) ?? calmRun(kind);
  undisturbed.set(kind, found);
  return found;
}

async function calmRun(kind: RunKind): Promise<readonly string[]> {
  const lab = await Lab.open();
  try {
    lab.startWorker();
    const { projectId, job } = await startRun(lab, await uploadChurn(lab, kind), kind);
    await lab.succeeded(job.id);
    const hashes = await lab.contentHashes(projectId);
    expect(hashes.length).to.be.greaterThan(1);
    await lab.check();
    return hashes;
  } finally {
    await lab.close();
  }
}

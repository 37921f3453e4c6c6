import {
  Deployment,
  Job,
  Leaderboard,
  Project,
  RecommendedModel,
  pageOf,
  type AutopilotRequest,
  type Leaderboard as LeaderboardType,
} from '#contracts';
import { expect } from 'chai';
import type { Api, Refusal, UploadFile } from './api.ts';
import { until } from './processes.ts';

/** Longest wait for a deployment to be served, milliseconds. */
const READY_MS = 30_000;

/** A project whose Autopilot has ended. */
export interface Modelled {
  readonly datasetId: string;
  readonly projectId: string;
  readonly job: Job;
  readonly board: LeaderboardType;
  /** The recommended model. */
  readonly modelId: string;
  readonly reason: string;
}

export async function newProject(api: Api, datasetId: string, name = 'project'): Promise<string> {
  return (await api.call('POST', '/projects', 201, Project, { json: { name, datasetId } })).id;
}

export function startAutopilot(api: Api, projectId: string, request: AutopilotRequest): Promise<Job> {
  return api.call('POST', `/projects/${projectId}/autopilot`, 202, Job, { json: request });
}

/** Autopilot refuses a request, tried and in earnest, naming its field, and starts nothing. */
export async function refusedTarget(
  api: Api,
  datasetId: string,
  request: AutopilotRequest,
  refusal: Refusal,
): Promise<void> {
  const projectId = await newProject(api, datasetId);
  for (const query of ['?dryRun=true', '']) {
    const route = `/projects/${projectId}/autopilot${query}`;
    const problem = await api.refused('POST', route, refusal, { json: request });
    expect(problem.errors.length, 'names the field').to.be.greaterThan(0);
  }
  expect((await api.get(`/jobs?projectId=${projectId}`, pageOf(Job))).data).to.deep.equal([]);
}

/** From a file, or a dataset that is there, to a recommended model. */
export async function modelled(
  api: Api,
  data: UploadFile | { readonly datasetId: string },
  request: AutopilotRequest,
): Promise<Modelled> {
  const datasetId = 'datasetId' in data ? data.datasetId : await api.dataset(data);
  const projectId = await newProject(api, datasetId, `predict ${request.target}`);
  const job = await api.succeeded(await startAutopilot(api, projectId, request));
  const board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
  const { modelId, reason } = await api.get(`/projects/${projectId}/recommended-model`, RecommendedModel);
  return { datasetId, projectId, job, board, modelId, reason };
}

/** Deploys a model and waits until a prediction server answers with it. */
export async function deployed(api: Api, modelId: string, name = 'deployment'): Promise<Deployment> {
  const { id } = await api.call('POST', '/deployments', 201, Deployment, { json: { modelId, name } });
  return readyDeployment(api, id);
}

export function readyDeployment(api: Api, id: string): Promise<Deployment> {
  return until(
    `deployment ${id} to be ready`,
    async () => {
      const deployment = await api.get(`/deployments/${id}`, Deployment);
      return deployment.ready ? deployment : null;
    },
    READY_MS,
  );
}

/** Answer of `POST /predict/{deployment}` as JSON. */
export interface PredictionAnswer {
  readonly deploymentId: string;
  readonly modelId: string;
  readonly data: readonly {
    readonly rowIndex: number;
    readonly prediction: string | number;
    readonly interval?: { readonly lower: number; readonly upper: number };
    readonly probabilities?: Readonly<Record<string, number>>;
    readonly explanations?: readonly ExplanationAnswer[];
    readonly warnings?: readonly string[];
  }[];
}

export interface ExplanationAnswer {
  readonly label?: string;
  readonly baseValue: number;
  readonly rawScore: number;
  readonly contributions: readonly { readonly feature: string; readonly contribution: number }[];
  readonly rest: number;
}

/** Asks a prediction server; the answer must be 200. */
export async function predict(api: Api, predictionUrl: string, rows: unknown): Promise<PredictionAnswer> {
  const answer = await api.request('POST', predictionUrl, { json: rows });
  if (answer.status !== 200) throw new Error(`${predictionUrl}: ${answer.status} ${answer.text}`);
  return answer.json as PredictionAnswer; // the contract's answer; its fields are what the tests compare
}

/** Starts a batch prediction and waits for it; its path. */
export async function batchPredicted(api: Api, request: unknown): Promise<string> {
  const job = await api.succeeded(await api.call('POST', '/batch-predictions', 202, Job, { json: request }));
  return job.resource ?? '';
}

/** The rows of a finished batch prediction. */
export async function batchRows(api: Api, resource: string, accept = 'text/csv') {
  const answer = await api.request('GET', `${resource}/rows`, { headers: { accept } });
  if (answer.status !== 200) throw new Error(`${resource}/rows: ${answer.status} ${answer.text}`);
  return answer;
}

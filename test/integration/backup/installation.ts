import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { startAppServer, type AppServer } from '#appserver';
import { Deployment, type BeatRequest, type ClaimedTask, type Job } from '#contracts';
import { openObjectStore, type ObjectStore, type OpenedObjectStore } from '#object-store';
import { createLogger, HttpClient, loadConfig, type Config } from '#runtime';
import { backUp, type BackUpReport } from '../../../appserver/server/backup/back-up.ts';
import { restore, type RestoreReport } from '../../../appserver/server/backup/restore.ts';
import { Api } from '../../support/api.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { modelled, startAutopilot, newProject } from '../../support/modelling.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';

export type Client = 'sqlite' | 'postgres';

const ADMIN_KEY = 'admin-key-of-the-tests';
const ROWS = 200;
const cells = (valueOf: (row: number) => string): string[] => Array.from({ length: ROWS }, (_, row) => valueOf(row));
const COLUMNS: readonly MemoryColumn[] = [
  { name: 'x', cells: cells((row) => String((row * 37) % 101)), parse: numberRule },
  { name: 'colour', cells: cells((row) => (row % 3 === 0 ? 'red' : 'blue')), parse: textRule },
  { name: 'y', cells: cells((row) => (row % 4 === 0 ? 'yes' : 'no')), parse: textRule },
];
const PLAN = { target: 'y', blueprints: ['baseline'] };
const SILENT = createLogger({ program: 'test', write: () => undefined });

/** Places of an installation: a data folder and, on PostgreSQL, a database. Empty at first. */
export class Place {
  readonly config: Config;
  readonly dataDir: string;
  readonly #postgres: TestDatabase | null;
  readonly #more: Readonly<Record<string, unknown>>;

  private constructor(dataDir: string, postgres: TestDatabase | null, more: Readonly<Record<string, unknown>>) {
    this.dataDir = dataDir;
    this.#postgres = postgres;
    this.#more = more;
    this.config = loadConfig({ env: {}, flags: this.flags }).config;
  }

  /** @param more further keys of the configuration */
  static async make(client: Client, more: Readonly<Record<string, unknown>> = {}): Promise<Place> {
    const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-backup-'));
    return new Place(path.join(folder, 'data'), client === 'postgres' ? await createDatabase() : null, more);
  }

  get flags(): Record<string, unknown> {
    return {
      dataDir: this.dataDir,
      'server.port': 0,
      'server.adminApiKey': ADMIN_KEY,
      'server.healthNeeds': [],
      'server.closeTimeoutMs': 2_000,
      ...this.#more,
      ...(this.#postgres === null ? {} : { 'database.client': 'postgres', 'database.url': this.#postgres.url }),
    };
  }

  /** A name beside the data folder. */
  beside(name: string): string {
    return path.join(path.dirname(this.dataDir), name);
  }

  async close(): Promise<void> {
    await this.#postgres?.close();
    rmSync(path.dirname(this.dataDir), { recursive: true, force: true });
  }
}

/** An app server in this process at a place, with a worker that works when it is told to. */
export class Installation {
  readonly place: Place;
  readonly server: AppServer;
  readonly api: Api;
  readonly store: ObjectStore;
  readonly worker: ProtocolWorker;
  readonly #opened: OpenedObjectStore;

  private constructor(place: Place, server: AppServer) {
    this.place = place;
    this.server = server;
    this.api = new Api(server.url, ADMIN_KEY);
    this.#opened = openObjectStore(place.config);
    this.store = this.#opened.store;
    this.worker = new ProtocolWorker(server.url, place.config, this.store, COLUMNS);
  }

  static async start(place: Place): Promise<Installation> {
    return new Installation(place, await startAppServer(place.config, { logger: SILENT, checkAnswers: true }));
  }

  async close(): Promise<void> {
    this.worker.close();
    await this.#opened.close();
    await this.server.close();
  }

  /** A finished project with a deployment, a run whose task a worker holds, and an upload that nobody has read yet. */
  async fill(): Promise<Contents> {
    const upload = { content: 'x,colour,y\n1,red,yes\n', fileName: 'data.csv' };
    const done = await this.working(() => modelled(this.api, upload, PLAN));
    const json = { modelId: done.modelId, name: 'deployment' };
    const { id: deploymentId } = await this.api.call('POST', '/deployments', 201, Deployment, { json });
    const [openProjectId, openJobId, held] = await this.#interrupted(done.datasetId);
    const [, cancelledJobId, cancelled] = await this.#interrupted(done.datasetId);
    expect((await this.api.request('DELETE', `/jobs/${cancelledJobId}`)).status).to.equal(200);
    const waiting = (await this.api.upload({ ...upload, name: 'waiting' })).json as Job; // answer of POST /datasets
    const waitingJobId = waiting.id;
    return { ...done, deploymentId, openProjectId, openJobId, held, cancelledJobId, cancelled, waitingJobId };
  }

  /** A run whose task a worker holds: its project, its job, the task. */
  async #interrupted(datasetId: string): Promise<[string, string, ClaimedTask]> {
    const projectId = await newProject(this.api, datasetId, 'interrupted');
    const job = await startAutopilot(this.api, projectId, PLAN);
    const held = await this.worker.claim();
    if (held === null) throw new Error('there is a task to claim');
    await say(this.server.url, held, 'start');
    return [projectId, job.id, held];
  }

  /** Does `action` while the worker works. */
  async working<T>(action: () => Promise<T>): Promise<T> {
    let ended = false;
    const result = action().finally(() => (ended = true));
    while (!ended) {
      await this.worker.workAll();
      await Promise.race([result, new Promise((resolve) => setTimeout(resolve, 10))]);
    }
    return result;
  }

  /** Scores and hashes of a project's models, best first. */
  async board(projectId: string): Promise<unknown[]> {
    const { json } = await this.api.request('GET', `/projects/${projectId}/leaderboard`);
    const { data } = json as { data: { modelId: string; scores: unknown }[] }; // Leaderboard of the contract
    return Promise.all(
      data.map(async ({ modelId, scores }) => {
        const model = (await this.api.request('GET', `/models/${modelId}`)).json as { contentHash: string };
        return { modelId, scores, contentHash: model.contentHash };
      }),
    );
  }
}

export interface Contents {
  readonly datasetId: string;
  readonly projectId: string;
  readonly modelId: string;
  readonly deploymentId: string;
  readonly openProjectId: string;
  readonly openJobId: string;
  /** What a worker of this life holds. */
  readonly held: ClaimedTask;
  /** Held likewise, of a job that was cancelled. */
  readonly cancelled: ClaimedTask;
  readonly cancelledJobId: string;
  readonly waitingJobId: string;
}

/** A statement of a task's holder. @throws the refusal */
export async function say(url: string, task: ClaimedTask, verb: 'start' | 'beat' | 'resume'): Promise<void> {
  const http = new HttpClient({ baseUrl: url });
  const json: BeatRequest = { fence: task.fence, progress: null, memoryBytes: 1, log: [] };
  try {
    await http.request({
      method: 'POST',
      path: `/internal/v1/tasks/${task.taskId}/${verb}`,
      json,
      token: task.leaseToken,
    });
  } finally {
    http.close();
  }
}

const quiet = () => ({ logger: SILENT, onProgress: () => undefined, signal: new AbortController().signal });

/** A backup, made in this process. */
export const backUpTo = ({ config }: Pick<Place, 'config'>, to: string, withKeys = true): Promise<BackUpReport> =>
  backUp({ ...quiet(), config, to, withKeys });

/** A restore, made in this process. */
export const restoreFrom = (from: string, { config }: Pick<Place, 'config'>): Promise<RestoreReport> =>
  restore({ ...quiet(), config, from });

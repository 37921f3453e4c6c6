import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../../scripts/lib/free-ports.ts';
import { descendantsOf, isAlive, signal, type Process } from './processes.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const TRAINING_FILE = path.join(ROOT, 'examples/data/adult/train.csv.gz');
/** Longest waits, milliseconds: for the platform to be healthy, for a job, for one answer. */
const START_MS = 120_000;
const JOB_MS = 300_000;
const ANSWER_MS = 10_000;
const RETRY_MS = 200;

/** Leases of seconds instead of half a minute, so that what was killed is noticed while one watches. */
export const LEASE_MS = 2_000;
const SETTINGS = {
  TRAINYARD_QUEUE_LEASE_MS: String(LEASE_MS),
  TRAINYARD_QUEUE_BEAT_MS: '500',
  TRAINYARD_QUEUE_REAPER_INTERVAL_MS: '200',
  TRAINYARD_QUEUE_BACKOFF_MS: '500',
  TRAINYARD_QUEUE_BACKOFF_MS_MAX: '2000',
  TRAINYARD_UP_WORKERS: '2',
};

/** An answer of the REST API. */
type Json = Readonly<Record<string, unknown>>;

/** A model of a leaderboard. */
export interface BoardRow {
  readonly rank: number;
  readonly name: string;
  readonly contentHash: string;
  readonly score: number;
  readonly recommended: boolean;
}

/** `scripts/trainyard up` on a data folder, and the few calls of its REST API that a modelling job takes. */
export class Platform {
  readonly #dataDir: string;
  readonly #key = `chaos-${crypto.randomUUID()}`;
  #ports: readonly number[] = [];
  #up: ChildProcess | null = null;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  get api(): string {
    return `http://127.0.0.1:${this.#ports[0] ?? 0}/api/v1`;
  }

  /** Starts `up` and waits until app server, worker and prediction server answer; again on the same folder and ports. */
  async start(): Promise<void> {
    if (this.#ports.length === 0) this.#ports = await freePorts(2);
    const [port = 0, predictionPort = 0] = this.#ports;
    const words = [
      'up',
      '--data-dir',
      this.#dataDir,
      '--port',
      String(port),
      '--prediction-port',
      String(predictionPort),
    ];
    const log = openSync(path.join(this.#dataDir, 'up.log'), 'a');
    this.#up = spawn(path.join(ROOT, 'scripts/trainyard'), words, {
      // The end of its standard input ends it, so that it never outlives this process, however that dies.
      stdio: ['pipe', log, log],
      env: { ...process.env, ...SETTINGS, TRAINYARD_ADMIN_API_KEY: this.#key, TRAINYARD_PARENT_WATCH: '1' },
    });
    closeSync(log);
    const until = performance.now() + START_MS;
    while (!(await this.#isHealthy())) {
      if (performance.now() > until || this.#up.exitCode !== null) throw new Error('the platform does not start');
      await delay(RETRY_MS);
    }
  }

  async #isHealthy(): Promise<boolean> {
    const answer = await fetch(`${this.api}/health`).catch(() => null);
    await answer?.arrayBuffer();
    return answer?.status === 200;
  }

  /** Everything that runs below `up` now. */
  processes(): Process[] {
    return this.#up?.pid === undefined ? [] : descendantsOf(this.#up.pid);
  }

  /** Kills `up` first, so that it starts nothing again, then all below it: as a power cut does. Returns how many. */
  async killAll(): Promise<number> {
    const below = this.processes();
    const up = this.#up;
    if (up !== null && up.exitCode === null && up.signalCode === null) {
      const ended = once(up, 'exit');
      up.kill('SIGKILL');
      await ended;
    }
    for (const process of below) signal(process, 'SIGKILL');
    while (below.some(isAlive)) await delay(10);
    return below.length + 1;
  }

  async stop(): Promise<void> {
    const up = this.#up;
    if (up === null || up.exitCode !== null || up.signalCode !== null) return;
    const ended = once(up, 'exit');
    up.kill('SIGTERM');
    await ended;
  }

  /** Uploads the training data; the dataset's id. */
  async dataset(): Promise<string> {
    const form = new FormData();
    form.set('file', new File([new Uint8Array(readFileSync(TRAINING_FILE))], 'train.csv.gz'));
    const { id } = await this.#ask('/datasets', { method: 'POST', body: form });
    return (await this.finished(String(id))).split('/').at(-1) ?? '';
  }

  /** Starts Autopilot in a new project. */
  async startJob(datasetId: string, request: Json): Promise<{ readonly projectId: string; readonly jobId: string }> {
    const project = await this.#post('/projects', { name: 'adult income', datasetId });
    const projectId = String(project['id']);
    const job = await this.#post(`/projects/${projectId}/autopilot`, request);
    return { projectId, jobId: String(job['id']) };
  }

  /** Waits until a job has succeeded, whatever happens to the servers meanwhile; what it made. */
  async finished(jobId: string): Promise<string> {
    const until = performance.now() + JOB_MS;
    while (performance.now() < until) {
      const job = await this.#ask(`/jobs/${jobId}`, { headers: { prefer: 'wait=2' } });
      if (job['state'] === 'succeeded') return String(job['resource']);
      if (job['state'] === 'failed' || job['state'] === 'cancelled') throw new Error(JSON.stringify(job));
    }
    throw new Error(`job ${jobId} is not finished after ${JOB_MS / 1000} s`);
  }

  /** The leaderboard with each model's content hash: SHA-256 of all that decides its predictions. */
  async leaderboard(projectId: string, metric: string): Promise<BoardRow[]> {
    const board = await this.#ask(`/projects/${projectId}/leaderboard`);
    const rows: BoardRow[] = [];
    for (const row of board['data'] as readonly Json[]) {
      // Leaderboard of the REST API
      const { contentHash } = await this.#ask(`/models/${String(row['modelId'])}`);
      const scores = row['scores'] as Readonly<Record<string, Readonly<Record<string, number>> | null>>; // likewise
      const score = (scores['crossValidation'] ?? scores['validation'])?.[metric] ?? NaN;
      const { name, rank, recommended } = row;
      rows.push({
        ...{ rank: Number(rank), name: String(name), contentHash: String(contentHash) },
        ...{ score, recommended: recommended === true },
      });
    }
    return rows;
  }

  #post(route: string, body: Json): Promise<Json> {
    return this.#ask(route, {
      method: 'POST',
      // Sent again after a lost answer it has no second effect.
      headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
      body: JSON.stringify(body),
    });
  }

  /** Asks again while nobody answers, or the answer is that it should be asked again. */
  async #ask(route: string, init: RequestInit = {}): Promise<Json> {
    const headers = { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${this.#key}` }; // made above
    const until = performance.now() + JOB_MS;
    for (;;) {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const answer = await fetch(`${this.api}${route}`, { ...init, headers, signal }).catch(() => null);
      const text = await answer?.text().catch(() => null);
      if (answer?.ok === true && typeof text === 'string') return JSON.parse(text) as Json; // every success of the API is an object
      if (answer !== null && answer.status < 500 && answer.status !== 429) throw new Error(`${route}: ${text ?? ''}`);
      if (performance.now() > until) throw new Error(`${route}: no answer for ${JOB_MS / 1000} s`);
      await delay(RETRY_MS);
    }
  }
}

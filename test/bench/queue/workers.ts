import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import {
  AppError,
  ClaimedTask,
  parse,
  RegisterAnswer,
  toProblem,
  TransitionAnswer,
  WORKER_PROTOCOL_VERSION,
} from '#contracts';
import type { ObjectStore } from '#object-store';
import { HttpClient, type HttpAnswer } from '#runtime';

/** How long a claim is held at most. */
const CLAIM_WAIT_MS = 5_000;
/** What a batch prediction without rows leaves. */
const RESULT_NAMES = ['rows.csv', 'rows.ndjson', 'rows.parquet'];
const OUTCOME = { kind: 'batch-predict', rowCount: 0, rowsPerSecond: 0, warnings: [] };
/** How long a task is held where it is, at least and at most. */
const HOLD_MS = [50, 150] as const;
const FAILURE = toProblem(new AppError('VALIDATION_FAILED', 'a task of the bench'), null);

/** A worker that does nothing with its tasks. */
export class SimulatedWorker {
  readonly #http: HttpClient;
  readonly #identity: RegisterAnswer;

  private constructor(http: HttpClient, identity: RegisterAnswer) {
    this.#http = http;
    this.#identity = identity;
  }

  static async register(url: string, poolSecret: string): Promise<SimulatedWorker> {
    const http = new HttpClient({ baseUrl: url });
    const json = {
      protocolVersion: WORKER_PROTOCOL_VERSION,
      programVersion: 'bench',
      pool: 'default',
      hostName: 'bench',
      processId: process.pid,
      memoryBytes: 1,
      threadCount: 1,
      archiveSha256: null,
    };
    const answer = await http.request({ method: 'POST', path: '/internal/v1/workers', json, token: poolSecret });
    return new SimulatedWorker(http, parse(RegisterAnswer, answer.json, 'register answer'));
  }

  async claim(): Promise<ClaimedTask | null> {
    const { workerId, workerToken: token } = this.#identity;
    const json = { workerId, requestId: randomUUID(), waitMs: CLAIM_WAIT_MS, cachedDatasets: [] };
    const answer = await this.#http.request({ method: 'POST', path: '/internal/v1/claims', json, token });
    return answer.status === 204 ? null : parse(ClaimedTask, answer.json, 'claimed task');
  }

  start(task: ClaimedTask): Promise<HttpAnswer> {
    return this.#say(task, 'start', { progress: null, memoryBytes: 0, log: [] });
  }

  /** Fails it by the user's fault: it ends for good, with its job, as a task without a result can. */
  end(task: ClaimedTask): Promise<HttpAnswer> {
    return this.#say(task, 'fail', { blame: 'user', problem: FAILURE, log: [] });
  }

  /** Writes a tiny result, seals and commits it; the app server reads and hashes its files. */
  async deliver(task: ClaimedTask, store: ObjectStore): Promise<void> {
    const files = [];
    for (const name of RESULT_NAMES)
      files.push({ name, ...(await store.write(`${task.attemptPath}/${name}`, Buffer.from(task.taskId))) });
    await this.#say(task, 'seal', { files, outcome: OUTCOME, log: [] });
    const answer = await this.#say(task, 'commit', {});
    const { state } = parse(TransitionAnswer, answer.json, 'commit answer');
    if (state !== 'SUCCEEDED') throw new Error(`task ${task.taskId} is ${state} after its commit`);
  }

  close(): void {
    this.#http.close();
  }

  #say({ taskId, fence, leaseToken: token }: ClaimedTask, verb: string, json: object): Promise<HttpAnswer> {
    const path = `/internal/v1/tasks/${taskId}/${verb}`;
    return this.#http.request({ method: 'POST', path, json: { fence, ...json }, token });
  }
}

/** What a load did. */
export interface Load {
  /** Milliseconds of each claim. */
  readonly latencies: readonly number[];
  readonly perSecond: number;
}

/**
 * What a worker does with a task that it has claimed: nothing more (`claim`), start it and end it without a result
 * (`whole`), the same after some time (`held`), or start it and deliver a result to this store.
 */
export type Way = 'claim' | 'whole' | 'held' | { readonly deliverTo: ObjectStore };

async function finish(worker: SimulatedWorker, task: ClaimedTask, way: Way): Promise<void> {
  if (way === 'claim') return;
  await worker.start(task);
  if (typeof way === 'object') return worker.deliver(task, way.deliverTo);
  if (way === 'held') await wait(HOLD_MS[0] + Math.random() * (HOLD_MS[1] - HOLD_MS[0]));
  await worker.end(task);
}

/** All workers as fast as they can, until so many tasks were claimed. */
export async function closedLoop(workers: readonly SimulatedWorker[], count: number, way: Way): Promise<Load> {
  const latencies: number[] = [];
  let left = count;
  const from = performance.now();
  await Promise.all(
    workers.map(async (worker) => {
      while (left > 0) {
        left -= 1;
        const at = performance.now();
        const task = await worker.claim();
        latencies.push(performance.now() - at);
        if (task === null) throw new Error('the queue ran empty');
        await finish(worker, task, way);
      }
    }),
  );
  return { latencies, perSecond: (count * 1000) / (performance.now() - from) };
}

export interface Offer {
  readonly perSecond: number;
  readonly seconds: number;
  /** Comes before and is not measured. */
  readonly warmUpSeconds: number;
  readonly way: Way;
}

/**
 * So many claims a second for so long, each worker at its own even beat. A claim's latency counts from the time at which
 * it was due, so that what a slow answer holds up counts too.
 */
export async function offeredLoad(
  workers: readonly SimulatedWorker[],
  { perSecond, seconds, warmUpSeconds, way }: Offer,
): Promise<Load> {
  const latencies: number[] = [];
  const periodMs = (workers.length * 1000) / perSecond;
  const from = performance.now();
  const measuredFrom = from + warmUpSeconds * 1000;
  const until = measuredFrom + seconds * 1000;
  await Promise.all(
    workers.map(async (worker, index) => {
      for (let due = from + (index * periodMs) / workers.length; due < until; due += periodMs) {
        await wait(Math.max(0, due - performance.now()));
        const task = await worker.claim();
        if (task === null) throw new Error('the queue ran empty');
        if (due >= measuredFrom) latencies.push(performance.now() - due);
        await finish(worker, task, way);
      }
    }),
  );
  return { latencies, perSecond: (latencies.length * 1000) / (performance.now() - measuredFrom) };
}

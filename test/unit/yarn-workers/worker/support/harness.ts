import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClaimedTask } from '#contracts';
import { createLogger, loadConfig } from '#runtime';
import { startWorker, type Worker, type WorkerOptions } from '../../../../../yarn-workers/worker/supervisor/worker.ts';
import { FakeAppServer } from './fake-app-server.ts';
import { MemoryChild } from './memory-child.ts';

/** A line of the logger, which always has these fields. */
interface LogEvent {
  readonly event: string;
  readonly level: string;
}

interface WorkerSettings {
  readonly memoryBytes?: number;
  /** What the child is said to take. */
  readonly childBytes?: number;
  readonly drainMs?: number;
  readonly stuckMs?: number;
  readonly childIdleMs?: number;
  readonly archiveSha256?: string;
  readonly pool?: string;
  /** File to read the pool's secret from; without it the secret is passed. */
  readonly poolSecretFile?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

export const MIB = 1024 ** 2;
/** What a child in the test is said to take, unless a test says otherwise. */
const CHILD_BYTES = 100 * MIB;

/** Workers against the fake app server; everything is gone after `close`. */
export class Harness {
  readonly server = new FakeAppServer();
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-worker-'));
  readonly events: LogEvent[] = [];
  readonly #workers: Worker[] = [];

  async open(): Promise<void> {
    await this.server.start();
  }

  /** A worker whose child lives in the test. */
  worker(options: WorkerSettings = {}): { worker: Worker; child: MemoryChild } {
    const child = new MemoryChild();
    // Its process is that of the tests, which has all that they hold.
    return { worker: this.#start(options, { child, memoryBytesOf: () => options.childBytes ?? CHILD_BYTES }), child };
  }

  /** A worker with a real process as its child, which runs scripts. */
  processWorker(options: WorkerSettings = {}): Worker {
    return this.#start(options, {
      childProgram: fileURLToPath(new URL('./scripted-child.ts', import.meta.url)),
      environment: options.environment ?? process.env,
    });
  }

  #start(options: WorkerSettings, more: Partial<WorkerOptions>): Worker {
    const { config } = loadConfig({
      env: {},
      cwd: this.folder,
      flags: {
        'worker.serverUrl': this.server.url,
        'worker.memoryBytes': options.memoryBytes ?? 2048 * MIB,
        'worker.drainMs': options.drainMs ?? 5_000,
        'worker.stuckMs': options.stuckMs ?? 600_000,
        'worker.childIdleMs': options.childIdleMs ?? 60_000,
        'worker.archiveSha256': options.archiveSha256 ?? '',
        'worker.pool': options.pool ?? 'default',
        'worker.poolSecretFile': options.poolSecretFile ?? '',
      },
    });
    const worker = startWorker({
      config,
      ...(options.poolSecretFile === undefined ? { poolSecret: 'pool-secret' } : {}),
      logger: createLogger({
        program: 'test',
        level: 'debug',
        write: (line) => void this.events.push(JSON.parse(line) as LogEvent),
      }),
      ...more,
    });
    this.#workers.push(worker);
    return worker;
  }

  async close(): Promise<void> {
    this.server.rule = (verb) => (verb === 'claim' ? 'accept' : 'TASK_FENCED');
    await Promise.all(this.#workers.map((worker) => worker.close()));
    await this.server.stop();
    rmSync(this.folder, { recursive: true });
  }
}

/** A claimed task whose script the scripted child runs. */
export function scriptedTask(script: string, task: Partial<ClaimedTask> = {}): ClaimedTask {
  return {
    taskId: 't1',
    fence: 3,
    leaseToken: 'lease-token',
    leaseMs: 2_000,
    attemptPath: 'models/t1/3-x',
    remainingMs: null,
    spec: { kind: 'ingest', datasetId: 'd1', input: { type: 'path', path: script }, options: {} },
    ...task,
  };
}

/** True while a process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

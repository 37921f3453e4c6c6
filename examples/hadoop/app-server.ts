import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { ApiClient } from '#cli';
import { until } from '../../test/support/processes.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const START_MS = 60_000;

/** `scripts/trainyard server` as a process of its own. */
export class AppServer {
  readonly url: string;
  readonly logFile: string;
  readonly #process: ChildProcess;
  readonly #adminKey: string;

  constructor(config: string, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.logFile = path.join(path.dirname(config), 'server.log');
    this.#adminKey = `hadoop-example-${crypto.randomUUID()}`;
    const log = openSync(this.logFile, 'a');
    this.#process = spawn(path.join(ROOT, 'scripts/trainyard'), ['server', `--config=${config}`], {
      stdio: ['ignore', log, log],
      env: { ...process.env, TRAINYARD_ADMIN_API_KEY: this.#adminKey },
    });
    closeSync(log);
  }

  /** Waits until it answers. @throws Error when it has ended, or takes too long */
  async ready(): Promise<void> {
    const isHealthy = async (): Promise<boolean> => {
      if (!this.#isRunning) throw new Error(`the app server ended while it started, see ${this.logFile}`);
      const answer = await fetch(`${this.url}/api/v1/health`).catch(() => null);
      await answer?.arrayBuffer();
      return answer?.status === 200;
    };
    await until('the app server to be healthy', isHealthy, START_MS);
  }

  /** Creates a user as the administrator; his API key. */
  async createUser(name: string): Promise<string> {
    const admin = this.client(this.#adminKey);
    try {
      const { id } = await admin.post('/users', { name });
      const { key } = await admin.post('/api-keys', { name: `key of ${name}`, userId: id });
      return String(key);
    } finally {
      admin.close();
    }
  }

  /** The REST API in the name of whoever has the key. */
  client(apiKey: string): ApiClient {
    return new ApiClient({ url: this.url, apiKey, signal: new AbortController().signal });
  }

  get #isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await ended;
  }
}

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/** Pinned: a figure is of these versions. */
export const RIVALS = { 'graphile-worker': '0.18.0', 'pg-boss': '12.38.0' } as const;

/** Connections of each, as many as the app server's. */
const POOL_MAX = 10;
const INSERT_ROWS = 1_000;

interface GraphileWorker {
  run(options: object): Promise<{ stop(): Promise<void> }>;
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>;
    addJobs(jobs: readonly object[]): Promise<unknown>;
    release(): Promise<void>;
  }>;
  Logger: new (factory: () => () => void) => object;
}

interface Boss {
  on(event: 'error', listener: (err: Error) => void): void;
  start(): Promise<unknown>;
  createQueue(name: string): Promise<void>;
  insert(queue: string, jobs: readonly object[]): Promise<unknown>;
  fetch(queue: string): Promise<readonly { readonly id: string }[]>;
  complete(queue: string, id: string): Promise<unknown>;
  stop(options: object): Promise<void>;
}

/** The rivals' modules, installed once into the user's cache, outside of this tree. */
async function load(): Promise<NodeJS.Require> {
  const cache = process.env['TRAINYARD_CACHE'] ?? path.join(os.homedir(), '.cache/trainyard');
  const specs = Object.entries(RIVALS).map(([name, version]) => `${name}@${version}`);
  const folder = path.join(cache, 'rivals', specs.join('+'));
  if (!Object.keys(RIVALS).every((name) => existsSync(path.join(folder, 'node_modules', name)))) {
    await mkdir(folder, { recursive: true });
    await promisify(execFile)('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', ...specs]);
  }
  return createRequire(path.join(folder, 'package.json'));
}

/** What a rival did with no-op jobs. */
export interface RivalFigures {
  readonly perSecond: number;
  /** Milliseconds of each fetch; empty where a job is not fetched by its own statement. */
  readonly latencies: readonly number[];
}

/** No-op jobs of one task, 50 at a time, by graphile-worker in this process. */
export async function runGraphileWorker(url: string, jobs: number, fetchers: number): Promise<RivalFigures> {
  const graphile = (await load())('graphile-worker') as GraphileWorker; // its documented functions
  const logger = new graphile.Logger(() => () => undefined);
  const utils = await graphile.makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  for (let done = 0; done < jobs; done += INSERT_ROWS) {
    await utils.addJobs(Array.from({ length: Math.min(INSERT_ROWS, jobs - done) }, () => ({ identifier: 'noop' })));
  }
  await utils.release();
  let left = jobs;
  const finished = Promise.withResolvers<null>();
  const taskList = {
    noop: () => {
      left -= 1;
      if (left === 0) finished.resolve(null);
    },
  };
  const from = performance.now();
  const runner = await graphile.run({
    ...{ connectionString: url, concurrency: fetchers, maxPoolSize: POOL_MAX },
    ...{ noHandleSignals: true, taskList, logger },
  });
  await finished.promise;
  const perSecond = (jobs * 1000) / (performance.now() - from);
  await runner.stop();
  return { perSecond, latencies: [] };
}

/** No-op jobs, fetched and completed one by one by 50 loops, by pg-boss in this process. */
export async function runPgBoss(url: string, jobs: number, fetchers: number): Promise<RivalFigures> {
  const { PgBoss } = (await load())('pg-boss') as { PgBoss: new (options: object) => Boss }; // its documented class
  const boss = new PgBoss({ connectionString: url, max: POOL_MAX, supervise: false, schedule: false });
  boss.on('error', (err) => {
    throw err;
  });
  await boss.start();
  await boss.createQueue('noop');
  for (let done = 0; done < jobs; done += INSERT_ROWS) {
    await boss.insert(
      'noop',
      Array.from({ length: Math.min(INSERT_ROWS, jobs - done) }, () => ({ data: {} })),
    );
  }
  const latencies: number[] = [];
  const from = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: fetchers }, async () => {
      for (;;) {
        const at = performance.now();
        const [job] = await boss.fetch('noop');
        if (job === undefined) return;
        latencies.push(performance.now() - at);
        await boss.complete('noop', job.id);
        done += 1;
      }
    }),
  );
  const perSecond = (done * 1000) / (performance.now() - from);
  await boss.stop({ graceful: false });
  return { perSecond, latencies };
}

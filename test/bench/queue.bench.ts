/**
 * Speed and fairness of the queue: `node test/bench/queue.bench.ts`. An app server (the program itself) with 10,000 queued
 * tasks of 20 projects, and this process as 50 workers that speak the worker protocol over HTTP; PostgreSQL with fsync on,
 * SQLite with synchronous=FULL. Loads, each on a database of its own: claims alone as fast as 50 workers can, 200 claims a
 * second, and the same two with whole no-op tasks: claim, start, end without a result, or with a tiny one that the app
 * server verifies (three files, seal, commit). Fairness: the longest wait of a project among equal tasks that never end;
 * and the least cost times time that a project got, where tasks cost 1, 2 or 4 and end after 50 to 150 ms. Beside it graphile-worker and
 * pg-boss do as many no-op jobs on the same PostgreSQL server, through SQL instead of HTTP and without fences, leases,
 * fairness or a user's rights. Exits 1 where a budget is missed. `--no-rivals`, `--only postgres|sqlite`, `--share 0.1`
 * (of tasks and seconds) do less.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FileObjectStore, type ObjectStore } from '#object-store';
import { KEY_FILES } from '#runtime';
import { startPostgres, type PostgresServer } from '../support/postgres.ts';
import { RIVALS, runGraphileWorker, runPgBoss, type RivalFigures } from './queue/rivals.ts';
import { readGiven, seedQueue, type Given, type SeedOptions } from './queue/seed.ts';
import { closedLoop, offeredLoad, SimulatedWorker, type Load } from './queue/workers.ts';

const { values: flags } = parseArgs({
  options: {
    'no-rivals': { type: 'boolean' },
    only: { type: 'string' },
    share: { type: 'string', default: '1' },
  },
});
const SHARE = Number(flags.share);
const TASKS = 10_000;
const PROJECTS = 20;
const WORKERS = 50;
const CLAIMS = 4_000 * SHARE;
/** Fewer than can expire before the end of the load. */
const OFFERED = { perSecond: 200, seconds: 15 * SHARE, warmUpSeconds: 3 * SHARE, way: 'claim' } as const;
const WHOLE_OFFERED = { perSecond: 50, seconds: 15 * SHARE, warmUpSeconds: 3 * SHARE } as const;
const WHOLE_TASKS = 2_000 * SHARE;
/** Of projects, in turn: what a task that trains with so many threads costs. */
const COSTS = [1, 2, 4];
/** Most claims between two of a project, as a multiple of what its share would be. */
const WAIT_SHARE_MAX = 2;
const BUDGETS = {
  postgres: { claimsPerSecondMin: 200, p99MsMax: 50 },
  sqlite: { claimsPerSecondMin: 100, p99MsMax: null },
} as const;

const missed: string[] = [];
const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-queue-bench-'));
const postgres = flags.only === 'sqlite' ? null : await startPostgres({ fsync: true });
try {
  if (postgres !== null) {
    const whole = await bench('postgres', postgres);
    if (flags['no-rivals'] !== true) await benchRivals(postgres, whole);
  }
  if (flags.only !== 'postgres') await bench('sqlite', null);
} finally {
  await postgres?.close();
  rmSync(folder, { recursive: true, force: true });
}
for (const line of missed) console.log(`BUDGET MISSED: ${line}`);
process.exitCode = missed.length === 0 ? 0 : 1;

/** Runs the loads; returns whole tasks per second. */
async function bench(client: 'postgres' | 'sqlite', server: PostgresServer | null): Promise<number> {
  const load = async (what: string, run: Run, costs: readonly number[] = [1]) => {
    const figures = await withServer(client, server, run, costs);
    report(`${client}: ${what}`, figures);
    return figures;
  };
  const claims = await load('claims as fast as can be', (workers) => closedLoop(workers, CLAIMS, 'claim'));
  const offered = await load(`${OFFERED.perSecond} claims/s offered`, (workers) => offeredLoad(workers, OFFERED));
  const whole = await load('whole no-op tasks as fast as can be', (workers) =>
    closedLoop(workers, WHOLE_TASKS, 'whole'),
  );
  await load(`${WHOLE_OFFERED.perSecond} whole no-op tasks/s offered`, (workers) =>
    offeredLoad(workers, { ...WHOLE_OFFERED, way: 'whole' }),
  );
  await load('whole tasks with a verified result as fast as can be', (workers, deliverTo) =>
    closedLoop(workers, WHOLE_TASKS, { deliverTo }),
  );
  await load(`${WHOLE_OFFERED.perSecond} whole tasks/s with a verified result offered`, (workers, deliverTo) =>
    offeredLoad(workers, { ...WHOLE_OFFERED, way: { deliverTo } }),
  );
  const mixed = await load(
    'tasks of unequal costs that end after a while',
    (workers) => closedLoop(workers, WHOLE_TASKS, 'held'),
    COSTS,
  );
  const waitShare = longestWait(claims.projects);
  console.log(`${client}: longest wait of a project: ${waitShare.toFixed(2)} of its share; with unequal costs the least of a project ${mixed.leastShare.toFixed(2)} of the mean`); // prettier-ignore
  const { claimsPerSecondMin, p99MsMax } = BUDGETS[client];
  const p99 = rank(offered.latencies, 0.99);
  if (claims.perSecond < claimsPerSecondMin) missed.push(`${client}: ${claims.perSecond.toFixed(0)} claims/s`);
  if (p99MsMax !== null && p99 > p99MsMax) missed.push(`${client}: p99 of a claim ${p99.toFixed(1)} ms`);
  if (waitShare > WAIT_SHARE_MAX) missed.push(`${client}: a project waited ${waitShare.toFixed(2)} times its share`);
  if (mixed.leastShare < 1 / WAIT_SHARE_MAX)
    missed.push(`${client}: a project got ${mixed.leastShare.toFixed(2)} of the mean`);
  return whole.perSecond;
}

async function benchRivals(server: PostgresServer, ours: number): Promise<void> {
  const rivals = { 'graphile-worker': runGraphileWorker, 'pg-boss': runPgBoss };
  for (const [name, run] of Object.entries(rivals)) {
    const database = await server.createDatabase();
    const figures: RivalFigures = await run(database.url, TASKS, WORKERS);
    await database.close();
    const version = RIVALS[name as keyof typeof RIVALS]; // the same names
    const latency =
      figures.latencies.length === 0
        ? ''
        : `, fetch p50 ${ms(figures.latencies, 0.5)}, p99 ${ms(figures.latencies, 0.99)}`;
    console.log(`${name} ${version}: ${figures.perSecond.toFixed(0)} no-op jobs/s${latency}; ours ${(ours / figures.perSecond).toFixed(2)} of it; load ${loadAverage()}`); // prettier-ignore
  }
}

type Run = (workers: readonly SimulatedWorker[], store: ObjectStore) => Promise<Load>;

/** An app server over a freshly filled database, and 50 registered workers. */
async function withServer(
  client: 'postgres' | 'sqlite',
  postgresServer: PostgresServer | null,
  run: Run,
  costs: readonly number[],
): Promise<Load & Given> {
  const dataDir = mkdtempSync(path.join(folder, 'data-'));
  const database = (await postgresServer?.createDatabase()) ?? null;
  const options: SeedOptions = { client, file: path.join(dataDir, 'trainyard.db'), url: database?.url ?? '' };
  await seedQueue(options, { tasks: TASKS, projects: PROJECTS, costs });
  const program = await startServer({
    ...{ dataDir, 'server.port': '0', 'server.adminApiKey': 'admin-key-of-the-bench' },
    ...{ 'database.client': client, 'database.file': options.file, 'database.url': options.url },
  });
  try {
    const secret = readFileSync(path.join(dataDir, 'keys', KEY_FILES.poolSecret), 'utf8').trim();
    const workers: SimulatedWorker[] = [];
    for (let index = 0; index < WORKERS; index += 1) workers.push(await SimulatedWorker.register(program.url, secret));
    const load = await run(workers, new FileObjectStore(path.join(dataDir, 'objects')));
    for (const worker of workers) worker.close();
    return { ...load, ...(await readGiven(options, costs)) };
  } finally {
    await program.end();
    await database?.close();
  }
}

/** The app server's program; ready when it says where it listens. */
async function startServer(config: Readonly<Record<string, string>>): Promise<{ url: string; end(): Promise<void> }> {
  const program = fileURLToPath(new URL('../../appserver/server/main.ts', import.meta.url));
  const words = Object.entries(config).flatMap(([key, value]) => (value === '' ? [] : [`--${key}`, value]));
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const url = Promise.withResolvers<string>();
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      const found = /"event":"listening".*"url":"([^"]+)"/.exec(line)?.[1];
      if (found !== undefined) url.resolve(found);
    });
  }
  void ended.then(() => url.reject(new Error(`the app server ended:\n${lines.at(-1) ?? ''}`)));
  const end = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { url: await url.promise, end };
}

/** The most claims from the start or a claim of a project to its next one, divided by the number of projects. */
function longestWait(projects: readonly string[]): number {
  const last = new Map(projects.map((project) => [project, -1]));
  if (last.size < PROJECTS) return Infinity;
  let longest = 0;
  for (const [index, project] of projects.entries()) {
    longest = Math.max(longest, index - (last.get(project) ?? -1));
    last.set(project, index);
  }
  return longest / PROJECTS;
}

function report(what: string, { latencies, perSecond }: Load): void {
  console.log(`${what}: ${perSecond.toFixed(0)}/s, claim p50 ${ms(latencies, 0.5)}, p99 ${ms(latencies, 0.99)}, longest ${ms(latencies, 1)}; load ${loadAverage()}`); // prettier-ignore
}

function loadAverage(): string {
  return (os.loadavg()[0] ?? NaN).toFixed(1);
}

function ms(values: readonly number[], share: number): string {
  return `${rank(values, share).toFixed(1)} ms`;
}

function rank(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

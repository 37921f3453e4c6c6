/**
 * Speed of the queue: `node test/bench/queue.bench.ts`. Claims per second with 1,000 tasks of 20 projects and 50 workers,
 * and whole tasks (claim, start, beat, seal, verify, commit) per second, on SQLite (a file; synchronous FULL and, for
 * comparison, NORMAL) and on PostgreSQL (fsync on). Exits 1 where a budget is missed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openDatabase, type Database } from '#store';
import { World, type TestWorker } from '../contract/queue/world.ts';
import { startPostgres } from '../support/postgres.ts';

const TASKS = 1_000;
const PROJECTS = 20;
const WORKERS = 50;
const WHOLE_TASKS = 300;
const CLAIMS_PER_SECOND_MIN = 200;
const CLAIM_P99_MS_MAX = 50;

const missed: string[] = [];
const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-bench-'));
const options = { file: '', url: '', poolMax: 10, statementTimeoutMs: 30_000 };
try {
  for (const synchronous of ['FULL', 'NORMAL'] as const) {
    const file = path.join(folder, `${synchronous}.db`);
    const database = await openDatabase({ ...options, client: 'sqlite', file });
    await database.knex.raw(`pragma synchronous = ${synchronous}`);
    await bench(`sqlite, synchronous=${synchronous}`, database);
    await database.close();
  }
  const server = await startPostgres({ fsync: true });
  const database = await openDatabase({ ...options, client: 'postgres', url: server.url });
  await bench('postgres 18, fsync on, 10 connections', database);
  await database.close();
  await server.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
for (const line of missed) console.log(`BUDGET MISSED: ${line}`);
process.exitCode = missed.length === 0 ? 0 : 1;

async function bench(name: string, database: Database): Promise<void> {
  const world = await World.open({ database, close: () => Promise.resolve() });
  const workers: TestWorker[] = [];
  for (let index = 0; index < WORKERS; index += 1) workers.push(await world.addWorker());
  const addingAt = performance.now();
  for (let index = 0; index < TASKS; index += 1) await world.addTask({ project: `p${index % PROJECTS}` });
  report(name, 'tasks created, one after the other', TASKS, performance.now() - addingAt);

  const latencies: number[] = [];
  const claimingAt = performance.now();
  await Promise.all(
    workers.map(async (worker) => {
      for (;;) {
        const at = performance.now();
        if ((await world.claim(worker)) === null) return;
        latencies.push(performance.now() - at);
      }
    }),
  );
  const claimsPerSecond = report(name, `claims by ${WORKERS} workers at once`, TASKS, performance.now() - claimingAt);
  const first = workers[0];
  if (first === undefined) throw new Error('there are workers');
  for (let index = 0; index < TASKS; index += 1) await world.addTask({ project: `q${index % PROJECTS}` });
  const alone: number[] = [];
  for (let index = 0; index < WHOLE_TASKS; index += 1) {
    const at = performance.now();
    await world.claim(first);
    alone.push(performance.now() - at);
  }
  console.log(`  claim latency, ms: alone p50 ${rank(alone, 0.5)}, p99 ${rank(alone, 0.99)}; ${WORKERS} at once p50 ${rank(latencies, 0.5)}, p99 ${rank(latencies, 0.99)}`); // prettier-ignore

  const wholeAt = performance.now();
  for (let index = 0; index < WHOLE_TASKS; index += 1) {
    const claimed = await world.take(first);
    await world.start(claimed);
    await world.beat(claimed, { log: ['a line'] });
    await world.seal(claimed);
    await world.commit(claimed);
  }
  report(name, 'whole tasks by one worker (claim, start, beat, seal, verify, commit)', WHOLE_TASKS, performance.now() - wholeAt); // prettier-ignore
  await world.close();
  if (claimsPerSecond < CLAIMS_PER_SECOND_MIN) missed.push(`${name}: ${claimsPerSecond.toFixed(0)} claims/s`);
  if (Number(rank(alone, 0.99)) > CLAIM_P99_MS_MAX) missed.push(`${name}: p99 of a claim ${rank(alone, 0.99)} ms`);
}

function report(name: string, what: string, count: number, ms: number): number {
  const perSecond = (count * 1000) / ms;
  console.log(`${name}: ${what}: ${perSecond.toFixed(0)}/s`);
  return perSecond;
}

function rank(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(1);
}

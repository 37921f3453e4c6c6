/**
 * How fast a pool on YARN answers: `node test/bench/pools.bench.ts [--secure] [--rounds 7]`. Each round is an end user without
 * a live application, on nodes that know the programs already: from the request to the start of his first task; the same
 * for one container more, while the first one's worker is busy; and from the news that a container was lost to the start
 * of its task's next attempt. Busy is a worker that holds a task and is stopped by SIGSTOP, lost one that is killed.
 * Prints medians with their parts, and the memory of the application master; exits 1 where a budget is missed.
 */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Job, parse } from '#contracts';
import { liveApplications, rawRows, type Database } from '#store';
import type { Api } from '../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../support/app-server.ts';
import { clusterProcesses, startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { memoryOf } from '../support/memory.ts';
import { freePorts } from '../support/platform.ts';
import { until, type ProcessEntry } from '../support/processes.ts';
import { installPrograms, yarnFlags } from '../support/yarn-platform.ts';
import { churnCsv } from '../integration/worker/support.ts';

const { values: flags } = parseArgs({
  options: { secure: { type: 'boolean', default: false }, rounds: { type: 'string', default: '7' } },
});
const ROUNDS = Number(flags.rounds);
const WAIT_MS = 120_000;
/** After its last task a worker asks for the next one well within this time, and is answered when there is one. */
const ASKS_AGAIN_MS = 1_000;
const MIB = 1024 ** 2;
/** Issue "Into an existing Hadoop cluster", "Speed and memory"; milliseconds and MiB. */
const BUDGETS = { submission: flags.secure ? 9_000 : 6_000, oneMore: 2_000, lost: 10_000, master: 256 };

/** When things happened, milliseconds of the database's clock. */
interface Times {
  readonly created_at: number;
  readonly started_at: number;
  readonly worker_id: string;
  readonly container_id: string;
  readonly first_seen_at: number;
  readonly registered_at: number;
}

const samples = new Map<string, number[]>();
const note = (what: string, value: number): void => void samples.set(what, [...(samples.get(what) ?? []), value]);

const cluster = await startHadoopCluster({ shape: flags.secure ? 'secured' : 'plain' });
if (cluster.security !== undefined) process.env['KRB5_CONFIG'] = cluster.security.krb5Conf;
try {
  await installPrograms(cluster);
  const [port = 0] = await freePorts(1);
  const platform = await startTestAppServer({
    ...yarnFlags(cluster),
    'server.port': port,
    'yarn.containerIdleMs': 4_000,
    'yarn.applicationIdleMs': 1_000,
  });
  try {
    console.log(`Hadoop ${cluster.hadoopVersion}, ${cluster.shape}, Node ${process.version}, ${os.cpus().length} cores, load ${os.loadavg()[0]?.toFixed(1) ?? '?'}; medians of ${ROUNDS} rounds after one that is not counted`); // prettier-ignore
    const { api } = await platform.user('alice');
    for (let number = 0; number <= ROUNDS; number += 1) {
      await round(platform, cluster, api);
      if (number === 0) samples.clear();
    }
  } finally {
    await platform.close();
  }
} finally {
  await cluster.close();
}
report();

async function round(platform: TestAppServer, hadoop: HadoopCluster, api: Api): Promise<void> {
  const { database } = platform.server;
  const first = await times(database, await upload(api));
  const [application] = await liveApplications(database);
  note('submission', first.started_at - first.created_at);
  note('submission: until YARN has it', (application?.submittedAt ?? NaN) - first.created_at);
  note('submission: the master, until it holds a container', first.first_seen_at - (application?.submittedAt ?? NaN));
  note('submission: the worker', first.started_at - first.first_seen_at);

  await lose(platform, hadoop, api, first.container_id);
  const [alive] = await idleContainers(database);
  await oneMore(platform, hadoop, api, alive ?? '');

  measureMemory(hadoop);
  await until('the application to end', async () => (await liveApplications(database)).length === 0, WAIT_MS);
}

/** The only container is lost while its worker holds a task. */
async function lose({ server }: TestAppServer, hadoop: HadoopCluster, api: Api, containerId: string): Promise<void> {
  const { database } = server;
  const processes = processesIn(hadoop, containerId);
  await delay(ASKS_AGAIN_MS);
  for (const { pid } of processes) process.kill(pid, 'SIGSTOP');
  const taskId = await upload(api);
  await until('the task held', () => isHeld(database, taskId), WAIT_MS);
  for (const { pid } of processes) process.kill(pid, 'SIGKILL');
  const next = await times(database, taskId, containerId);
  const news = 'select ended_at from yarn_container where container_id = ?';
  const [lost] = await rawRows<{ ended_at: number }>(database, news, [containerId]);
  note('lost', next.started_at - (lost?.ended_at ?? NaN));
}

/** A second task comes while the first container's worker is busy. */
async function oneMore({ server }: TestAppServer, hadoop: HadoopCluster, api: Api, containerId: string): Promise<void> {
  const { database } = server;
  const processes = processesIn(hadoop, containerId);
  await delay(ASKS_AGAIN_MS);
  for (const { pid } of processes) process.kill(pid, 'SIGSTOP');
  const held = await upload(api);
  await until('the task held', () => isHeld(database, held), WAIT_MS);
  const more = await times(database, await upload(api));
  for (const { pid } of processes) process.kill(pid, 'SIGCONT');
  note('one more', more.started_at - more.created_at);
  note('one more: until the master holds it', more.first_seen_at - more.created_at);
  note('one more: until its worker has registered', more.registered_at - more.first_seen_at);
  await times(database, held);
}

async function upload(api: Api): Promise<string> {
  const answer = await api.upload({ content: churnCsv(300), fileName: 'churn.csv' });
  const { id } = parse(Job, answer.json, 'job');
  return id;
}

/** The task of a job that has been started, in another container than `notIn`. */
async function times(database: Database, jobId: string, notIn = ''): Promise<Times> {
  return until(
    'a started task',
    async () =>
      (
        await rawRows<Times>(
          database,
          `select task.created_at, attempt.started_at, worker.id as worker_id, worker.registered_at,
             yarn_container.container_id, yarn_container.first_seen_at
           from task join attempt on attempt.task_id = task.id join worker on worker.id = attempt.worker_id
             join yarn_container on yarn_container.container_id = worker.container_id
           where task.job_id = ? and task.state = 'SUCCEEDED' and attempt.fence = task.fence
             and yarn_container.container_id <> ?`,
          [jobId, notIn],
        )
      )[0],
    WAIT_MS,
  );
}

async function isHeld(database: Database, jobId: string): Promise<boolean> {
  const rows = await rawRows(database, `select 1 as one from task where job_id = ? and worker_id is not null`, [jobId]);
  return rows.length > 0;
}

async function idleContainers(database: Database): Promise<string[]> {
  const rows = await rawRows<{ container_id: string }>(
    database,
    'select container_id from yarn_container where ended_at is null order by first_seen_at desc',
  );
  return rows.map(({ container_id: id }) => id);
}

/** YARN names the container in the environment of what it starts. */
function processesIn({ folder }: HadoopCluster, containerId: string): ProcessEntry[] {
  return clusterProcesses(folder).filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`CONTAINER_ID=${containerId}`);
    } catch {
      return false; // it has ended
    }
  });
}

function measureMemory({ folder }: HadoopCluster): void {
  for (const { pid, command } of clusterProcesses(folder))
    if (command[0]?.endsWith('java') === true && command.includes('io.trainyard.master.ApplicationMaster'))
      note('master, MiB', memoryOf(pid).residentBytes / MIB);
}

function report(): void {
  const medianOf = (what: string): number => {
    const sorted = (samples.get(what) ?? []).toSorted((left, right) => left - right);
    return sorted[Math.floor(sorted.length / 2)] ?? NaN;
  };
  for (const [what, values] of samples)
    console.log(`${what}: ${medianOf(what).toFixed(0)} (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`); // prettier-ignore
  const held = { submission: 'submission', oneMore: 'one more', lost: 'lost', master: 'master, MiB' } as const;
  for (const [budget, what] of Object.entries(held)) {
    const most = BUDGETS[budget as keyof typeof held]; // its own keys
    if (!(medianOf(what) <= most)) {
      console.log(`BUDGET MISSED: ${what} ${medianOf(what).toFixed(0)}, at most ${most}`);
      process.exitCode = 1;
    }
  }
}

import { expect } from 'chai';
import { Job, Leaderboard, Project, type ClaimedTask } from '#contracts';
import { lead, type Database } from '#store';
import { sweeperDuty } from '../../appserver/server/duties/index.ts';
import { objectSweeperDuty } from '../../appserver/server/services/object-sweeper.ts';
import { Api, idOf, isFinal } from './api.ts';
import { startTestAppServer, type TestAppServer } from './app-server.ts';
import { numberRule, textRule, type MemoryColumn } from './memory-table.ts';
import { differenceOf } from './named-objects.ts';
import type { TestDatabase } from './postgres.ts';
import { until } from './processes.ts';
import { ProtocolWorker } from './protocol-worker.ts';

const ROWS = 60;
export const COLUMNS: readonly MemoryColumn[] = [
  { name: 'x', cells: Array.from({ length: ROWS }, (_, row) => String((row * 37) % 101)), parse: numberRule },
  { name: 'y', cells: Array.from({ length: ROWS }, (_, row) => (row % 4 === 0 ? 'yes' : 'no')), parse: textRule },
];
export const AUTOPILOT = { target: 'y', blueprints: ['baseline'] };

const FLAGS = {
  // Leases end when the test says so, however slow the machine is.
  'queue.leaseMs': 600_000,
  'queue.reaperIntervalMs': 50,
  'queue.backoffMs': 1,
  'queue.backoffMsMax': 20,
  // The tests sweep themselves, when they want to.
  'retention.sweepIntervalMs': 3_600_000,
};
const DAY_MS = 24 * 3_600_000;
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // Tests look at what is there, not at what is said.
}

/** Numbers from 0 to 1 that repeat with the seed: a linear congruential generator after Numerical Recipes. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * An app server with a worker, both at the test's command, that makes and deletes resources, leaves attempts half done,
 * and sweeps; and the model of what must be on its disk.
 */
export class Household {
  readonly server: TestAppServer;
  readonly worker: ProtocolWorker;
  readonly api: Api;
  readonly database: Database;
  readonly #postgres: TestDatabase | null;
  readonly #held: ClaimedTask[] = [];
  readonly #written: string[] = [];

  private constructor(server: TestAppServer, postgres: TestDatabase | null, api: Api) {
    this.server = server;
    this.database = server.server.database;
    this.#postgres = postgres;
    this.api = api;
    this.worker = new ProtocolWorker(server.server.url, server.config, server.store, COLUMNS, { protocolVersion: 2 });
  }

  static async open(postgres: TestDatabase | null): Promise<Household> {
    const flags = postgres === null ? {} : { 'database.client': 'postgres', 'database.url': postgres.url };
    const server = await startTestAppServer({ ...FLAGS, ...flags });
    return new Household(server, postgres, (await server.user('ann')).api);
  }

  async close(): Promise<void> {
    this.worker.close();
    await this.server.close();
    await this.#postgres?.close();
  }

  async dataset(): Promise<string> {
    const answer = await this.api.upload({ content: 'x,y\n1,yes\n', fileName: 'data.csv' });
    await this.worker.workAll();
    return ((answer.json as Job).resource ?? '').split('/').at(-1) ?? ''; // 202 answers with a job
  }

  async project(datasetId: string): Promise<string> {
    return (await this.api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } })).id;
  }

  /** Runs Autopilot in a project; the id of its best model. */
  async trained(projectId: string): Promise<string> {
    await this.api.call('POST', `/projects/${projectId}/autopilot`, 202, Job, { json: AUTOPILOT });
    await this.worker.workAll();
    const board = await this.api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    return board.data[0]?.modelId ?? '';
  }

  /** Takes a task and writes a file for it, and no more. */
  async claimAndWrite(): Promise<ClaimedTask | null> {
    const task = await this.worker.claim();
    if (task === null) return null;
    const object = `${task.attemptPath}/half-done`;
    await this.server.store.write(object, Buffer.from('half'));
    this.#written.push(object);
    this.#held.push(task);
    return task;
  }

  /** The worker of a task that was cancelled speaks. */
  async expectCancelled({ taskId, fence, leaseToken }: ClaimedTask): Promise<void> {
    const json = { fence, progress: null, memoryBytes: 0, log: [] };
    const worker = new Api(this.server.server.url, leaseToken);
    const path = `${this.server.server.url}/internal/v1/tasks/${taskId}/beat`;
    const answer = await worker.request('POST', path, { json });
    expect(JSON.stringify(answer.json)).to.match(/cancel/i);
  }

  /** Ends the leases of all tasks that were left half done. */
  async stopHeld(): Promise<void> {
    for (const { taskId, fence } of this.#held.splice(0)) {
      const { knex } = this.database;
      await knex('task').where({ id: taskId, fence }).whereNotNull('lease_until').update({ lease_until: 0 });
      await until('the end of an attempt', async () => {
        const open = await knex('attempt').where({ task_id: taskId, fence }).whereNull('ended_at');
        return open.length === 0;
      });
    }
  }

  async deployments(): Promise<{ readonly id: string }[]> {
    return ((await this.api.request('GET', '/deployments')).json as { data: { id: string }[] }).data; // a page
  }

  async objects(): Promise<string[]> {
    return (await Array.fromAsync(this.server.store.list(''))).map(({ path }) => path);
  }

  /** Sweeps until nothing more can go: what ended goes at once, what nobody knows too. */
  async sweepAll(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, AGE_MS));
    await this.#run('object-sweeper-of-the-test', objectSweeperDuty(this.server.store, SWEEP));
  }

  async sweepHistory(change: { readonly uploadDays?: number; readonly jobsDays?: number }): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, AGE_MS));
    const config = { jobsDays: 90, logDays: 30, uploadDays: 7, ...change };
    await this.#run('sweeper-of-the-test', sweeperDuty(config));
  }

  async #run(name: string, duty: { run: ReturnType<typeof sweeperDuty>['run'] }): Promise<void> {
    const leadership = await lead(this.database, name, 'tester', DAY_MS);
    if (leadership === null) throw new Error('nobody else leads');
    const logger = { ...SILENT, child: () => logger };
    await duty.run({ database: this.database, logger, leadership, signal: new AbortController().signal });
  }

  /**
   * Sweeps until the disk is what rows name and open attempts write, no more and no less. Attempts end by themselves
   * meanwhile, so that more than one sweep may be needed; what is needed must never be missing.
   */
  async expectExact(what: string): Promise<void> {
    for (let sweep = 1; ; sweep += 1) {
      await this.sweepAll();
      const { missing, unnamed } = await differenceOf(this.database, await this.objects(), this.#written);
      expect(missing, `${what}: named and missing`).to.deep.equal([]);
      if (unnamed.length === 0) return;
      if (sweep === SWEEPS_MAX) expect(unnamed, `${what}: there and not named`).to.deep.equal([]);
    }
  }

  /** Deletes everything that can be deleted, as a user does, and sweeps. */
  async empty(): Promise<void> {
    const idsOf = async (kind: string) =>
      ((await this.api.request('GET', `/${kind}?limit=100`)).json as { data: { id: string }[] }).data; // a page
    for (const { id } of await this.deployments()) await this.api.request('DELETE', `/deployments/${id}`);
    for (const { id } of await idsOf('projects'))
      expect((await this.api.request('DELETE', `/projects/${id}`)).status, id).to.equal(204);
    for (const { id } of await idsOf('jobs'))
      if (!isFinal(await this.api.get(`/jobs/${id}`, Job))) await this.api.request('DELETE', `/jobs/${id}`);
    await this.stopHeld();
    for (const { id } of await idsOf('datasets'))
      expect((await this.api.request('DELETE', `/datasets/${id}`)).status, id).to.equal(204);
    await this.sweepAll();
    await this.sweepAll();
  }

  /** Does `steps` things at random; after each sweep the disk must hold exactly what it should. */
  async wander(seed: number, steps: number): Promise<void> {
    const random = randomOf(seed);
    const pick = <T>(values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)];
    const datasets: string[] = [];
    const projects: string[] = [];
    const models: string[] = [];
    const take = (values: string[]): string | undefined => values.splice(Math.floor(random() * values.length), 1)[0];
    const acts: readonly (() => Promise<unknown>)[] = [
      async () => datasets.push(await this.dataset()),
      async () => {
        const datasetId = pick(datasets);
        if (datasetId !== undefined) projects.push(await this.project(datasetId));
      },
      async () => {
        const projectId = pick(projects);
        if (projectId === undefined) return;
        await this.api.request('POST', `/projects/${projectId}/autopilot`, { json: { ...AUTOPILOT, seed: steps } });
      },
      async () => {
        const projectId = pick(projects);
        if (projectId === undefined) return;
        const board = await this.api.request('GET', `/projects/${projectId}/leaderboard`);
        if (board.status === 200) models.push(...(board.json as Leaderboard).data.map(({ modelId }) => modelId));
      },
      async () => {
        const [modelId, datasetId] = [pick(models), pick(datasets)];
        if (modelId === undefined || datasetId === undefined) return;
        await this.api.request('POST', '/batch-predictions', { json: { modelId, input: { datasetId } } });
      },
      async () => {
        const datasetId = pick(datasets);
        if (datasetId === undefined) return;
        const json = { type: pick(['numeric', 'categorical', 'text', 'id']) };
        const answer = await this.api.request('PATCH', `/datasets/${datasetId}/features/x`, { json });
        if (answer.status === 202) datasets.push(idOf(answer.json as Job));
      },
      () => this.worker.workOnce(),
      () => this.worker.workOnce(),
      () => this.worker.workAll(),
      () => this.claimAndWrite(),
      () => this.claimAndWrite(),
      () => this.stopHeld(),
      async () => {
        // Late writes of somebody who is fenced.
        const attempt = pick(this.#held);
        if (attempt !== undefined)
          await this.server.store.write(`${attempt.attemptPath}/late-${random()}`, Buffer.from('x'));
      },
      async () => {
        const projectId = take(projects);
        if (projectId !== undefined) await this.api.request('DELETE', `/projects/${projectId}`);
      },
      async () => {
        const datasetId = pick(datasets);
        if (datasetId === undefined) return;
        const { status } = await this.api.request('DELETE', `/datasets/${datasetId}`);
        if (status === 204) datasets.splice(datasets.indexOf(datasetId), 1);
      },
      () => this.expectExact(`seed ${seed}`),
      () => this.sweepHistory({ uploadDays: 0 }),
      // All at once, the sweeper in the middle.
      () =>
        Promise.all([
          this.worker.workAll(),
          this.sweepAll(),
          ...projects.slice(0, 1).map((id) => this.api.request('DELETE', `/projects/${id}`)),
        ]),
    ];
    for (let step = 0; step < steps; step += 1) await pick(acts)?.();
    await this.expectExact(`seed ${seed}, at the end`);
  }
}

/** Sweeps after which nothing may be left over. */
const SWEEPS_MAX = 5;
/** The shortest times that the configuration takes. */
const SWEEP = { sweepIntervalMs: 1, attemptMs: 1, orphanMs: 1, binsBytesMax: 1_000_000 };
/** Until everything that is there is older than that. */
const AGE_MS = 5;

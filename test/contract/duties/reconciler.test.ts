import { expect } from 'chai';
import { createLogger, newId } from '#runtime';
import {
  countInconsistencies,
  createJob,
  findRun,
  finishJob,
  INCONSISTENCY_KINDS,
  lead,
  now,
  openDatabase,
  setWakeUp,
  type Database,
  type InconsistencyKind,
  type Task,
  type Transaction,
} from '#store';
import { reconcilerDuty, type Duty } from '../../../appserver/server/duties/index.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { QUEUE_CONFIG, World, type TestWorker } from '../queue/world.ts';
import { AppError } from '#contracts';

const HOUR_MS = 3_600_000;
/** Every row that a test can have made hangs on these, children first. */
const TABLES = [
  ...['models', 'autopilot_runs', 'projects', 'datasets'],
  ...['task_group', 'job', 'worker', 'outbox', 'leader', 'wake_up', 'inconsistency', 'note'],
];

/** A state that cannot be: how it is made, and what is true once it is mended; without that it is only counted. */
interface Case {
  readonly kind: InconsistencyKind;
  readonly what: string;
  readonly plant: (stage: Stage) => Promise<unknown>;
  readonly mended?: (stage: Stage) => Promise<unknown>;
}

/** A queue whose rows are altered behind its back. */
class Stage {
  readonly world: World;
  readonly database: Database;
  readonly worker: TestWorker;
  /** Error lines. */
  readonly told: string[] = [];
  readonly advanced: string[] = [];
  /** What stands in for Autopilot. */
  advance: (trx: Transaction, runId: string) => Promise<void> = async () => undefined;
  readonly #duty: Duty;

  constructor(world: World, worker: TestWorker) {
    this.world = world;
    this.database = world.database;
    this.worker = worker;
    this.#duty = reconcilerDuty({
      config: QUEUE_CONFIG,
      advance: async (trx, runId) => {
        this.advanced.push(runId);
        await this.advance(trx, runId);
      },
    });
  }

  async reconcile(): Promise<void> {
    const leadership = await lead(this.database, 'reconciler', 'tester', 30_000);
    if (leadership === null) throw new Error('nobody else leads');
    const logger = createLogger({ program: 'test', level: 'warn', write: (line) => this.told.push(line) });
    const signal = new AbortController().signal;
    await this.#duty.run({ database: this.database, logger, leadership, signal });
  }

  async counts(): Promise<Record<string, { found: number; repaired: number }>> {
    const rows = await countInconsistencies(this.database);
    return Object.fromEntries(rows.map(({ kind, found, repaired }) => [kind, { found, repaired }]));
  }

  async succeeded(): Promise<Task> {
    const task = await this.world.addTask();
    const claimed = await this.world.take(this.worker);
    await this.world.seal(claimed);
    await this.world.commit(claimed);
    return this.world.task(task.id);
  }

  async failed(): Promise<Task> {
    const task = await this.world.addTask();
    await this.world.fail(await this.world.take(this.worker), 'user');
    return this.world.task(task.id);
  }

  async held(): Promise<Task> {
    const task = await this.world.addTask();
    await this.world.start(await this.world.take(this.worker));
    return this.world.task(task.id);
  }

  async change(table: string, where: object, values: object): Promise<void> {
    expect(await this.database.knex(table).where(where).update(values), `rows of ${table} changed`).to.equal(1);
  }

  async one(table: string, where: object): Promise<Record<string, unknown>> {
    const [row] = (await this.database.knex(table).where(where)) as Record<string, unknown>[]; // a row of any table
    if (row === undefined) throw new Error(`no such row of ${table}`);
    return row;
  }

  async job(kind: 'autopilot' | 'ingest', ended: 'succeeded' | 'failed' | 'cancelled' | null): Promise<string> {
    return this.database.transaction(async (trx) => {
      const { id } = await createJob(trx, { kind, userId: 'u1', projectId: null, resource: '/r' });
      const error = new AppError('DATASET_EMPTY', 'no rows');
      if (ended !== null) await finishJob(trx, id, ended === 'failed' ? { state: ended, error } : { state: ended });
      return id;
    });
  }

  async dataset(jobId: string): Promise<void> {
    await this.database.knex('datasets').insert({
      ...{ id: 'ds', name: 'd', state: 'ingesting', source: '{}', warnings: '[]', job_id: jobId },
      ...{ created_at: now(this.database), created_by: 'u1' },
    });
  }

  async run(jobId: string): Promise<void> {
    const made = { created_at: now(this.database), updated_at: now(this.database), created_by: 'u1' };
    await this.dataset(await this.job('ingest', null));
    await this.change('datasets', { id: 'ds' }, { state: 'ready' });
    await this.database.knex('job').where({ kind: 'ingest' }).delete();
    await this.database.knex('projects').insert({ id: 'p', name: 'p', description: '', dataset_id: 'ds', ...made });
    await this.database.knex('autopilot_runs').insert({
      ...{ id: 'run', project_id: 'p', job_id: jobId, started_by: 'u1', plan: '{}', state: 'running' },
      ...{ started_at: now(this.database), paused_ms: 0 },
    });
  }

  async model(task: Task): Promise<void> {
    await this.run(task.jobId);
    await this.database.knex('autopilot_runs').update({ state: 'paused' });
    await this.database.knex('models').insert({
      ...{ id: 'model', project_id: 'p', run_id: 'run', job_id: task.jobId, task_id: task.id, position: 0 },
      ...{ planned: '{}', name: 'm', family: 'f', state: 'training', sample_fraction: 1, thread_count: 1 },
      ...{ starred: 0, tags: '[]', description: '', created_at: now(this.database) },
    });
  }

  async waiting(): Promise<Task> {
    const task = await this.world.addTask();
    await this.change('task', { id: task.id }, { state: 'WAITING' });
    return task;
  }
}

const CASES: readonly Case[] = [
  {
    kind: 'job-unsettled',
    what: 'a job whose task has ended',
    plant: async (stage) => {
      const { jobId } = await stage.succeeded();
      await stage.change('job', { id: jobId }, { state: 'running', finished_at: null });
    },
    mended: async (stage) => expect(await stage.one('job', {})).to.include({ state: 'succeeded' }),
  },
  {
    kind: 'job-unsettled',
    what: 'a job that is to be cancelled and has no task left',
    plant: async (stage) => stage.change('job', { id: await stage.job('autopilot', null) }, { cancel_asked: 1 }),
    mended: async (stage) => expect(await stage.one('job', {})).to.include({ state: 'cancelled' }),
  },
  {
    kind: 'job-unsettled',
    what: 'a job of nothing',
    plant: (stage) => stage.job('autopilot', null),
  },
  {
    kind: 'run-idle',
    what: 'a run that nothing will advance',
    plant: async (stage) => {
      await stage.run(await stage.job('autopilot', null));
      stage.advance = async (trx) => {
        const run = await findRun(trx, 'run');
        await setWakeUp(trx, { topic: 'autopilot', key: run?.jobId ?? '' }, now(trx, HOUR_MS));
      };
    },
    mended: async (stage) => expect(stage.advanced).to.deep.equal(['run']),
  },
  {
    kind: 'run-idle',
    what: 'a run that does not go on either way',
    plant: async (stage) => stage.run(await stage.job('autopilot', null)),
  },
  {
    kind: 'run-of-ended-job',
    what: 'a run whose job has failed',
    plant: async (stage) => stage.run(await stage.job('autopilot', 'failed')),
    mended: async (stage) => expect(await stage.one('autopilot_runs', {})).to.include({ state: 'failed' }),
  },
  {
    kind: 'run-of-ended-job',
    what: 'a run whose job has succeeded',
    plant: async (stage) => stage.run(await stage.job('autopilot', 'succeeded')),
  },
  {
    kind: 'dataset-ingesting',
    what: 'a dataset whose job has failed',
    plant: async (stage) => stage.dataset(await stage.job('ingest', 'failed')),
    mended: async (stage) => {
      const { state, error } = await stage.one('datasets', {});
      expect(state).to.equal('failed');
      expect(JSON.parse(String(error))).to.include({ code: 'DATASET_EMPTY' });
    },
  },
  {
    kind: 'dataset-ingesting',
    what: 'a dataset whose job was cancelled',
    plant: async (stage) => stage.dataset(await stage.job('ingest', 'cancelled')),
    mended: async (stage) => expect(String((await stage.one('datasets', {}))['error'])).to.include('JOB_CANCELLED'),
  },
  {
    kind: 'dataset-ingesting',
    what: 'a dataset whose job has succeeded',
    plant: async (stage) => stage.dataset(await stage.job('ingest', 'succeeded')),
  },
  {
    kind: 'model-training',
    what: 'a model whose task has failed',
    plant: async (stage) => stage.model(await stage.failed()),
    mended: async (stage) => {
      expect(await stage.one('models', {})).to.include({ state: 'failed' });
      expect(stage.advanced).to.include('run');
    },
  },
  {
    kind: 'model-training',
    what: 'a model whose task has succeeded',
    plant: async (stage) => stage.model(await stage.succeeded()),
  },
  {
    kind: 'task-waiting',
    what: 'a task that waits for nothing',
    plant: (stage) => stage.waiting(),
    mended: async (stage) => expect(await stage.world.claim(stage.worker)).to.not.equal(null),
  },
  {
    kind: 'task-waiting',
    what: 'a task that waits for what has succeeded',
    plant: async (stage) => {
      const needed = await stage.succeeded();
      const task = await stage.waiting();
      await stage.database.knex('task_dependency').insert({ task_id: task.id, depends_on: needed.id });
    },
    mended: async (stage) => expect(await stage.world.claim(stage.worker)).to.not.equal(null),
  },
  {
    kind: 'task-waiting',
    what: 'a task that waits for what has failed',
    plant: async (stage) => {
      const needed = await stage.failed();
      const task = await stage.waiting();
      await stage.database.knex('task_dependency').insert({ task_id: task.id, depends_on: needed.id });
    },
  },
  {
    kind: 'lease-unreaped',
    what: 'a lease that nobody reaps',
    plant: async (stage) =>
      stage.change('task', { id: (await stage.held()).id }, { lease_until: now(stage.database, -HOUR_MS) }),
  },
  {
    kind: 'lease-ahead',
    what: 'a lease from before the clock was set back',
    plant: async (stage) =>
      stage.change('task', { id: (await stage.held()).id }, { lease_until: now(stage.database, 3 * HOUR_MS) }),
    mended: async (stage) => {
      await stage.world.advance(QUEUE_CONFIG.leaseMs + 1);
      expect(await stage.world.queue.reap()).to.equal(1);
    },
  },
  {
    kind: 'task-ahead',
    what: 'a task that may be claimed only much later',
    plant: async (stage) =>
      stage.change('task', { id: (await stage.world.addTask()).id }, { not_before: now(stage.database, 3 * HOUR_MS) }),
    mended: async (stage) => expect(await stage.world.claim(stage.worker)).to.not.equal(null),
  },
  {
    kind: 'lease-ahead',
    what: 'a lease from before the clock was set back by less than two leases',
    plant: async (stage) => {
      const leaseUntil = now(stage.database, 2.5 * QUEUE_CONFIG.leaseMs);
      await stage.change('task', { id: (await stage.held()).id }, { lease_until: leaseUntil });
    },
    mended: async (stage) => {
      await stage.world.advance(QUEUE_CONFIG.leaseMs + 1);
      expect(await stage.world.queue.reap()).to.equal(1);
    },
  },
  {
    kind: 'task-ahead',
    what: 'a new task from before the clock was set back by minutes',
    plant: async (stage) =>
      stage.change('task', { id: (await stage.world.addTask()).id }, { not_before: now(stage.database, 180_000) }),
    mended: async (stage) => expect(await stage.world.claim(stage.worker)).to.not.equal(null),
  },
  {
    kind: 'task-ahead',
    what: 'a task that backs off longer than any does',
    plant: async (stage) => {
      const { id } = await stage.world.addTask();
      await stage.world.fail(await stage.world.take(stage.worker), 'task');
      await stage.change('task', { id }, { not_before: now(stage.database, 2 * QUEUE_CONFIG.backoffMsMax + 60_000) });
    },
    mended: async (stage) => expect(await stage.world.claim(stage.worker)).to.not.equal(null),
  },
  {
    kind: 'attempt-open',
    what: 'an attempt of a task that has ended',
    plant: async (stage) => stage.change('attempt', { task_id: (await stage.succeeded()).id }, { ended_at: null }),
  },
  {
    kind: 'result-unowned',
    what: 'a result of a task that has not succeeded',
    plant: async (stage) => {
      await stage.change('task', { id: (await stage.succeeded()).id }, { state: 'FAILED' });
    },
  },
  {
    kind: 'result-twice',
    what: 'a result that two attempts committed',
    plant: async (stage) => {
      const { id } = await stage.succeeded();
      const attempt = await stage.one('attempt', { task_id: id });
      await stage.database.knex('attempt').insert({ ...attempt, fence: 0, request_id: newId('claim') });
    },
  },
  {
    kind: 'group-forming',
    what: 'a group that nobody dissolves',
    plant: async (stage) => {
      const { jobId } = await stage.world.addTask();
      const late = now(stage.database, -HOUR_MS);
      const made = { not_before: late, created_at: late };
      await stage.database.knex('task_group').insert({ id: 'g', job_id: jobId, size: 2, forming_until: late, ...made });
    },
  },
  {
    kind: 'leader-ahead',
    what: 'a leader from before the clock was set back',
    plant: async (stage) => {
      await lead(stage.database, 'forgotten', 'gone', 3 * HOUR_MS);
    },
    mended: async (stage) => expect(await stage.one('leader', { duty: 'forgotten' })).to.include({ lease_until: 0 }),
  },
];

interface Dialect {
  readonly open: () => Promise<{ readonly database: Database; readonly server: TestDatabase | null }>;
}

const COMMON = { file: ':memory:', url: '', poolMax: 4, statementTimeoutMs: 20_000, clock: 'simulated' } as const;
const DIALECTS: Readonly<Record<string, Dialect>> = {
  sqlite: { open: async () => ({ database: await openDatabase({ ...COMMON, client: 'sqlite' }), server: null }) },
  postgres: {
    open: async () => {
      const server = await createDatabase();
      return { database: await openDatabase({ ...COMMON, client: 'postgres', url: server.url }), server };
    },
  },
};

for (const [name, { open }] of Object.entries(DIALECTS)) {
  describe(`reconciler: ${name}`, function () {
    this.timeout(30_000);
    let opened: Awaited<ReturnType<Dialect['open']>>;
    let world: World;
    let stage: Stage;

    before(async () => {
      opened = await open();
    });
    after(async () => {
      await opened.database.close();
      await opened.server?.close();
    });
    beforeEach(async () => {
      world = await World.open({ database: opened.database, close: async () => undefined });
      for (const table of TABLES) await opened.database.knex(table).delete();
      stage = new Stage(world, await world.addWorker());
    });
    afterEach(() => world.close());

    for (const { kind, what, plant, mended } of CASES) {
      it(`${mended === undefined ? 'counts' : 'mends'} ${kind}: ${what}`, async () => {
        await plant(stage);
        await stage.reconcile();
        await stage.reconcile();
        const expected = mended === undefined ? { found: 1, repaired: 0 } : { found: 0, repaired: 1 };
        expect((await stage.counts())[kind], stage.told.join('\n')).to.deep.equal(expected);
        expect(stage.told.filter((line) => line.includes('"inconsistency"') && line.includes(`"${kind}"`))).length(1);
        await mended?.(stage);
      });
    }

    it('leaves the longest lease and the longest back-offs alone', async () => {
      const { leaseMs, backoffMsMax } = QUEUE_CONFIG;
      await stage.change('task', { id: (await stage.held()).id }, { lease_until: now(stage.database, leaseMs) });
      const failed = await world.addTask();
      await world.fail(await world.take(stage.worker), 'task');
      await stage.change('task', { id: failed.id }, { not_before: now(stage.database, backoffMsMax) });
      const lost = await world.addTask();
      await stage.change('task', { id: lost.id }, { losses: 9, not_before: now(stage.database, backoffMsMax / 10) });
      for (let run = 0; run < 2; run += 1) await stage.reconcile();
      expect(await stage.counts()).to.deep.equal({});
    });

    it('has a case for every kind', () => {
      expect([...new Set(CASES.map(({ kind }) => kind))].sort()).to.deep.equal([...INCONSISTENCY_KINDS].sort());
    });

    it('tells of a kind once an hour, and counts nothing once it is gone', async () => {
      const { id } = await stage.succeeded();
      await stage.change('attempt', { task_id: id }, { ended_at: null });
      const lines = async (runs: number) => {
        for (let run = 0; run < runs; run += 1) await stage.reconcile();
        return stage.told.splice(0).length;
      };
      expect(await lines(1), 'once is not yet a finding').to.equal(0);
      expect(await lines(5)).to.equal(1);
      await world.advance(HOUR_MS + 1);
      expect(await lines(3)).to.equal(1);
      await stage.change('attempt', { task_id: id }, { ended_at: now(stage.database) });
      expect(await lines(2)).to.equal(0);
      expect(await stage.counts()).to.deep.equal({ 'attempt-open': { found: 0, repaired: 0 } });
    });

    it('leaves alone what another leader looks after by now', async () => {
      const { jobId } = await stage.succeeded();
      await stage.change('job', { id: jobId }, { state: 'running', finished_at: null });
      const leadership = await lead(stage.database, 'reconciler', 'frozen', 1);
      await world.advance(2);
      expect((await lead(stage.database, 'reconciler', 'next', 30_000))?.fence).to.equal(2);
      const { signal } = new AbortController();
      const logger = createLogger({ program: 'test', write: () => undefined });
      if (leadership === null) throw new Error('nobody else led');
      const duty = reconcilerDuty({ config: QUEUE_CONFIG, advance: async () => undefined });
      await duty.run({ database: stage.database, logger, leadership, signal });
      expect(await stage.one('job', {})).to.include({ state: 'running' });
    });
  });
}

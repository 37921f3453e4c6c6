import { createLogger, loadConfig, newId, type Config } from '#runtime';
import { addPoolSecret, createJob, getJob, type Database } from '#store';
import type { ObjectStore } from '#object-store';
import { AppServer } from './app-server.ts';
import { addTasks, createFollowUp, NOTE_TABLE } from './follow-up.ts';
import { Fencing } from './fencing.ts';
import { formatEntry, History } from './history.ts';
import { Invariants } from './invariants.ts';
import { meddle } from './meddle.ts';
import { MemoryObjectStore, type StoreOperation } from './memory-object-store.ts';
import { Nemesis, type NemesisOptions } from './nemesis.ts';
import { Network, taskIdOf, type WireAnswer, type WireRequest } from './network.ts';
import { PlantedDatabase, type Plant } from './plants.ts';
import { currentProcess, SimulatedProcess } from './process.ts';
import { Random } from './random.ts';
import type { RunReport } from './run.ts';
import { EPOCH_MS, SharedDatabase, type DatabaseSource } from './shared-database.ts';
import { VirtualTime } from './virtual-time.ts';
import { POOL_SECRET, WorkerHost } from './worker-host.ts';
import { planJobs, type PlannedJob, type PlannedTask } from './workload.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly taskCount: number;
  readonly source: DatabaseSource;
  readonly plant: Plant | null;
  readonly rotation: NemesisOptions['rotation'];
}

const SERVER_COUNT = 3;
const WORKER_COUNT = 6;
/** Between two looks at what must always hold, and between two looks at all of it. */
const LOOK_MS = 2_000;
const QUERY_ALL_MS = 30_000;
/** A job whose creation was not acknowledged is created again after this time. */
const SUBMIT_AGAIN_MS = 5_000;
const SERVER_RESTART_MS_MAX = 8_000;
/** Virtual time with faults; then without, for what is still open; then for the workers to leave. */
const FAULTS_MS_MAX = 3 * 3_600_000;
const CALM_MS_MAX = 3 * 3_600_000;
const LEAVE_MS_MAX = 90_000;
/** Longest time until an object that nothing needs is gone: an attempt's age, and a walk of the sweeper before and after. */
const SWEEP_MS_MAX = 60_000;
/** A quarter of the product's rate: looking costs a statement each time. */
const POLL_MS = 2_000;
/** A quarter of the product's rate, too: its looks are dozens of statements. */
const RECONCILE_MS = 120_000;
const MIB = 1024 ** 2;
/**
 * Shorter than the product's, so that the object sweeper meets attempts that have just ended, frozen writers, and folders
 * that become unneeded while it looks.
 */
const RETENTION = { 'retention.sweepIntervalMs': 20_000, 'retention.attemptMs': 20_000, 'retention.orphanMs': 60_000 };

/** One seed's world: app servers, workers, database, network, and the nemesis that harms them. */
export class Simulation {
  readonly nemesis: Nemesis;
  readonly #options: SimulationOptions;
  readonly #random: Random;
  readonly #ids: Random;
  readonly #time: VirtualTime;
  readonly #history: History;
  readonly #database: SharedDatabase;
  readonly #planted: PlantedDatabase | null;
  readonly #store: MemoryObjectStore;
  readonly #invariants: Invariants;
  readonly #network: Network;
  readonly #servers: AppServer[] = [];
  readonly #hosts: WorkerHost[] = [];
  readonly #config: Config;
  readonly #logger = createLogger({ program: 'simulator', level: 'error', write: () => undefined });
  readonly #plans = new Map<string, PlannedTask>();
  readonly #accepted = new Map<string, PlannedTask>();
  readonly #cancelled = new Set<string>();
  readonly #ownFaults = new Set<string>();
  readonly #fencing = new Fencing((finding) => this.#invariants.report(finding));
  /** Attempt folders that were handed out, and who writes there. */
  readonly #folders = new Map<string, string>();
  readonly #jobsLeft = new Set<string>();
  #serverStarts = 0;
  #isSettled = false;

  private constructor(
    options: SimulationOptions,
    time: VirtualTime,
    database: SharedDatabase,
    planted: PlantedDatabase | null,
  ) {
    this.#options = options;
    this.#planted = planted;
    this.#time = time;
    this.#database = database;
    this.#random = new Random(`trainyard ${options.seed}`);
    this.#ids = this.#random.split('ids');
    this.#history = new History(() => time.nowMs);
    this.#config = loadConfig({
      env: {},
      cwd: '/',
      flags: {
        ...RETENTION,
        'worker.memoryBytes': 1_024 * MIB,
        'queue.pollMs': POLL_MS,
        'queue.reconcileMs': RECONCILE_MS,
      },
    }).config;
    this.#store = new MemoryObjectStore({
      now: () => new Date(EPOCH_MS + time.nowMs),
      step: (operation, path) => this.#storeStep(operation, path),
    });
    this.nemesis = new Nemesis({
      time,
      random: this.#random.split('nemesis'),
      history: this.#history,
      hosts: this.#hosts,
      servers: () => this.#servers,
      restartServer: (server) => this.#restartServer(server),
      leaseMs: this.#config.queue.leaseMs,
      focus: options.seed,
      rotation: options.rotation,
      meddle: (random) => meddle(random, this.#meddling),
    });
    this.#invariants = new Invariants(database, this.#store, {
      nowMs: () => time.nowMs,
      calmMs: () => this.nemesis.calmMs,
      ownFaults: this.#ownFaults,
      cancelled: this.#cancelled,
      accepted: this.#accepted,
      chargedAttemptsMax: this.#config.queue.chargedAttemptsMax,
    });
    const routing = this.#random.split('routing');
    this.#network = new Network({
      time,
      history: this.#history,
      route: () => routing.pick(this.#servers),
      passage: (from) => this.nemesis.passage(from),
      beforeSending: (from, verb) => this.nemesis.beforeSending(from, verb),
      isCut: (a, b) => this.nemesis.isCut(a, b),
      onAnswer: (verb, request, answer) => this.#hear(verb, request, answer),
    });
  }

  static async open(options: SimulationOptions): Promise<Simulation> {
    let database: SharedDatabase | null = null;
    const time = new VirtualTime(() => database?.busy ?? null);
    const planted = options.plant === null ? null : new PlantedDatabase(options.plant);
    database = await SharedDatabase.open(
      options.source,
      () => time,
      (connection) => planted?.install(connection),
    );
    await database.base.knex.raw(NOTE_TABLE);
    await addPoolSecret(database.base, 'default', POOL_SECRET);
    return new Simulation(options, time, database, planted);
  }

  /** Random bytes of ids. */
  idBytes(count: number): Uint8Array {
    return this.#ids.bytes(count);
  }

  async run(): Promise<void> {
    for (const job of planJobs(this.#random.split('workload'), this.#options.taskCount, newId)) {
      this.#jobsLeft.add(job.id);
      for (const task of job.tasks) this.#plan(task);
      this.#time.at(job.atMs, () => this.#submit(job));
    }
    for (let index = 0; index < SERVER_COUNT; index += 1) this.#startServer(`server${index + 1}`);
    for (let index = 0; index < WORKER_COUNT; index += 1) this.#startHost(`host${index + 1}`);
    this.nemesis.start();
    this.#watch();
    const over = () => this.#isSettled;
    if (!(await this.#time.run(over, FAULTS_MS_MAX))) {
      this.nemesis.stop();
      if (!(await this.#time.run(over, FAULTS_MS_MAX + CALM_MS_MAX))) await this.#reportOpen();
    }
    if (this.#invariants.violations.length > 0) return;
    await this.#leave();
    await this.#invariants.atEnd();
  }

  async report(withHistory: boolean): Promise<RunReport> {
    const states = await this.#database.rows<{ state: string; n: number }>(
      'select state, count(*) as n from task group by state order by state',
    );
    const { violations } = this.#invariants;
    return {
      seed: this.#options.seed,
      taskCount: this.#accepted.size,
      violations,
      faults: Object.fromEntries([...this.nemesis.counts].sort()),
      ends: Object.fromEntries(states.map(({ state, n }) => [state, n])),
      virtualMs: Math.round(this.#time.nowMs),
      eventCount: this.#time.eventCount,
      alteredCount: this.#planted?.alteredCount ?? 0,
      historyHash: this.#history.digest(),
      history: violations.length === 0 && !withHistory ? [] : this.#history.entries.map(formatEntry),
    };
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** I1: tasks that do not end although nothing harms them any more, also those that others have made. */
  async #reportOpen(): Promise<void> {
    const open = await this.#database.rows<{ id: string; state: string }>(
      'select id, state from task where finished_at is null order by id',
    );
    for (const { id, state } of open) this.#invariants.report(`I1 task ${id} does not end: ${state}`);
    for (const id of this.#jobsLeft) this.#invariants.report(`I1 job ${id} was never accepted`);
  }

  /** Who has lost its task, or whose task is over, may find its checkpoint swept away, the holder never. */
  async #checkpointBroken(taskId: string, fence: number, path: string): Promise<void> {
    const held = await this.#database.rows(
      `select id from task where id = '${taskId}' and fence = ${fence} and finished_at is null`,
    );
    if (held.length > 0) this.#invariants.report(`task ${taskId}: checkpoint ${path} is not what was taken down`);
  }

  /** The workers end; then no app server may still hold a request of theirs. */
  async #leave(): Promise<void> {
    this.nemesis.stop();
    for (const host of this.#hosts) host.close();
    await this.#time.run(() => false, this.#time.nowMs + LEAVE_MS_MAX);
    // A worker that stood still may have written a moment ago.
    await this.#time.run(() => false, (await this.#newestObjectMs()) + SWEEP_MS_MAX);
    for (const { process, servingCount } of this.#servers) {
      if (!process.isDead && servingCount > 0)
        this.#invariants.report(`${process.name} still holds ${servingCount} requests of workers that are gone`);
    }
  }

  /** When the newest object was written, readings of the store's clock excepted. */
  async #newestObjectMs(): Promise<number> {
    let newestMs = 0;
    for await (const { path, modifiedAt } of this.#store.list(''))
      if (!path.startsWith('clock/')) newestMs = Math.max(newestMs, modifiedAt.getTime() - EPOCH_MS);
    return newestMs;
  }

  /** Looks again and again whether what must hold does, and whether all has ended. */
  #watch(): void {
    let lookedAtAllMs = 0;
    const look = async (): Promise<void> => {
      await this.#invariants.look();
      if (this.#time.nowMs - lookedAtAllMs >= QUERY_ALL_MS) {
        lookedAtAllMs = this.#time.nowMs;
        await this.#invariants.queryAll();
      }
      if (this.#jobsLeft.size === 0) {
        const open = await this.#database.rows('select id from task where finished_at is null limit 1');
        this.#isSettled = open.length === 0;
      }
      // What a broken product does after its fault was found teaches nothing.
      if (this.#invariants.violations.length > 0) this.#isSettled = true;
      if (!this.#isSettled) this.#time.after(LOOK_MS, () => void look());
    };
    void look();
  }

  #plan(task: PlannedTask): void {
    this.#plans.set(task.id, task);
    if (task.next !== null) this.#plan(task.next);
  }

  #planOf = (taskId: string): PlannedTask => {
    const plan = this.#plans.get(taskId);
    if (plan === undefined) throw new Error(`task ${taskId} was not planned`);
    return plan;
  };

  /** Creates a job with its tasks on some app server, again until it was acknowledged. */
  #submit(job: PlannedJob): void {
    this.#onServer(async (database) => {
      await database.transaction(async (trx) => {
        if ((await getJob(trx, job.id)) !== null) return;
        const isSingle = job.tasks.length === 1 && job.tasks[0]?.next === null;
        const projectId = job.tasks[0]?.projectId ?? null;
        await createJob(trx, {
          id: job.id,
          kind: isSingle ? 'batch-predict' : 'autopilot',
          userId: 'user-1',
          projectId,
          resource: null,
        });
        await addTasks(trx, job);
      });
      if (!this.#jobsLeft.delete(job.id)) return;
      for (const task of job.tasks) this.#accepted.set(task.id, task);
      this.#history.note('user', 'job accepted', null, job.id);
    });
    this.#time.after(SUBMIT_AGAIN_MS, () => {
      if (this.#jobsLeft.has(job.id)) this.#submit(job);
    });
  }

  /** Does something on one of the app servers; what fails or dies there is not acknowledged. */
  #onServer = (work: (database: Database, server: AppServer) => Promise<void>): void => {
    const server = this.#random.pick(this.#servers);
    server.process.deliver(() => void work(server.database, server).catch(() => undefined));
  };

  readonly #meddling = {
    onServer: (work: (database: Database, server: AppServer) => Promise<void>): void => this.#onServer(work),
    tasks: (): readonly PlannedTask[] => [...this.#accepted.values()],
    later: (ms: number, act: () => void): void => void this.#time.after(ms, act),
    onCancelled: (taskIds: readonly string[]): void => {
      for (const id of taskIds) {
        this.#cancelled.add(id);
        this.#history.note('user', 'cancel acknowledged', id);
      }
    },
  };

  #startServer(name: string): void {
    this.#serverStarts += 1;
    const random = this.#random.split(`server ${this.#serverStarts}`);
    const process = new SimulatedProcess({
      name: `${name}.${this.#serverStarts}`,
      time: this.#time,
      random,
      offsetMs: random.between(0, 7_200_000),
    });
    const server = new AppServer({
      process,
      database: this.#database.connect(process, this.nemesis.database),
      objectStore: this.#store,
      config: this.#config,
      logger: this.#logger,
      followUp: createFollowUp(this.#planOf),
      onRequest: (request) => this.#fencing.arrive(request),
      onBug: (err) => this.#invariants.report(`${name} met a fault of its own: ${err.message}`),
    });
    const index = this.#servers.findIndex((one) => one.process.name.startsWith(`${name}.`));
    if (index === -1) this.#servers.push(server);
    else this.#servers[index] = server;
  }

  #restartServer(server: AppServer): void {
    const name = server.process.name.slice(0, server.process.name.indexOf('.'));
    this.#time.after(this.#random.between(200, SERVER_RESTART_MS_MAX), () => this.#startServer(name));
  }

  #startHost(name: string): void {
    const host = new WorkerHost({
      name,
      time: this.#time,
      random: this.#random.split(name),
      network: this.#network,
      config: this.#config,
      logger: this.#logger,
      storeOf: (process) => this.#storeOf(process),
      planOf: this.#planOf,
      onOwnFault: (taskId, fence) => {
        this.#ownFaults.add(`${taskId}/${fence}`);
        this.#history.note(name, 'own fault', taskId, String(fence));
      },
      onBrokenCheckpoint: (taskId, fence, path) => void this.#checkpointBroken(taskId, fence, path),
    });
    this.#hosts.push(host);
    this.#time.after(this.#random.between(0, 5_000), () => host.start());
  }

  /** The store as one worker sees it: what it writes must lie in a folder that was given to it alone (I11). */
  #storeOf(process: SimulatedProcess): ObjectStore {
    const check = (path: string): void => {
      const folder = path.slice(0, path.lastIndexOf('/'));
      const owner = this.#folders.get(folder);
      if (owner !== process.name)
        this.#invariants.report(`I11 ${process.name} wrote ${path}, a folder of ${owner ?? 'nobody'}`);
    };
    const store = this.#store;
    return new Proxy(store, {
      get(target, name) {
        if (name === 'write')
          return (path: string, ...rest: [Parameters<ObjectStore['write']>[1]]) => {
            check(path);
            return target.write(path, ...rest);
          };
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** Parts of reads and writes take time, and no dead process goes on with them. */
  async #storeStep(operation: StoreOperation, path: string): Promise<void> {
    const process = currentProcess();
    if (process === null) return;
    await process.wait(this.#random.exponential(operation === 'write' ? 40 : 10));
    if (operation === 'write') this.#history.note(process.name, 'writes', null, path.slice(path.lastIndexOf('/') + 1));
  }

  /** Takes down what workers are told, and remembers whose an attempt folder is. */
  #hear(verb: string, request: WireRequest, { status, text }: WireAnswer): void {
    const body = (text === '' ? {} : JSON.parse(text)) as {
      state?: string;
      code?: string;
      directive?: string;
      taskId?: string;
      fence?: number;
      attemptPath?: string;
    };
    const said = body.state ?? body.code ?? body.directive ?? '';
    const who = currentProcess()?.name ?? '';
    this.#history.note(
      who,
      `<- ${verb} ${status} ${said}`,
      taskIdOf(request.path) ?? body.taskId ?? null,
      body.fence === undefined ? '' : String(body.fence),
    );
    if (verb === 'claims' && status === 200 && body.attemptPath !== undefined) {
      const owner = this.#folders.get(body.attemptPath);
      if (owner !== undefined && owner !== who)
        this.#invariants.report(`attempt folder ${body.attemptPath} was given to ${owner} and ${who}`);
      this.#folders.set(body.attemptPath, who);
    }
  }
}

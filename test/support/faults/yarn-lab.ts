import { randomBytes } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { Job } from '#contracts';
import type { HttpTransport } from '#hadoop-auth';
import { liveApplications, openDatabase, rawRows, type Database, type YarnApplication } from '#store';
import type { WebHdfsClient } from '#webhdfs';
import { LEADER_LEASE_MS } from '../../../appserver/server/duties/index.ts';
import { churnCsv } from '../../integration/worker/support.ts';
import { Api } from '../api.ts';
import { hdfsClient, transportOf } from '../hadoop/clients.ts';
import { clusterProcesses, type Daemon, type HadoopCluster } from '../hadoop/index.ts';
import { newProject, startAutopilot } from '../modelling.ts';
import { freePorts, healthStatus } from '../platform.ts';
import { descendantsOf, processOf, until, type ProcessEntry } from '../processes.ts';
import { killMaster } from '../yarn/pool.ts';
import { HDFS_FOLDERS, installPrograms, yarnFlags } from '../yarn-platform.ts';
import { committedFilesAreThere, Scanner, storedFiles } from './artefacts.ts';
import { secretsStaySecret } from './canaries.ts';
import { HdfsMirror } from './hdfs-mirror.ts';
import { readHistory, recordHistory, type Change } from './history.ts';
import { requeuedInTime, requeueLimitMs, violationsOf, writesAreInPlace, type Death } from './invariants.ts';
import { leaderboardFollowsFromResults } from './leaderboard.ts';
import { Program, type Ending } from './program.ts';
import { noteRecovery, wentOnAtMs } from './recovery.ts';
import type { RunKind } from './runs.ts';
import { settledJob } from './settled-job.ts';
import {
  applicationsHaveRows,
  fractionOf,
  nothingIsLeaked,
  oneApplicationPerPool,
  poolSizeStays,
  stepsAreKept,
  type MasterDeath,
  type WorkerPlace,
} from './yarn-invariants.ts';
import { YarnSampler } from './yarn-sampler.ts';

type Flags = Readonly<Record<string, string | number>>;

const LEASE_MS = 4_000;
const BEAT_MS = 500;
/** Beyond the beat by which a worker learns that it lost its task: how long it may go on writing, milliseconds. */
const QUIET_SLACK_MS = 2_000;
const CHARGED_MAX = 3;
/** Of the app servers' log, printed when a test fails. */
const LOG_LINES = 40;
export const CONTAINERS_MAX = 2;
/** Longest wait for a job, and for anything that a fault holds up, milliseconds. */
export const WAIT_MS = 240_000;
/** YARN's word and the books may differ for so long: an application without a record is given up after 30 s. */
const BOOKS_MS_MAX = 60_000;

/** One container fits on a node beside a master, and one on each other node. */
const FLAGS: Flags = {
  'server.healthNeeds': '',
  'server.closeTimeoutMs': 2_000,
  'queue.leaseMs': LEASE_MS,
  'queue.beatMs': BEAT_MS,
  'queue.claimWaitMs': 1_000,
  'queue.pollMs': 50,
  'queue.reaperIntervalMs': 200,
  'queue.backoffMs': 100,
  'queue.chargedAttemptsMax': CHARGED_MAX,
  // Tasks that nobody waits for would go on while a test counts those that have ended.
  'autopilot.insights': 'none',
  'yarn.containerMemoryMb': 3_584,
  'yarn.containersMax': CONTAINERS_MAX,
  'yarn.containerIdleMs': 60_000,
  'yarn.reconcileMs': 1_000,
};

/** Trainings of a few tenths of a second: baseline, two kinds of boosting, the refit of the best. */
export const SHORT: RunKind = {
  rowCount: 3_000,
  request: { target: 'label', blueprints: ['baseline', 'lightgbm-fast', 'lightgbm-default'], seed: 7 },
};

/** A run of an end user under way. */
export interface YarnRun {
  readonly projectId: string;
  readonly job: Job;
  readonly api: Api;
  readonly kind: RunKind;
}

/** A task that a worker in a container holds. */
export interface Holder {
  readonly taskId: string;
  readonly fence: number;
  readonly workerId: string;
  readonly containerId: string;
  /** `host:port` of its NodeManager. */
  readonly node: string;
  /** Process of the worker, on this machine. */
  readonly pid: number;
}

export interface HolderRow {
  readonly id: string;
  readonly fence: number;
  readonly worker_id: string;
  readonly container_id: string;
  readonly node: string;
  readonly process_id: number;
  readonly lease_until: number;
  readonly progress: string | null;
}

/**
 * The whole product on a cluster of real daemons: an app server as a program of its own, and what it starts in YARN. A
 * recorder takes down every change of the queue and of the pools, a sampler what YARN says; {@link check} holds all
 * invariants against them.
 */
export class YarnLab {
  readonly cluster: HadoopCluster;
  readonly database: Database;
  readonly url: string;
  readonly #dataDir: string;
  readonly #adminKey = `canary-admin-${randomBytes(16).toString('hex')}`;
  readonly #transport: HttpTransport;
  readonly #mirror: HdfsMirror;
  readonly #programs: Program[] = [];
  readonly #users = new Map<string, Api>();
  readonly #deaths: Death[] = [];
  readonly #masterDeaths: MasterDeath[] = [];
  readonly #serverDeathsMs: number[] = [];
  /** Violations that have failed a test already. */
  readonly #reported = new Set<string>();
  readonly #stopped = new Set<number>();
  #sampler: YarnSampler | null = null;
  readonly #datasets = new Map<RunKind, string>();
  readonly #undisturbed = new Map<RunKind, readonly string[]>();
  #disturbedUntilMs = 0;

  private constructor(cluster: HadoopCluster, dataDir: string, database: Database, port: number) {
    this.cluster = cluster;
    this.#dataDir = dataDir;
    this.database = database;
    this.url = `http://127.0.0.1:${port}`;
    this.#transport = transportOf(cluster);
    this.#mirror = new HdfsMirror(this.hdfs(), HDFS_FOLDERS.objects, path.join(dataDir, 'mirror'));
  }

  /** Installs the programs, starts an app server, and has alice do a run that nothing disturbs. */
  static async open(cluster: HadoopCluster, flags: Flags = {}): Promise<YarnLab> {
    await installPrograms(cluster);
    const dataDir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-yarn-lab-'));
    const [port = 0] = await freePorts(1);
    const file = path.join(dataDir, 'trainyard.db');
    const options = { client: 'sqlite', file, url: '', poolMax: 2, statementTimeoutMs: 30_000 } as const;
    const lab = new YarnLab(cluster, dataDir, await openDatabase(options), port);
    await lab.startServer({ flags });
    await recordHistory(lab.database);
    lab.#sampler = new YarnSampler(cluster.resourceManagerUrls, await lab.#tag());
    await lab.calmRun();
    await lab.check();
    return lab;
  }

  /** A run that nothing disturbs: what the others of its kind are compared with. */
  async calmRun(kind: RunKind = SHORT): Promise<void> {
    const run = await this.startRun(kind);
    await this.succeeded(run);
    const hashes = await this.#contentHashes(run);
    expect(hashes.length).to.be.greaterThan(1);
    this.#undisturbed.set(kind, hashes);
  }

  /** The running app server. @throws Error when none was started */
  get server(): Program {
    const program = this.#programs.at(-1);
    if (program === undefined) throw new Error('no app server was started');
    return program;
  }

  /** Of the first administrator. */
  get admin(): Api {
    return new Api(this.url, this.#adminKey);
  }

  /** Log lines of all app servers so far. */
  get log(): string {
    return this.#programs.map(({ output }) => output).join('');
  }

  /** Its newest lines, without those of the start. */
  newestLog(): string {
    const isNews = (line: string): boolean => !/"event":"(configuration|leadership)"/.test(line);
    return this.log.split('\n').filter(isNews).slice(-LOG_LINES).join('\n');
  }

  /** HDFS as somebody; by default as the service. */
  hdfs(user = 'trainyard'): WebHdfsClient {
    return hdfsClient(this.cluster, { transport: this.#transport, user });
  }

  /** Starts the app server and waits until it answers, or has died at one of its failpoints. */
  async startServer({ flags = {}, failpoints = '' }: { flags?: Flags; failpoints?: string } = {}): Promise<Program> {
    const program = new Program({
      program: 'server',
      flags: {
        ...yarnFlags(this.cluster),
        ...FLAGS,
        ...flags,
        dataDir: this.#dataDir,
        'server.port': new URL(this.url).port,
      },
      env: { TRAINYARD_ADMIN_API_KEY: this.#adminKey, TRAINYARD_FAILPOINTS: failpoints },
    });
    this.#programs.push(program);
    void program.ended.then(({ signal, atMs }) => {
      if (signal === 'SIGKILL') this.#serverDeathsMs.push(atMs);
    });
    await until(`the app server at ${this.url}`, async () => {
      if (program.isKilled && failpoints !== '') return true;
      if (!program.isRunning) throw new Error(`the app server ended\n${program.output.slice(-2_000)}`);
      return (await healthStatus(this.url)) === 200;
    });
    return program;
  }

  /** Stops the app server as an operator does and starts it with other settings. */
  async restartServer(options: { flags?: Flags; failpoints?: string } = {}): Promise<Program> {
    await this.server.stop();
    return this.startServer(options);
  }

  /** A user's client; makes the user at first. */
  async user(name: string): Promise<Api> {
    const known = this.#users.get(name);
    if (known !== undefined) return known;
    const { id } = (await this.admin.request('POST', '/users', { json: { name } })).json as { id: string };
    const answer = await this.admin.request('POST', '/api-keys', { json: { name: `key of ${name}`, userId: id } });
    const api = this.admin.as((answer.json as { key: string }).key);
    this.#users.set(name, api);
    return api;
  }

  /** A run of alice's; her runs of a kind have one dataset. */
  async startRun(kind: RunKind = SHORT): Promise<YarnRun> {
    const api = await this.user('alice');
    const content = churnCsv(kind.rowCount);
    const datasetId = this.#datasets.get(kind) ?? (await api.dataset({ content, fileName: 'churn.csv' }));
    this.#datasets.set(kind, datasetId);
    const projectId = await newProject(api, datasetId);
    return { projectId, job: await startAutopilot(api, projectId, kind.request), api, kind };
  }

  settled({ api, job }: YarnRun): Promise<Job> {
    return settledJob(api, job.id, WAIT_MS);
  }

  async succeeded(run: YarnRun): Promise<void> {
    const job = await this.settled(run);
    expect(job.state, JSON.stringify(job.error)).to.equal('succeeded');
  }

  /** The run succeeds with exactly the models that it has when nothing disturbs it. */
  async expectSameModels(run: YarnRun): Promise<void> {
    await this.succeeded(run);
    const troubles = await rawRows(
      this.database,
      `select attempt.task_id, attempt.fence, attempt.blame, attempt.problem from attempt
       join task on task.id = attempt.task_id where task.job_id = ? and attempt.problem is not null`,
      [run.job.id],
    );
    expect(await this.#contentHashes(run), JSON.stringify(troubles)).to.deep.equal(this.#undisturbed.get(run.kind));
  }

  async #contentHashes({ projectId }: YarnRun): Promise<string[]> {
    const rows = await rawRows<{ content_hash: string | null }>(
      this.database,
      'select content_hash from models where project_id = ?',
      [projectId],
    );
    return rows.flatMap(({ content_hash: hash }) => hash ?? []).sort();
  }

  /** Waits for a training that runs in a container. */
  async training(fits: (row: HolderRow) => boolean = () => true): Promise<Holder> {
    return until('a training that runs in a container', async () => (await this.#trainings(fits))[0], WAIT_MS);
  }

  async #trainings(fits: (row: HolderRow) => boolean): Promise<(Holder & { readonly leaseUntil: number })[]> {
    const rows = await rawRows<HolderRow>(
      this.database,
      `select task.id, task.fence, task.worker_id, task.lease_until, task.progress,
         worker.container_id, worker.node, worker.process_id
       from task join worker on worker.id = task.worker_id where task.state = 'RUNNING' and task.kind = 'train'`,
    );
    return rows.filter(fits).map((row) => ({
      taskId: row.id,
      fence: row.fence,
      workerId: row.worker_id,
      containerId: row.container_id,
      node: row.node,
      pid: row.process_id,
      leaseUntil: row.lease_until,
    }));
  }

  /**
   * Holds a training up in its middle: its task child stands still, its supervisor goes on to beat, as in a long iteration.
   * {@link letGo} ends that.
   */
  async hold(fits?: (row: HolderRow) => boolean): Promise<Holder> {
    return until(
      'a training to hold',
      async () => {
        const holder = await this.training(fits);
        const children = descendantsOf(holder.pid).map(({ pid }) => pid);
        for (const pid of children) this.#stop(pid);
        if (children.length > 0 && (await this.#isStillHeld(holder))) return holder;
        this.#goOn(children);
        return null;
      },
      WAIT_MS,
    );
  }

  /** Two beats later it still runs: what the child had said before it was stopped did not end it. */
  async #isStillHeld({ taskId, fence }: Holder): Promise<boolean> {
    const leases = new Set<number>();
    await until('two beats', async () => {
      const [task] = await this.#trainings(({ id, fence: newest }) => id === taskId && newest === fence);
      if (task === undefined) return true;
      return leases.add(task.leaseUntil).size > 2;
    });
    return leases.size > 2;
  }

  /** Done part of its work that a held task's row tells; null: none. */
  async fractionOf({ taskId }: Holder): Promise<number | null> {
    const [row] = await rawRows<{ progress: string | null }>(this.database, 'select progress from task where id = ?', [
      taskId,
    ]);
    return row === undefined ? null : fractionOf({ row: { progress: row.progress } });
  }

  /** Stops a worker with all below it, as a frozen host does; {@link letGo} thaws it. */
  freeze({ pid }: Pick<Holder, 'pid'>): void {
    for (const one of [pid, ...descendantsOf(pid).map((entry) => entry.pid)]) this.#stop(one);
  }

  #stop(pid: number): void {
    signalTo(pid, 'SIGSTOP');
    this.#stopped.add(pid);
  }

  /** Lets everything go on that was stopped. */
  letGo(): void {
    this.#goOn([...this.#stopped]);
  }

  #goOn(pids: readonly number[]): void {
    for (const pid of pids) {
      signalTo(pid, 'SIGCONT');
      this.#stopped.delete(pid);
    }
  }

  /** Until now a worker was frozen or cut off: what it does up to now is not held against it. */
  disturbed(): void {
    this.#disturbedUntilMs = Date.now();
  }

  /** A worker's container has died now, by SIGKILL. */
  async noteDeath(containerId: string, atMs = Date.now()): Promise<void> {
    const places = await this.#places();
    const workerIds = places.filter((place) => place.containerId === containerId).map(({ workerId }) => workerId);
    const limitMs = requeueLimitMs(atMs, this.#serverDeathsMs, { leaseMs: LEASE_MS, leaderLeaseMs: LEADER_LEASE_MS });
    this.#deaths.push({ workerIds, atMs, limitMs });
  }

  /** SIGKILL to all processes of a container. */
  async killContainer(containerId: string): Promise<void> {
    const processes = this.processesOf(containerId);
    expect(processes, `processes of ${containerId}`).to.not.be.empty;
    for (const { pid } of processes) signalTo(pid, 'SIGKILL');
    await this.noteDeath(containerId);
  }

  /** Processes of a container on this machine; YARN names it in the environment of what it starts. */
  processesOf(containerId: string): ProcessEntry[] {
    return this.#containerProcesses().flatMap((one) => (one.containerId === containerId ? [one.entry] : []));
  }

  #containerProcesses(): { readonly containerId: string; readonly entry: ProcessEntry }[] {
    return clusterProcesses(this.cluster.folder).flatMap((entry) => {
      const containerId = /(?:^|\0)CONTAINER_ID=([^\0]+)/.exec(environmentOf(entry.pid))?.[1];
      return containerId === undefined ? [] : [{ containerId, entry }];
    });
  }

  /** What a container's worker has written to its log so far. */
  logOf(containerId: string): string {
    const files = globSync(`data/nodemanager*/logs/*/${containerId}/{stdout,stderr}`, { cwd: this.cluster.folder });
    return files.map((file) => readFileSync(path.join(this.cluster.folder, file), 'utf8')).join('');
  }

  /** What the tests did to containers was not their nodes' fault: three that are killed exclude a node for an hour. */
  async forgiveNodes(): Promise<void> {
    await this.database.knex('yarn_node').update({ failures: 0, excluded_until: null });
  }

  /** The NodeManager of an address. */
  nodeManager(node: string): Daemon {
    const host = node.split(':')[0] ?? '';
    const index = this.cluster.nodeManagerUrls.findIndex((url) => new URL(url).hostname === host);
    return this.cluster.daemon(`nodemanager${index + 1}`);
  }

  /** Alice's application. @throws Error unless there is exactly one live one */
  async application(): Promise<YarnApplication> {
    const live = (await liveApplications(this.database)).filter(({ pool }) => pool === 'yarn:ml:alice');
    const [application] = live;
    if (application === undefined || live.length > 1) throw new Error(`alice has ${live.length} live applications`);
    return application;
  }

  /** Waits for another application of alice's than this one. */
  nextApplication(before: string): Promise<YarnApplication> {
    return until(
      'another application',
      async () => {
        const live = await liveApplications(this.database);
        const found = live.find(({ pool, applicationId }) => pool === 'yarn:ml:alice' && applicationId !== before);
        return found?.attempt === 0 ? null : found;
      },
      WAIT_MS,
    );
  }

  /** Kills the application master and waits for its next attempt. */
  async killMaster(): Promise<void> {
    const { applicationId, attempt } = await this.application();
    const atMs = Date.now();
    await killMaster(applicationId);
    this.#masterDeaths.push({ applicationId, atMs });
    await until('the next attempt', async () => (await this.application()).attempt > attempt, WAIT_MS);
  }

  /** Ids of all containers in which a worker has registered and that have not ended. */
  async containers(): Promise<string[]> {
    const rows = await rawRows<{ container_id: string }>(
      this.database,
      `select distinct yarn_container.container_id from yarn_container
       join worker on worker.container_id = yarn_container.container_id where yarn_container.ended_at is null`,
    );
    return rows.map(({ container_id: id }) => id);
  }

  /** Waits until no container of workers is left. */
  async untilIdle(): Promise<void> {
    await until(
      'the end of all containers',
      async () =>
        (await rawRows(this.database, 'select 1 as one from yarn_container where ended_at is null')).length === 0,
      WAIT_MS,
    );
  }

  /** Waits until the app server has been told how a container ended; YARN's exit status. */
  async ended(containerId: string): Promise<number | null> {
    const row = await until(
      `the end of ${containerId}`,
      async () => {
        const rows = await rawRows<{ exit_status: number | null }>(
          this.database,
          'select exit_status from yarn_container where container_id = ? and ended_at is not null',
          [containerId],
        );
        return rows[0];
      },
      WAIT_MS,
    );
    return row.exit_status;
  }

  history(): Promise<Change[]> {
    return readHistory(this.database);
  }

  /** Notes how long it took from a fault until the work went on. @throws Error when that was too long */
  async recovered(fault: string, faultAtMs: number, limitMs: number): Promise<void> {
    const atMs = wentOnAtMs(await this.history(), faultAtMs);
    if (atMs === null) throw new Error(`nothing went on after: ${fault}`);
    noteRecovery(fault, atMs - faultAtMs, { limitMs });
  }

  /** All invariants over everything that has happened so far; every job must have ended. */
  async check(): Promise<void> {
    const quietMs = BEAT_MS + QUIET_SLACK_MS;
    await until('the end of what a disturbed worker may still do', () => Date.now() > this.#disturbedUntilMs + quietMs);
    await this.#mirror.refresh();
    const history = await this.history();
    const samples = this.#sampler?.samples ?? [];
    expect(history.length, 'recorded changes').to.be.greaterThan(0);
    expect(samples.length, 'samples of YARN').to.be.greaterThan(0);
    const projects = await rawRows<{ id: string }>(this.database, 'select id from projects');
    const boards = await Promise.all(
      projects.map(({ id }) => leaderboardFollowsFromResults(this.admin, this.database, history, id)),
    );
    const { folder } = this.#mirror;
    const files = storedFiles(folder);
    const found = [
      ...violationsOf(history, { chargedAttemptsMax: CHARGED_MAX }),
      ...requeuedInTime(history, this.#deaths),
      ...committedFilesAreThere(history, folder),
      ...(await this.#openEverythingVisible()),
      ...boards.flat(),
      ...writesAreInPlace(history, files, { disturbedUntilMs: this.#disturbedUntilMs, quietMs }),
      ...applicationsHaveRows(history, samples, BOOKS_MS_MAX),
      ...oneApplicationPerPool(history, samples),
      ...stepsAreKept(history, this.#masterDeaths, await this.#places()),
      ...poolSizeStays(history, samples, CONTAINERS_MAX),
      ...this.#secretsThatShow(),
    ];
    const news = found.filter((violation) => !this.#reported.has(violation));
    for (const violation of news) this.#reported.add(violation);
    expect(news, news.join('\n')).to.deep.equal([]);
  }

  async #openEverythingVisible(): Promise<readonly string[]> {
    const scanner = new Scanner(this.database, this.#mirror.folder);
    await scanner.nextPass();
    await scanner.close();
    expect(scanner.openedCount + scanner.violations.length, 'what was opened').to.be.greaterThan(0);
    return scanner.violations;
  }

  #secretsThatShow(): string[] {
    const ofYarn = globSync('data/nodemanager*/{logs,local}/**/{stdout,stderr,launch_container.sh,master.*}', {
      cwd: this.cluster.folder,
    });
    const logs = ofYarn.map((file) => [file, readFileSync(path.join(this.cluster.folder, file), 'utf8')] as const);
    return secretsStaySecret(
      { 'admin key': this.#adminKey },
      {
        logs: { ...Object.fromEntries(logs), 'the app servers’ log': this.log },
        commands: this.#programs.map(({ command }) => command),
        pids: this.#containerProcesses().map(({ entry }) => entry.pid),
        objectsDir: this.#mirror.folder,
      },
    );
  }

  async #places(): Promise<WorkerPlace[]> {
    const rows = await rawRows<{ id: string; container_id: string; application_id: string }>(
      this.database,
      `select worker.id, worker.container_id, yarn_container.application_id from worker
       join yarn_container on yarn_container.container_id = worker.container_id`,
    );
    return rows.map((row) => ({
      workerId: row.id,
      containerId: row.container_id,
      applicationId: row.application_id,
    }));
  }

  async #tag(): Promise<string> {
    const rows = await rawRows<{ value: string }>(
      this.database,
      `select value from installation where name = 'installation-id'`,
    );
    return `trainyard-${rows[0]?.value ?? ''}`.toLowerCase();
  }

  /** Waits until no application is left; the app server must run with short idle times. */
  async untilNoApplication(): Promise<void> {
    await until(
      'the end of all applications',
      async () => (await liveApplications(this.database)).length === 0,
      WAIT_MS,
    );
  }

  /** Lets all pools end for want of work; then nothing of them may be left anywhere. */
  async expectNothingLeaked(): Promise<void> {
    await this.restartServer({ flags: { 'yarn.containerIdleMs': 500, 'yarn.applicationIdleMs': 500 } });
    await this.untilNoApplication();
    // The last process of a container may outlive the news of its end by the time that it takes to kill it.
    await until('the end of all containers’ processes', () => this.#containerProcesses().length === 0);
    const last = await this.#sampler?.sample();
    if (last === undefined || last === null) throw new Error('nobody says what is left in YARN');
    const processes = this.#containerProcesses().map(({ containerId, entry }) => ({ containerId, pid: entry.pid }));
    const found = nothingIsLeaked(await this.history(), last, processes);
    expect(found, found.join('\n')).to.deep.equal([]);
  }

  /** SIGKILL to the app server. */
  killServer(): Promise<Ending> {
    return this.server.kill();
  }

  async close(): Promise<void> {
    this.letGo();
    await this.server.stop();
    await this.#sampler?.close();
    await this.database.close();
    this.#transport.close();
    rmSync(this.#dataDir, { recursive: true, force: true, maxRetries: 20 });
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return ''; // it has ended
  }
}

/** A process that is gone takes no signal. */
function signalTo(pid: number, signal: NodeJS.Signals): void {
  if (processOf(pid) === null) return;
  try {
    process.kill(pid, signal);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err; // process.kill throws system errors only
  }
}

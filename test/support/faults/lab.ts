import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Leaderboard, type Job } from '#contracts';
import { KEY_FILES } from '#runtime';
import { openDatabase, rawRows, type Database } from '#store';
import { LEADER_LEASE_MS } from '../../../appserver/server/duties/index.ts';
import { Api } from '../api.ts';
import { freePorts, healthStatus } from '../platform.ts';
import { createDatabase } from '../postgres.ts';
import { until } from '../processes.ts';
import { committedFilesAreThere, Scanner, storedFiles } from './artefacts.ts';
import { secretsStaySecret, type Canaries } from './canaries.ts';
import { readHistory, recordHistory, type Change } from './history.ts';
import { requeuedInTime, requeueLimitMs, violationsOf, writesAreInPlace, type Death } from './invariants.ts';
import { leaderboardFollowsFromResults } from './leaderboard.ts';
import { Program } from './program.ts';
import { noteRecovery, wentOnAtMs } from './recovery.ts';
import { settledJob } from './settled-job.ts';

const MIB = 1024 ** 2;
export const LEASE_MS = 2_000;
export const BEAT_MS = 500;
/** Beyond the beat by which a worker learns that it lost its task: how long it may go on writing, milliseconds. */
const QUIET_SLACK_MS = 2_000;
const TOKEN_RECORDER = fileURLToPath(new URL('./token-recorder.ts', import.meta.url));
/** Charged attempts of a task; the platform's default. */
const CHARGED_MAX = 3;
/** Longest wait for a job, milliseconds. */
const JOB_MS = 120_000;

const FLAGS = {
  'queue.leaseMs': LEASE_MS,
  'queue.beatMs': BEAT_MS,
  'queue.claimWaitMs': 1_000,
  'queue.pollMs': 50,
  'queue.reaperIntervalMs': 200,
  'queue.backoffMs': 100,
  'queue.chargedAttemptsMax': CHARGED_MAX,
  // Tasks that nobody waits for would go on while a test counts those that have ended.
  'autopilot.insights': 'none',
  'server.healthNeeds': '',
  'server.closeTimeoutMs': 2_000,
  'worker.memoryBytes': 1024 * MIB,
  'worker.drainMs': 1_000,
  'worker.checkpointMs': 100,
  'worker.lightgbmLibrary': process.env['TRAINYARD_LIGHTGBM_LIBRARY'] ?? '',
  'worker.xgboostLibrary': process.env['TRAINYARD_XGBOOST_LIBRARY'] ?? '',
};

export interface LabOptions {
  /** @default sqlite */
  readonly database?: 'sqlite' | { readonly url: string } | 'postgres';
  /** App servers; more than one needs PostgreSQL. @default 1 */
  readonly replicas?: number;
  /** Further configuration of app servers and workers. */
  readonly flags?: Readonly<Record<string, string | number>>;
  /** Where app servers reach the database, when it is not where the recorder does. */
  readonly serverDatabaseUrl?: string;
  /** Folder of the object store. @default below the data folder */
  readonly objectsDir?: string;
}

export interface WorkerOptions {
  /** `TRAINYARD_FAILPOINTS` */
  readonly failpoints?: string;
  /** @default the first app server */
  readonly serverUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly preload?: string;
  readonly flags?: Readonly<Record<string, string | number>>;
}

/** One app server of a lab at its own port, which it keeps over its lives. */
export interface Replica {
  readonly url: string;
  readonly api: Api;
  readonly port: number;
  /** Starts it and waits until it answers, or has died at one of its failpoints. */
  start(failpoints?: string): Promise<Program>;
  /** The running program. @throws Error when there is none */
  program(): Program;
}

/**
 * An installation made of real programs, every one of which can be killed, frozen and started again alone, with a
 * recorder of every change of the queue and a scanner of everything visible. `check` holds all invariants against them.
 */
export class Lab {
  readonly dataDir: string;
  readonly replicas: readonly Replica[];
  readonly database: Database;
  readonly scanner: Scanner;
  readonly #options: LabOptions;
  readonly #canaries: Canaries;
  readonly #programs: Program[] = [];
  readonly #workers = new Set<Program>();
  readonly #deaths: { readonly pid: number; readonly atMs: number }[] = [];
  readonly #onClose: (() => Promise<void>)[];
  readonly #serverDeathsMs: number[] = [];
  #disturbedUntilMs = 0;

  private constructor(parts: {
    options: LabOptions;
    dataDir: string;
    canaries: Canaries;
    database: Database;
    ports: readonly number[];
    onClose: (() => Promise<void>)[];
  }) {
    this.#options = parts.options;
    this.dataDir = parts.dataDir;
    this.#canaries = parts.canaries;
    this.database = parts.database;
    this.#onClose = parts.onClose;
    this.replicas = parts.ports.map((port) => this.#replica(port));
    this.scanner = new Scanner(this.database, this.objectsDir);
  }

  /** Starts the app servers and the recorder; workers are the test's business. */
  static async open(options: LabOptions = {}): Promise<Lab> {
    const dataDir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-lab-'));
    mkdirSync(path.join(dataDir, 'objects'));
    const canaries: Record<string, string> = { 'admin key': canary('admin'), 'pool secret': canary('pool') };
    mkdirSync(path.join(dataDir, 'keys'), { mode: 0o700 });
    writeFileSync(path.join(dataDir, 'keys', KEY_FILES.poolSecret), canaries['pool secret'] ?? '', { mode: 0o600 });
    const onClose: (() => Promise<void>)[] = [];
    let url = '';
    if (options.database === 'postgres') {
      const made = await createDatabase();
      onClose.push(() => made.close());
      ({ url } = made);
    } else if (typeof options.database === 'object') ({ url } = options.database);
    if (url !== '') canaries['database password'] = new URL(url).password;
    const ports = await freePorts(options.replicas ?? 1);
    const database = await openDatabase({
      client: url === '' ? 'sqlite' : 'postgres',
      file: path.join(dataDir, 'trainyard.db'),
      url,
      poolMax: 2,
      statementTimeoutMs: 30_000,
    });
    const lab = new Lab({
      options: { ...options, serverDatabaseUrl: options.serverDatabaseUrl ?? url },
      dataDir,
      canaries,
      database,
      ports,
      onClose,
    });
    for (const replica of lab.replicas) await replica.start();
    await recordHistory(database);
    return lab;
  }

  get objectsDir(): string {
    return this.#options.objectsDir ?? path.join(this.dataDir, 'objects');
  }

  get #flags(): Readonly<Record<string, string | number>> {
    return { ...FLAGS, ...this.#options.flags, dataDir: this.dataDir, 'objectStore.root': this.objectsDir };
  }

  /** Tokens that workers have sent, one per line. */
  get #tokenFile(): string {
    return path.join(this.dataDir, 'tokens');
  }

  get leaseMs(): number {
    return Number(this.#options.flags?.['queue.leaseMs'] ?? LEASE_MS);
  }

  get beatMs(): number {
    return Number(this.#options.flags?.['queue.beatMs'] ?? BEAT_MS);
  }

  /** The first app server and a client of it. */
  get server(): Replica {
    const [first] = this.replicas;
    if (first === undefined) throw new Error('a lab has an app server');
    return first;
  }

  get api(): Api {
    return this.server.api;
  }

  #replica(port: number): Replica {
    let running: Program | null = null;
    const url = `http://127.0.0.1:${port}`;
    const start = async (failpoints = ''): Promise<Program> => {
      const program = this.#start(
        new Program({
          program: 'server',
          flags: { ...this.#flags, 'server.port': port },
          env: {
            TRAINYARD_ADMIN_API_KEY: this.#canaries['admin key'] ?? '',
            TRAINYARD_FAILPOINTS: failpoints,
            ...(this.#options.serverDatabaseUrl === ''
              ? {}
              : {
                  TRAINYARD_DATABASE_CLIENT: 'postgres',
                  TRAINYARD_DATABASE_URL: this.#options.serverDatabaseUrl ?? '',
                }),
          },
        }),
      );
      running = program;
      void program.ended.then(({ signal, atMs }) => {
        if (signal === 'SIGKILL') this.#serverDeathsMs.push(atMs);
      });
      await until(`the app server at ${url}`, async () => {
        // A worker that waited for it may bring it to its failpoint before anybody else has asked.
        if (program.isKilled && failpoints !== '') return true;
        if (!program.isRunning) throw new Error(`the app server ended\n${program.output.slice(-2_000)}`);
        return (await healthStatus(url)) === 200;
      });
      return program;
    };
    return {
      url,
      port,
      api: new Api(url, this.#canaries['admin key'] ?? ''),
      start,
      program() {
        if (running === null) throw new Error(`no app server runs at ${url}`);
        return running;
      },
    };
  }

  startWorker(options: WorkerOptions = {}): Program {
    const { failpoints = '', serverUrl = this.server.url, env = {}, flags = {}, preload } = options;
    const workDir = path.join(this.dataDir, `work-${this.#programs.length}`);
    const worker = this.#start(
      new Program({
        program: 'worker',
        flags: {
          ...this.#flags,
          ...flags,
          'worker.workDir': workDir,
          'worker.serverUrl': serverUrl,
          'log.level': 'debug',
        },
        env: { TRAINYARD_FAILPOINTS: failpoints, TOKEN_FILE: this.#tokenFile, ...env },
        preloads: [TOKEN_RECORDER, ...(preload === undefined ? [] : [preload])],
      }),
    );
    this.#workers.add(worker);
    void worker.ended.then(({ signal, atMs }) => {
      this.#workers.delete(worker);
      if (signal === 'SIGKILL') this.#deaths.push({ pid: worker.pid, atMs });
    });
    return worker;
  }

  #start(program: Program): Program {
    this.#programs.push(program);
    return program;
  }

  /** Until now a worker was frozen or cut off: what it does up to now is not held against it. */
  disturbed(): void {
    this.#disturbedUntilMs = Date.now();
  }

  /** An app server was frozen from then until now: until its leadership is over it keeps the other from its duties. */
  serverDisturbed(sinceMs: number): void {
    this.#serverDeathsMs.push(sinceMs);
  }

  history(): Promise<Change[]> {
    return readHistory(this.database);
  }

  /** Waits until the row of some task fits, newest first; the row, with the path of its newest attempt. */
  async task(what: string, fits: (row: Change['row']) => boolean, timeoutMs = 30_000): Promise<Change['row']> {
    let rows: Change['row'][] = [];
    try {
      return await until(
        what,
        async () => {
          rows = await rawRows(
            this.database,
            `select task.*, attempt.path as attempt_path from task
             left join attempt on attempt.task_id = task.id and attempt.fence = task.fence
             order by task.created_at desc, task.job_position desc`,
          );
          return rows.find(fits);
        },
        timeoutMs,
      );
    } catch (err) {
      const last = rows
        .slice(0, 5)
        .map(({ id, kind, state, progress, error }) => ({ id, kind, state, progress, error }));
      throw new Error(`${String(err)}; the newest tasks: ${JSON.stringify(last)}`, { cause: err });
    }
  }

  /** Waits for the end of a job, whoever of the app servers is away meanwhile. */
  settled(jobId: string, api = this.api): Promise<Job> {
    return settledJob(api, jobId, JOB_MS);
  }

  /** Waits until a job has succeeded. */
  async succeeded(jobId: string, api = this.api): Promise<Job> {
    const job = await this.settled(jobId, api);
    expect(job.state, JSON.stringify(job.error)).to.equal('succeeded');
    return job;
  }

  /** Content hashes of a project's models, sorted. */
  async contentHashes(projectId: string): Promise<string[]> {
    const rows = await rawRows<{ content_hash: string | null }>(
      this.database,
      'select content_hash from models where project_id = ?',
      [projectId],
    );
    return rows.flatMap(({ content_hash }) => content_hash ?? []).sort();
  }

  /** Notes how long it took from a fault until the work went on. @throws Error when that was too long */
  async recovered(fault: string, faultAtMs: number, limitMs: number): Promise<void> {
    const atMs = wentOnAtMs(await this.history(), faultAtMs);
    if (atMs === null) throw new Error(`nothing went on after: ${fault}`);
    noteRecovery(fault, atMs - faultAtMs, { limitMs });
  }

  /** All invariants over everything that has happened so far; every job must have ended. */
  async check(): Promise<void> {
    const quietMs = this.beatMs + QUIET_SLACK_MS;
    // Late enough to see whoever goes on although he was told.
    await until('the end of what a disturbed worker may still do', () => Date.now() > this.#disturbedUntilMs + quietMs);
    const history = await this.history();
    expect(history.length, 'recorded changes').to.be.greaterThan(0);
    const workers = await rawRows<{ id: string; process_id: number }>(
      this.database,
      'select id, process_id from worker',
    );
    const deaths = this.#deaths.map(({ pid, atMs }): Death => ({
      workerIds: workers.filter((worker) => worker.process_id === pid).map(({ id }) => id),
      atMs,
      limitMs: requeueLimitMs(atMs, this.#serverDeathsMs, { leaseMs: this.leaseMs, leaderLeaseMs: LEADER_LEASE_MS }),
    }));
    const files = storedFiles(this.objectsDir);
    const projects = await rawRows<{ id: string }>(this.database, 'select id from projects');
    const boards = await Promise.all(
      projects.map(({ id }) => leaderboardFollowsFromResults(this.api, this.database, history, id)),
    );
    const running = this.#programs.filter((program) => program.isRunning);
    const pids = running.flatMap((program) => [program.pid, ...program.children.map(({ pid }) => pid)]);
    const tokens = tokensOf(this.#tokenFile);
    expect(Object.keys(tokens).length, 'tokens of workers').to.be.greaterThan(1);
    const found = [
      ...violationsOf(history, { chargedAttemptsMax: CHARGED_MAX }),
      ...requeuedInTime(history, deaths),
      ...committedFilesAreThere(history, this.objectsDir),
      ...this.scanner.violations,
      ...boards.flat(),
      ...writesAreInPlace(history, files, { disturbedUntilMs: this.#disturbedUntilMs, quietMs }),
      ...secretsStaySecret(
        { ...this.#canaries, ...tokens },
        {
          logs: Object.fromEntries(this.#programs.map(({ output, pid }) => [`the log of process ${pid}`, output])),
          commands: this.#programs.map(({ command }) => command),
          pids,
          objectsDir: this.objectsDir,
        },
      ),
    ];
    expect(found, found.join('\n')).to.deep.equal([]);
    // Models and datasets that are visible at the end were seen by a pass, as every lab waits for a job at least.
    await this.scanner.nextPass();
    const visible = await rawRows(
      this.database,
      `select id from models where state = 'ready' union select id from datasets where state = 'ready'`,
    );
    expect(this.scanner.openedCount, 'what the scanner opened').to.be.at.least(visible.length);
  }

  /** Ends a program as an operator does. */
  async stop(...programs: readonly Program[]): Promise<void> {
    await Promise.all(programs.map((program) => program.stop()));
  }

  /** Ends all workers. */
  async stopWorkers(): Promise<void> {
    await this.stop(...this.#workers);
  }

  async close(): Promise<void> {
    await this.stopWorkers();
    await this.stop(...this.#programs.filter((program) => program.isRunning));
    await this.scanner.close();
    await this.database.close();
    for (const close of this.#onClose) await close();
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 20 });
  }

  /** The leaderboard as the API shows it. */
  leaderboard(projectId: string): Promise<Leaderboard> {
    return this.api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
  }
}

/** Worker and lease tokens, and the pool's secret again: all that workers have sent. */
function tokensOf(file: string): Canaries {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return Object.fromEntries([...new Set(lines)].map((token, index) => [`token ${index + 1} of a worker`, token]));
}

const canary = (name: string): string => `canary-${name}-${randomBytes(16).toString('hex')}`;

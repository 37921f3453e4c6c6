import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import {
  AppError,
  isAppError,
  toProblem,
  type BatchPredictOutcome,
  type BeatRequest,
  type Blame,
  type ClaimedTask,
  type ErrorCode,
  type MeetRequest,
  type RegisterRequest,
  type SealedFile,
  type TaskSpec,
} from '#contracts';
import { FileObjectStore } from '#object-store';
import { createLogger, newId, type Config } from '#runtime';
import {
  addPoolSecret,
  advanceClock,
  createGroup,
  createJob,
  createTask,
  DEFAULT_POOL,
  endParts,
  getTask,
  migrate,
  rawRows,
  type Database,
  type NewTask,
  type Task,
  type Transaction,
} from '#store';
import { createSealer } from '../../../appserver/server/services/sealer.ts';
import {
  TaskQueue,
  WorkerProtocol,
  type TaskFollowUp,
  type WorkerProtocolOptions,
} from '../../../appserver/server/queue/index.ts';

/** A database under test, empty. */
export interface TestStore {
  readonly database: Database;
  close(): Promise<void>;
}

export const LEASE_MS = 30_000;
export const QUEUE_CONFIG: Config['queue'] = {
  leaseMs: LEASE_MS,
  beatMs: 10_000,
  claimWaitMs: 1_000,
  pollMs: 20,
  reaperIntervalMs: 20,
  reconcileMs: 20,
  chargedAttemptsMax: 3,
  backoffMs: 5_000,
  backoffMsMax: 600_000,
  groupWaitMs: 60_000,
};
export const POOL_SECRET = 'pool-secret-of-the-tests';
export const SILENT_LOGGER = createLogger({ program: 'test', write: () => undefined });

export const REGISTER: RegisterRequest = {
  protocolVersion: 2,
  programVersion: '0',
  pool: DEFAULT_POOL,
  hostName: 'here',
  processId: 1,
  memoryBytes: 1,
  threadCount: 1,
  archiveSha256: null,
};

export interface TestWorker {
  readonly id: string;
  readonly token: string;
}

/** What a task of these tests is made from. */
export interface TaskOptions {
  readonly project?: string | null;
  readonly user?: string;
  readonly priority?: number;
  readonly deadlineAt?: number | null;
  readonly jobId?: string;
  readonly key?: string;
  readonly datasetId?: string;
  readonly dependsOn?: readonly string[];
  readonly waiting?: boolean;
  /** Instead of a batch prediction. */
  readonly spec?: TaskSpec;
}

export const OUTCOME: BatchPredictOutcome = { kind: 'batch-predict', rowCount: 1, rowsPerSecond: 1, warnings: [] };

/** A queue with the app server's side of the protocol over a database and a folder of objects. */
export class World {
  readonly database: Database;
  readonly objects: FileObjectStore;
  readonly queue: TaskQueue;
  readonly protocol: WorkerProtocol;
  /** What the follow-up's `verify` does; throws to refuse a result. */
  verify: (task: Task) => Promise<void> = async () => undefined;
  /** What the follow-up's `committed` does beside its note. */
  committed: (trx: Transaction, task: Task) => Promise<void> = async () => undefined;
  /** Jobs that this test leaves open on purpose. */
  readonly openJobs = new Set<string>();
  readonly #closers: (() => Promise<void>)[] = [];

  private constructor(database: Database, folder: string, options: Partial<WorkerProtocolOptions>) {
    this.database = database;
    this.objects = new FileObjectStore(path.join(folder, 'objects'));
    const config = options.config ?? QUEUE_CONFIG;
    this.queue = new TaskQueue({ database, objectStore: this.objects, config, logger: SILENT_LOGGER });
    this.queue.followUps.register('batch-predict', this.#followUp());
    this.queue.followUps.register('train-part', this.#partFollowUp());
    this.protocol = new WorkerProtocol({
      database,
      queue: this.queue,
      config,
      logger: SILENT_LOGGER,
      sealer: createSealer(Buffer.alloc(32)),
      ...options,
    });
  }

  static async open(
    store: TestStore,
    options: Partial<WorkerProtocolOptions> = {},
    poolSecret = POOL_SECRET,
  ): Promise<World> {
    await migrate(store.database);
    const hasNotes = await store.database.knex.schema.hasTable('note');
    if (!hasNotes) {
      await store.database.knex.schema.createTable('note', (table) => {
        table.string('task_id', 100).notNullable();
        table.string('what', 20).notNullable();
      });
    }
    const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-queue-'));
    await addPoolSecret(store.database, DEFAULT_POOL, poolSecret);
    const world = new World(store.database, folder, options);
    world.#closers.push(() => rm(folder, { recursive: true, force: true }));
    return world;
  }

  async close(): Promise<void> {
    await this.protocol.close();
    await this.queue.close();
    for (const close of this.#closers) await close();
  }

  #partFollowUp(): TaskFollowUp<'train-part', null> {
    return {
      verify: async () => null,
      committed: async () => undefined,
      failed: (trx, task) => note(trx, task, 'FAILED'),
      cancelled: (trx, task) => note(trx, task, 'CANCELLED'),
    };
  }

  /** A model is recorded: its parts are recorded with it. */
  commitParts = async (trx: Transaction, task: Task): Promise<void> => {
    const commit = (trx: Transaction, part: Task) => note(trx, part, 'SUCCEEDED');
    for (const part of await endParts(trx, task)) await this.queue.followUps.follow(trx, part, { commit });
  };

  #followUp(): TaskFollowUp<'batch-predict', string> {
    return {
      verify: async (task) => {
        await this.verify(task);
        return 'verified';
      },
      committed: async (trx, task, sealed, verified) => {
        expect(verified).to.equal('verified');
        expect(sealed.outcome).to.deep.equal(OUTCOME);
        await note(trx, task, 'SUCCEEDED');
        await this.committed(trx, task);
      },
      failed: (trx, task) => note(trx, task, 'FAILED'),
      cancelled: (trx, task) => note(trx, task, 'CANCELLED'),
    };
  }

  async addWorker(request: Partial<RegisterRequest> = {}): Promise<TestWorker> {
    const answer = await this.protocol.register(POOL_SECRET, { ...REGISTER, ...request });
    return { id: answer.workerId, token: answer.workerToken };
  }

  async addTask(options: TaskOptions = {}): Promise<Task> {
    const { project = 'p1', user = 'u1' } = options;
    return this.database.transaction(async (trx) => {
      const job =
        options.jobId ??
        (await createJob(trx, { kind: 'batch-predict', userId: user, projectId: project, resource: '/r' })).id;
      return (await createTask(trx, { ...newTask(options), jobId: job })).task;
    });
  }

  /** A job that its tasks do not end, and nobody else here either. */
  async addJob(project: string | null = 'p1'): Promise<string> {
    const job = { kind: 'autopilot', userId: 'u1', projectId: project, resource: null } as const;
    const { id } = await this.database.transaction((trx) => createJob(trx, job));
    this.openJobs.add(id);
    return id;
  }

  /** A group of that size in a job of its own. */
  async addGroup(
    size: number,
    options: TaskOptions = {},
  ): Promise<{ jobId: string; groupId: string; tasks: readonly Task[] }> {
    const jobId = options.jobId ?? (await this.addJob(options.project ?? 'p1'));
    const members = Array.from({ length: size }, () => newTask(options));
    const made = await this.database.transaction((trx) => createGroup(trx, jobId, members));
    return { jobId, ...made };
  }

  claim(worker: TestWorker, options: { requestId?: string; waitMs?: number; cached?: string[] } = {}) {
    const { requestId = newId('claim'), waitMs = 0, cached = [] } = options;
    const request = { workerId: worker.id, requestId, waitMs, cachedDatasets: cached };
    return this.protocol.claim(worker.token, request, new AbortController().signal);
  }

  /** Claims, and expects to get a task. */
  async take(worker: TestWorker, requestId?: string): Promise<ClaimedTask> {
    const claimed = await this.claim(worker, requestId === undefined ? {} : { requestId });
    if (claimed === null) throw new Error('expected a task; found none');
    return claimed;
  }

  start = (claimed: ClaimedTask, beat: Partial<BeatRequest> = {}) =>
    this.protocol.start(claimed.leaseToken, claimed.taskId, { ...beatOf(claimed), ...beat });
  beat = (claimed: ClaimedTask, beat: Partial<BeatRequest> = {}) =>
    this.protocol.beat(claimed.leaseToken, claimed.taskId, { ...beatOf(claimed), ...beat });
  resume = (claimed: ClaimedTask, beat: Partial<BeatRequest> = {}) =>
    this.protocol.resume(claimed.leaseToken, claimed.taskId, { ...beatOf(claimed), ...beat });

  /** Writes a checkpoint's file. */
  async writeCheckpoint(claimed: ClaimedTask, position: number): Promise<SealedFile> {
    const bytes = Buffer.from(`state of ${claimed.taskId} at ${position}`);
    const name = `checkpoint-${position}`;
    return { name, ...(await this.objects.write(`${claimed.attemptPath}/${name}`, bytes)) };
  }

  checkpoint = ({ leaseToken, taskId, fence }: ClaimedTask, file: SealedFile, position: number) =>
    this.protocol.checkpoint(leaseToken, taskId, { fence, file, position });

  /** Writes the attempt's one file, unless it is there. */
  async writeFiles(claimed: ClaimedTask): Promise<SealedFile[]> {
    const bytes = Buffer.from(`result of ${claimed.taskId}, fence ${claimed.fence}`);
    const where = `${claimed.attemptPath}/manifest.json`;
    if ((await this.objects.stat(where)) === null) await this.objects.write(where, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return [{ name: 'manifest.json', sizeBytes: bytes.length, sha256 }];
  }

  async seal(claimed: ClaimedTask, files?: SealedFile[]) {
    const { leaseToken, taskId, fence } = claimed;
    const sealed = files ?? (await this.writeFiles(claimed));
    return this.protocol.seal(leaseToken, taskId, { fence, files: sealed, outcome: OUTCOME, log: ['sealing'] });
  }

  /** Seals a part of a fit. */
  sealPart = ({ leaseToken, taskId, fence }: ClaimedTask) =>
    this.protocol.seal(leaseToken, taskId, {
      fence,
      files: [],
      outcome: { kind: 'train-part', contentHash: '0'.repeat(64), fitMs: 1, peakMemoryBytes: 1 },
      log: [],
    });

  meet = ({ leaseToken, taskId, fence }: ClaimedTask, address: MeetRequest['address']) =>
    this.protocol.meet(leaseToken, taskId, { fence, address });

  commit = ({ leaseToken, taskId, fence }: ClaimedTask) => this.protocol.commit(leaseToken, taskId, { fence });

  fail = ({ leaseToken, taskId, fence }: ClaimedTask, blame: Blame = 'task', log: string[] = []) =>
    this.protocol.fail(leaseToken, taskId, {
      fence,
      blame,
      log,
      problem: toProblem(new AppError('TASK_CHILD_DIED', 'it died'), null, true),
    });

  cancelTask = (taskId: string) => this.database.transaction((trx) => this.queue.cancelTask(trx, taskId));
  cancelJob = (jobId: string) => this.database.transaction((trx) => this.queue.cancelJob(trx, jobId));

  /** Only with the simulated clock. */
  advance = (byMs: number) => advanceClock(this.database, byMs);

  async task(id: string): Promise<Task> {
    const task = await getTask(this.database, id);
    if (task === null) throw new Error(`task ${id} does not exist`);
    return task;
  }

  /** What follow-ups wrote, per task in order. */
  async notes(): Promise<Map<string, string[]>> {
    const rows = await rawRows<{ task_id: string; what: string }>(this.database, 'select task_id, what from note');
    const notes = new Map<string, string[]>();
    for (const { task_id, what } of rows) notes.set(task_id, [...(notes.get(task_id) ?? []), what]);
    return notes;
  }

  /** Everything the queue knows of a task, to compare before and after. */
  async snapshot(taskId: string): Promise<unknown> {
    const of = (table: string, column: string, order: string) =>
      this.database
        .knex(table)
        .where({ [column]: taskId })
        .orderBy(order);
    return {
      task: await of('task', 'id', 'id'),
      attempts: await of('attempt', 'task_id', 'fence'),
      seals: await of('task_seal', 'task_id', 'fence'),
      results: await of('result', 'task_id', 'fence'),
      log: await of('task_log', 'task_id', 'sequence'),
      events: await of('outbox', 'key', 'sequence'),
      notes: await of('note', 'task_id', 'what'),
    };
  }
}

async function note(trx: Transaction, task: Pick<Task, 'id'>, what: string): Promise<void> {
  await trx.knex('note').insert({ task_id: task.id, what });
}

/** A task of its kind; an equal one only by its key. */
export function newTask(options: TaskOptions): Omit<NewTask, 'jobId'> {
  const { project = 'p1', user = 'u1', datasetId = 'd1' } = options;
  return {
    projectId: project,
    runAs: user,
    idempotencyKey: options.key ?? newId('key'),
    priority: options.priority ?? 0,
    deadlineAt: options.deadlineAt ?? null,
    dependsOn: options.dependsOn ?? [],
    waiting: options.waiting ?? false,
    spec: options.spec ?? {
      kind: 'batch-predict',
      batchPredictionId: 'b1',
      modelId: 'm1',
      artifactPath: 'models/m1/1-a',
      manifestSha256: '0'.repeat(64),
      datasetId,
      table: { rowCount: 0, columns: [], files: [] },
      passthroughColumns: [],
    },
  };
}

const beatOf = ({ fence }: ClaimedTask): BeatRequest => ({ fence, progress: null, memoryBytes: 0, log: [] });

/** Expects a rejection with one of these codes; gives the code. */
export async function refused(promise: Promise<unknown>, ...codes: ErrorCode[]): Promise<ErrorCode> {
  let answer: unknown;
  try {
    answer = await promise;
  } catch (err) {
    if (isAppError(err) && codes.includes(err.code)) return err.code;
    throw err;
  }
  throw new Error(`expected ${codes.join(' or ')}; found the answer ${JSON.stringify(answer)}`);
}

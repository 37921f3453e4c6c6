import { createHash } from 'node:crypto';
import type { SealedFile } from '#contracts';
import { ALWAYS } from '../contract/queue/invariants.ts';
import type { MemoryObjectStore } from './memory-object-store.ts';
import { EPOCH_MS, type SharedDatabase } from './shared-database.ts';
import { resultBytes, type PlannedTask } from './workload.ts';

/** What a run knows beside the database. */
export interface Witness {
  readonly nowMs: () => number;
  /** Milliseconds since the database or an app server was last disturbed. */
  readonly calmMs: () => number;
  /** Attempts that failed by the task's own fault, as `task/fence`. */
  readonly ownFaults: ReadonlySet<string>;
  /** Tasks whose cancellation was acknowledged before they had ended otherwise. */
  readonly cancelled: ReadonlySet<string>;
  /** Tasks whose creation was acknowledged. */
  readonly accepted: ReadonlyMap<string, PlannedTask>;
  readonly chargedAttemptsMax: number;
}

/** How long after its lease an abandoned task may still be held (I10). */
const REQUEUE_MS_MAX = 5_000;
/** A dead leader's duty is taken over after this time. */
const TAKE_OVER_MS = 6_000;

interface EndedTask extends TaskState {
  /** JSON, or null. */
  readonly problem: string | null;
}

/** What the contract suite does not ask. */
const ALSO: Readonly<Record<string, string>> = {
  'a sealed result that was thrown away because its lease was over': `select count(*) as n from attempt join task_seal
     on task_seal.task_id = attempt.task_id and task_seal.fence = attempt.fence where attempt.ending = 'expired'`,
};

interface TaskState {
  readonly id: string;
  readonly state: string;
  readonly fence: number;
  readonly charged: number;
  readonly lease_until: number | null;
}

/** Checks a run while it goes on and at its end. Each finding is a sentence; none may be found. */
export class Invariants {
  readonly violations: string[] = [];
  readonly #database: SharedDatabase;
  readonly #store: MemoryObjectStore;
  readonly #witness: Witness;
  readonly #fences = new Map<string, number>();
  readonly #leaders = new Map<string, { fence: number; holder: string }>();
  readonly #seenResults = new Set<string>();

  constructor(database: SharedDatabase, store: MemoryObjectStore, witness: Witness) {
    this.#database = database;
    this.#store = store;
    this.#witness = witness;
  }

  /** A finding of somebody else. */
  report(finding: string): void {
    // A broken run says the same again and again.
    if (this.violations.length < VIOLATIONS_MAX && !this.violations.includes(finding)) this.violations.push(finding);
  }

  /** What is cheap: leases, fences, leaders, new results. */
  async look(): Promise<void> {
    const held = await this.#database.rows<TaskState>(
      `select id, state, fence, charged, lease_until from task where state in ('LEASED', 'RUNNING')`,
    );
    for (const task of held) {
      this.#checkLease(task);
      this.#checkFence(task);
    }
    const leaders = await this.#database.rows<{ duty: string; fence: number; holder: string }>(
      'select duty, fence, holder from leader',
    );
    for (const { duty, fence, holder } of leaders) {
      const before = this.#leaders.get(duty);
      if (before !== undefined && fence < before.fence)
        this.report(`leader ${duty}: fence fell from ${before.fence} to ${fence}`);
      if (before?.fence === fence && before.holder !== holder)
        this.report(`leader ${duty}: two holders under fence ${fence}`);
      this.#leaders.set(duty, { fence, holder });
    }
    await this.#checkResults();
  }

  /** Every query of the contract suite, which must find nothing. */
  async queryAll(): Promise<void> {
    for (const [name, sql] of Object.entries({ ...ALWAYS, ...ALSO })) {
      const rows = await this.#database.rows<{ n: number }>(sql);
      if (Number(rows[0]?.n) !== 0) this.report(`${name}: ${Number(rows[0]?.n)} found`);
    }
  }

  /** What must hold when all is over. */
  async atEnd(): Promise<void> {
    await this.look();
    await this.queryAll();
    await this.#checkObjects();
    const tasks = await this.#database.rows<EndedTask>(
      'select id, state, fence, charged, lease_until, problem from task',
    );
    const byId = new Map(tasks.map((task) => [task.id, task]));
    for (const plan of this.#witness.accepted.values()) {
      const task = byId.get(plan.id);
      if (task === undefined) this.report(`I1 task ${plan.id} has vanished`);
      else this.#checkEnd(task, plan, byId);
    }
    const charges = await this.#database.rows<{ task_id: string; fence: number }>(
      `select task_id, fence from attempt where blame = 'task'`,
    );
    for (const { task_id, fence } of charges) {
      if (!this.#witness.ownFaults.has(`${task_id}/${fence}`))
        this.report(`I8 task ${task_id} was charged for attempt ${fence}, which was not its fault`);
    }
  }

  #checkEnd(task: EndedTask, plan: PlannedTask, byId: ReadonlyMap<string, EndedTask>): void {
    const { cancelled, chargedAttemptsMax } = this.#witness;
    if (!['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(task.state))
      this.report(`I1 task ${task.id} has not ended: ${task.state}`);
    if (task.state === 'SUCCEEDED' && cancelled.has(task.id))
      this.report(`I7 task ${task.id} succeeded after its cancellation`);
    if (task.charged > chargedAttemptsMax) this.report(`I9 task ${task.id} was charged ${task.charged} times`);
    if (task.state === 'SUCCEEDED' && ['poison', 'user-fault', 'greedy'].includes(plan.behaviour)) {
      this.report(`task ${task.id} (${plan.behaviour}) succeeded`);
    }
    const isByOthers = /DEPENDENCY_FAILED|GROUP_FAILED/.test(task.problem ?? '');
    if (
      task.state === 'FAILED' &&
      !isByOthers &&
      ['plain', 'flaky', 'memory', 'liar', 'chain'].includes(plan.behaviour)
    ) {
      this.report(`task ${task.id} (${plan.behaviour}) failed`);
    }
    if (
      task.state === 'SUCCEEDED' &&
      plan.next !== null &&
      !cancelled.has(plan.next.id) &&
      byId.get(plan.next.id) === undefined
    ) {
      this.report(`I1 task ${task.id} succeeded without its next task`);
    }
  }

  #checkLease({ id, state, lease_until }: TaskState): void {
    const lateMs = this.#witness.nowMs() + EPOCH_MS - Number(lease_until);
    if (Math.min(lateMs, this.#witness.calmMs() - TAKE_OVER_MS) > REQUEUE_MS_MAX) {
      this.report(`I10 task ${id} is still ${state} long after its lease`);
    }
  }

  #checkFence({ id, fence }: TaskState): void {
    const before = this.#fences.get(id) ?? 0;
    if (fence < before) this.report(`task ${id}: fence fell from ${before} to ${fence}`);
    this.#fences.set(id, fence);
  }

  /**
   * I4 again, when the sweeper has had its time: what it left is what was sealed of recorded results, no more and no
   * less. Readings of the store's clock may be left by app servers that died.
   */
  async #checkObjects(): Promise<void> {
    const rows = await this.#database.rows<{ path: string; files: string }>(
      `select result.path, task_seal.files from result join task_seal
         on task_seal.task_id = result.task_id and task_seal.fence = result.fence where result.dropped_at is null`,
    );
    const needed = new Set(
      rows.flatMap(({ path, files }) => (JSON.parse(files) as SealedFile[]).map(({ name }) => `${path}/${name}`)),
    );
    const there = new Set(this.#store.paths);
    for (const path of needed) if (!there.has(path)) this.report(`I4 ${path} was swept away`);
    for (const path of there) {
      if (!needed.has(path) && !path.startsWith('clock/'))
        this.report(`${path} is needed by nothing and was not swept`);
    }
  }

  /** I4, I5, I12: a recorded result's files are there, whole, as sealed, and those of its task. */
  async #checkResults(): Promise<void> {
    const results = await this.#database.rows<{
      task_id: string;
      fence: number;
      current: number;
      path: string;
      manifest_sha256: string | null;
      files: string | null;
    }>(
      `select result.task_id, result.fence, task.fence as current, result.path, result.manifest_sha256, task_seal.files
       from result join task on task.id = result.task_id
       left join task_seal on task_seal.task_id = result.task_id and task_seal.fence = result.fence
       where result.dropped_at is null`,
    );
    for (const result of results) {
      const { task_id: id, fence, current, path, manifest_sha256, files } = result;
      if (this.#seenResults.has(id)) continue;
      this.#seenResults.add(id);
      if (fence !== current) this.report(`I3 task ${id}: result of fence ${fence} while fence ${current} held it`);
      for (const { name, sizeBytes, sha256 } of JSON.parse(files ?? '[]') as SealedFile[]) {
        const bytes = this.#store.peek(`${path}/${name}`);
        if (bytes?.length !== sizeBytes || sha256Of(bytes) !== sha256)
          this.report(`I4 task ${id}: file ${name} is not what was sealed`);
        if (name === 'manifest.json' && sha256 !== manifest_sha256)
          this.report(`I4 task ${id}: the result names another manifest`);
        if (name === 'blob' && bytes !== null && !Buffer.from(resultBytes(id)).equals(bytes))
          this.report(`I12 task ${id}: other bytes than of this task`);
      }
      if (files === null) this.report(`I3 task ${id}: a result that nobody sealed`);
    }
  }
}

/** Findings that are kept. */
const VIOLATIONS_MAX = 50;

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

import { createHash } from 'node:crypto';
import { AppError, toProblem, type BatchPredictOutcome, type SealedFile } from '#contracts';
import type { ObjectStore } from '#object-store';
import { failpoint } from '#runtime';
import type { ChildTask } from '../../yarn-workers/worker/ipc/messages.ts';
import type { RunEnd, RunListener, TaskChild } from '../../yarn-workers/worker/supervisor/task-process.ts';
import type { SimulatedProcess } from './process.ts';
import type { Random } from './random.ts';
import { resultBytes, type PlannedTask } from './workload.ts';

export interface SimulatedChildOptions {
  readonly process: SimulatedProcess;
  readonly random: Random;
  readonly store: ObjectStore;
  readonly memoryBytesLimit: number;
  readonly planOf: (taskId: string) => PlannedTask;
  /** Told when an attempt fails by its task's own fault. */
  readonly onOwnFault: (taskId: string, fence: number) => void;
  /** Told when a checkpoint that the app server named cannot be read or is of another task. */
  readonly onBrokenCheckpoint: (taskId: string, fence: number, path: string) => void;
}

/** Thrown where a run is when its child is killed. */
class ChildKilled extends Error {}

/** Longest single wait of a step. */
const STEP_MS_MAX = 1_500;
const START_MS = 300;
const CHECKPOINT_ITERATIONS = 2;
const PID = 4_711;

/**
 * A task child whose work is waiting: it takes the steps of the real one at its failpoints, writes to the object store,
 * and makes bytes that depend on the task alone.
 */
export class SimulatedChild implements TaskChild {
  pid: number | null = null;
  cachedDatasets: readonly string[] = [];
  /** Resident memory as the supervisor sees it. */
  memoryBytes = 0;
  readonly #options: SimulatedChildOptions;
  #end: ((end: RunEnd) => void) | null = null;
  /** Counts the processes; a run that finds another number has been killed. */
  #generation = 0;

  constructor(options: SimulatedChildOptions) {
    this.#options = options;
    this.memoryBytes = Math.floor(options.memoryBytesLimit / 10);
  }

  async ensureReady(): Promise<void> {
    if (this.pid !== null) return;
    await this.#options.process.clock.pause(START_MS);
    this.pid = PID;
  }

  async run(task: ChildTask, listener: RunListener): Promise<RunEnd> {
    await this.ensureReady();
    const generation = this.#generation;
    const died = new Promise<RunEnd>((resolve) => {
      this.#end = resolve;
    });
    const end = await Promise.race([died, this.#work(task, listener, generation)]);
    this.#end = null;
    return end;
  }

  setStoreToken(): void {
    // The simulated store asks for none.
  }

  checkpointTaken(): void {
    // Older checkpoints of the simulated tasks stay where they are.
  }

  met(): void {
    // The simulated tasks are of groups whose members do not speak with each other.
  }

  setRemaining(): void {
    // The simulated tasks do not shorten their work; the supervisor's guard ends them.
  }

  kill(): void {
    this.#die(null, 'SIGKILL');
  }

  async close(): Promise<void> {
    this.#generation += 1;
    this.pid = null;
  }

  #die(exitCode: number | null, signal: NodeJS.Signals | null): void {
    this.#generation += 1;
    this.pid = null;
    this.cachedDatasets = [];
    this.memoryBytes = Math.floor(this.#options.memoryBytesLimit / 10);
    this.#end?.({ type: 'died', exitCode, signal, stderrTail: '' });
  }

  async #work(task: ChildTask, listener: RunListener, generation: number): Promise<RunEnd> {
    const alive = () => {
      if (generation !== this.#generation) throw new ChildKilled();
      listener.alive();
    };
    const step = async (name: string, ms: number) => {
      alive();
      await failpoint(name);
      await this.#options.process.clock.pause(ms);
      alive();
    };
    const write = async (name: string, bytes: Uint8Array): Promise<SealedFile> => {
      const written = await this.#options.store.write(`${task.attemptPath}/${name}`, bytes);
      // Killed while it wrote: the object may be there, but nothing follows from it.
      alive();
      return { name, ...written };
    };
    try {
      return await this.#steps(task, listener, { step, write });
    } catch (err) {
      // What a killed child still had to say is heard by nobody.
      if (err instanceof ChildKilled || generation !== this.#generation)
        return await new Promise<RunEnd>(() => undefined);
      return { type: 'failed', runId: '', blame: 'worker', problem: toProblem(err, null, true), cachedDatasets: [] };
    }
  }

  async #steps(task: ChildTask, listener: RunListener, { step, write }: Hands): Promise<RunEnd> {
    const { random, store, planOf } = this.#options;
    const plan = planOf(task.taskId);
    const runId = `${task.taskId}/${task.fence}`;
    const draw = () => random.between(20, STEP_MS_MAX);
    await step('worker.read', draw());
    await step('worker.bin', draw());
    const resumedAt = await this.#resumedAt(task);
    // Whoever goes on from the second half needs as much memory there, and meets the same bad row.
    const atOnce = resumedAt * 2 >= plan.iterations ? await this.#misbehave(plan, task) : null;
    if (atOnce !== null) return atOnce;
    for (let iteration = resumedAt + 1; iteration <= plan.iterations; iteration += 1) {
      await step('worker.iterate', plan.iterationMs);
      const fraction = iteration / plan.iterations;
      listener.progress({ fraction, phase: 'iterate', message: '', iteration });
      listener.log(`iteration ${iteration}`);
      if (iteration % CHECKPOINT_ITERATIONS === 0) {
        listener.checkpoint(await write(`checkpoint-${iteration}`, checkpointBytes(task.taskId, iteration)), iteration);
      }
      if (iteration * 2 >= plan.iterations) {
        const fault = await this.#misbehave(plan, task);
        if (fault !== null) return fault;
      }
    }
    await step('worker.write', draw());
    const file = await write('blob', resultBytes(task.taskId));
    await step('worker.close', 5);
    await step('worker.manifest', 5);
    const manifest = Buffer.from(JSON.stringify({ taskId: task.taskId, files: [file] }));
    const sealedManifest = await write('manifest.json', manifest);
    await step('worker.reread', 5);
    const reread = await store.readAll(`${task.attemptPath}/manifest.json`, { maxBytes: 10_000 });
    if (createHash('sha256').update(reread).digest('hex') !== sealedManifest.sha256) {
      throw new AppError('RESULT_MISMATCH', 'the manifest is not what was written');
    }
    const lies = plan.behaviour === 'liar' && task.fence <= plan.failures;
    if (lies) this.#options.onOwnFault(task.taskId, task.fence);
    const files = [lies ? { ...file, sha256: 'f'.repeat(64) } : file, sealedManifest];
    this.cachedDatasets = task.spec.datasetId === null ? [] : [task.spec.datasetId];
    return { type: 'done', runId, files, outcome: OUTCOME, cachedDatasets: [...this.cachedDatasets] };
  }

  /** The iteration that an earlier attempt's checkpoint holds; 0 where there is none that can be read. */
  async #resumedAt({ taskId, fence, checkpoint }: ChildTask): Promise<number> {
    if (checkpoint === null) return 0;
    const { store, onBrokenCheckpoint } = this.#options;
    const bytes = await store.readAll(checkpoint.path, { maxBytes: 10_000 }).catch(() => null);
    if (bytes === null || !Buffer.from(checkpointBytes(taskId, checkpoint.position)).equals(bytes)) {
      onBrokenCheckpoint(taskId, fence, checkpoint.path);
      return 0;
    }
    return checkpoint.position;
  }

  /** What a task of this behaviour does in the middle of its work; null: it goes on. */
  async #misbehave(plan: PlannedTask, { taskId, fence }: ChildTask): Promise<RunEnd | null> {
    const { memoryBytesLimit, onOwnFault } = this.#options;
    switch (plan.behaviour) {
      case 'flaky':
        if (fence > plan.failures) return null;
        break;
      case 'poison':
        break;
      case 'user-fault': {
        const problem = toProblem(new AppError('DATASET_UNREADABLE', 'the data are bad'), null, true);
        return { type: 'failed', runId: '', blame: 'user', problem, cachedDatasets: [] };
      }
      case 'memory':
        if (fence > 1) return null;
        this.memoryBytes = Math.ceil(memoryBytesLimit * 1.1);
        return null;
      case 'greedy':
        this.memoryBytes = Math.ceil(memoryBytesLimit * 1.1);
        return null;
      case 'plain':
      case 'liar':
      case 'deadline':
      case 'chain':
        return null;
    }
    // As a native abort: what the child says is heard by nobody, its end is.
    onOwnFault(taskId, fence);
    this.#die(null, 'SIGABRT');
    return new Promise<RunEnd>(() => undefined);
  }
}

/** What a child does with, as long as nobody kills it. */
interface Hands {
  readonly step: (name: string, ms: number) => Promise<void>;
  readonly write: (name: string, bytes: Uint8Array) => Promise<SealedFile>;
}

const checkpointBytes = (taskId: string, iteration: number): Uint8Array =>
  Buffer.from(`iteration ${iteration} of ${taskId}`);

const OUTCOME: BatchPredictOutcome = { kind: 'batch-predict', rowCount: 1, rowsPerSecond: 1, warnings: [] };

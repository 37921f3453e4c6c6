import type { Blame } from '#contracts';
import type { ChildTask } from '../../../../../yarn-workers/worker/ipc/messages.ts';
import type { RunEnd, RunListener, TaskChild } from '../../../../../yarn-workers/worker/supervisor/task-process.ts';
import { SCRIPTED_OUTCOME } from './scripted-outcome.ts';

const SHA256 = '0'.repeat(64);

/**
 * A task child inside the test: the `path` of an ingest task is its script. `done`, `fail CODE BLAME`, `hang` (until
 * killed), `gate` (until `open` is called; `checkpoint` leaves one meanwhile).
 */
export class MemoryChild implements TaskChild {
  cachedDatasets: string[] = [];
  pid: number | null = null;
  kills = 0;
  starts = 0;
  runs = 0;
  readonly remaining: (number | null)[] = [];
  readonly storeTokens: string[] = [];
  /** What it heard of the other ranks of its group. */
  readonly heard: Parameters<TaskChild['met']>[0][] = [];
  /** Positions of checkpoints that the app server has taken down. */
  readonly taken: number[] = [];
  #end: ((end: RunEnd) => void) | null = null;
  #runId = '';
  #listener: RunListener | null = null;
  /** What the last task was given to go on from. */
  given: ChildTask['checkpoint'] = null;

  async ensureReady(): Promise<void> {
    if (this.pid !== null) return;
    this.starts += 1;
    this.pid = process.pid;
  }

  async run({ taskId, fence, spec, checkpoint }: ChildTask, listener: RunListener): Promise<RunEnd> {
    await this.ensureReady();
    this.runs += 1;
    this.given = checkpoint;
    this.#listener = listener;
    const [verb = '', code = '', blame = 'task'] =
      spec.kind === 'ingest' && spec.input.type === 'path' ? spec.input.path.split(' ') : [];
    this.#runId = `${taskId}/${fence}`;
    listener.alive();
    listener.progress({ fraction: 0.5, phase: verb, message: '', iteration: 7 });
    listener.log(`running ${verb}`);
    if (verb === 'fail') {
      const problem = {
        type: 'urn:x',
        title: code,
        status: 422,
        detail: 'scripted',
        code,
        errors: [],
        requestId: null,
      };
      return {
        type: 'failed',
        runId: this.#runId,
        blame: blame as Blame, // scripts name nothing else
        problem,
        cachedDatasets: [],
      };
    }
    const ended = new Promise<RunEnd>((resolve) => {
      this.#end = resolve;
    });
    if (verb === 'done') this.open();
    const end = await ended;
    if (spec.kind === 'ingest') this.cachedDatasets = [spec.datasetId];
    return end;
  }

  /** Leaves a checkpoint. */
  checkpoint(position: number): void {
    this.#listener?.checkpoint({ name: `checkpoint-${position}`, sizeBytes: 1, sha256: SHA256 }, position);
  }

  /** Asks for the other ranks of its group. */
  meet(port: number | null): void {
    this.#listener?.meet(port);
  }

  met(answer: Parameters<TaskChild['met']>[0]): void {
    this.heard.push(answer);
  }

  /** Lets the task end well. */
  open(): void {
    this.#end?.({ type: 'done', runId: this.#runId, files: [], outcome: SCRIPTED_OUTCOME, cachedDatasets: [] });
  }

  setRemaining(remainingMs: number | null): void {
    this.remaining.push(remainingMs);
  }

  setStoreToken(token: string): void {
    this.storeTokens.push(token);
  }

  checkpointTaken(position: number): void {
    this.taken.push(position);
  }

  kill(): void {
    this.kills += 1;
    this.pid = null;
    this.#end?.({ type: 'died', exitCode: null, signal: 'SIGKILL', stderrTail: '' });
  }

  async close(): Promise<void> {
    this.pid = null;
  }
}

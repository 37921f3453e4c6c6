import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { AppError, fromProblem, toAppError, type SealedFile, type TaskProgress } from '#contracts';
import type { Logger } from '#runtime';
import {
  parseFromChild,
  prepareSchemas,
  type ChildTask,
  type ConfigureMessage,
  type DoneMessage,
  type FailedMessage,
  type MetMessage,
  type MessageFromChild,
  type MessageToChild,
} from '../ipc/messages.ts';
import { childEnvironment } from './child-environment.ts';
import { killTree } from './process-tree.ts';

/** Longest time from fork to ready: loading native libraries from a cold disk. */
const READY_MS_MAX = 60_000;
/** Longest wait for a child that was asked to leave. */
const LEAVE_MS_MAX = 1_000;
/** Longest wait for the rest of the output of a child that has ended. */
const OUTPUT_MS_MAX = 1_000;
/** Part of the memory limit that the child's JavaScript heap may take. */
const HEAP_OF_MEMORY = 0.75;
/**
 * YARN counts virtual memory too: each WebAssembly memory reserves 8 GiB, 4 GiB with the first flag. The child uses none, but
 * a library may (the platform's `fetch` does). V8's space of new objects would grow to 32 MiB a half: 127 MiB of it were resident in a
 * child whose old objects had 20. Garbage is collected when there is half as much of it as of what lives: left alone, V8 lets 512 MB of
 * old objects come together first, and keeps their pages (a fit of 1,000,000 x 40 with texts: 1,654 MiB, so 1,061).
 */
export const CHILD_FLAGS = [
  '--disable-wasm-trap-handler',
  '--max-semi-space-size=4',
  '--initial-old-space-size=64',
  '--heap-growing-percent=50',
];
/** Characters of standard error that are kept to explain a death. */
const STDERR_TAIL_CHARS = 8_000;

/** How a run ended as the child tells it, or that the child ended instead. */
export type RunEnd =
  | DoneMessage
  | FailedMessage
  | {
      readonly type: 'died';
      readonly exitCode: number | null;
      readonly signal: NodeJS.Signals | null;
      stderrTail: string;
    };

/** What a run tells while it is under way. */
export interface RunListener {
  progress(progress: TaskProgress): void;
  log(line: string): void;
  /** An object of the attempt folder from which another attempt can go on. */
  checkpoint(file: SealedFile, position: number): void;
  /** A rank of a group asks who it is, and with a port where the others are: `met` is to answer. */
  meet(port: number | null): void;
  /** Called with every message: the child's event loop turns. */
  alive(): void;
}

/** A worker's task child as its supervisor uses it. */
export interface TaskChild {
  /** Datasets whose columns the child holds, as it said last. */
  readonly cachedDatasets: readonly string[];
  /** Process id of the live child, or null. */
  readonly pid: number | null;
  /** Starts a child if there is none and waits until it is ready. @throws why there can be none */
  ensureReady(): Promise<void>;
  /** Runs a task in the child. One at a time. */
  run(task: ChildTask, listener: RunListener): Promise<RunEnd>;
  /** Tells the child that the time left has changed. */
  setRemaining(remainingMs: number | null): void;
  /** Tells the child that the app server names this checkpoint now. */
  checkpointTaken(position: number): void;
  /** Answers a rank of a group. */
  met(answer: Pick<MetMessage, 'host' | 'answer'>): void;
  /** Gives the child, and those after it, the user's newest token for the object store. */
  setStoreToken(token: string): void;
  /**
   * Ends the child and what it has started at once by SIGKILL, also in the middle of a native call; a run under way ends
   * as `died`.
   */
  kill(): void;
  /** Ends the child: asked first, killed after a moment. */
  close(): Promise<void>;
}

export interface TaskProcessOptions {
  /** Program of the child, a TypeScript or JavaScript file. */
  readonly program: string;
  readonly configuration: ConfigureMessage;
  readonly logger: Logger;
  readonly environment: NodeJS.ProcessEnv;
}

/** One live child with what the supervisor knows of it. */
interface Child {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  stderrTail: string;
}

interface Run {
  readonly runId: string;
  readonly listener: RunListener;
  readonly end: (end: RunEnd) => void;
}

/**
 * The one reusable task child of a worker. It is started ahead of the first task and again after every kill; between
 * tasks it keeps its libraries and its data cache.
 */
export class TaskProcess implements TaskChild {
  readonly #options: TaskProcessOptions;
  #child: Child | null = null;
  #run: Run | null = null;
  #generation = 0;
  #cachedDatasets: readonly string[] = [];
  #storeToken: string | null = null;

  constructor(options: TaskProcessOptions) {
    this.#options = options;
  }

  get cachedDatasets(): readonly string[] {
    return this.#cachedDatasets;
  }

  get pid(): number | null {
    return this.#child?.process.pid ?? null;
  }

  /**
   * Starts a child if there is none and waits until it is ready.
   *
   * @throws TASK_CHILD_DIED, TIMEOUT, or what the child says is missing (NATIVE_LIBRARY)
   */
  async ensureReady(): Promise<void> {
    this.#child ??= this.#start();
    await this.#child.ready;
  }

  async run(task: ChildTask, listener: RunListener): Promise<RunEnd> {
    if (this.#run !== null) throw new AppError('INTERNAL', `run ${this.#run.runId} has not ended`);
    await this.ensureReady();
    const child = this.#child;
    if (child === null) return { type: 'died', exitCode: null, signal: null, stderrTail: '' };
    const runId = `${task.taskId}/${task.fence}`;
    const ended = new Promise<RunEnd>((resolve) => {
      this.#run = { runId, listener, end: resolve };
    });
    this.#send(child, { type: 'run', runId, task });
    const end = await ended;
    this.#run = null;
    return end;
  }

  setRemaining(remainingMs: number | null): void {
    if (this.#child !== null && this.#run !== null)
      this.#send(this.#child, { type: 'deadline', runId: this.#run.runId, remainingMs });
  }

  checkpointTaken(position: number): void {
    if (this.#child !== null && this.#run !== null)
      this.#send(this.#child, { type: 'checkpoint-taken', runId: this.#run.runId, position });
  }

  met(answer: Pick<MetMessage, 'host' | 'answer'>): void {
    if (this.#child !== null && this.#run !== null)
      this.#send(this.#child, { type: 'met', runId: this.#run.runId, ...answer });
  }

  setStoreToken(token: string): void {
    if (token === this.#storeToken) return;
    this.#storeToken = token;
    if (this.#child !== null) this.#send(this.#child, { type: 'store-token', token });
  }

  kill(): void {
    const { pid, exitCode = null, signalCode = null } = this.#child?.process ?? {};
    // Once it has ended its number may be another process's.
    if (pid !== undefined && exitCode === null && signalCode === null) killTree(pid);
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    // The listener comes first: the process may end while it is asked.
    const exited = once(child.process, 'close');
    const timer = setTimeout(() => child.process.kill('SIGKILL'), LEAVE_MS_MAX);
    // Not `disconnect()`: Node never emits `close` for a child whose parent closed the channel.
    this.#send(child, { type: 'leave' });
    await exited;
    clearTimeout(timer);
  }

  #start(): Child {
    const { program, configuration, environment, logger } = this.#options;
    const heapMebibytes = Math.floor((configuration.worker.memoryBytes * HEAP_OF_MEMORY) / 1024 ** 2);
    this.#generation += 1;
    const process = fork(program, [], {
      env: childEnvironment(environment, {
        generation: this.#generation,
        threadCount: configuration.worker.threadCount,
      }),
      execArgv: [...CHILD_FLAGS, `--max-old-space-size=${heapMebibytes}`],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const gate = Promise.withResolvers<undefined>();
    const child: Child = { process, ready: gate.promise, stderrTail: '' };
    // Whoever waits gets the error too; nobody may.
    gate.promise.catch((err: unknown) =>
      logger.error('child_not_ready', 'the task process did not start', { err, stderrTail: child.stderrTail }),
    );
    const timer = setTimeout(() => {
      gate.reject(new AppError('TIMEOUT', `the task process was not ready within ${READY_MS_MAX} ms`));
      process.kill('SIGKILL');
    }, READY_MS_MAX);
    process.on('message', (message) => {
      const error = this.#receive(child, message, () => gate.resolve(undefined));
      if (error !== null) gate.reject(error);
    });
    process.on('error', (err) => gate.reject(toAppError(err)));
    // Something that the child has started may hold its output open.
    process.on('exit', () => void setTimeout(() => closeOutput(process), OUTPUT_MS_MAX).unref());
    // `close` comes after `exit` and after the last line of output.
    process.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      gate.reject(
        new AppError('TASK_CHILD_DIED', `the task process ended by ${signal ?? `exit code ${exitCode ?? '?'}`}`),
      );
      this.#forget(child, exitCode, signal);
    });
    void gate.promise.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
    this.#follow(child, process.stdout);
    this.#follow(child, process.stderr, true);
    this.#send(child, configuration);
    if (this.#storeToken !== null) this.#send(child, { type: 'store-token', token: this.#storeToken });
    prepareSchemas('fromChild');
    return child;
  }

  /** @returns why the child cannot be used, if the message says so */
  #receive(child: Child, raw: unknown, ready: () => void): AppError | null {
    let message: MessageFromChild;
    try {
      message = parseFromChild(raw);
    } catch (err) {
      this.#options.logger.error('child_message_invalid', 'the task process sent what fits no schema', { err });
      child.process.kill('SIGKILL');
      return toAppError(err);
    }
    if (message.type === 'broken') return fromProblem(message.problem);
    if (message.type === 'ready') {
      this.#options.logger.debug('child_ready', 'the task process is ready', { ms: Math.round(message.startMs) });
      ready();
      return null;
    }
    const run = this.#run;
    if (child !== this.#child || run?.runId !== message.runId) return null;
    run.listener.alive();
    if (message.type === 'progress') run.listener.progress(message.progress);
    else if (message.type === 'log') for (const line of message.lines) run.listener.log(line);
    else if (message.type === 'checkpoint') run.listener.checkpoint(message.file, message.position);
    else if (message.type === 'meet') run.listener.meet(message.port);
    else if (message.type === 'done' || message.type === 'failed') {
      this.#cachedDatasets = message.cachedDatasets;
      run.end(message);
    }
    return null;
  }

  #forget(child: Child, exitCode: number | null, signal: NodeJS.Signals | null): void {
    if (child !== this.#child) return;
    this.#child = null;
    this.#cachedDatasets = [];
    this.#run?.end({ type: 'died', exitCode, signal, stderrTail: child.stderrTail });
  }

  #send(child: Child, message: MessageToChild): void {
    // A child that is just ending cannot take the message: its `close` event says the rest.
    if (child.process.connected) child.process.send(message, () => undefined);
  }

  #follow(child: Child, stream: Readable | null, isError = false): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      if (isError) child.stderrTail = `${child.stderrTail}${line}\n`.slice(-STDERR_TAIL_CHARS);
      if (child === this.#child) this.#run?.listener.log(line);
    });
  }
}

function closeOutput({ stdout, stderr }: ChildProcess): void {
  stdout?.destroy();
  stderr?.destroy();
}

import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AppError, fromProblem, toProblem } from '#contracts';
import { readBytes } from '#object-store';
import { programFile, type Logger } from '#runtime';
import type { ModelCheck, ReadableStore } from './check.ts';
import type { FromThread, ThreadWork, ToThread } from './messages.ts';
import type { AnswerTo, ModelQuestion } from './questions.ts';
import { runWork } from './work.ts';

/**
 * Bytes that are looked at on the spot: some 20 ms of work, 1 MB of trees being 65 ms and 1 MB of out-of-fold predictions about as
 * much. A thread is half a second of work before it begins.
 */
export const ON_THE_SPOT_BYTES_MAX = 256 * 1024;
/** A thread that has nothing to do for so long ends, and with it what it keeps of memory. */
const IDLE_MS_MAX = 60_000;
/** Questions that wait for their turn at most; checks are bounded by the tasks that run. */
const QUESTIONS_MAX = 32;
const RETRY_AFTER_SECONDS = 2;

/**
 * Verifies models without holding the caller's event loop up: anything but the smallest in a thread of its own, one after the other,
 * checks before questions, so that the files of one are in memory at a time. It is the same code there, and gives the same bits.
 */
export class Verifier {
  readonly #logger: Logger;
  #thread: Worker | null = null;
  #idle: NodeJS.Timeout | undefined;
  #isClosed = false;
  #questionCount = 0;
  readonly #checks: (() => Promise<void>)[] = [];
  readonly #questions: (() => Promise<void>)[] = [];
  /** The end of all that waits for its turn; null when nothing does. */
  #turns: Promise<void> | null = null;

  constructor({ logger }: { readonly logger: Logger }) {
    this.#logger = logger;
  }

  /**
   * @returns SHA-256 of `manifest.json`, or of `insight.json`
   * @throws ARTIFACT_INVALID, RESULT_MISMATCH; what the store throws; SHUTTING_DOWN once it is closed; INTERNAL when the thread
   *   ended by itself meanwhile
   */
  verify(check: ModelCheck, store: ReadableStore): Promise<string> {
    return this.#do({ type: 'check', check }, bytesOf(check), store);
  }

  /**
   * Answers a question about committed models, of which `sizeBytes` are looked at.
   *
   * @throws OVERLOADED where too many wait; see `answerQuestion`; what the store throws; SHUTTING_DOWN; INTERNAL
   */
  async answer<Q extends ModelQuestion>(question: Q, sizeBytes: number, store: ReadableStore): Promise<AnswerTo<Q>> {
    if (this.#questionCount >= QUESTIONS_MAX)
      throw new AppError('OVERLOADED', `${QUESTIONS_MAX} questions about models wait for their turn; ask again`, {
        details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
      });
    this.#questionCount += 1;
    try {
      // The text is that of the answer to this question.
      return JSON.parse(await this.#do({ type: 'question', question }, sizeBytes, store)) as AnswerTo<Q>;
    } finally {
      this.#questionCount -= 1;
    }
  }

  #do(work: ThreadWork, sizeBytes: number, store: ReadableStore): Promise<string> {
    if (sizeBytes <= ON_THE_SPOT_BYTES_MAX) return runWork(work, store);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const waiting = work.type === 'check' ? this.#checks : this.#questions;
    waiting.push(() => this.#inThread(work, store).then(resolve, reject));
    this.#turns ??= this.#takeTurns();
    return promise;
  }

  /** One after the other; checks first, since tasks with deadlines wait for them. */
  async #takeTurns(): Promise<void> {
    for (;;) {
      const next = this.#checks.shift() ?? this.#questions.shift();
      if (next === undefined) break;
      await next();
    }
    this.#turns = null;
  }

  /** Ends the thread, whatever it is doing: what was sealed is verified again by the next app server. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    await this.#end();
    await this.#turns;
  }

  async #inThread(work: ThreadWork, store: ReadableStore): Promise<string> {
    if (this.#isClosed) throw shuttingDown();
    clearTimeout(this.#idle);
    const thread = (this.#thread ??= this.#start());
    try {
      const result = await converse(thread, work, store);
      if (result !== null) return result;
      throw this.#isClosed
        ? shuttingDown()
        : new AppError('INTERNAL', 'the thread that verifies models ended by itself; its end is in the log');
    } finally {
      this.#idle = setTimeout(() => void this.#end(), IDLE_MS_MAX).unref();
    }
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    // Whoever comes next gets another one.
    this.#thread = null;
    await thread?.terminate();
  }

  #start(): Worker {
    const thread = new Worker(programFile('verify-thread'));
    thread.on('error', (err) =>
      this.#logger.error('verifier_failed', 'the thread that verifies models failed', { err }),
    );
    thread.once('exit', () => {
      if (this.#thread === thread) this.#thread = null;
    });
    return thread;
  }
}

/** Not an error of what was sealed: that stays, and is verified again. */
const shuttingDown = (): AppError =>
  new AppError('SHUTTING_DOWN', 'the app server is shutting down; the model will be verified by the next one');

/** Bytes of a number of the out-of-fold predictions. */
const PREDICTION_BYTES = 8;

/**
 * Bytes that a check looks at: an ensemble's members have about as many each as itself; an insight is held against the predictions of
 * its model.
 */
function bytesOf({ spec, sealed }: ModelCheck): number {
  const own = sealed.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (spec.kind === 'train') return own;
  if (spec.kind === 'ensemble') return own * (1 + spec.members.length);
  return own + spec.table.rowCount * PREDICTION_BYTES * Math.max(1, spec.target.classes.length);
}

/** @returns null when the thread ended before it could answer */
async function converse(thread: Worker, work: ThreadWork, store: ReadableStore): Promise<string | null> {
  const tell = (message: ToThread, moved: ArrayBuffer[] = []): void => thread.postMessage(message, moved);
  const messages = on(thread, 'message', { close: ['exit'] });
  tell(work);
  for await (const [message] of messages) {
    const told = message as FromThread; // The thread is of the same program.
    switch (told.type) {
      case 'read':
      case 'read-range':
        try {
          const bytes = movable(await readFor(told, store));
          tell({ type: 'bytes', bytes }, [bytes.buffer]);
        } catch (err) {
          tell({ type: 'unreadable', problem: toProblem(err, null, true) });
        }
        break;
      case 'done':
        return told.result;
      case 'failed':
        throw fromProblem(told.problem);
    }
  }
  return null;
}

function readFor(
  asked: Extract<FromThread, { type: 'read' | 'read-range' }>,
  store: ReadableStore,
): Promise<Uint8Array> {
  return asked.type === 'read'
    ? store.readAll(asked.path, { maxBytes: asked.maxBytes })
    : readBytes(store, asked.path, { start: asked.start, end: asked.end });
}

/** The bytes in a buffer of their own, which may be moved to another thread. */
function movable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength
    ? new Uint8Array(buffer)
    : new Uint8Array(bytes);
}

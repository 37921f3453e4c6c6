import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AppError, fromProblem, toProblem } from '#contracts';
import { programFile, type Logger } from '#runtime';
import { runCheck, type ModelCheck, type ReadableStore } from './check.ts';
import type { FromThread, ToThread } from './messages.ts';

/**
 * Bytes that are looked at on the spot: some 20 ms of work, 1 MB of trees being 65 ms and 1 MB of out-of-fold predictions about as
 * much. A thread is half a second of work before it begins.
 */
export const ON_THE_SPOT_BYTES_MAX = 256 * 1024;
/** A thread that has nothing to do for so long ends, and with it what it keeps of memory. */
const IDLE_MS_MAX = 60_000;

/**
 * Verifies models without holding the caller's event loop up: anything but the smallest in a thread of its own, one after the other,
 * so that the files of one are in memory at a time. It is the same code there, and gives the same bits.
 */
export class Verifier {
  readonly #logger: Logger;
  #thread: Worker | null = null;
  #idle: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** The end of the checks that were asked for so far. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ logger }: { readonly logger: Logger }) {
    this.#logger = logger;
  }

  /**
   * @returns SHA-256 of `manifest.json`, or of `insight.json`
   * @throws ARTIFACT_INVALID, RESULT_MISMATCH; what the store throws; SHUTTING_DOWN once it is closed; INTERNAL when the thread
   *   ended by itself meanwhile
   */
  verify(check: ModelCheck, store: ReadableStore): Promise<string> {
    if (bytesOf(check) <= ON_THE_SPOT_BYTES_MAX) return runCheck(check, store);
    const asked = this.#turn.then(() => this.#inThread(check, store));
    this.#turn = asked.catch(() => undefined);
    return asked;
  }

  /** Ends the thread, whatever it is doing: what was sealed is verified again by the next app server. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    await this.#end();
    await this.#turn;
  }

  async #inThread(check: ModelCheck, store: ReadableStore): Promise<string> {
    if (this.#isClosed) throw shuttingDown();
    clearTimeout(this.#idle);
    const thread = (this.#thread ??= this.#start());
    try {
      const manifestSha256 = await converse(thread, check, store);
      if (manifestSha256 !== null) return manifestSha256;
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
async function converse(thread: Worker, check: ModelCheck, store: ReadableStore): Promise<string | null> {
  const tell = (message: ToThread, moved: ArrayBuffer[] = []): void => thread.postMessage(message, moved);
  const messages = on(thread, 'message', { close: ['exit'] });
  tell({ type: 'check', check });
  for await (const [message] of messages) {
    const told = message as FromThread; // The thread is of the same program.
    switch (told.type) {
      case 'read':
        try {
          const bytes = movable(await store.readAll(told.path, { maxBytes: told.maxBytes }));
          tell({ type: 'bytes', bytes }, [bytes.buffer]);
        } catch (err) {
          tell({ type: 'unreadable', problem: toProblem(err, null, true) });
        }
        break;
      case 'verified':
        return told.manifestSha256;
      case 'failed':
        throw fromProblem(told.problem);
    }
  }
  return null;
}

/** The bytes in a buffer of their own, which may be moved to another thread. */
function movable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength
    ? new Uint8Array(buffer)
    : new Uint8Array(bytes);
}

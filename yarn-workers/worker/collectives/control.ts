/**
 * A few words of memory that two threads share: the one that trains, which waits in them, and the one that has the mesh.
 *
 * Word 0 is the number of the last operation that is finished, or -1 once the group is broken. It only rises, and never
 * changes after -1. A wait for it looks at the number itself after every wake: the notice of operation n can arrive when its
 * number has been seen already and operation n + 1 is waited for. (The prototype took any wake for the one it waited for, and
 * summed up what was not there yet.)
 */

const DONE = 0;
/** 1 when the other ranks have been told that the group is broken, as far as they can be. */
const TOLD = 1;
/** Bytes of the reason. */
const REASON_LENGTH = 2;
const WORD_COUNT = 3;
const REASON_BYTES_MAX = 1_024;
const BROKEN = -1;
export const CONTROL_BYTES = WORD_COUNT * Int32Array.BYTES_PER_ELEMENT + REASON_BYTES_MAX;

/** How a wait ended. */
export type Waited = 'finished' | 'broken' | 'late';

export interface Control {
  /** By the mesh: the blocks of an operation are all there. Nothing once the group is broken. */
  finish(operation: number): void;
  /** By the mesh: the group is broken; what waits ends. The first reason stays. */
  break(reason: string): void;
  /** By the mesh: see {@link awaitTold}. */
  told(): void;
  /** By the one that trains: blocks its thread until the operation is finished. */
  awaitOperation(operation: number, timeoutMs: number): Waited;
  /** The same without a wait. */
  stateOf(operation: number): 'finished' | 'broken' | 'under way';
  /** Blocks the thread until the other ranks were told, or for so long. */
  awaitTold(timeoutMs: number): void;
  /** Why the group is broken; null while it is not. */
  readonly reason: string | null;
}

/** @param buffer of {@link CONTROL_BYTES}, zeros in the beginning */
export function openControl(buffer: SharedArrayBuffer): Control {
  const words = new Int32Array(buffer, 0, WORD_COUNT);
  const text = new Uint8Array(buffer, WORD_COUNT * Int32Array.BYTES_PER_ELEMENT);
  return {
    finish(operation) {
      if (Atomics.load(words, DONE) === BROKEN) return;
      Atomics.store(words, DONE, operation);
      Atomics.notify(words, DONE);
    },
    break(reason) {
      if (Atomics.load(words, DONE) === BROKEN) return;
      const bytes = Buffer.from(reason).subarray(0, REASON_BYTES_MAX);
      text.set(bytes);
      Atomics.store(words, REASON_LENGTH, bytes.length);
      Atomics.store(words, DONE, BROKEN);
      Atomics.notify(words, DONE);
    },
    told() {
      Atomics.store(words, TOLD, 1);
      Atomics.notify(words, TOLD);
    },
    awaitOperation(operation, timeoutMs) {
      const end = performance.now() + timeoutMs;
      for (;;) {
        const done = Atomics.load(words, DONE);
        if (done === BROKEN) return 'broken';
        if (done === operation) return 'finished';
        const left = end - performance.now();
        if (left <= 0) return 'late';
        Atomics.wait(words, DONE, done, left);
      }
    },
    stateOf(operation) {
      const done = Atomics.load(words, DONE);
      return done === BROKEN ? 'broken' : done === operation ? 'finished' : 'under way';
    },
    awaitTold(timeoutMs) {
      Atomics.wait(words, TOLD, 0, timeoutMs);
    },
    get reason() {
      if (Atomics.load(words, DONE) !== BROKEN) return null;
      // A decoder takes no shared memory.
      return Buffer.from(text.slice(0, Atomics.load(words, REASON_LENGTH))).toString();
    },
  };
}

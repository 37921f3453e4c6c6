import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MIB = 1024 ** 2;

/** Arrays that may wait to be collected, in bytes. */
export const UNCOLLECTED_BYTES_MAX = 16 * MIB;
/** The same as a part of what is held: large data are not gone through again for little. */
const UNCOLLECTED_SHARE_MAX = 0.25;

/** Keeps what a thread holds in arrays near what it needs. */
export interface Collector {
  /** Collects garbage if so many bytes of arrays were made since the last time that they may be garbage. */
  look(): void;
}

export interface CollectorOptions {
  /** Bytes of all arrays of this thread. @default `process.memoryUsage().arrayBuffers` */
  readonly arrayBytes?: () => number;
  /** @default V8's own collection: of new objects, some 2 ms, or of all, 10 to 20 ms */
  readonly collect?: (type: 'minor' | 'major') => void;
}

/**
 * V8 weighs the objects of its heap, and lets arrays, whose bytes lie outside of it, pile up to 64 MiB beyond those that it found
 * alive before it looks for garbage among old ones, and as much among young ones. A thread that works through arrays of
 * megabytes, and lets go of them, is a hundred MiB larger by that. What calls `look` between two steps is not.
 *
 * Bound: {@link UNCOLLECTED_BYTES_MAX} or a quarter of what is alive, and what one step makes.
 *
 * @see V8, src/heap/heap.h (kExternalAllocationSoftLimit)
 */
export function createCollector({
  arrayBytes = arrayBytesNow,
  collect = garbageCollector(),
}: CollectorOptions = {}): Collector {
  let alive = arrayBytes();
  const isTooMuch = (): boolean => {
    const held = arrayBytes();
    alive = Math.min(alive, held);
    return held - alive > Math.max(UNCOLLECTED_BYTES_MAX, alive * UNCOLLECTED_SHARE_MAX);
  };
  return {
    look() {
      if (!isTooMuch()) return;
      // Most arrays do not live long.
      collect('minor');
      if (!isTooMuch()) return;
      collect('major');
      alive = arrayBytes();
    },
  };
}

const arrayBytesNow = (): number => process.memoryUsage().arrayBuffers;

/**
 * V8's full collection, which a program is given under a flag only. The arrays that it finds are given back at once, not by a thread
 * beside, for which there may be no processor for long.
 */
function garbageCollector(): (type: 'minor' | 'major') => void {
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void; // what the flag puts there
  return (type) => gc({ type });
}

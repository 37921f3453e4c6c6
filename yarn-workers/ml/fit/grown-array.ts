type Numbers = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

/** Numbers of which nobody knows how many there will be. */
export interface GrownArray<A extends Numbers> {
  push(value: number): void;
  /** All of them; it begins anew after it. */
  take(): A;
}

/** Numbers of the first chunk; each is as long as all before it, up to the longest. */
const FIRST_LENGTH = 1_024;
const LONGEST = 65_536;

/**
 * Kept in chunks outside of the JavaScript heap: an `Array` that grows is copied again and again, and takes half as much again.
 *
 * @param make an empty chunk
 */
export function grownArray<A extends Numbers>(make: (length: number) => A): GrownArray<A> {
  const full: A[] = [];
  let last = make(FIRST_LENGTH);
  let count = 0;
  let kept = 0;
  return {
    push(value) {
      if (count === last.length) {
        full.push(last);
        kept += count;
        last = make(Math.min(LONGEST, kept));
        count = 0;
      }
      last[count] = value;
      count += 1;
    },
    take() {
      const all = make(kept + count);
      let at = 0;
      for (let chunk = full.shift(); chunk !== undefined; chunk = full.shift()) {
        all.set(chunk, at);
        at += chunk.length;
      }
      all.set(last.subarray(0, count), at);
      [last, count, kept] = [make(FIRST_LENGTH), 0, 0];
      return all;
    },
  };
}

import { mix32 } from '#statistics';

/** Random numbers of one tree: a node draws some, so they must be cheap. `createRandom` took a third of the time of random thresholds. */
export interface TreeRandom {
  /** Begins a stream. @param seed a hash, in [0, 2^32) */
  readonly begin: (seed: number) => void;
  /** In [0, 1), 32 bits. */
  readonly uniform: () => number;
  /** Integer in [0, bound); some are likelier than others by bound / 2^32. */
  readonly below: (bound: number) => number;
}

const GOLDEN = 0x9e3779b9;
const TWO_32 = 0x1_0000_0000;

/**
 * A counter in steps of the golden ratio through MurmurHash3's finaliser: all 2^32 words once.
 *
 * @see G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (here of 32 bits)
 */
export function treeRandom(): TreeRandom {
  let state = 0;
  const uniform = (): number => {
    state = (state + GOLDEN) | 0;
    return mix32(state) / TWO_32;
  };
  return {
    begin: (seed) => {
      state = seed | 0;
    },
    uniform,
    below: (bound) => Math.floor(uniform() * bound),
  };
}

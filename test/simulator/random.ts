import { createHash } from 'node:crypto';

/**
 * Seeded chance (sfc32). Streams split off by name do not disturb each other: a change in how one part draws leaves the
 * others' draws as they were.
 *
 * @see https://pracrand.sourceforge.net/RNG_engines.txt
 */
export class Random {
  readonly #seed: string;
  readonly #state: Uint32Array;

  constructor(seed: string) {
    const digest = createHash('sha256').update(seed).digest();
    this.#seed = seed;
    this.#state = Uint32Array.of(digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), 1);
  }

  /** Another stream, the same for the same name. */
  split(name: string): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  /** At least 0, below 1. */
  next(): number {
    return this.#word() / 2 ** 32;
  }

  /** An integer, at least 0, below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** At least `low`, below `high`. */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of a list that is not empty. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** Exponentially distributed, never negative. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#word() & 255);
  }

  #word(): number {
    const [a = 0, b = 0, c = 0, counter = 0] = this.#state;
    const sum = (a + b + counter) >>> 0;
    this.#state[0] = b ^ (b >>> 9);
    this.#state[1] = c + (c << 3);
    this.#state[2] = ((c << 21) | (c >>> 11)) + sum;
    this.#state[3] = counter + 1;
    return sum;
  }
}

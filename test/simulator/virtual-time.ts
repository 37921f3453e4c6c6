/** A thing that will happen. */
interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly act: () => void;
  cancelled: boolean;
}

/** Turns of the event loop that work may take that waits for nothing but the processor; more is a program that spins. */
const TURNS_MAX = 100_000;

/**
 * Time that stands still while programs compute and jumps to the next event when all of them wait. Events of one
 * instant happen in the order in which they were asked for, so that a run depends on nothing but its seed.
 */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  #eventCount = 0;
  readonly #heap: Event[] = [];
  readonly #realWork: () => Promise<void> | null;

  /** @param realWork settled when real work (statements at the database) has answered; null: there is none */
  constructor(realWork: () => Promise<void> | null) {
    this.#realWork = realWork;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get eventCount(): number {
    return this.#eventCount;
  }

  /** Calls `act` at a time, at the earliest now; returns what takes that back. */
  at(atMs: number, act: () => void): () => void {
    const event = { atMs: Math.max(atMs, this.#nowMs), order: (this.#order += 1), act, cancelled: false };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  after(ms: number, act: () => void): () => void {
    return this.at(this.#nowMs + ms, act);
  }

  /** Lets time pass until `done` or until `limitMs` of virtual time; false when the limit came first. */
  async run(done: () => boolean, limitMs: number): Promise<boolean> {
    for (;;) {
      await this.settle();
      if (done()) return true;
      const event = this.#next();
      if (event === null) return false;
      if (event.atMs > limitMs) {
        // It comes when time goes on.
        this.#push(event);
        return false;
      }
      this.#nowMs = event.atMs;
      this.#eventCount += 1;
      event.act();
    }
  }

  /** Waits until every program waits for time to pass. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS_MAX; turn += 1) {
      // All microtasks run before an immediate does.
      await new Promise((resolve) => setImmediate(resolve));
      const work = this.#realWork();
      if (work === null) return;
      await work;
    }
    throw new Error('the simulated programs do not come to rest');
  }

  #next(): Event | null {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return null;
      if (!event.cancelled) return event;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || isBefore(last, child)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
    return first;
  }
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

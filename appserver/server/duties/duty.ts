import { systemClock, type Clock, type Logger } from '#runtime';
import { abdicate, lead, type Database, type Leadership, type SignalName } from '#store';

/** What a duty's run is given. */
export interface DutyContext {
  readonly database: Database;
  readonly logger: Logger;
  /** Under which this run was begun; a transaction can ask whether it still holds (`stillLeads`). */
  readonly leadership: Leadership;
  /** Aborted at shut-down and when the leadership is lost: begin nothing more. */
  readonly signal: AbortSignal;
}

/** Work that exactly one of all app servers does at a time, again and again. */
export interface Duty {
  /** Unique; the key of its leader row. */
  readonly name: string;
  /** Pause between two runs. */
  readonly intervalMs: number;
  /** News of this process that ends the pause early; after an error nothing does. */
  readonly wokenBy?: SignalName;
  /** One run, of bounded work. An error is logged; the next run comes as usual. */
  run(context: DutyContext): Promise<void>;
}

/** Declares a duty. */
export const createDuty = (duty: Duty): Duty => duty;

export interface DutyRunnerOptions {
  readonly database: Database;
  readonly logger: Logger;
  /** Name of this process among all app servers; never used twice. */
  readonly holder: string;
  /** How long a dead leader's duty lies idle. @default LEADER_LEASE_MS */
  readonly leaseMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** A duty whose leader was killed is taken over after this time. */
export const LEADER_LEASE_MS = 5_000;
/** A leadership is renewed when a third of its lease is over; not leading, it is asked for as often. */
const RENEW_SHARE = 3;
/** Between two runs lies at least this, however much there is to be woken by. */
const WOKEN_PAUSE_MS_MIN = 100;
/** After errors runs come more rarely, up to this multiple of the interval, yet at least once per leader lease. */
const ERROR_SLOWDOWN_MAX = 32;

/** Runs duties while this process leads them. */
export interface DutyRunner {
  /** Lets the running duties end and gives them up, so that another app server takes them at once. */
  close(): Promise<void>;
}

/** Starts the loops of all duties, each with a leadership of its own. */
export function startDuties(duties: readonly Duty[], options: DutyRunnerOptions): DutyRunner {
  const closing = new AbortController();
  const loops = duties.map((duty) => new DutyLoop(duty, options, closing.signal).run());
  return {
    async close() {
      closing.abort();
      await Promise.all(loops);
    },
  };
}

class DutyLoop {
  readonly #duty: Duty;
  readonly #options: DutyRunnerOptions;
  readonly #closing: AbortSignal;
  readonly #logger: Logger;
  readonly #leaseMs: number;
  readonly #clock: Clock;
  #leadership: Leadership | null = null;
  #lost = new AbortController();
  /** When the request for the present leadership was sent, monotonic: it lasts at least until then plus the lease. */
  #ledAt = -Infinity;
  #errorCount = 0;
  #isWoken = false;
  #endPause: (() => void) | null = null;

  constructor(duty: Duty, options: DutyRunnerOptions, closing: AbortSignal) {
    this.#duty = duty;
    this.#options = options;
    this.#closing = closing;
    this.#leaseMs = options.leaseMs ?? LEADER_LEASE_MS;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger.child({ duty: duty.name });
  }

  async run(): Promise<void> {
    const { wokenBy } = this.#duty;
    const unlisten = wokenBy === undefined ? null : this.#options.database.listen(wokenBy, () => this.#wake());
    while (!this.#closing.aborted) {
      await this.#guard(async () => {
        await this.#renew();
        this.#isWoken = false;
        if (this.#leadership !== null) await this.#runOnce(this.#leadership);
      });
      await this.#pause();
    }
    unlisten?.();
    const leadership = this.#leadership;
    if (leadership !== null) await this.#guard(() => abdicate(this.#options.database, leadership));
  }

  /** A duty that runs longer than its lease keeps it by a timer, and learns by its signal when it is lost. */
  async #runOnce(leadership: Leadership): Promise<void> {
    const { database } = this.#options;
    const renewMs = Math.max(1, Math.floor(this.#leaseMs / RENEW_SHARE));
    const endKeeper = this.#clock.every(renewMs, () => void this.#guard(() => this.#renew()));
    try {
      const signal = AbortSignal.any([this.#closing, this.#lost.signal]);
      await this.#duty.run({ database, logger: this.#logger, leadership, signal });
      this.#errorCount = 0;
    } finally {
      endKeeper();
    }
  }

  async #renew(): Promise<void> {
    const sentAt = this.#clock.monotonicMs();
    if (this.#leadership !== null && sentAt - this.#ledAt < this.#leaseMs / RENEW_SHARE) return;
    const { database, holder } = this.#options;
    let leadership: Leadership | null;
    try {
      leadership = await lead(database, this.#duty.name, holder, this.#leaseMs);
    } catch (err) {
      // Nobody answers: from the end of the lease on another process may lead.
      if (this.#clock.monotonicMs() - this.#ledAt > this.#leaseMs) this.#lost.abort();
      throw err;
    }
    if (leadership?.fence !== this.#leadership?.fence) {
      this.#lost.abort();
      const news = leadership === null ? 'another process leads' : 'this process leads';
      this.#logger.info('leadership', news, { fence: leadership?.fence ?? null });
    }
    if (this.#lost.signal.aborted) this.#lost = new AbortController();
    this.#leadership = leadership;
    this.#ledAt = sentAt;
    // Whoever does not lead runs nothing that could fail: an answer is all that the end of an outage can be seen by.
    if (leadership === null) this.#errorCount = 0;
  }

  async #pause(): Promise<void> {
    const idle = this.#leadership === null ? this.#leaseMs / RENEW_SHARE : this.#duty.intervalMs;
    const slowdown = Math.min(2 ** this.#errorCount, ERROR_SLOWDOWN_MAX);
    const pauseMs = Math.max(1, Math.min(idle * slowdown, Math.max(idle, this.#leaseMs)));
    const firstMs = Math.min(pauseMs, this.#duty.wokenBy === undefined ? pauseMs : WOKEN_PAUSE_MS_MIN);
    await this.#clock.pause(firstMs, this.#closing);
    const isSettled = this.#leadership !== null && this.#errorCount === 0;
    if (pauseMs === firstMs || (isSettled && this.#isWoken)) return;
    const ending = new AbortController();
    if (isSettled) this.#endPause = () => ending.abort();
    await this.#clock.pause(pauseMs - firstMs, AbortSignal.any([this.#closing, ending.signal]));
    this.#endPause = null;
  }

  #wake(): void {
    this.#isWoken = true;
    this.#endPause?.();
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (err) {
      this.#errorCount += 1;
      // One line per doubling: an outage does not fill the log.
      if ((this.#errorCount & (this.#errorCount - 1)) === 0) {
        this.#logger.error('duty_failed', `duty ${this.#duty.name} failed`, { err, count: this.#errorCount });
      }
    }
  }
}

import { ERROR_TABLE, type AppError } from '#contracts';
import { systemClock, type Clock, type Logger } from '#runtime';
import { countRefusals, OTHER_SUBJECTS, type Database, type Refusal } from '#store';

export interface RefusalsOptions {
  readonly database: Database;
  readonly logger: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** Kinds and subjects that wait to be written; beyond, subjects are counted together. */
const PENDING_MAX = 200;
/** Counts are written at most this often, however many statements are refused. */
const WRITE_INTERVAL_MS = 1_000;
/** A kind of refusal is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;
/** What an id looks like; anything else is nobody's. */
const SUBJECT = /^[\w-]{1,64}$/;
/** Fields of our own schemas; tokens are longer. */
const FIELD_PATH = /^(\/([A-Za-z][A-Za-z0-9]{0,31}|\d{1,6}))+$/;

/**
 * Counts the statements of workers, and the telemetry, that were refused: in the database by the minute, in `/metrics` since the start of
 * this process, in the log once a minute per kind. Nobody waits for it, and nothing of a request's own text is kept.
 */
export class Refusals {
  readonly #options: RefusalsOptions;
  readonly #clock: Clock;
  readonly #totals = new Map<string, { statement: string; code: string; count: number }>();
  readonly #loggedAt = new Map<string, number>();
  #pending = new Map<string, Refusal>();
  #wroteAt = -Infinity;
  #cancelWrite: (() => void) | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RefusalsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Counts a refusal if it is one: trouble of the server's own, and statements that are to come again later, are not.
   *
   * @param spokenOf id of the task or worker that was spoken of, '' for none; need not exist
   */
  note(statement: string, err: AppError, spokenOf: string): void {
    const isResult = err.code === 'RESULT_MISMATCH' || err.code === 'ARTIFACT_INVALID';
    if (!isResult && (err.status < 400 || err.status >= 500 || err.kind === 'limited')) return;
    const { code } = err;
    const subject = SUBJECT.test(spokenOf) ? spokenOf : '';
    this.#addTo(this.#pending, { statement, code, subject, count: 1, detail: detailOf(err) });
    const kind = `${statement} ${code}`;
    const total = this.#totals.get(kind) ?? { statement, code, count: 0 };
    total.count += 1;
    this.#totals.set(kind, total);
    this.#log(kind, total);
    this.#cancelWrite ??= this.#clock.after(
      Math.max(0, this.#wroteAt + WRITE_INTERVAL_MS - this.#clock.monotonicMs()),
      () => void this.flush(),
    );
  }

  /** Refusals since the start of this process, by statement and code. */
  totals(): readonly { readonly statement: string; readonly code: string; readonly count: number }[] {
    return [...this.#totals.values()];
  }

  /** Writes what waits. Never fails: what cannot be written now is written with what comes next. */
  flush(): Promise<void> {
    this.#cancelWrite?.();
    this.#cancelWrite = null;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const batch = this.#pending;
    if (batch.size === 0) return;
    this.#pending = new Map();
    try {
      await this.#options.database.transaction((trx) => countRefusals(trx, [...batch.values()]));
    } catch (err) {
      this.#options.logger.warn('refusals_not_counted', 'refused statements could not be counted yet', { err });
      for (const refusal of batch.values()) this.#addTo(this.#pending, refusal);
    }
    this.#wroteAt = this.#clock.monotonicMs();
  }

  #addTo(pending: Map<string, Refusal>, refusal: Refusal): void {
    const keyOf = (subject: string) => `${refusal.statement} ${refusal.code} ${subject}`;
    const isFull = pending.size >= PENDING_MAX && !pending.has(keyOf(refusal.subject));
    const subject = isFull ? OTHER_SUBJECTS : refusal.subject;
    const count = (pending.get(keyOf(subject))?.count ?? 0) + refusal.count;
    pending.set(keyOf(subject), { ...refusal, subject, count });
  }

  #log(kind: string, { statement, code, count }: { statement: string; code: string; count: number }): void {
    const at = this.#clock.monotonicMs();
    if (at - (this.#loggedAt.get(kind) ?? -Infinity) < LOG_INTERVAL_MS) return;
    this.#loggedAt.set(kind, at);
    this.#options.logger.warn('worker_refused', `${statement} was refused`, { statement, code, count });
  }
}

/** The code's own words, and the first field of ours that did not fit. */
function detailOf({ code, errors }: AppError): string {
  const { title } = ERROR_TABLE[code];
  const path = errors[0]?.path ?? '';
  return FIELD_PATH.test(path) ? `${title}: ${path}` : title;
}

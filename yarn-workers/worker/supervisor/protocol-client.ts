import {
  BeatAnswer,
  ClaimedTask,
  DrainAnswer,
  MeetAnswer,
  parse,
  RegisterAnswer,
  toAppError,
  TransitionAnswer,
  type AppError,
  type BeatRequest,
  type CheckpointRequest,
  type ClaimRequest,
  type CommitRequest,
  type DrainRequest,
  type FailRequest,
  type MeetRequest,
  type RegisterRequest,
  type SealRequest,
} from '#contracts';
import { HttpClient, PROGRAM_VERSION, systemClock, type Clock } from '#runtime';

/** How much longer than its hold time a claim may take to be answered. */
const CLAIM_MARGIN_MS = 10_000;
/** Longest wait for the answer of a registration, seal, fail or commit; a repeated commit joins the one under way. */
const STATEMENT_TIMEOUT_MS = 60_000;

/**
 * What an error of the app server means for the holder of a lease.
 * - `refused`: the fence has moved on, the task was cancelled or is unknown, the token is not good: stop at once.
 * - `unreachable`: nobody has decided anything: go on, ask again.
 * - `rejected`: the app server understood and will never accept this statement: report the attempt as failed.
 */
export type Verdict = 'refused' | 'unreachable' | 'rejected';

export function verdictOf(err: unknown): Verdict {
  const { code, kind, retryable } = toAppError(err);
  if (code === 'TASK_DEADLINE' || code === 'TASK_CHILD_DIED') return 'rejected';
  switch (kind) {
    case 'unauthenticated':
    case 'forbidden':
    case 'not_found':
    case 'conflict':
    case 'cancelled':
      return 'refused';
    default:
      return retryable || code === 'INTERNAL' ? 'unreachable' : 'rejected';
  }
}

/** How long an answer that renews a lease is waited for. */
export interface RenewOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export interface ProtocolClientOptions {
  readonly baseUrl: string;
  /** PEM of the authorities by which the app server is known. @default '', those of Node and the system */
  readonly caFile?: string;
  /** @default systemClock */
  readonly clock?: Clock;
  /** What carries requests. @default a new HTTP client of `baseUrl` */
  readonly http?: Pick<HttpClient, 'request' | 'close'>;
}

/** The statements of worker protocol version 2; every answer is checked against its schema. One call, no retries. */
export class ProtocolClient {
  readonly #http: Pick<HttpClient, 'request' | 'close'>;
  readonly #clock: Clock;
  #answeredAt: number;

  constructor({ baseUrl, caFile = '', clock = systemClock, http }: ProtocolClientOptions) {
    const userAgent = `trainyard-worker/${PROGRAM_VERSION}`;
    this.#http = http ?? new HttpClient({ baseUrl, caFile, timeoutMs: STATEMENT_TIMEOUT_MS, userAgent });
    this.#clock = clock;
    this.#answeredAt = clock.monotonicMs();
  }

  /** Milliseconds since the app server last answered anything. */
  get silentMs(): number {
    return this.#clock.monotonicMs() - this.#answeredAt;
  }

  async register(request: RegisterRequest, poolSecret: string, signal: AbortSignal): Promise<RegisterAnswer> {
    const json = await this.#post('/internal/v1/workers', request, { token: poolSecret, signal });
    return parse(RegisterAnswer, json, 'answer to register', 'SERVER_UNAVAILABLE');
  }

  /** A task, or null when there is none. */
  async claim(request: ClaimRequest, workerToken: string, signal: AbortSignal): Promise<ClaimedTask | null> {
    const timeoutMs = request.waitMs + CLAIM_MARGIN_MS;
    const json = await this.#post('/internal/v1/claims', request, { token: workerToken, signal, timeoutMs });
    return json === null ? null : parse(ClaimedTask, json, 'answer to claim', 'SERVER_UNAVAILABLE');
  }

  /** Says that the worker takes no more tasks and will end. */
  async drain(workerId: string, request: DrainRequest, workerToken: string, signal: AbortSignal): Promise<DrainAnswer> {
    const path = `/internal/v1/workers/${encodeURIComponent(workerId)}/drain`;
    const json = await this.#post(path, request, { token: workerToken, signal });
    return parse(DrainAnswer, json, 'answer to drain', 'SERVER_UNAVAILABLE');
  }

  async renew(
    verb: 'start' | 'beat' | 'resume',
    task: ClaimedTask,
    request: BeatRequest,
    options: RenewOptions,
  ): Promise<BeatAnswer> {
    return this.#renewal(verb, task, request, options);
  }

  /** Names an object that another attempt can go on from; renews the lease as a beat does. */
  async checkpoint(task: ClaimedTask, request: CheckpointRequest, options: RenewOptions): Promise<BeatAnswer> {
    return this.#renewal('checkpoint', task, request, options);
  }

  /** A rank of a group says where it listens, if it does, and learns where the others do. */
  async meet(task: ClaimedTask, request: MeetRequest, options: RenewOptions): Promise<MeetAnswer> {
    const json = await this.#post(pathOf(task, 'meet'), request, { token: task.leaseToken, ...options });
    return parse(MeetAnswer, json, 'answer to meet', 'SERVER_UNAVAILABLE');
  }

  async seal(task: ClaimedTask, request: SealRequest, signal: AbortSignal): Promise<TransitionAnswer> {
    return this.#transition(task, 'seal', request, signal, STATEMENT_TIMEOUT_MS);
  }

  async commit(task: ClaimedTask, request: CommitRequest, signal: AbortSignal): Promise<TransitionAnswer> {
    return this.#transition(task, 'commit', request, signal, STATEMENT_TIMEOUT_MS);
  }

  async fail(task: ClaimedTask, request: FailRequest, signal: AbortSignal): Promise<TransitionAnswer> {
    return this.#transition(task, 'fail', request, signal, STATEMENT_TIMEOUT_MS);
  }

  close(): void {
    this.#http.close();
  }

  async #renewal(verb: string, task: ClaimedTask, request: unknown, options: RenewOptions): Promise<BeatAnswer> {
    const json = await this.#post(pathOf(task, verb), request, { token: task.leaseToken, ...options });
    return parse(BeatAnswer, json, `answer to ${verb}`, 'SERVER_UNAVAILABLE');
  }

  async #transition(task: ClaimedTask, verb: string, request: unknown, signal: AbortSignal, timeoutMs: number) {
    const json = await this.#post(pathOf(task, verb), request, { token: task.leaseToken, signal, timeoutMs });
    return parse(TransitionAnswer, json, `answer to ${verb}`, 'SERVER_UNAVAILABLE');
  }

  async #post(
    path: string,
    json: unknown,
    options: { token: string; signal: AbortSignal; timeoutMs?: number },
  ): Promise<unknown> {
    try {
      const answer = await this.#http.request({ method: 'POST', path, json, ...options });
      this.#answeredAt = this.#clock.monotonicMs();
      return answer.json;
    } catch (err) {
      if (isAnswer(toAppError(err))) this.#answeredAt = this.#clock.monotonicMs();
      throw err;
    }
  }
}

const isAnswer = (err: AppError): boolean => err.code !== 'SERVER_UNAVAILABLE' && err.code !== 'TIMEOUT';

const pathOf = (task: ClaimedTask, verb: string): string =>
  `/internal/v1/tasks/${encodeURIComponent(task.taskId)}/${verb}`;

import {
  BeatAnswer,
  ClaimedTask,
  parse,
  RegisterAnswer,
  toAppError,
  TransitionAnswer,
  type AppError,
  type BeatRequest,
  type ClaimRequest,
  type CommitRequest,
  type FailRequest,
  type RegisterRequest,
  type SealRequest,
} from '#contracts';
import { HttpClient, PROGRAM_VERSION } from '#runtime';

/** How much longer than its hold time a claim may take to be answered. */
const CLAIM_MARGIN_MS = 10_000;
/** Longest wait for the answer of a registration, seal or fail. */
const STATEMENT_TIMEOUT_MS = 60_000;
/** Longest wait for a commit: the app server reads and verifies the artefact meanwhile. */
const COMMIT_TIMEOUT_MS = 600_000;

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

/** The statements of worker protocol version 1; every answer is checked against its schema. One call, no retries. */
export class ProtocolClient {
  readonly #http: HttpClient;
  readonly #now: () => number;
  #answeredAt: number;

  constructor(options: { baseUrl: string; monotonicMs: () => number }) {
    this.#http = new HttpClient({
      baseUrl: options.baseUrl,
      timeoutMs: STATEMENT_TIMEOUT_MS,
      userAgent: `trainyard-worker/${PROGRAM_VERSION}`,
    });
    this.#now = options.monotonicMs;
    this.#answeredAt = this.#now();
  }

  /** Milliseconds since the app server last answered anything. */
  get silentMs(): number {
    return this.#now() - this.#answeredAt;
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

  async renew(
    verb: 'start' | 'beat' | 'resume',
    task: ClaimedTask,
    request: BeatRequest,
    options: { signal: AbortSignal; timeoutMs: number },
  ): Promise<BeatAnswer> {
    const json = await this.#post(pathOf(task, verb), request, { token: task.leaseToken, ...options });
    return parse(BeatAnswer, json, `answer to ${verb}`, 'SERVER_UNAVAILABLE');
  }

  async seal(task: ClaimedTask, request: SealRequest, signal: AbortSignal): Promise<TransitionAnswer> {
    return this.#transition(task, 'seal', request, signal, STATEMENT_TIMEOUT_MS);
  }

  async commit(task: ClaimedTask, request: CommitRequest, signal: AbortSignal): Promise<TransitionAnswer> {
    return this.#transition(task, 'commit', request, signal, COMMIT_TIMEOUT_MS);
  }

  async fail(task: ClaimedTask, request: FailRequest, signal: AbortSignal): Promise<TransitionAnswer> {
    return this.#transition(task, 'fail', request, signal, STATEMENT_TIMEOUT_MS);
  }

  close(): void {
    this.#http.close();
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
      this.#answeredAt = this.#now();
      return answer.json;
    } catch (err) {
      if (isAnswer(toAppError(err))) this.#answeredAt = this.#now();
      throw err;
    }
  }
}

const isAnswer = (err: AppError): boolean => err.code !== 'SERVER_UNAVAILABLE' && err.code !== 'TIMEOUT';

const pathOf = (task: ClaimedTask, verb: string): string =>
  `/internal/v1/tasks/${encodeURIComponent(task.taskId)}/${verb}`;

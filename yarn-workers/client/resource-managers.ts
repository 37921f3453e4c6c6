import { AppError, isAppError } from '#contracts';
import { discard, type AuthenticatedRequest, type TransportAnswer } from '#hadoop-auth';
import { readBody, systemClock, type Clock } from '#runtime';
import { refusalOf } from './refusal.ts';
import type { YarnHttp } from './transport.ts';

export interface ResourceManagersOptions {
  readonly http: YarnHttp;
  /** `http(s)://host:port` of every ResourceManager, at least one. */
  readonly urls: readonly string[];
  /** End user for whom the service acts (`doAs`); null: itself. Never its own name, which Hadoop refuses. */
  readonly doAs?: string | null;
  /** Longest time in which an active ResourceManager is looked for. @default 15_000 */
  readonly patienceMs?: number;
  readonly clock?: Clock;
}

export interface YarnCall {
  readonly method: AuthenticatedRequest['method'];
  /** Below `/ws/v1/cluster`, with its query. */
  readonly path: string;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface YarnAnswer {
  readonly status: number;
  readonly json: unknown;
}

/** The scheduler's page of a cluster with thousands of queues stays below. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const EXCHANGE_LIMIT_MS = 30_000;
const RETRY_MS = 250;

/**
 * The ResourceManagers of one cluster as one: the active one is found, remembered and followed. A standby redirects to
 * the active one with 307; when there is none it sends a 307 without a place, or a page of text, which is a reason to ask
 * again until {@link ResourceManagersOptions.patienceMs} is over.
 *
 * @see org.apache.hadoop.yarn.server.resourcemanager.webapp.RMWebAppFilter
 */
export class ResourceManagers {
  readonly #options: ResourceManagersOptions;
  readonly #clock: Clock;
  #activeUrl: string;

  constructor(options: ResourceManagersOptions) {
    const [first] = options.urls;
    if (first === undefined) throw new AppError('CONFIG_INVALID', 'ResourceManagers: expected an address, found none');
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#activeUrl = first;
  }

  /** The address that answered last. */
  get activeUrl(): string {
    return this.#activeUrl;
  }

  /**
   * @throws YARN_UNAVAILABLE when no active ResourceManager answered in time, which says nothing about applications
   * @throws the errors of {@link refusalOf} for an answer of 400 or more, and NOT_FOUND for 404
   */
  async call(call: YarnCall): Promise<YarnAnswer> {
    const end = this.#clock.monotonicMs() + (this.#options.patienceMs ?? 15_000);
    const troubles = new Map<string, unknown>();
    for (;;) {
      for (const url of this.#inTurn()) {
        const answer = await this.#ask(url, call, troubles);
        if (answer !== null) return answer;
      }
      call.signal?.throwIfAborted();
      if (this.#clock.monotonicMs() >= end) throw nobodyAnswers(call, troubles);
      await this.#clock.pause(RETRY_MS, call.signal);
    }
  }

  #inTurn(): string[] {
    return [this.#activeUrl, ...this.#options.urls.filter((url) => url !== this.#activeUrl)];
  }

  /** Null: this one is away or not active; why is noted in `troubles`. */
  async #ask(url: string, call: YarnCall, troubles: Map<string, unknown>): Promise<YarnAnswer | null> {
    try {
      let answer = await this.#exchange(new URL(`${url}/ws/v1/cluster${call.path}`), call);
      let answeredBy = url;
      if (answer.status === 307) {
        const place = placeOf(answer);
        if (place === null) throw standby(url, 'no ResourceManager is active');
        answeredBy = place.origin;
        answer = await this.#exchange(place, call);
        if (answer.status === 307) throw standby(place.origin, 'the redirect leads to another redirect');
      }
      const result = await this.#read(answer, answeredBy, call);
      this.#activeUrl = answeredBy;
      return result;
    } catch (err) {
      call.signal?.throwIfAborted();
      if (!isAppError(err) || (err.kind !== 'unavailable' && err.kind !== 'timeout')) throw err;
      troubles.set(url, err);
      return null;
    }
  }

  async #exchange(url: URL, call: YarnCall): Promise<TransportAnswer> {
    const { doAs = null, http } = this.#options;
    if (doAs !== null) url.searchParams.set('doAs', doAs);
    const body = call.json === undefined ? undefined : Buffer.from(JSON.stringify(call.json));
    const isWrite = call.method !== 'GET';
    const answer = await http.request({
      method: call.method,
      url,
      headers: {
        accept: 'application/json',
        ...(isWrite ? { 'content-type': 'application/json' } : {}),
        ...call.headers,
      },
      ...(body === undefined ? {} : { body }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
      timeoutMs: EXCHANGE_LIMIT_MS,
    });
    // A redirect's body says nothing; unread, it would keep its connection.
    if (answer.status === 307) await discard(answer);
    return answer;
  }

  async #read(answer: TransportAnswer, url: string, call: YarnCall): Promise<YarnAnswer> {
    const text = (await readBody(answer.body, ANSWER_BYTES_MAX)).toString('utf8');
    const json = parsed(text);
    if (answer.status >= 400) throw refusalOf(answer.status, json ?? text, `${call.method} ${withoutQuery(call.path)}`);
    if (json === undefined) throw standby(url, `it answered ${answer.status} with something that is not JSON`);
    return { status: answer.status, json };
  }
}

function placeOf(answer: TransportAnswer): URL | null {
  const { location } = answer.headers;
  return location !== undefined && URL.canParse(location) ? new URL(location) : null;
}

/** Null for an empty text, undefined for one that is not JSON. */
function parsed(text: string): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const withoutQuery = (path: string): string => path.split('?', 1)[0] ?? path;

function standby(url: string, why: string): AppError {
  return new AppError('YARN_UNAVAILABLE', `${url}: ${why}`);
}

function nobodyAnswers(call: YarnCall, troubles: ReadonlyMap<string, unknown>): AppError {
  const reasons = [...troubles.values()].map((err) => (err instanceof Error ? err.message : String(err)));
  const what = `${call.method} ${withoutQuery(call.path)}: no active ResourceManager answered`;
  return new AppError('YARN_UNAVAILABLE', `${what} (${reasons.join('; ')})`, { cause: [...troubles.values()].at(-1) });
}

import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { AppError, fromProblem, parse, Problem, PROBLEM_MEDIA_TYPE } from '#contracts';
import { certificateFault, isPlainHttpAnswer, trusting } from './tls.ts';

export interface HttpClientOptions {
  readonly baseUrl: string;
  /** Bearer token of every request; a function is asked each time. */
  readonly token?: string | (() => string | null);
  /** Longest wait for the answer's headers and, for JSON, its whole body. @default 30_000 */
  readonly timeoutMs?: number;
  readonly userAgent?: string;
  /** PEM file of the authorities to trust for HTTPS, these alone. @default '', those of Node and the system */
  readonly caFile?: string;
}

export interface HttpRequest {
  readonly method: string;
  /** Path with query, joined to the base URL. */
  readonly path: string;
  /** Sent as JSON when given; a stream or bytes go as they are with their content type in `headers`. */
  readonly json?: unknown;
  readonly body?: Readable | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Parsed JSON, or null for an empty body. */
  readonly json: unknown;
}

/** Largest JSON answer that is read into memory. */
const ANSWER_BYTES_MAX = 512 * 1024 * 1024;

const AGENT_OPTIONS = { keepAlive: true, maxSockets: 16, scheduling: 'lifo' } as const;

/**
 * JSON over HTTP/1.1 with keep-alive, for programs of this platform that speak to each other. An answer of 400 or more
 * becomes the {@link AppError} that its problem document describes; no answer becomes SERVER_UNAVAILABLE or TIMEOUT, a
 * certificate that is not accepted SERVER_CERTIFICATE_REFUSED.
 */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #http = new http.Agent(AGENT_OPTIONS);
  #https: https.Agent | null = null;

  /** @throws CONFIG_INVALID for a file of authorities that cannot be read */
  constructor(options: HttpClientOptions) {
    this.#options = options;
    if (options.baseUrl.startsWith('https:')) this.#agentFor('https:');
  }

  /** One request whose answer is read as JSON. */
  async request(request: HttpRequest): Promise<HttpAnswer> {
    const response = await this.open(request);
    const bytes = await readBody(response, ANSWER_BYTES_MAX);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      json: bytes.length === 0 ? null : parseJson(bytes, request),
    };
  }

  /** One request whose successful answer's body is left to the caller as a stream. */
  async open(request: HttpRequest): Promise<http.IncomingMessage> {
    const response = await this.#send(request);
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    throw await errorOf(response, status, request);
  }

  /** Closes idle connections. */
  close(): void {
    this.#http.destroy();
    this.#https?.destroy();
  }

  /** Reading the system's authorities takes a while, and most installations of one machine never need them. */
  #agentFor(protocol: string): http.Agent {
    if (protocol !== 'https:') return this.#http;
    const { caFile = '' } = this.#options;
    this.#https ??= new https.Agent({ ...AGENT_OPTIONS, ...trusting(caFile, 'server.caFile') });
    return this.#https;
  }

  #send(request: HttpRequest): Promise<http.IncomingMessage> {
    const url = new URL(request.path, this.#options.baseUrl);
    const payload = request.json === undefined ? undefined : Buffer.from(JSON.stringify(request.json));
    const timeoutMs = request.timeoutMs ?? this.#options.timeoutMs ?? 30_000;
    const signal = AbortSignal.any([
      AbortSignal.timeout(timeoutMs),
      ...(request.signal === undefined ? [] : [request.signal]),
    ]);
    const headers = {
      ...this.#headers(request),
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(payload.length) }),
    };
    return new Promise((resolve, reject) => {
      const transport = url.protocol === 'https:' ? https : http;
      const agent = this.#agentFor(url.protocol);
      const outgoing = transport.request(url, { method: request.method, headers, agent, signal }, resolve);
      const { caFile = '' } = this.#options;
      outgoing.on('error', (cause) => reject(transportError(cause, request, url, { timeoutMs, caFile })));
      if (request.body !== undefined && !(request.body instanceof Uint8Array)) {
        request.body.on('error', (cause: Error) => outgoing.destroy(cause));
        request.body.pipe(outgoing);
      } else outgoing.end(payload ?? request.body);
    });
  }

  #headers(request: HttpRequest): Record<string, string> {
    const own = this.#options.token;
    const token = request.token ?? (typeof own === 'function' ? own() : own) ?? null;
    return {
      accept: 'application/json',
      'user-agent': this.#options.userAgent ?? 'trainyard',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...request.headers,
    };
  }
}

function transportError(
  cause: Error,
  request: HttpRequest,
  url: URL,
  { timeoutMs, caFile }: { readonly timeoutMs: number; readonly caFile: string },
): AppError {
  if (request.signal?.aborted === true)
    return new AppError('TIMEOUT', `${request.method} ${url.pathname} was given up`, { cause });
  if (cause.name === 'TimeoutError' || (cause as NodeJS.ErrnoException).code === 'ABORT_ERR') {
    return new AppError(
      'TIMEOUT',
      `${request.method} ${url.origin}${url.pathname} did not answer within ${timeoutMs} ms`,
      { cause },
    );
  }
  const fault = certificateFault(cause, caFile === '' ? 'an authority of Node or the system' : caFile);
  if (fault !== null) return new AppError('SERVER_CERTIFICATE_REFUSED', `${url.origin}: ${fault}`, { cause });
  const why = isPlainHttpAnswer(cause)
    ? 'it speaks HTTP without TLS; say http:// instead of https://'
    : cause.message || cause.name;
  return new AppError('SERVER_UNAVAILABLE', `${request.method} ${url.origin}${url.pathname}: ${why}`, { cause });
}

async function errorOf(response: http.IncomingMessage, status: number, request: HttpRequest): Promise<AppError> {
  const bytes = await readBody(response, 1024 * 1024);
  if (response.headers['content-type']?.startsWith(PROBLEM_MEDIA_TYPE) === true)
    return fromProblem(parse(Problem, parseJson(bytes, request), 'problem document'));
  // Not our server's word: a balancer without a backend answers 404, 408 or 429 pages of its own.
  const what = `${request.method} ${request.path} answered ${status} without a problem document`;
  return new AppError('SERVER_UNAVAILABLE', what);
}

/** Reads a whole body. @throws BODY_TOO_LARGE, SERVER_UNAVAILABLE when it breaks off */
export async function readBody(stream: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of stream) {
      size += part.length;
      if (size > bytesMax) throw new AppError('BODY_TOO_LARGE', `body of more than ${bytesMax} bytes`);
      parts.push(part);
    }
  } catch (err) {
    if (err instanceof AppError) throw err;
    throw new AppError('SERVER_UNAVAILABLE', 'the body broke off', { cause: err });
  }
  return Buffer.concat(parts, size);
}

function parseJson(bytes: Buffer, request: HttpRequest): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (err) {
    throw new AppError('SERVER_UNAVAILABLE', `${request.method} ${request.path} answered something that is not JSON`, {
      cause: err,
    });
  }
}

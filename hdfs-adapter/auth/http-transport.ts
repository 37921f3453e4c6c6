import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { AppError } from '#contracts';
import { describeUrl } from './redact.ts';
import { transportError } from './transport-errors.ts';

export interface TransportOptions {
  /** Certificate authorities in PEM; when given, only these are trusted. */
  readonly ca?: string;
  /** Connections to one host and port at a time. @default 16 */
  readonly socketsMax?: number;
  /** Longest silence of a server while we wait for it. @default 60_000 */
  readonly timeoutMs?: number;
}

export type TransportBody = Uint8Array | AsyncIterable<Uint8Array>;

export interface TransportRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Nothing is taken from an iterable before the server is ready for it. */
  readonly body?: TransportBody;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface TransportAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** To be read to its end, left early, or thrown away by {@link discard}. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Servers that answer no `100 Continue` get the body after this wait (RFC 9110, 10.1.1). */
const CONTINUE_WAIT_MS = 3_000;
/** A body that nobody wants is read to its end up to this size, so that its connection can be used again. */
const DISCARD_BYTES_MAX = 64 * 1024;
const READ_CHUNK_BYTES = 256 * 1024;

/**
 * HTTP/1.1 to Hadoop's daemons: one exchange, no redirect followed, nothing repeated. `node:http`, not `fetch`: DataNodes
 * answer uploads with an unasked `100 Continue`, which undici takes for a broken answer. Errors name method, origin, path
 * and operation, never a query or header.
 */
export class HttpTransport {
  readonly #timeoutMs: number;
  readonly #http: http.Agent;
  readonly #https: https.Agent;

  constructor({ ca, socketsMax = 16, timeoutMs = 60_000 }: TransportOptions = {}) {
    const options = { keepAlive: true, maxSockets: socketsMax, scheduling: 'lifo' as const };
    this.#timeoutMs = timeoutMs;
    this.#http = new http.Agent(options);
    this.#https = new https.Agent({ ...options, rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) });
  }

  /** @throws HADOOP_UNAVAILABLE, HADOOP_TLS_UNTRUSTED, the reason of an aborted signal, what the body throws */
  async request(request: TransportRequest): Promise<TransportAnswer> {
    const { method, url, signal } = request;
    signal?.throwIfAborted();
    const outgoing = this.#open(request);
    const watch = new SilenceWatch(outgoing, request.timeoutMs ?? this.#timeoutMs, `${method} ${describeUrl(url)}`);
    const abort = (): void => void outgoing.destroy(new Error('aborted'));
    signal?.addEventListener('abort', abort, { once: true });
    const detach = (): void => signal?.removeEventListener('abort', abort);
    outgoing.once('close', detach);
    try {
      const response = await exchange(outgoing, request.body, watch);
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: readChunks(response, outgoing, watch, (err) => transportError(watch.expired ?? err, method, url, signal)),
      };
    } catch (err) {
      outgoing.destroy();
      if (err instanceof BodyFailure) throw err.reason;
      throw transportError(watch.expired ?? err, method, url, signal);
    }
  }

  /** Closes all connections. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #open({ method, url, headers = {}, body }: TransportRequest): http.ClientRequest {
    const streamed = body !== undefined && !(body instanceof Uint8Array);
    const all = {
      'user-agent': 'trainyard',
      ...headers,
      ...(streamed ? { expect: '100-continue' } : { 'content-length': String(body?.byteLength ?? 0) }),
    };
    const options = { method, headers: all };
    return url.protocol === 'https:'
      ? https.request(url, { ...options, agent: this.#https })
      : http.request(url, { ...options, agent: this.#http });
  }
}

/** Throws away what is left of an answer; its connection is kept when that is little. */
export async function discard(answer: TransportAnswer): Promise<void> {
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.byteLength;
    if (size > DISCARD_BYTES_MAX) return;
  }
}

/** An answer's body as text. @throws HADOOP_UNAVAILABLE when it breaks off or is larger than `bytesMax` */
export async function readText(answer: TransportAnswer, bytesMax: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body) {
    size += part.byteLength;
    if (size > bytesMax) throw new AppError('HADOOP_UNAVAILABLE', `An answer has more than ${bytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, size).toString('utf8');
}

/**
 * Where an answer sends us, or null. A way from HTTPS to HTTP is refused.
 *
 * @throws HADOOP_TLS_UNTRUSTED
 */
export function redirectTarget(answer: TransportAnswer, from: URL): URL | null {
  const { location } = answer.headers;
  if (answer.status < 300 || answer.status > 399 || location === undefined) return null;
  const target = URL.parse(location, from.href);
  const refuse = (why: string): AppError =>
    new AppError('HADOOP_TLS_UNTRUSTED', `${describeUrl(from)} redirects ${why}`, { details: { origin: from.origin } });
  if (target === null || !/^https?:$/.test(target.protocol)) throw refuse('to something that is no address');
  if (from.protocol === 'https:' && target.protocol !== 'https:')
    throw refuse(`from HTTPS to plain HTTP at ${target.origin}, which would show the token to everybody`);
  return target;
}

async function exchange(
  outgoing: http.ClientRequest,
  body: TransportBody | undefined,
  watch: SilenceWatch,
): Promise<http.IncomingMessage> {
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    // Stays for the life of the request: a late error without a listener would end the process.
    outgoing.on('error', reject);
  });
  // While the body is being sent nobody waits for the answer.
  answered.catch(() => undefined);
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(body);
    return watch.during(answered);
  }
  outgoing.flushHeaders();
  const early = await Promise.race([continued(outgoing), watch.during(answered)]);
  if (early !== null) return early;
  await send(outgoing, body, answered, watch);
  return watch.during(answered);
}

/** Null as soon as the server wants the body, or has been given time enough to say so. */
async function continued(outgoing: http.ClientRequest): Promise<null> {
  const timer = AbortSignal.timeout(CONTINUE_WAIT_MS);
  await once(outgoing, 'continue', { signal: timer }).catch((err: unknown) => {
    if (!timer.aborted) throw err;
  });
  return null;
}

/** Sends a body at the pace of the connection; stops when the server has answered already. */
async function send(
  outgoing: http.ClientRequest,
  body: AsyncIterable<Uint8Array>,
  answered: Promise<http.IncomingMessage>,
  watch: SilenceWatch,
): Promise<void> {
  let isAnswered = false;
  void answered.then(
    () => (isAnswered = true),
    () => (isAnswered = true),
  );
  for await (const chunk of marked(body)) {
    if (isAnswered) return;
    if (outgoing.write(chunk)) continue;
    await watch.during(Promise.race([once(outgoing, 'drain'), answered]));
  }
  outgoing.end();
}

/** What the source of a body throws is the caller's own, not the connection's. */
class BodyFailure extends Error {
  readonly reason: unknown;

  constructor(reason: unknown) {
    super('the body failed');
    this.reason = reason;
  }
}

async function* marked(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (err) {
    throw new BodyFailure(err);
  }
}

async function* readChunks(
  response: http.IncomingMessage,
  outgoing: http.ClientRequest,
  watch: SilenceWatch,
  translate: (err: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  // Typed by the event: a response without an encoding gives buffers.
  const chunks = response.iterator({ destroyOnReturn: true }) as AsyncIterableIterator<Buffer>;
  try {
    for (;;) {
      const next = await watch.during(chunks.next());
      if (next.done === true) break;
      const { value } = next;
      for (let at = 0; at < value.length; at += READ_CHUNK_BYTES) yield value.subarray(at, at + READ_CHUNK_BYTES);
    }
  } catch (err) {
    throw translate(err);
  } finally {
    await chunks.return?.();
    // Answered before the whole body was sent: the connection is in the middle of a request.
    if (!outgoing.writableFinished) outgoing.destroy();
  }
}

/** Ends an exchange whose server is silent for too long while we wait for it, and only then. */
class SilenceWatch {
  /** What happened, once it has. */
  expired: AppError | null = null;
  readonly #outgoing: http.ClientRequest;
  readonly #timeoutMs: number;
  readonly #subject: string;

  constructor(outgoing: http.ClientRequest, timeoutMs: number, subject: string) {
    this.#outgoing = outgoing;
    this.#timeoutMs = timeoutMs;
    this.#subject = subject;
  }

  async during<T>(work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.expired = new AppError('HADOOP_UNAVAILABLE', `${this.#subject}: silent for ${this.#timeoutMs} ms`);
      this.#outgoing.destroy(this.expired);
    }, this.#timeoutMs);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }
}

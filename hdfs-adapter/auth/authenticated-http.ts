import type { IncomingHttpHeaders } from 'node:http';
import { AppError, type ErrorCode } from '#contracts';
import {
  discard,
  readText,
  type HttpTransport,
  type TransportAnswer,
  type TransportRequest,
} from './http-transport.ts';
import type { Negotiation, Negotiator } from './negotiator.ts';
import { describeUrl } from './redact.ts';

/** How this program says who it is: by name (unsecured clusters), by Kerberos, or not at all (a token is in the URL). */
export type Identity =
  | { readonly kind: 'simple'; readonly user: string }
  | { readonly kind: 'kerberos'; readonly negotiator: Negotiator }
  | { readonly kind: 'none' };

/** Sent twice when a cookie has run out, so the body is whole. */
export interface AuthenticatedRequest extends Omit<TransportRequest, 'body'> {
  readonly body?: Uint8Array;
}

const UNAUTHORIZED = 401;
const REFUSAL_BYTES_MAX = 1024 * 1024;
/** Services whose cookies are kept; more than any cluster has. */
const ORIGINS_MAX = 256;

/**
 * Requests to Hadoop's web endpoints as one identity. With Kerberos the first request to an origin carries a SPNEGO token
 * at once and the server's proof is checked; later ones carry the signed cookie that it gave, until it refuses that with 401.
 *
 * @see RFC 4559; org.apache.hadoop.security.authentication.server.AuthenticationFilter
 */
export class AuthenticatedHttp {
  readonly identity: Identity;
  readonly #transport: HttpTransport;
  readonly #cookies = new Map<string, string>();
  /** Origins at which somebody is negotiating: the others wait for the cookie. */
  readonly #negotiating = new Map<string, Promise<void>>();

  constructor(transport: HttpTransport, identity: Identity) {
    this.#transport = transport;
    this.identity = identity;
  }

  /** @throws HADOOP_AUTH_FAILED when the service refuses this identity; otherwise as {@link HttpTransport.request} */
  async request(request: AuthenticatedRequest): Promise<TransportAnswer> {
    const { identity } = this;
    switch (identity.kind) {
      case 'none':
        return this.#transport.request(request);
      case 'simple':
        return this.#transport.request({ ...request, url: withUser(request.url, identity.user) });
      case 'kerberos':
        return this.#asPrincipal(request, identity.negotiator);
    }
  }

  async #asPrincipal(request: AuthenticatedRequest, negotiator: Negotiator): Promise<TransportAnswer> {
    const { origin } = request.url;
    await this.#negotiating.get(origin);
    const cookie = this.#cookies.get(origin);
    if (cookie !== undefined) {
      const answer = await this.#transport.request(withHeader(request, 'cookie', cookie));
      if (answer.status !== UNAUTHORIZED) {
        this.#keepCookie(origin, answer.headers);
        return answer;
      }
      await discard(answer);
      if (this.#cookies.get(origin) === cookie) this.#cookies.delete(origin);
    }
    const work = this.#negotiate(request, negotiator);
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    this.#negotiating.set(origin, settled);
    try {
      return await work;
    } finally {
      if (this.#negotiating.get(origin) === settled) this.#negotiating.delete(origin);
    }
  }

  async #negotiate(request: AuthenticatedRequest, negotiator: Negotiator): Promise<TransportAnswer> {
    const { url } = request;
    const negotiation = await negotiator.negotiate(url.hostname);
    try {
      const answer = await this.#transport.request(
        withHeader(request, 'authorization', `Negotiate ${negotiation.token}`),
      );
      const proved = await checkProof(answer, negotiation, url, negotiator.principal);
      this.#keepCookie(url.origin, answer.headers);
      return proved;
    } finally {
      negotiation.close();
    }
  }

  #keepCookie(origin: string, headers: IncomingHttpHeaders): void {
    for (const line of headers['set-cookie'] ?? []) {
      // The value keeps its quotes: they are part of what was signed.
      const value = /^hadoop\.auth=("[^"]+"|[^;"\s]+)/.exec(line)?.[1];
      if (value === undefined) continue;
      if (!this.#cookies.has(origin) && this.#cookies.size >= ORIGINS_MAX) this.#cookies.clear();
      this.#cookies.set(origin, `hadoop.auth=${value}`);
    }
  }
}

async function checkProof(
  answer: TransportAnswer,
  negotiation: Negotiation,
  url: URL,
  principal: string,
): Promise<TransportAnswer> {
  const proof = /\bNegotiate ([A-Za-z0-9+/=]+)/i.exec(answer.headers['www-authenticate'] ?? '')?.[1];
  const refuse = (problem: string, code: ErrorCode = 'HADOOP_AUTH_FAILED'): AppError =>
    new AppError(code, `${describeUrl(url)} as ${principal}: ${problem}`, {
      details: { origin: url.origin, principal },
    });
  if (answer.status === UNAUTHORIZED) {
    await discard(answer);
    throw refuse(`expected HTTP/${url.hostname} to accept this principal, found 401 after a Kerberos ticket was sent`);
  }
  if (proof !== undefined) {
    await negotiation.verify(proof);
    return answer;
  }
  if (answer.status < 400) throw refuse('the server did not prove that it is the service that was asked for');
  // A refusal comes without a proof: what it says is used for a message only.
  const text = await readText(answer, REFUSAL_BYTES_MAX);
  const reason = /GSSException: [^<"\\]*/.exec(text)?.[0];
  if (reason !== undefined)
    throw refuse(
      `the server refused the ticket (${reason})`,
      /clock skew/i.test(reason) ? 'KERBEROS_CLOCK_SKEW' : undefined,
    );
  return { ...answer, body: oneChunk(Buffer.from(text)) };
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function withUser(url: URL, user: string): URL {
  const named = new URL(url);
  named.searchParams.set('user.name', user);
  return named;
}

function withHeader(request: AuthenticatedRequest, name: string, value: string): AuthenticatedRequest {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

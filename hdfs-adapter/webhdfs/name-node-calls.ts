import { AppError, isAppError, parse, type Static, type TSchema } from '#contracts';
import {
  AuthenticatedHttp,
  discard,
  readText,
  redirectTarget,
  type HttpTransport,
  type Identity,
  type TransportAnswer,
} from '#hadoop-auth';
import { impersonated, userOf, type HdfsAccess } from './access.ts';
import { encodeHdfsPath } from './hdfs-path.ts';
import type { NameNodes } from './name-nodes.ts';
import { remoteError, type CallSubject } from './remote-error.ts';
import { Attempts, type RetryBudget } from './retry.ts';

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** WebHDFS operation, e.g. `GETFILESTATUS`. */
  readonly operation: string;
  /** Absolute, without scheme. */
  readonly path: string;
  readonly params?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Says who we are by SPNEGO, cookie or name although the client has a token: token operations take nothing else. */
  readonly withoutToken?: boolean;
}

export interface CallsOptions {
  readonly nameNodes: NameNodes;
  readonly transport: HttpTransport;
  readonly identity: Identity;
  readonly access: HdfsAccess;
  readonly retries: RetryBudget;
}

/** Where an operation on data goes: to a DataNode, or nowhere else: the answer is here (HttpFS). */
export type Located = { readonly location: URL } | { readonly answer: TransportAnswer };

const API = '/webhdfs/v1';
/** Largest answer; a batch of a listing has 1,000 entries by default. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** Calls to whichever NameNode is active: it is remembered, and another one is asked when it is away or on standby. */
export class NameNodeCalls {
  readonly options: CallsOptions;
  readonly #http: AuthenticatedHttp;

  constructor(options: CallsOptions) {
    this.options = options;
    this.#http = new AuthenticatedHttp(options.transport, options.identity);
  }

  /** A call that answers JSON of this schema. */
  json<T extends TSchema>(call: Call, schema: T): Promise<Static<T>> {
    return this.retrying(call, async (subject, token) => {
      const answer = await this.ask(call, subject, token);
      const text = await readText(answer, ANSWER_BYTES_MAX);
      return parseAnswer(schema, text, subject);
    });
  }

  /** A call whose answer says no more than that it was done. */
  done(call: Call): Promise<void> {
    return this.retrying(call, async (subject, token) => discard(await this.ask(call, subject, token)));
  }

  /** Runs attempts of a call until one succeeds; `work` gets the NameNode to ask and the token to use. */
  async retrying<T>(call: Call, work: (subject: CallSubject, token: string | undefined) => Promise<T>): Promise<T> {
    const attempts = new Attempts(this.options.retries, call.signal);
    let asked = 1;
    let isTokenRefused = false;
    const { nameNodes } = this.options;
    for (;;) {
      const origin = nameNodes.active;
      let token: string | undefined;
      try {
        token = call.withoutToken === true ? undefined : await this.#token();
        return await work(this.subject(call, token, origin), token);
      } catch (err) {
        if (!isTokenRefused && isAppError(err, 'HDFS_TOKEN_INVALID') && (await this.#hasOtherToken(token))) {
          isTokenRefused = true;
          continue;
        }
        if (err instanceof AppError && err.retryable) nameNodes.leave(origin);
        await attempts.next(err, asked < nameNodes.count);
        asked += 1;
      }
    }
  }

  /** One exchange. @throws the NameNode's refusal as our error */
  async ask(call: Call, subject: CallSubject, token: string | undefined): Promise<TransportAnswer> {
    const { method, signal } = call;
    const request = {
      method,
      url: this.#url(call, subject.origin, token),
      ...(signal === undefined ? {} : { signal }),
    };
    const answer = await (token === undefined ? this.#http.request(request) : this.options.transport.request(request));
    if (answer.status < 400) return answer;
    throw remoteError(answer.status, await readText(answer, ANSWER_BYTES_MAX), subject);
  }

  /** Asks where an operation on data goes. */
  async locate(call: Call, subject: CallSubject, token: string | undefined): Promise<Located> {
    const answer = await this.ask(call, subject, token);
    const location = redirectTarget(answer, new URL(subject.origin));
    if (location === null) return { answer };
    await discard(answer);
    return { location };
  }

  subject({ operation, path }: Call, token: string | undefined, origin = this.options.nameNodes.active): CallSubject {
    const { access, identity } = this.options;
    return { operation, path, user: userOf(access, identity, token), origin };
  }

  #token(): string | Promise<string> | undefined {
    const { access } = this.options;
    return access.kind === 'token' ? access.token() : undefined;
  }

  async #hasOtherToken(refused: string | undefined): Promise<boolean> {
    const { access } = this.options;
    if (refused === undefined || access.kind !== 'token') return false;
    access.refused?.(refused);
    return (await access.token()) !== refused;
  }

  #url(call: Call, origin: string, token: string | undefined): URL {
    const { access, identity } = this.options;
    const url = new URL(`${API}${encodeHdfsPath(call.path)}`, origin);
    url.searchParams.set('op', call.operation);
    const doAs = impersonated(access, identity);
    if (token !== undefined) url.searchParams.set('delegation', token);
    else if (doAs !== undefined) url.searchParams.set('doas', doAs);
    for (const [name, value] of Object.entries(call.params ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }
}

/** The JSON of an answer. @throws HDFS_UNAVAILABLE when it is something else */
export function parseAnswer<T extends TSchema>(schema: T, text: string, subject: CallSubject): Static<T> {
  const what = `Answer of ${subject.operation} at ${subject.origin}`;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (err) {
    throw new AppError('HDFS_UNAVAILABLE', `${what}: expected JSON; is this a WebHDFS server?`, { cause: err });
  }
  return parse(schema, document, what, 'HDFS_UNAVAILABLE');
}

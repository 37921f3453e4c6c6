import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { AppError, Scope, Static, TObject, TSchema } from '#contracts';
import type { Logger } from '#runtime';
import type { Transaction } from '#store';
import type { Caller } from './auth/caller.ts';
import type { AppContext } from './context.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Who may call a route: anybody (`open`), a known user (`user`), an administrator (`admin`), or whoever the handler
 * lets in by a token of its own (`internal`; these routes are outside the REST contract).
 */
export type Access = 'open' | 'user' | 'admin' | 'internal';

/** What a route answers under one status. Without `schema` and `mediaTypes` there is no body. */
export interface AnswerSpec {
  readonly description: string;
  readonly schema?: TSchema;
  /** Media types of a body that is not JSON, or of all the representations; the first one is the default. */
  readonly mediaTypes?: readonly string[];
}

/** What a handler is called with: the checked request. */
export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  /** Parsed JSON; undefined when the route has no JSON body or another media type came. */
  readonly body: B;
  readonly headers: IncomingHttpHeaders;
  /** The path with its query, for `next`. */
  readonly url: URL;
  readonly caller: Caller;
  readonly requestId: string;
  readonly logger: Logger;
  /** Aborted when the client is gone or the server closes. */
  readonly signal: AbortSignal;
  /** The media type to answer with, chosen by Accept among those of the route. */
  readonly accepted: string;
  readonly req: IncomingMessage;
  /**
   * Runs the transaction that makes the request's effect. Under an Idempotency-Key the answer is recorded in the same
   * transaction, and a repeat gets the first answer without `work` being run.
   *
   * @param bodyHash stands for the body where it was a stream
   */
  readonly effect: (work: (trx: Transaction) => Promise<Answer>, bodyHash?: string) => Promise<Answer>;
  /** @throws STALE when If-Match does not name this representation */
  readonly checkIfMatch: (current: unknown) => void;
}

/** What a handler answers. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, with `mediaType`. */
  readonly raw?: Readable | Buffer | string;
  readonly mediaType?: string;
  /** The job that the answer shows: `Prefer: wait` holds the answer until it is final. */
  readonly jobId?: string;
}

interface RouteSpec<P extends TObject, Q extends TObject, B extends TSchema> {
  readonly method: Method;
  /** OpenAPI template: `/api/v1/datasets/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly access: Access;
  /** Any one of them is enough. @default `read` for GET, else `write` */
  readonly scopes?: readonly Scope[];
  readonly params?: P;
  readonly query?: Q;
  /** Whether a repeat under the same Idempotency-Key gets the first answer. @default of POST */
  readonly takesKey?: boolean;
  /** JSON body. */
  readonly body?: B;
  /** Fields of a multipart body, which the handler reads from `req` itself. */
  readonly multipart?: TSchema;
  /** Media type of a body of bytes, alone or instead of the JSON, which the handler reads from `req` itself. */
  readonly bytes?: string;
  /** @default `server.bodyBytesMax` */
  readonly bodyBytesMax?: number;
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  readonly handler: (app: AppContext, call: Call<Static<P>, Static<Q>, Static<B>>) => Promise<Answer>;
  /** Told of each request that was answered by an error, also when the handler was never called. Must not throw. */
  readonly refused?: (app: AppContext, err: AppError, params: Readonly<Record<string, string>>) => void;
}

/** A declared route, its types forgotten: what validation, routing and OpenAPI work with. */
export interface Route extends Omit<RouteSpec<TObject, TObject, TSchema>, 'handler'> {
  readonly scopes: readonly Scope[];
  readonly takesKey: boolean;
  // The request was checked against the very schemas that the handler's types come from.
  readonly handler: (app: AppContext, call: Call<never, never, never>) => Promise<Answer>;
}

/** Declares a route: the one place for validation, authorisation, documentation and routing. */
export function route<P extends TObject, Q extends TObject, B extends TSchema>(spec: RouteSpec<P, Q, B>): Route {
  return { scopes: [spec.method === 'GET' ? 'read' : 'write'], takesKey: spec.method === 'POST', ...spec };
}

/** 200 with a JSON body. */
export const ok = (body: unknown): Answer => ({ status: 200, body });
/** 201 with the new object and its path. */
export const created = (location: string, body: unknown): Answer => ({ status: 201, headers: { location }, body });
/** 204. */
export const noContent = (): Answer => ({ status: 204 });

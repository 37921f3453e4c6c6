import type { IncomingMessage, ServerResponse } from 'node:http';
import Koa from 'koa';
import { AppError, PROBLEM_MEDIA_TYPE, toAppError, toProblem } from '#contracts';
import { newId } from '#runtime';
import type { AppContext } from './context.ts';
import { handle } from './handle.ts';
import { discardRest } from './http/body.ts';
import { etagOf, isNotModified } from './http/etag.ts';
import { isSecure } from './http/listener.ts';
import { Router } from './http/router.ts';
import type { Answer, Route } from './route.ts';

const JSON_MEDIA_TYPE = 'application/json';

/** Request ids that are taken over from clients: short, and safe in logs and headers. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,100}$/;

/** On every answer: nothing of this API is ever a page, a script, or for another site. */
const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'private, no-cache',
};

/** Where clients come by TLS: for a year browsers never try without. @see RFC 6797 */
const STRICT_TRANSPORT = { 'Strict-Transport-Security': 'max-age=31536000' };

/** What a page of the web app is served by, before the API's routes are looked at; false: not its path. */
export type PageHandler = (ctx: Koa.Context) => Promise<boolean>;

export interface AppOptions {
  /** Answers of handlers are held against the declared schemas; a difference is INTERNAL. For tests. @default false */
  readonly checkAnswers?: boolean;
  readonly pages?: PageHandler;
}

/** The request listener of the app server: routes, errors as problem documents, request ids, ETags. */
export function createApp(
  context: AppContext,
  routes: readonly Route[],
  options: AppOptions = {},
): (req: IncomingMessage, res: ServerResponse) => void {
  const router = new Router(routes);
  const headers = { ...SECURITY_HEADERS, ...(isSecure(context.config.server) ? STRICT_TRANSPORT : {}) };
  const koa = new Koa();
  koa.silent = true;
  koa.on('error', (err: unknown) => logStreamError(context, err));
  koa.use(async (ctx) => {
    const requestId = requestIdOf(ctx.get('x-request-id'));
    const started = performance.now();
    ctx.set({ ...headers, 'X-Request-Id': requestId });
    const logger = context.logger.child({ requestId });
    try {
      if (options.pages === undefined || !(await options.pages(ctx))) {
        const url = urlOf(ctx.req);
        const match = router.find(ctx.method, url.pathname);
        const { checkAnswers = false } = options;
        respond(ctx, await handle(context, ctx, { match, url, requestId, logger, checkAnswers }));
      }
    } catch (err) {
      respondWithError(ctx, err, requestId, logger);
    }
    if (!ctx.req.complete) {
      // Answered before the body was here. Most clients read the answer only once they have sent all of it, so the
      // connection stays open that long even for those that asked to close it.
      discardRest(ctx.req);
      ctx.res.shouldKeepAlive = true;
    }
    // Nothing more is taken on this connection: a client that knows does not send into its end.
    if (context.closing.aborted && !ctx.headerSent) ctx.set('Connection', 'close');
    const ms = performance.now() - started;
    context.requests.add(ctx.method, ctx.status, ms / 1000);
    logger.debug('request', `${ctx.method} ${ctx.path} ${ctx.status}`, { ms: Math.round(ms) });
  });
  const listener = koa.callback();
  return (req, res) => void listener(req, res);
}

function requestIdOf(header: string): string {
  return REQUEST_ID.test(header) ? header : newId('req');
}

/** The target in origin form; other forms are for proxies. @see RFC 9112 section 3.2 */
function urlOf(req: IncomingMessage): URL {
  const target = req.url ?? '';
  if (target.startsWith('/')) {
    const url = URL.parse(`http://localhost${target}`);
    if (url !== null) return url;
  }
  throw new AppError('BAD_REQUEST', `request target: expected a path; found ${JSON.stringify(target.slice(0, 100))}`);
}

function respond(ctx: Koa.Context, answer: Answer): void {
  ctx.status = answer.status;
  ctx.set({ ...answer.headers });
  if (answer.raw !== undefined) {
    const etag = answer.headers?.['etag'];
    if (etag !== undefined && isKnownAlready(ctx, etag)) return;
    ctx.type = answer.mediaType ?? 'application/octet-stream';
    ctx.body = answer.raw;
    return;
  }
  if (answer.body === undefined) {
    ctx.body = null;
    ctx.status = answer.status;
    return;
  }
  const json = JSON.stringify(answer.body);
  if (answer.status === 200 || answer.status === 201) {
    const etag = etagOf(json);
    ctx.set('ETag', etag);
    if (isKnownAlready(ctx, etag)) return;
  }
  // Koa would add a charset, which JSON does not have.
  ctx.set('Content-Type', answer.mediaType ?? JSON_MEDIA_TYPE);
  ctx.body = json;
}

/** Answers 304 where the client has this representation. */
function isKnownAlready(ctx: Koa.Context, etag: string): boolean {
  if (!['GET', 'HEAD'].includes(ctx.method) || !isNotModified(ctx.headers['if-none-match'], etag)) return false;
  ctx.status = 304;
  return true;
}

function respondWithError(ctx: Koa.Context, err: unknown, requestId: string, logger: AppContext['logger']): void {
  const error = toAppError(err);
  const problem = toProblem(error, requestId);
  const facts = { code: error.code, method: ctx.method, path: ctx.path, status: problem.status };
  if (error.kind === 'bug') logger.error('request_failed', error.message, { ...facts, err });
  else if (problem.status >= 500 && problem.status !== 501 && !ctx.path.endsWith('/health'))
    logger.warn('request_failed', error.message, { ...facts, err });
  else logger.debug('request_refused', error.message, facts);
  if (ctx.headerSent) {
    // The client must not take a cut answer for a whole one.
    ctx.res.destroy();
    return;
  }
  ctx.status = problem.status;
  const allow = error.details['allow'];
  if (error.code === 'METHOD_NOT_ALLOWED' && typeof allow === 'string') ctx.set('Allow', allow);
  const contentRange = error.details['contentRange'];
  if (error.code === 'RANGE_NOT_SATISFIABLE' && typeof contentRange === 'string')
    ctx.set('Content-Range', contentRange);
  if (error.code === 'UNAUTHENTICATED') ctx.set('WWW-Authenticate', 'Bearer realm="trainyard"');
  if (error.retryAfterSeconds !== null) ctx.set('Retry-After', String(Math.ceil(error.retryAfterSeconds)));
  ctx.set('Content-Type', PROBLEM_MEDIA_TYPE);
  ctx.body = JSON.stringify(problem);
}

/** A client that leaves before the end is nothing to report. */
function logStreamError(context: AppContext, err: unknown): void {
  const code = (err as NodeJS.ErrnoException | null)?.code;
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE') return;
  context.logger.error('answer_broke_off', 'an answer could not be sent to its end', { err });
}

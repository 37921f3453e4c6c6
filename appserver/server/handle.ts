import type { IncomingMessage } from 'node:http';
import type Koa from 'koa';
import { AppError, canonicalJson, parse, toAppError, type TSchema } from '#contracts';
import { failpoint, type Logger } from '#runtime';
import type { Database, Transaction } from '#store';
import { authenticate } from './auth/authenticate.ts';
import type { Caller } from './auth/caller.ts';
import type { AppContext } from './context.ts';
import { hasBody, mediaTypeOf, readJson } from './http/body.ts';
import { checkIfMatch } from './http/etag.ts';
import { idempotencyKeyOf, recordFinalAnswer, runOnce } from './http/idempotency.ts';
import { waitSecondsOf } from './http/prefer.ts';
import { QUERY_CHARS_MAX, readQuery } from './http/query.ts';
import { refuseUnstorable } from './http/storable.ts';
import type { RouteMatch } from './http/router.ts';
import type { Answer, Call, Route } from './route.ts';
import { jobView, waitForJob } from './services/jobs.ts';

const JSON_MEDIA_TYPE = 'application/json';
const UTF_8 = '; charset=utf-8';
const MULTIPART_MEDIA_TYPE = 'multipart/form-data';

/** A request whose route is known. */
export interface Incoming {
  readonly match: RouteMatch;
  readonly url: URL;
  readonly requestId: string;
  readonly logger: Logger;
  readonly checkAnswers: boolean;
}

/** Checks a request against its route's declaration, calls the handler, and waits for a job where that is preferred. */
export async function handle(app: AppContext, ctx: Koa.Context, incoming: Incoming): Promise<Answer> {
  try {
    return await answerTo(app, ctx, incoming);
  } catch (err) {
    incoming.match.route.refused?.(app, toAppError(err), incoming.match.params);
    throw err;
  }
}

async function answerTo(app: AppContext, ctx: Koa.Context, incoming: Incoming): Promise<Answer> {
  const { match, url, requestId } = incoming;
  const { route } = match;
  const signal = signalOf(app, ctx);
  const caller = await authenticate(app.database, ctx.req, route.access, route.scopes);
  const logger = caller.userId === '' ? incoming.logger : incoming.logger.child({ userId: caller.userId });
  const accepted = negotiate(ctx, route);
  if (route.access !== 'internal') refuseUnstorable(match.params, 'path');
  const params =
    route.params === undefined ? match.params : parse(route.params, { ...match.params }, 'path', 'NOT_FOUND');
  const query = checkedQuery(route, url);
  const { body, json } = await checkedBody(app, ctx.req, route);
  const keyText = route.takesKey && caller.userId !== '' ? idempotencyKeyOf(ctx.headers['idempotency-key']) : null;
  // Of users' requests alone: a worker's statements have failpoints of their own.
  const points = `${caller.userId === '' ? 'internal' : 'rest'}.${route.method.toLowerCase()}`;
  const faulty = withFailpoints(app, points);
  let repeated = false;
  const call: Call<unknown, unknown, unknown> = {
    params,
    query,
    body,
    headers: ctx.headers,
    url,
    caller,
    requestId,
    logger,
    signal,
    accepted,
    req: ctx.req,
    checkIfMatch: (current) => checkIfMatch(ctx.headers['if-match'], current),
    effect: async (work: (trx: Transaction) => Promise<Answer>, bodyHash?: string) => {
      if (keyText === null) return faulty.database.transaction(work);
      const parts = [route.method, url.pathname + url.search, bodyHash ?? canonicalJson(json ?? null)];
      const run = await runOnce(faulty.database, app.sealer, { userId: caller.userId, keyText, parts }, work);
      repeated = run.repeated;
      return run.answer;
    },
  };
  await failpoint(`${points}.beforeHandler`);
  const handlerApp = ctx.headers['if-match'] === undefined ? faulty : withSnapshots(faulty);
  const answer = await route.handler(handlerApp, call as Call<never, never, never>); // params, query and body were checked above
  await failpoint(`${points}.afterHandler`);
  if (incoming.checkAnswers) checkAnswer(route, answer);
  if (repeated) return answer;
  return waitIfPreferred(app, ctx, { answer, signal, caller, keyText });
}

/** Every transaction of a handler can fail when all is said, just before it is committed. */
function withFailpoints(app: AppContext, points: string): AppContext {
  const { database } = app;
  const transaction: Database['transaction'] = (fn, options) =>
    database.transaction(async (trx) => {
      const made = await fn(trx);
      await failpoint(`${points}.inDatabase`);
      return made;
    }, options);
  return { ...app, database: { ...database, transaction } };
}

/** Between the look at `If-Match` and the change that it allows nobody else changes the object, at no app server. */
function withSnapshots(app: AppContext): AppContext {
  const { database } = app;
  return { ...app, database: { ...database, transaction: (fn) => database.transaction(fn, { snapshot: true }) } };
}

/** Aborted when the client is gone or the server closes; listened for before anything is waited for. */
function signalOf(app: AppContext, ctx: Koa.Context): AbortSignal {
  const left = new AbortController();
  ctx.res.once('close', () => left.abort());
  return AbortSignal.any([left.signal, app.closing]);
}

interface Held {
  readonly answer: Answer;
  readonly signal: AbortSignal;
  readonly caller: Caller;
  readonly keyText: string | null;
}

/** @see RFC 7240 section 4.3 */
async function waitIfPreferred(app: AppContext, ctx: Koa.Context, held: Held): Promise<Answer> {
  const { answer, keyText } = held;
  const seconds = waitSecondsOf(ctx.headers['prefer']);
  if (seconds === null || answer.jobId === undefined) return answer;
  const job = await waitForJob(app.database, answer.jobId, seconds, held.signal);
  const headers = { ...answer.headers, 'preference-applied': `wait=${seconds}` };
  const final = { ...answer, headers, body: jobView(job) };
  if (keyText !== null)
    await recordFinalAnswer(app.database, app.sealer, { userId: held.caller.userId, keyText }, final);
  return final;
}

/** Media types that a route's successes come in, the default first. */
function mediaTypesOf(route: Route): string[] {
  return Object.entries(route.answers)
    .filter(([status]) => Number(status) < 300)
    .flatMap(([, answer]) => answer.mediaTypes ?? (answer.schema === undefined ? [] : [JSON_MEDIA_TYPE]));
}

function negotiate(ctx: Koa.Context, route: Route): string {
  const types = [...new Set(mediaTypesOf(route))];
  const first = types[0];
  if (first === undefined) return JSON_MEDIA_TYPE;
  // Many clients name the charset, which all texts of this API have.
  const accepted = ctx.accepts([...types, ...types.map((type) => `${type}${UTF_8}`)]);
  if (typeof accepted === 'string') return accepted.endsWith(UTF_8) ? accepted.slice(0, -UTF_8.length) : accepted;
  throw new AppError('NOT_ACCEPTABLE', `Accept: expected one of ${types.join(', ')}`);
}

function checkedQuery(route: Route, url: URL): unknown {
  if (url.search.length > QUERY_CHARS_MAX)
    throw new AppError('BAD_REQUEST', `query: expected at most ${QUERY_CHARS_MAX} characters`);
  if (route.query === undefined) return {};
  const query = readQuery(route.query, url.searchParams);
  if (route.access !== 'internal') refuseUnstorable(query, 'query');
  return parse(route.query, query, 'query');
}

async function checkedBody(
  app: AppContext,
  req: IncomingMessage,
  route: Route,
): Promise<{ body: unknown; json: unknown }> {
  const mediaType = mediaTypeOf(req.headers['content-type']);
  if (route.multipart !== undefined && mediaType === MULTIPART_MEDIA_TYPE) return { body: undefined, json: undefined };
  if (route.body === undefined || mediaType === route.bytes) return { body: undefined, json: undefined };
  const isJson = mediaType === JSON_MEDIA_TYPE || /^application\/[\w.-]+\+json$/.test(mediaType);
  if (!isJson && (hasBody(req) || mediaType !== '')) {
    const others = [
      ...(route.multipart === undefined ? [] : [MULTIPART_MEDIA_TYPE]),
      ...(route.bytes === undefined ? [] : [route.bytes]),
    ];
    const expected = [JSON_MEDIA_TYPE, ...others].join(' or ');
    throw new AppError(
      'UNSUPPORTED_MEDIA_TYPE',
      `Content-Type: expected ${expected}; found ${mediaType === '' ? 'none' : JSON.stringify(mediaType)}`,
    );
  }
  const { bodyBytesMax, requestTimeoutMs } = app.config.server;
  const value =
    route.bodyBytesMax === undefined
      ? await readJson(req, bodyBytesMax, requestTimeoutMs, 'server.bodyBytesMax')
      : await readJson(req, route.bodyBytesMax, requestTimeoutMs);
  if (route.access !== 'internal') refuseUnstorable(value, 'body');
  return { body: parse(route.body, value, 'body'), json: value };
}

/** @throws INTERNAL when a handler answers something that its route does not declare */
function checkAnswer(route: Route, answer: Answer): void {
  const spec = route.answers[answer.status];
  if (spec === undefined)
    throw new AppError('INTERNAL', `${route.method} ${route.path} answers ${answer.status}, which it does not declare`);
  const schema: TSchema | undefined = spec.schema;
  if (schema === undefined || answer.body === undefined) return;
  parse(schema, JSON.parse(JSON.stringify(answer.body)), `answer of ${route.method} ${route.path}`, 'INTERNAL');
}

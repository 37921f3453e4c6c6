import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError, isAppError, type DeploymentRecord } from '#contracts';
import { PROGRAM_VERSION, type Logger } from '#runtime';
import type { DeploymentTable } from '../deployments.ts';
import { answerFormat } from './accept.ts';
import { beginAnswer } from './answers.ts';
import { createAuthenticator, mayAsk, UnknownKey, type Authenticator } from './authenticate.ts';
import { refuseConnection } from './client-errors.ts';
import { explanationsAsked } from './explanations.ts';
import { probabilitiesAsked } from './probabilities.ts';
import { createServerMetrics, type ServerMetrics } from './metrics.ts';
import { overloaded, receiveBody, tooLarge, type BodyBudget } from './receive-body.ts';
import { errorReply, jsonReply, send, type Exchange, type Reply } from './reply.ts';
import { readRows, rowMediaType } from './rows.ts';

/** Seconds that a client is asked to wait for a deployment that is not ready. */
const NOT_READY_RETRY_SECONDS = 1;
/** Rows predicted before other requests get their turn; fewer where a row has many classes, some fifty taking as long as all else of it. */
const ROWS_PER_TURN = 500;
const CLASSES_LIKE_A_ROW = 50;
/** The same of rows that are explained, each of which takes as long as some hundred others. */
const EXPLAINED_ROWS_PER_TURN = 1;
/** A row with a text as long as is read takes some 20 ms, one of a sentence or two 0.2 ms. */
const TEXT_ROWS_PER_TURN = 4;
/** Requests under way at a time, and bodies held in memory in multiples of the largest one; more are answered 429. */
const REQUESTS_MAX = 1_000;
const HELD_BODIES_MAX = 4;
/** Longest wait for news of an unknown key or deployment, milliseconds. */
const REFRESH_TIMEOUT_MS = 1_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** How often late requests are looked for, as a part of the time they have. */
const TIMEOUT_CHECKS = 4;
const PREDICT = '/predict/';

export interface PredictionHttpOptions {
  readonly table: DeploymentTable;
  /** Asks the app server for news; resolves when they are in force, or at once when it is away. */
  readonly refresh: () => Promise<void>;
  readonly logger: Logger;
  readonly bodyBytesMax: number;
  readonly rowsMax: number;
  readonly requestTimeoutMs: number;
}

interface Context extends PredictionHttpOptions {
  readonly authenticator: Authenticator;
  readonly metrics: ServerMetrics;
  readonly budget: BodyBudget;
}

/** The HTTP side of a prediction server, on bare `node:http`: a framework would cost as much as the prediction. */
export function createPredictionHttp(options: PredictionHttpOptions): http.Server {
  const context: Context = {
    ...options,
    authenticator: createAuthenticator(options.table.grants),
    metrics: createServerMetrics(),
    budget: {
      heldBytes: 0,
      heldBytesMax: HELD_BODIES_MAX * options.bodyBytesMax,
      requestCount: 0,
      requestsMax: REQUESTS_MAX,
    },
  };
  const answering = new WeakMap<Duplex, http.ServerResponse>();
  const { requestTimeoutMs } = options;
  const server = http.createServer(
    {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(60_000, requestTimeoutMs),
      connectionsCheckingInterval: Math.min(30_000, Math.ceil(requestTimeoutMs / TIMEOUT_CHECKS)),
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      noDelay: true,
    },
    (request, response) => {
      answering.set(request.socket, response);
      const exchange: Exchange = {
        request,
        response,
        requestId: requestIdOf(request),
        startedMs: performance.now(),
        receivedMs: 0,
        predictedMs: 0,
        rowCount: 0,
      };
      void serve(context, exchange, () => !server.listening);
    },
  );
  server.on('clientError', (err, socket) => refuseConnection(err, socket, answering.get(socket)));
  return server;
}

async function serve(context: Context, exchange: Exchange, isClosing: () => boolean): Promise<void> {
  const { budget, logger, metrics } = context;
  budget.requestCount += 1;
  let reply: Reply;
  try {
    reply = await answer(context, exchange);
  } catch (err) {
    reply = errorReply(err, exchange.requestId, logger);
  }
  budget.requestCount -= 1;
  metrics.observe(reply.status, exchange.rowCount, (performance.now() - exchange.startedMs) / 1000);
  try {
    send(exchange, reply, isClosing());
  } catch (err) {
    logger.error('reply_failed', 'an answer could not be sent', { requestId: exchange.requestId, err });
    exchange.response.destroy();
  }
}

function answer(context: Context, exchange: Exchange): Reply | Promise<Reply> {
  const { path, query } = targetOf(exchange.request.url ?? '/');
  return path.startsWith(PREDICT)
    ? predict(context, exchange, decoded(path.slice(PREDICT.length)), query)
    : status(context, exchange.request, path);
}

/** Path and query of a request target; `*` and what is no URL have a path that nothing is found at. */
function targetOf(target: string): { path: string; query: string } {
  const local = target.startsWith('/') ? target : localPart(target);
  const mark = local.indexOf('?');
  return mark < 0 ? { path: local, query: '' } : { path: local.slice(0, mark), query: local.slice(mark + 1) };
}

/** @see RFC 9112 section 3.2.2: a server takes the absolute form too */
function localPart(target: string): string {
  const url = URL.parse(target);
  return url === null ? target : `${url.pathname}${url.search}`;
}

function decoded(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch (err) {
    throw new AppError('BAD_REQUEST', `the path has a percent sign that is no encoding of UTF-8: ${part}`, {
      cause: err,
    });
  }
}

/** Health, metrics and what is not there; open to everybody. */
function status({ table, metrics }: Context, request: http.IncomingMessage, path: string): Reply {
  const isHealth = path === '/health' || path === '/v2/health/live';
  if (!isHealth && path !== '/v2/health/ready' && path !== '/metrics') {
    if (path === '/v2' || path.startsWith('/v2/'))
      throw new AppError('NOT_AVAILABLE', `${path} is not in this version; POST rows to /predict/{deployment}`);
    throw new AppError('NOT_FOUND', `there is nothing at ${path}; POST rows to /predict/{deployment}`);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed(request, 'GET, HEAD');
  const deployments = table.list();
  if (isHealth) {
    const feedSequence = Math.max(0, table.sequence());
    return jsonReply(200, {
      status: 'ok',
      version: PROGRAM_VERSION,
      feedSequence,
      deployments: deployments.length,
    });
  }
  if (path === '/metrics') {
    const body = metrics.text({
      trainyard_deployments: deployments.length,
      trainyard_deployments_ready: deployments.filter(({ ready }) => ready).length,
    });
    return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body, headers: [] };
  }
  // One artefact that was refused must not take all other deployments out of a load balancer.
  const waiting = deployments.filter(({ answers, error }) => !answers && error === null).length;
  const isReady = table.sequence() >= 0 && waiting === 0;
  const retry = ['Retry-After', String(NOT_READY_RETRY_SECONDS)];
  return jsonReply(isReady ? 200 : 503, { ready: isReady, waiting }, isReady ? [] : retry);
}

async function predict(context: Context, exchange: Exchange, deploymentId: string, query: string): Promise<Reply> {
  const { table, budget, bodyBytesMax, rowsMax } = context;
  const { request } = exchange;
  const { headers } = request;
  if (request.method !== 'POST') throw methodNotAllowed(request, 'POST');
  if (budget.requestCount > budget.requestsMax) throw overloaded(`more than ${budget.requestsMax} requests at a time`);
  const admission = admit(context, headers.authorization, deploymentId);
  if (admission !== null) await admission;
  const top = query === '' ? 0 : explanationsAsked(query);
  const likely = query === '' ? 0 : probabilitiesAsked(query);
  const mediaType = rowMediaType(headers['content-type'], headers['content-encoding']);
  const format = answerFormat(headers.accept);
  const length = Number(headers['content-length'] ?? 0);
  if (length > bodyBytesMax) throw tooLarge(bodyBytesMax, length);
  if (table.served(deploymentId) === null) throw notReady(`deployment ${deploymentId} is not ready here yet`);
  const body = await receiveBody(request, bodyBytesMax, budget);
  exchange.receivedMs = performance.now();
  try {
    // Looked up after the body has arrived: the whole answer is of one deployment record and its one model.
    const served = table.served(deploymentId);
    if (served === null) throw notReady(`deployment ${deploymentId} is not served here any more`);
    const rows = readRows(body, mediaType, rowsMax);
    const progress = beginAnswer(served, rows, format, top, likely);
    const { readsTexts, outputCount } = served.artifact.scorer;
    const rowsPerTurn = readsTexts
      ? TEXT_ROWS_PER_TURN
      : Math.ceil(ROWS_PER_TURN / (1 + outputCount / CLASSES_LIKE_A_ROW));
    while (!progress.advance(top === 0 ? rowsPerTurn : EXPLAINED_ROWS_PER_TURN)) {
      await nextTurn();
      if (request.socket.destroyed) throw new AppError('BAD_REQUEST', 'the client is gone');
    }
    exchange.predictedMs = performance.now();
    exchange.rowCount = rows.rows.length;
    return {
      status: 200,
      contentType: format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json',
      body: progress.text(),
      headers: ['X-Trainyard-Model', served.record.modelId],
    };
  } finally {
    budget.heldBytes -= body.length;
  }
}

/**
 * Whether this key may ask this deployment; null when it may. What is not known here may be new: the app server is asked
 * once before it is refused, so that a key or deployment works as soon as the app server has answered that it was made.
 *
 * @throws UNAUTHENTICATED, FORBIDDEN, DEPLOYMENT_UNKNOWN; DEPLOYMENT_NOT_READY before the first feed
 */
function admit(context: Context, authorization: string | undefined, deploymentId: string): Promise<void> | null {
  try {
    checkAccess(context, authorization, deploymentId);
    return null;
  } catch (err) {
    if (err instanceof UnknownKey || isAppError(err, 'DEPLOYMENT_UNKNOWN'))
      return admitAfterNews(context, authorization, deploymentId);
    throw err;
  }
}

async function admitAfterNews(
  context: Context,
  authorization: string | undefined,
  deploymentId: string,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, REFRESH_TIMEOUT_MS)));
  await Promise.race([context.refresh(), limit]);
  clearTimeout(timer);
  checkAccess(context, authorization, deploymentId);
}

function checkAccess(
  { table, authenticator }: Context,
  authorization: string | undefined,
  deploymentId: string,
): DeploymentRecord {
  if (table.sequence() < 0) throw notReady('this server has not heard of its deployments yet');
  const grant = authenticator.authenticate(authorization, Date.now());
  const record = table.assigned(deploymentId);
  if (record !== null && mayAsk(grant, record)) return record;
  throw new AppError('DEPLOYMENT_UNKNOWN', `there is no deployment ${JSON.stringify(deploymentId)} here`);
}

const notReady = (message: string): AppError =>
  new AppError('DEPLOYMENT_NOT_READY', message, { retryAfterSeconds: NOT_READY_RETRY_SECONDS });

function methodNotAllowed(request: http.IncomingMessage, allowed: string): AppError {
  return new AppError('METHOD_NOT_ALLOWED', `${request.method ?? ''} is not allowed here; use ${allowed}`, {
    details: { allow: allowed },
  });
}

/** The client's own id when it is harmless in headers and logs, else a new one. */
function requestIdOf(request: http.IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,100}$/.test(given) ? given : randomUUID();
}

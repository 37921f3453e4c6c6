import http from 'node:http';
import https from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError, ERROR_TABLE, type ServiceCounters } from '#contracts';
import { rememberConnections, type ServerCertificate } from '#runtime';
import { createShadow, type Shadow } from '../challengers/shadow.ts';
import { createAuthenticator } from './authenticate.ts';
import { isPlainHttp, refuseConnection, refuseSilent } from './client-errors.ts';
import { createConnections, type Connections } from './connections/connections.ts';
import { KEEP_ALIVE_MS } from './connections/plain-exchange.ts';
import type { Context, PredictionHttpOptions } from './context.ts';
import type { MetricFamily } from './metrics/exposition.ts';
import { createServerMetrics } from './metrics/server-metrics.ts';
import { isOpenInference, openInference } from './open-inference/routes.ts';
import { createOneAtATime } from './pieces/one-at-a-time.ts';
import { predict } from './predict.ts';
import { createReadByTurns } from './read-by-turns.ts';
import type { BodyBudget } from './receive-body.ts';
import type { Exchange, Reply } from './exchange.ts';
import { NodeExchange } from './node-exchange.ts';
import { errorReply } from './reply.ts';
import { decoded, targetOf } from './requests.ts';
import { status } from './status.ts';
import { createTurnGate } from './waiting.ts';

/** Bodies held in memory in multiples of the largest one; more are answered 429. */
const HELD_BODIES_MAX = 4;
/** How often late requests are looked for, as a part of the time they have. */
const TIMEOUT_CHECKS = 4;
/**
 * How long the answer of a request that is too much is kept back, milliseconds. Clients that ask again at once, whatever `Retry-After` says, would
 * else be answered all the time instead of those that are taken.
 */
const REFUSAL_DELAY_MS = 250;
const PREDICT = '/predict/';

export interface PredictionHttp {
  readonly server: http.Server | https.Server;
  /** Those that `server` does not know of. */
  readonly connections: Connections;
  /** Metrics of this process. */
  readonly families: () => MetricFamily[];
  /** What this process has counted by deployment. */
  readonly counters: () => ServiceCounters[];
}

/** Longest time of a handshake. */
const HANDSHAKE_TIMEOUT_MS = 60_000;

/**
 * The HTTP side of a prediction server, on bare `node:http`: a framework would cost as much as the prediction.
 *
 * @param certificate HTTPS, where there is one
 */
export function createPredictionHttp(
  options: PredictionHttpOptions,
  certificate: ServerCertificate | null,
): PredictionHttp {
  const budget: BodyBudget = {
    heldBytes: 0,
    heldBytesMax: HELD_BODIES_MAX * options.bodyBytesMax,
    requestCount: 0,
    requestsMax: options.requestsMax,
  };
  const shadow = shadowOf(options, budget);
  const metrics = createServerMetrics();
  const ownMetrics = () => [...metrics.families(options.table.list(), budget), ...(shadow?.families() ?? [])];
  const context: Context = {
    ...options,
    authenticator: createAuthenticator(options.table.grants),
    metrics,
    ownMetrics,
    budget,
    shadow,
    isInTime: createTurnGate(options.waitMsMax),
    readLarge: createOneAtATime(),
  };
  const answering = new WeakMap<Duplex, http.ServerResponse>();
  const limits = limitsOf(options);
  const readByTurns = createReadByTurns();
  const isClosing = () => !server.listening || options.isDraining();
  const listener = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    answering.set(request.socket, response);
    void serve(context, new NodeExchange(request, response, readByTurns), isClosing);
  };
  const server =
    certificate === null
      ? http.createServer(limits, listener)
      : https.createServer({ ...limits, ...certificate, handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, listener);
  const rawSocket = server instanceof https.Server ? rememberConnections(server) : () => null;
  server.on('clientError', (err: Error, socket: Duplex) => {
    const raw = isPlainHttp(err) && socket instanceof Socket ? rawSocket(socket.remotePort) : null;
    refuseConnection(err, raw ?? socket, answering.get(socket));
  });
  if (shadow !== null) server.once('close', shadow.close);
  const connections = takeConnections(server, limits, (exchange) => void serve(context, exchange, isClosing));
  return { server, connections, families: ownMetrics, counters: metrics.counters };
}

function shadowOf({ challengers, telemetry, logger }: PredictionHttpOptions, budget: BodyBudget): Shadow | null {
  if (telemetry === null) return null;
  const isBusy = (): boolean => budget.requestCount > 0;
  return createShadow({ models: challengers, telemetry, isBusy, logger, random: Math.random });
}

/** Connections come to ours first; what is not plain on them goes on to `node:http`. */
function takeConnections(
  server: http.Server | https.Server,
  { headersTimeout }: ReturnType<typeof limitsOf>,
  serve: (exchange: Exchange) => void,
): Connections {
  const event = server instanceof https.Server ? 'secureConnection' : 'connection';
  const [ofHttp] = server.listeners(event) as ((this: typeof server, socket: Socket) => void)[]; // what Node has put there
  if (ofHttp === undefined) throw new AppError('INTERNAL', `node:http has no listener of ${event}`);
  const connections = createConnections({
    handOver: (socket) => ofHttp.call(server, socket),
    serve,
    onSilent: refuseSilent,
    firstTimeoutMs: headersTimeout,
    idleTimeoutMs: KEEP_ALIVE_MS,
  });
  server.off(event, ofHttp);
  server.on(event, (socket: Socket) => connections.take(socket));
  return connections;
}

function limitsOf({ requestTimeoutMs }: PredictionHttpOptions) {
  return {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(60_000, requestTimeoutMs),
    connectionsCheckingInterval: Math.min(30_000, Math.ceil(requestTimeoutMs / TIMEOUT_CHECKS)),
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
  } satisfies http.ServerOptions;
}

async function serve(context: Context, exchange: Exchange, isClosing: () => boolean): Promise<void> {
  const { budget, logger, metrics } = context;
  const { path, query } = targetOf(exchange.target);
  budget.requestCount += 1;
  let reply: Reply;
  try {
    reply = await answer(context, exchange, path, query);
  } catch (err) {
    reply = errorReply(err, exchange.requestId, logger, isOpenInference(path));
  }
  budget.requestCount -= 1;
  const seconds = (performance.now() - exchange.startedMs) / 1000;
  metrics.observe(exchange.deploymentId, reply.status, exchange.rowCount, seconds);
  const sendReply = () => {
    try {
      exchange.send(reply, isClosing());
    } catch (err) {
      logger.error('reply_failed', 'an answer could not be sent', { requestId: exchange.requestId, err });
      exchange.destroy();
    }
  };
  if (reply.status === ERROR_TABLE.OVERLOADED.status) setTimeout(sendReply, REFUSAL_DELAY_MS);
  else if (context.telemetry === null) sendReply();
  else context.telemetry.afterWrite(sendReply);
}

function answer(context: Context, exchange: Exchange, path: string, query: string): Reply | Promise<Reply> {
  if (path.startsWith(PREDICT)) return predict(context, exchange, decoded(path.slice(PREDICT.length)), query);
  return isOpenInference(path) ? openInference(context, exchange, path) : status(context, exchange, path);
}

import http from 'node:http';
import https from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ServiceCounters } from '#contracts';
import { rememberConnections, type ServerCertificate } from '#runtime';
import { createShadow, type Shadow } from '../challengers/shadow.ts';
import { createAuthenticator } from './authenticate.ts';
import { isPlainHttp, refuseConnection } from './client-errors.ts';
import type { Context, PredictionHttpOptions } from './context.ts';
import type { MetricFamily } from './metrics/exposition.ts';
import { createServerMetrics } from './metrics/server-metrics.ts';
import { isOpenInference, openInference } from './open-inference/routes.ts';
import { predict } from './predict.ts';
import type { BodyBudget } from './receive-body.ts';
import { errorReply, send, type Exchange, type Reply } from './reply.ts';
import { decoded, requestIdOf, targetOf } from './requests.ts';
import { status } from './status.ts';
import { createTurnGate } from './waiting.ts';

/** Bodies held in memory in multiples of the largest one; more are answered 429. */
const HELD_BODIES_MAX = 4;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** How often late requests are looked for, as a part of the time they have. */
const TIMEOUT_CHECKS = 4;
const PREDICT = '/predict/';

export interface PredictionHttp {
  readonly server: http.Server | https.Server;
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
  };
  const answering = new WeakMap<Duplex, http.ServerResponse>();
  const limits = limitsOf(options);
  const listener = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    answering.set(request.socket, response);
    const exchange: Exchange = {
      request,
      response,
      requestId: requestIdOf(request),
      startedMs: performance.now(),
      receivedMs: 0,
      predictedMs: 0,
      rowCount: 0,
      deploymentId: '',
    };
    void serve(context, exchange, () => !server.listening || options.isDraining());
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
  return { server, families: ownMetrics, counters: metrics.counters };
}

function shadowOf({ challengers, telemetry, logger }: PredictionHttpOptions, budget: BodyBudget): Shadow | null {
  if (telemetry === null) return null;
  const isBusy = (): boolean => budget.requestCount > 0;
  return createShadow({ models: challengers, telemetry, isBusy, logger, random: Math.random });
}

function limitsOf({ requestTimeoutMs }: PredictionHttpOptions): http.ServerOptions {
  return {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(60_000, requestTimeoutMs),
    connectionsCheckingInterval: Math.min(30_000, Math.ceil(requestTimeoutMs / TIMEOUT_CHECKS)),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    noDelay: true,
  };
}

async function serve(context: Context, exchange: Exchange, isClosing: () => boolean): Promise<void> {
  const { budget, logger, metrics } = context;
  const { path, query } = targetOf(exchange.request.url ?? '/');
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
      send(exchange, reply, isClosing());
    } catch (err) {
      logger.error('reply_failed', 'an answer could not be sent', { requestId: exchange.requestId, err });
      exchange.response.destroy();
    }
  };
  if (context.telemetry === null) sendReply();
  else context.telemetry.afterWrite(sendReply);
}

function answer(context: Context, exchange: Exchange, path: string, query: string): Reply | Promise<Reply> {
  if (path.startsWith(PREDICT)) return predict(context, exchange, decoded(path.slice(PREDICT.length)), query);
  return isOpenInference(path) ? openInference(context, exchange, path) : status(context, exchange, path);
}

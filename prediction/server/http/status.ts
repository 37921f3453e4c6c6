import { AppError } from '#contracts';
import { PROGRAM_VERSION } from '#runtime';
import { NOT_READY_RETRY_SECONDS } from './admission.ts';
import type { Context } from './context.ts';
import { exposition } from './metrics/exposition.ts';
import type { Exchange, Reply } from './exchange.ts';
import { jsonReply } from './reply.ts';
import { requireMethod } from './requests.ts';

/** `GET /health` and `GET /metrics`, open to everybody; what is not there. */
export function status(context: Context, exchange: Exchange, path: string): Reply | Promise<Reply> {
  if (path !== '/health' && path !== '/metrics')
    throw new AppError('NOT_FOUND', `there is nothing at ${path}; POST rows to /predict/{deployment}`);
  requireMethod(exchange, 'GET', 'HEAD');
  if (path === '/metrics') return metricsReply(context);
  const { table } = context;
  return jsonReply(200, {
    status: 'ok',
    version: PROGRAM_VERSION,
    feedSequence: Math.max(0, table.sequence()),
    deployments: table.list().length,
  });
}

async function metricsReply({ ownMetrics, allMetrics }: Context): Promise<Reply> {
  const families = await allMetrics(ownMetrics());
  const contentType = 'text/plain; version=0.0.4; charset=utf-8';
  return { status: 200, contentType, body: exposition(families), headers: [] };
}

/** Whether everything that is assigned is answered; 503 until then, and when it is about to close. */
export function readiness({ table, isDraining }: Pick<Context, 'table' | 'isDraining'>): Reply {
  // One artefact that was refused must not take all other deployments out of a load balancer.
  const waiting = table.list().filter(({ answers, error }) => !answers && error === null).length;
  const isReady = table.sequence() >= 0 && waiting === 0 && !isDraining();
  const retry = ['Retry-After', String(NOT_READY_RETRY_SECONDS)];
  return jsonReply(isReady ? 200 : 503, { ready: isReady, live: true, waiting }, isReady ? [] : retry);
}

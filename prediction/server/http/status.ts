import { AppError } from '#contracts';
import { PROGRAM_VERSION } from '#runtime';
import { NOT_READY_RETRY_SECONDS } from './admission.ts';
import type { Context } from './context.ts';
import { jsonReply, type Exchange, type Reply } from './reply.ts';
import { requireMethod } from './requests.ts';

/** `GET /health` and `GET /metrics`, open to everybody; what is not there. */
export function status({ table, metrics }: Context, { request }: Exchange, path: string): Reply {
  if (path !== '/health' && path !== '/metrics')
    throw new AppError('NOT_FOUND', `there is nothing at ${path}; POST rows to /predict/{deployment}`);
  requireMethod(request, 'GET', 'HEAD');
  const deployments = table.list();
  if (path === '/metrics') {
    const body = metrics.text({
      trainyard_deployments: deployments.length,
      trainyard_deployments_ready: deployments.filter(({ ready }) => ready).length,
    });
    return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body, headers: [] };
  }
  return jsonReply(200, {
    status: 'ok',
    version: PROGRAM_VERSION,
    feedSequence: Math.max(0, table.sequence()),
    deployments: deployments.length,
  });
}

/** Whether everything that is assigned is answered; 503 until then. */
export function readiness({ table }: Pick<Context, 'table'>): Reply {
  // One artefact that was refused must not take all other deployments out of a load balancer.
  const waiting = table.list().filter(({ answers, error }) => !answers && error === null).length;
  const isReady = table.sequence() >= 0 && waiting === 0;
  const retry = ['Retry-After', String(NOT_READY_RETRY_SECONDS)];
  return jsonReply(isReady ? 200 : 503, { ready: isReady, live: true, waiting }, isReady ? [] : retry);
}

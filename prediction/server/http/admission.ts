import { AppError, isAppError, type DeploymentRecord } from '#contracts';
import { checkDeployment, mayAsk, UnknownKey } from './authenticate.ts';
import type { Context } from './context.ts';

/** Seconds that a client is asked to wait for a deployment that is not ready. */
export const NOT_READY_RETRY_SECONDS = 1;
/** Longest wait for news of an unknown key or deployment, milliseconds. */
const REFRESH_TIMEOUT_MS = 1_000;

/**
 * Whether this key may ask this deployment; null when it may. What is not known here may be new: the app server is asked
 * once before it is refused, so that a key or deployment works as soon as the app server has answered that it was made.
 *
 * @throws UNAUTHENTICATED, FORBIDDEN, DEPLOYMENT_UNKNOWN; DEPLOYMENT_NOT_READY before the first feed
 */
export function admit(context: Context, authorization: string | undefined, deploymentId: string): Promise<void> | null {
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
  checkDeployment(grant, deploymentId);
  const record = table.assigned(deploymentId);
  if (record !== null && mayAsk(grant, record)) return record;
  throw unknownDeployment(deploymentId);
}

export const unknownDeployment = (deploymentId: string): AppError =>
  new AppError('DEPLOYMENT_UNKNOWN', `there is no deployment ${JSON.stringify(deploymentId)} here`);

export const notReady = (message: string): AppError =>
  new AppError('DEPLOYMENT_NOT_READY', message, { retryAfterSeconds: NOT_READY_RETRY_SECONDS });

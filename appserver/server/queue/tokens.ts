import { createHmac } from 'node:crypto';
import { AppError } from '#contracts';

/**
 * The bearer token of a request. @throws UNAUTHENTICATED when there is none @see RFC 6750 section 2.1
 */
export function bearerOf(authorization: string | undefined): string {
  const token = /^Bearer +([A-Za-z0-9._~+/=-]{1,500})$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) throw new AppError('UNAUTHENTICATED', 'Authorization: expected Bearer and a token');
  return token;
}

/**
 * The token of a lease: HMAC-SHA-256 under the worker's random token, which the server sees at each claim but does not
 * keep. So a repeated claim gets the same token although only its hash is stored, and no token tells of another.
 */
export function leaseToken(workerToken: string, taskId: string, fence: number): string {
  return createHmac('sha256', workerToken).update(`lease\n${taskId}\n${fence}`).digest('base64url');
}

import type { IncomingMessage } from 'node:http';
import { AppError, SCOPES, type Scope } from '#contracts';
import { findCredential, findSession, hashToken, isToken, type Database } from '#store';
import type { Access } from '../route.ts';
import { ANONYMOUS, type Caller } from './caller.ts';

/** Cookie of a browser's session. */
export const SESSION_COOKIE = 'trainyard_session';
/** Header that a session's changing requests carry. */
export const CSRF_HEADER = 'x-csrf-token';

/** The token of an `Authorization: Bearer` header; null without one. @see RFC 6750 section 2.1 */
export function bearerOf(req: IncomingMessage): string | null {
  const header = req.headers.authorization;
  if (header === undefined) return null;
  const match = /^Bearer +(\S+) *$/i.exec(header);
  if (match?.[1] === undefined)
    throw new AppError('UNAUTHENTICATED', 'Authorization: expected `Bearer <api key>`; found another form');
  return match[1];
}

/** Value of a cookie; null when it is not there. @see RFC 6265 section 4.2 */
export function cookieOf(req: IncomingMessage, name: string): string | null {
  for (const pair of (req.headers.cookie ?? '').split(';')) {
    const [key = '', value = ''] = pair.trim().split('=', 2);
    if (key === name) return value;
  }
  return null;
}

/**
 * Finds out who is asking and whether they may.
 *
 * @throws UNAUTHENTICATED without a valid key or session, FORBIDDEN without the role, scope or CSRF token
 */
export async function authenticate(
  database: Database,
  req: IncomingMessage,
  access: Access,
  scopes: readonly Scope[],
): Promise<Caller> {
  if (access === 'open' || access === 'internal') return ANONYMOUS;
  const token = bearerOf(req);
  const caller = token === null ? await callerOfSession(database, req) : await callerOfKey(database, token);
  if (!scopes.some((scope) => caller.scopes.includes(scope))) {
    throw new AppError(
      'FORBIDDEN',
      `the API key lacks the scope ${scopes.join(' or ')}; it has ${caller.scopes.join(', ')}`,
    );
  }
  if (access === 'admin' && caller.role !== 'admin') {
    throw new AppError('FORBIDDEN', `expected the role admin; ${caller.userName} has the role ${caller.role}`);
  }
  return caller;
}

async function callerOfKey(database: Database, token: string): Promise<Caller> {
  const credential = await findCredential(database, hashToken(token));
  if (credential === undefined || !isToken(token, credential.keySha256))
    throw new AppError('UNAUTHENTICATED', 'the API key is unknown, expired, or its user is not active');
  const { userId, userName, role, scopes, deploymentIds, keyId, expiresAt } = credential;
  if (deploymentIds !== null)
    throw new AppError(
      'FORBIDDEN',
      'the API key is for predictions of its deployments alone, at a prediction server; the REST API needs another one',
    );
  return { userId, userName, role, scopes, keyId, expiresAt: expiresAt === null ? null : isoOf(expiresAt) };
}

async function callerOfSession(database: Database, req: IncomingMessage): Promise<Caller> {
  const token = cookieOf(req, SESSION_COOKIE);
  if (token === null)
    throw new AppError('UNAUTHENTICATED', 'expected Authorization: Bearer <api key> or a session; found neither');
  const session = await findSession(database, hashToken(token));
  if (session === undefined) throw new AppError('UNAUTHENTICATED', 'the session has ended; log in again');
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    const csrf = req.headers[CSRF_HEADER];
    if (typeof csrf !== 'string' || !isToken(csrf, session.csrfSha256))
      throw new AppError('FORBIDDEN', 'X-CSRF-Token: expected the token that the login gave');
  }
  return {
    userId: session.userId,
    userName: session.userName,
    role: session.role,
    scopes: SCOPES,
    keyId: null,
    expiresAt: isoOf(session.expiresAt),
  };
}

/** Milliseconds since 1970 as ISO-8601 in UTC. */
export const isoOf = (ms: number): string => new Date(ms).toISOString();

import { AppError, LoginAnswer, LoginRequest } from '#contracts';
import { deleteSession, findUserByName, hashToken, insertSession, newToken } from '#store';
import { cookieOf, isoOf, SESSION_COOKIE } from '../auth/authenticate.ts';
import { isPassword } from '../auth/passwords.ts';
import { isSecure } from '../http/listener.ts';
import { ok, route, type Route } from '../route.ts';

const tag = 'identity';
/** How long a browser stays logged in. */
const SESSION_LIFE_MS = 12 * 3600 * 1000;

/** `Secure` where clients come by TLS; over plain HTTP the browser would drop such a cookie. */
function cookie(value: string, lifeMs: number, secure: boolean): string {
  const age = Math.floor(lifeMs / 1000);
  return `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${age}${secure ? '; Secure' : ''}`;
}

const login = route({
  method: 'POST',
  path: '/api/v1/auth/login',
  summary: 'Log in with name and password; sets the session cookie',
  tag,
  access: 'open',
  body: LoginRequest,
  answers: { 200: { description: 'the user and the CSRF token', schema: LoginAnswer } },
  handler: async ({ database, config }, { body }) => {
    const user = await findUserByName(database, body.name);
    const known = await isPassword(body.password, user?.passwordHash ?? null);
    if (!known || user?.active !== true)
      throw new AppError('UNAUTHENTICATED', 'name or password is wrong, or the user is not active');
    const token = newToken();
    const csrfToken = newToken();
    await insertSession(database, {
      tokenSha256: hashToken(token),
      csrfSha256: hashToken(csrfToken),
      userId: user.id,
      lifeMs: SESSION_LIFE_MS,
    });
    const { id, name, role, active } = user;
    const answer = ok({
      user: { id, name, role, active, createdAt: isoOf(user.createdAt) },
      csrfToken,
      expiresAt: isoOf(Date.now() + SESSION_LIFE_MS),
    });
    const secure = isSecure(config.server);
    return {
      ...answer,
      headers: { 'set-cookie': cookie(token, SESSION_LIFE_MS, secure), 'cache-control': 'no-store' },
    };
  },
});

const logout = route({
  method: 'POST',
  path: '/api/v1/auth/logout',
  summary: 'End the session of the cookie',
  tag,
  access: 'user',
  answers: { 204: { description: 'logged out' } },
  handler: async ({ database, config }, { req }) => {
    const token = cookieOf(req, SESSION_COOKIE);
    if (token !== null) await deleteSession(database, hashToken(token));
    return { status: 204, headers: { 'set-cookie': cookie('', 0, isSecure(config.server)) } };
  },
});

/** Routes of the browser's session. */
export const loginRoutes: readonly Route[] = [login, logout];

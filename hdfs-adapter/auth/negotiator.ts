import { AppError, type ErrorCode } from '#contracts';
import { GssError, openContext, type GssContext, type GssLogin } from './gssapi.ts';
import { choosePrincipal } from './keytab.ts';

/** One SPNEGO exchange with one service, begun. */
export interface Negotiation {
  /** What follows `Authorization: Negotiate `. Secret. */
  readonly token: string;
  /** Checks the server's answer: that it is the service that was asked for. @throws HADOOP_AUTH_FAILED */
  verify(serverToken: string): Promise<void>;
  close(): void;
}

/** Proves to web services who this program is. */
export interface Negotiator {
  /** Who it is, `name@REALM`. */
  readonly principal: string;
  /**
   * @param host host name of the URL; its service is `HTTP/<host>`
   * @throws KERBEROS_LOGIN_FAILED, KERBEROS_UNAVAILABLE, KERBEROS_CLOCK_SKEW, KERBEROS_SERVICE_UNKNOWN, NATIVE_LIBRARY
   */
  negotiate(host: string): Promise<Negotiation>;
}

export interface KeytabLogin {
  readonly keytab: string;
  /** '' takes the keytab's first principal. */
  readonly principal: string;
}

/** What MIT krb5 says, and what it means to somebody who has to mend it. */
const CAUSES: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/clock skew/i, 'KERBEROS_CLOCK_SKEW', 'the clocks of this host and of Kerberos differ by more than is allowed'],
  [/cannot (contact any|find) kdc|cannot resolve/i, 'KERBEROS_UNAVAILABLE', 'no KDC of its realm answers'],
  [/server .*not found in kerberos database/i, 'KERBEROS_SERVICE_UNKNOWN', 'Kerberos has no such service'],
  [
    /client .*not found in kerberos database/i,
    'KERBEROS_LOGIN_FAILED',
    'Kerberos does not know this principal any more',
  ],
  [
    /preauthentication failed|decrypt integrity|key table|kvno|no key/i,
    'KERBEROS_LOGIN_FAILED',
    'the keytab’s key is not the principal’s present one: the keytab is out of date',
  ],
  [/expired|locked out|revoked/i, 'KERBEROS_LOGIN_FAILED', 'the principal is locked or has expired'],
];

/** A negotiator that logs in from a keytab, with the library's own renewal. @throws KERBEROS_LOGIN_FAILED */
export function keytabNegotiator({ keytab, principal: wanted }: KeytabLogin): Negotiator {
  const principal = choosePrincipal(keytab, wanted);
  return { principal, negotiate: (host) => negotiate({ keytab, principal }, host) };
}

async function negotiate(login: GssLogin, host: string): Promise<Negotiation> {
  const service = `HTTP/${host}`;
  let context: GssContext | undefined;
  try {
    context = await openContext(login, `HTTP@${host}`);
    const token = Buffer.from(await context.step()).toString('base64');
    const opened = context;
    return { token, verify: (answer) => verify(opened, answer, service), close: () => opened.close() };
  } catch (err) {
    context?.close();
    throw translate(err, login, service);
  }
}

async function verify(context: GssContext, answer: string, service: string): Promise<void> {
  try {
    await context.step(Buffer.from(answer, 'base64'));
  } catch (err) {
    if (!(err instanceof GssError)) throw err;
    throw unproved(service, err);
  }
  if (!context.established) throw unproved(service);
}

function unproved(service: string, cause?: unknown): AppError {
  return new AppError('HADOOP_AUTH_FAILED', `${service}: the server did not prove that it is this service`, { cause });
}

function translate(err: unknown, { principal, keytab }: GssLogin, service: string): unknown {
  if (!(err instanceof GssError)) return err;
  const found = CAUSES.find(([pattern]) => pattern.test(err.message));
  const [, code, meaning] = found ?? [null, 'KERBEROS_LOGIN_FAILED' as const, 'the login failed'];
  const message = `${principal} (keytab ${keytab}) for ${service}: ${meaning}`;
  return new AppError(code, message, { cause: err, details: { principal, keytab, service } });
}

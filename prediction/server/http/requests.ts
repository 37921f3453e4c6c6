import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '#contracts';
import type { RequestHead } from './exchange.ts';

/** Path and query of a request target; `*` and what is no URL have a path that nothing is found at. */
export function targetOf(target: string): { readonly path: string; readonly query: string } {
  const local = target.startsWith('/') ? target : localPart(target);
  const mark = local.indexOf('?');
  return mark < 0 ? { path: local, query: '' } : { path: local.slice(0, mark), query: local.slice(mark + 1) };
}

/** @see RFC 9112 section 3.2.2: a server takes the absolute form too */
function localPart(target: string): string {
  const url = URL.parse(target);
  return url === null ? target : `${url.pathname}${url.search}`;
}

/** A part of a path without percent-encoding. @throws BAD_REQUEST where that is none of UTF-8 */
export function decoded(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch (err) {
    throw new AppError('BAD_REQUEST', `the path has a percent sign that is no encoding of UTF-8: ${part}`, {
      cause: err,
    });
  }
}

/** @throws METHOD_NOT_ALLOWED */
export function requireMethod({ method }: Pick<RequestHead, 'method'>, ...allowed: readonly string[]): void {
  if (allowed.includes(method)) return;
  const allow = allowed.join(', ');
  throw new AppError('METHOD_NOT_ALLOWED', `${method} is not allowed here; use ${allow}`, {
    details: { allow },
  });
}

/** The client's own id when it is harmless in headers and logs, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,100}$/.test(given) ? given : randomUUID();
}

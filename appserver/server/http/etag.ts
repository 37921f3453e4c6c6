import { createHash } from 'node:crypto';
import { AppError } from '#contracts';

/** The strong validator of a JSON representation: a hash of its bytes. @see RFC 9110 section 8.8.3 */
export function etagOf(json: string): string {
  return `"${createHash('sha256').update(json).digest('base64url').slice(0, 27)}"`;
}

/** True when an `If-None-Match` or `If-Match` list names the validator; `weak` also takes `W/"..."`. */
function lists(header: string, etag: string, weak: boolean): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((entry) => {
    const tag = entry.trim();
    return tag === etag || (weak && tag === `W/${etag}`);
  });
}

/** Whether the client has this representation already. @see RFC 9110 section 13.1.2 */
export function isNotModified(header: string | undefined, etag: string): boolean {
  return header !== undefined && lists(header, etag, true);
}

/**
 * Holds `If-Match` against the object as it is now. @see RFC 9110 section 13.1.1
 *
 * @throws STALE when the header is there and does not name the current validator
 */
export function checkIfMatch(header: string | undefined, current: unknown): void {
  if (header === undefined) return;
  const etag = etagOf(JSON.stringify(current));
  if (!lists(header, etag, false)) throw new AppError('STALE', `If-Match: the object's ETag is ${etag} now`);
}

import type { IncomingHttpHeaders } from 'node:http';
import type { RequestHead } from '../exchange.ts';

/** A request that has arrived as a whole, and nothing behind it. */
export interface WholeRequest extends RequestHead {
  readonly body: Buffer;
}

/** Longest head that is read here, and most header lines. */
const HEAD_BYTES_MAX = 8 * 1024;
const LINES_MAX = 64;

const HEAD_END = '\r\n\r\n';
/** The one method that predictions are asked for with, a path without spaces, and the one version that keeps connections. */
const REQUEST_LINE = /^POST (\/[!-~]*) HTTP\/1\.1$/;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\x20-\x7e]*$/;
const LENGTH = /^(?:0|[1-9]\d{0,8})$/;

/** What changes how a message is framed, or what the connection becomes. */
const FOREIGN: ReadonlySet<string> = new Set([
  ...['transfer-encoding', 'trailer', 'te', 'expect', 'upgrade', 'http2-settings'],
  ...['proxy-connection', 'keep-alive'],
  'set-cookie', // a list to node:http, and no header of requests
]);

/**
 * Reads the plainest kind of request there is: a POST of HTTP/1.1 that lies in one piece as a whole, with printable header lines that are there once,
 * one `Host`, one `Content-Length` that is exactly the rest of the piece, and nothing that would change the framing. Whatever is not so in every point is
 * somebody else's: it is answered by `node:http`, which knows all of the protocol. So nothing is ever half-read here, and what two readers could
 * understand differently is read by one.
 *
 * @returns null for any other piece
 * @see RFC 9112 sections 2.2, 3, 5 and 6; section 11.2 on request smuggling
 */
export function wholeRequest(piece: Buffer): WholeRequest | null {
  const headEnd = piece.subarray(0, HEAD_BYTES_MAX).indexOf(HEAD_END, 0, 'latin1');
  if (headEnd < 0) return null;
  const lines = piece.toString('latin1', 0, headEnd).split('\r\n');
  const target = REQUEST_LINE.exec(lines[0] ?? '')?.[1];
  if (target === undefined || lines.length > LINES_MAX) return null;
  const headers = headersOf(lines);
  if (headers === null || headers.host === undefined) return null;
  const { 'content-length': length = '', connection } = headers;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return null;
  const bodyStart = headEnd + HEAD_END.length;
  if (!LENGTH.test(length) || piece.length - bodyStart !== Number(length)) return null;
  return { method: 'POST', target, headers, body: piece.subarray(bodyStart) };
}

/** Header lines by lower-case name; null where one is no plain line, is there twice, or is foreign. */
function headersOf(lines: readonly string[]): IncomingHttpHeaders | null {
  const headers = Object.create(null) as IncomingHttpHeaders; // names are the client's own: none is inherited
  for (let at = 1; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    const value = line.slice(colon + 1);
    if (!NAME.test(name) || !VALUE.test(value)) return null;
    const key = name.toLowerCase();
    if (key in headers || FOREIGN.has(key)) return null;
    headers[key] = value.trim();
  }
  return headers;
}

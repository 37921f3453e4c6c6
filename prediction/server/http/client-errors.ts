import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError, PROBLEM_MEDIA_TYPE, toProblem } from '#contracts';
import { errnoOf } from '../artifacts/atomic-file.ts';

/** What a connection answers to bytes that are no HTTP request, by the parser's code. */
const REFUSALS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not arrive in time'],
  HPE_HEADER_OVERFLOW: [431, 'the header is too large'],
  ERR_SSL_HTTP_REQUEST: [400, 'this port speaks HTTPS; say https:// instead of http://'],
};

/** HTTP without TLS, said to a port of HTTPS. */
export const isPlainHttp = (err: Error): boolean => errnoOf(err) === 'ERR_SSL_HTTP_REQUEST';

/**
 * Answers what the HTTP parser refused and closes the connection.
 *
 * @param current the answer under way on this connection; a second one must not be mixed into it
 */
export function refuseConnection(err: Error, socket: Duplex, current: ServerResponse | undefined): void {
  if (!socket.writable || (current?.headersSent === true && !current.writableFinished)) {
    socket.destroy();
    return;
  }
  refuse(socket, REFUSALS[errnoOf(err) ?? ''] ?? [400, 'this is not an HTTP request']);
}

/** Closes a connection on which no request came in time. */
export const refuseSilent = (socket: Duplex): void => refuse(socket, [408, 'the request did not arrive in time']);

function refuse(socket: Duplex, [status, message]: readonly [status: number, message: string]): void {
  const problem = { ...toProblem(new AppError('BAD_REQUEST', message), null), status };
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

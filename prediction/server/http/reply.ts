import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROBLEM_MEDIA_TYPE, toAppError, toProblem } from '#contracts';
import type { Logger } from '#runtime';

/** One request on its way, with what its answer says of it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly startedMs: number;
  /** Until the body had arrived, and until the rows were predicted; 0 where that was not reached. */
  receivedMs: number;
  predictedMs: number;
  rowCount: number;
  /** Of a deployment that the key may ask, else ''. */
  deploymentId: string;
}

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Further headers, name and value by turns. */
  readonly headers: readonly string[];
}

/** A body that was not read and is at most this long is read to its end, so that the connection can be used again. */
const DRAIN_BYTES_MAX = 64 * 1024;
/** Of a longer one this much is read, for this long, so that the client sees the answer before the connection closes. */
const LINGER_BYTES_MAX = 128 * 1024 * 1024;
const LINGER_MS = 5_000;

export const jsonReply = (status: number, value: unknown, headers: readonly string[] = []): Reply => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(value),
  headers,
});

/**
 * The problem document of an error; our own mistakes are logged.
 *
 * @param isOpenInference with the member `error`, as that protocol has it
 */
export function errorReply(err: unknown, requestId: string, logger: Logger, isOpenInference: boolean): Reply {
  const error = toAppError(err);
  if (error.kind === 'bug') logger.error('request_failed', error.message, { requestId, err });
  const headers: string[] = [];
  if (error.retryAfterSeconds !== null) headers.push('Retry-After', String(error.retryAfterSeconds));
  if (error.code === 'UNAUTHENTICATED') headers.push('WWW-Authenticate', 'Bearer');
  if (typeof error.details['allow'] === 'string') headers.push('Allow', error.details['allow']);
  const problem = toProblem(error, requestId);
  if (!isOpenInference)
    return { status: error.status, contentType: PROBLEM_MEDIA_TYPE, body: JSON.stringify(problem), headers };
  return jsonReply(error.status, { error: problem.detail, ...problem }, headers);
}

/** Sends a reply, header and body in one write, and leaves the connection in a state that fits what was read. */
export function send(exchange: Exchange, reply: Reply, isClosing: boolean): void {
  const { request, response } = exchange;
  if (response.destroyed || response.headersSent) return;
  const lingers = !request.complete && (!response.shouldKeepAlive || hasLongRest(request));
  const lengthBytes = Buffer.byteLength(reply.body);
  const headers = [
    'Content-Type',
    reply.contentType,
    'Content-Length',
    String(lengthBytes),
    'Server-Timing',
    serverTiming(exchange),
    'X-Request-Id',
    exchange.requestId,
    ...reply.headers,
  ];
  if (lingers || isClosing) headers.push('Connection', 'close');
  response.writeHead(reply.status, headers);
  if (lingers) linger(request, response, reply.body);
  // Text of one byte a unit is ASCII, and written as it stands.
  else response.end(reply.body, lengthBytes === reply.body.length ? 'latin1' : 'utf8');
}

/** @see https://www.w3.org/TR/server-timing/ */
function serverTiming({ startedMs, receivedMs, predictedMs }: Exchange): string {
  const now = performance.now();
  const total = `total;dur=${(now - startedMs).toFixed(3)}`;
  if (predictedMs === 0) return total;
  return `read;dur=${(receivedMs - startedMs).toFixed(3)}, predict;dur=${(predictedMs - receivedMs).toFixed(3)}, ${total}`;
}

/** Whether more of the body may come than is worth keeping the connection for. */
function hasLongRest(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && Number(length) > DRAIN_BYTES_MAX);
}

/**
 * Closing while the client still sends would make its kernel throw the answer away, so the rest is read for a while.
 * @see RFC 9112 section 9.6
 */
function linger(request: IncomingMessage, response: ServerResponse, body: string): void {
  response.write(body);
  let size = 0;
  const finish = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(finish, LINGER_MS);
  request.on('data', (part: Buffer) => {
    size += part.length;
    if (size > LINGER_BYTES_MAX) finish();
  });
  request.once('end', finish);
  request.once('close', finish);
}

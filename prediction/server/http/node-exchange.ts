import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { replyHeaders, type Exchange, type Reply } from './exchange.ts';
import type { ReadByTurns } from './read-by-turns.ts';
import { receiveBody, type BodyBudget, type ReceivedBody } from './receive-body.ts';
import { requestIdOf } from './requests.ts';

/** A body that was not read and is at most this long is read to its end, so that the connection can be used again. */
const DRAIN_BYTES_MAX = 64 * 1024;
/** Of a longer one this much is read, for this long, so that the client sees the answer before the connection closes. */
const LINGER_BYTES_MAX = 128 * 1024 * 1024;
const LINGER_MS = 5_000;

/** A request that `node:http` has read. */
export class NodeExchange implements Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #readByTurns: ReadByTurns;
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly requestId: string;
  readonly startedMs = performance.now();
  receivedMs = 0;
  predictedMs = 0;
  rowCount = 0;
  deploymentId = '';

  constructor(request: IncomingMessage, response: ServerResponse, readByTurns: ReadByTurns) {
    this.#request = request;
    this.#response = response;
    this.#readByTurns = readByTurns;
    this.method = request.method ?? '';
    this.target = request.url ?? '/';
    this.headers = request.headers;
    this.requestId = requestIdOf(request.headers);
  }

  isGone(): boolean {
    return this.#request.socket.destroyed;
  }

  receive(bytesMax: number, budget: BodyBudget): Promise<ReceivedBody> {
    return receiveBody(this.#request, bytesMax, budget, this.#readByTurns);
  }

  /** Header and body in one write; the connection is left in a state that fits what was read. */
  send(reply: Reply, isClosing: boolean): void {
    const [request, response] = [this.#request, this.#response];
    if (response.destroyed || response.headersSent) return;
    const lingers = !request.complete && (!response.shouldKeepAlive || hasLongRest(request.headers));
    const lengthBytes = Buffer.byteLength(reply.body);
    const headers = replyHeaders(this, reply, lengthBytes);
    if (lingers || isClosing) headers.push('Connection', 'close');
    response.writeHead(reply.status, headers);
    if (lingers) linger(request, response, reply.body, this.#readByTurns);
    // Text of one byte a unit is ASCII, and written as it stands.
    else response.end(reply.body, lengthBytes === reply.body.length ? 'latin1' : 'utf8');
  }

  destroy(): void {
    this.#response.destroy();
  }
}

/** Whether more of the body may come than is worth keeping the connection for. */
function hasLongRest({ 'content-length': length, 'transfer-encoding': encoding }: IncomingHttpHeaders): boolean {
  return encoding !== undefined || (length !== undefined && Number(length) > DRAIN_BYTES_MAX);
}

/**
 * Closing while the client still sends would make its kernel throw the answer away, so the rest is read for a while.
 * @see RFC 9112 section 9.6
 */
function linger(request: IncomingMessage, response: ServerResponse, body: string, readByTurns: ReadByTurns): void {
  response.write(body);
  let size = 0;
  const finish = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(finish, LINGER_MS);
  // In the place of who reads a refused body away: each part is counted once, and waits for one turn.
  request.removeAllListeners('data');
  request.on('data', (part: Buffer) => {
    size += part.length;
    if (size > LINGER_BYTES_MAX) finish();
    else readByTurns(request, part);
  });
  request.once('end', finish);
  request.once('close', finish);
}

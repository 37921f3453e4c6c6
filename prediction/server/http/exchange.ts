import type { IncomingHttpHeaders } from 'node:http';
import type { BodyBudget, ReceivedBody } from './receive-body.ts';

/** What a request says before its body. */
export interface RequestHead {
  readonly method: string;
  /** As it was sent. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
}

/** One request on its way, with what its answer says of it. */
export interface Exchange extends RequestHead {
  readonly requestId: string;
  readonly startedMs: number;
  /** Until the body had arrived, and until the rows were predicted; 0 where that was not reached. */
  receivedMs: number;
  predictedMs: number;
  rowCount: number;
  /** Of a deployment that the key may ask, else ''. */
  deploymentId: string;
  /** Nobody waits for the answer any more. */
  isGone(): boolean;
  /**
   * The whole body; its bytes count as held until the caller gives them back.
   * @throws BODY_TOO_LARGE, OVERLOADED, BAD_REQUEST when the client broke off
   */
  receive(bytesMax: number, budget: BodyBudget): Promise<ReceivedBody> | ReceivedBody;
  /** Sends the answer, once. @param isClosing it is the last one of its connection */
  send(reply: Reply, isClosing: boolean): void;
  /** Breaks off without an answer. */
  destroy(): void;
}

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Further headers, name and value by turns. */
  readonly headers: readonly string[];
}

/**
 * Headers of an answer, name and value by turns, without those of its connection.
 * @see https://www.w3.org/TR/server-timing/
 */
export function replyHeaders(exchange: Exchange, reply: Reply, bodyBytes: number): string[] {
  return [
    'Content-Type',
    reply.contentType,
    'Content-Length',
    String(bodyBytes),
    'Server-Timing',
    serverTiming(exchange),
    'X-Request-Id',
    exchange.requestId,
    ...reply.headers,
  ];
}

function serverTiming({ startedMs, receivedMs, predictedMs }: Exchange): string {
  const now = performance.now();
  const total = `total;dur=${(now - startedMs).toFixed(3)}`;
  if (predictedMs === 0) return total;
  return `read;dur=${(receivedMs - startedMs).toFixed(3)}, predict;dur=${(predictedMs - receivedMs).toFixed(3)}, ${total}`;
}

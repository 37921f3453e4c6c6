import { STATUS_CODES, type IncomingHttpHeaders } from 'node:http';
import { AppError } from '#contracts';
import { replyHeaders, type Exchange, type Reply } from '../exchange.ts';
import { overloaded, tooLarge, type BodyBudget, type ReceivedBody } from '../receive-body.ts';
import { requestIdOf } from '../requests.ts';
import type { WholeRequest } from './whole-request.ts';

/** Where an exchange's answer goes. */
export interface AnswerPlace {
  isGone(): boolean;
  /** The answer as it goes over the wire; `isAscii`: each character is a byte. */
  answer(text: string, isAscii: boolean, isLast: boolean): void;
  destroy(): void;
}

/** How long a connection without a request is left open, milliseconds. */
export const KEEP_ALIVE_MS = 65_000;
/** What must not be in a header: it would end the line, or is no character of HTTP. */
const UNFIT = /[^\t\x20-\x7e]/;

/** A request that has arrived as a whole. */
export class PlainExchange implements Exchange {
  readonly #place: AnswerPlace;
  readonly #body: Buffer;
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly requestId: string;
  readonly startedMs = performance.now();
  receivedMs = 0;
  predictedMs = 0;
  rowCount = 0;
  deploymentId = '';
  #isAnswered = false;

  constructor({ method, target, headers, body }: WholeRequest, place: AnswerPlace) {
    this.#place = place;
    this.#body = body;
    this.method = method;
    this.target = target;
    this.headers = headers;
    this.requestId = requestIdOf(headers);
  }

  isGone(): boolean {
    return this.#place.isGone();
  }

  receive(bytesMax: number, budget: BodyBudget): ReceivedBody {
    const sizeBytes = this.#body.length;
    if (sizeBytes > bytesMax) throw tooLarge(bytesMax, sizeBytes);
    if (budget.heldBytes + sizeBytes > budget.heldBytesMax) throw overloaded('too many bytes are being received');
    budget.heldBytes += sizeBytes;
    return { parts: [this.#body], sizeBytes };
  }

  send(reply: Reply, isClosing: boolean): void {
    if (this.#isAnswered) return;
    const bodyBytes = Buffer.byteLength(reply.body);
    if (reply.headers.some((value) => UNFIT.test(value)))
      throw new AppError('INTERNAL', 'an answer has a header that HTTP has no way to say');
    const headers = replyHeaders(this, reply, bodyBytes);
    let head = `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}\r\n`;
    for (let at = 0; at < headers.length; at += 2) head += `${headers[at] ?? ''}: ${headers[at + 1] ?? ''}\r\n`;
    head += `Date: ${utcNow()}\r\n`;
    head += isClosing
      ? 'Connection: close\r\n\r\n'
      : `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1_000}\r\n\r\n`;
    this.#isAnswered = true;
    this.#place.answer(head + reply.body, bodyBytes === reply.body.length, isClosing);
  }

  destroy(): void {
    this.#place.destroy();
  }
}

let saidSecond = 0;
let said = '';

/** As a date of HTTP, made once a second. @see RFC 9110 section 5.6.7 */
function utcNow(): string {
  const now = Date.now();
  const second = Math.floor(now / 1_000);
  if (second !== saidSecond) [saidSecond, said] = [second, new Date(now).toUTCString()];
  return said;
}

import type { IncomingMessage } from 'node:http';
import { AppError } from '#contracts';
import type { ReadByTurns } from './read-by-turns.ts';

/** Memory for bodies of one server. */
export interface BodyBudget {
  /** Bytes of bodies that have arrived and are not answered yet. */
  heldBytes: number;
  readonly heldBytesMax: number;
  /** Requests that are being received or answered. */
  requestCount: number;
  readonly requestsMax: number;
}

/** A body as it arrived: parts of some 64 KiB. */
export interface ReceivedBody {
  readonly parts: readonly Buffer[];
  readonly sizeBytes: number;
}

/** A body in one piece; of a large one this takes milliseconds. */
export function wholeBody({ parts }: ReceivedBody): Buffer {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
}

/** Seconds that a client is asked to wait when the server is overloaded. */
const OVERLOADED_RETRY_SECONDS = 1;

/** By message, of which there are a few. */
const refusals = new Map<string, AppError>();

/** A refusal is the same object each time: to capture a stack would take as long as what is refused. */
export function overloaded(message: string): AppError {
  let refusal = refusals.get(message);
  if (refusal === undefined) {
    refusal = new AppError('OVERLOADED', message, { retryAfterSeconds: OVERLOADED_RETRY_SECONDS });
    refusals.set(message, refusal);
  }
  return refusal;
}

/**
 * Reads a whole body; the connection is left open whatever happens, so that the error can be answered. Its bytes count
 * as held until the caller gives them back.
 *
 * @throws BODY_TOO_LARGE, OVERLOADED, BAD_REQUEST when the client broke off
 */
export function receiveBody(
  request: IncomingMessage,
  bytesMax: number,
  budget: BodyBudget,
  readByTurns: ReadByTurns,
): Promise<ReceivedBody> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    const fail = (err: AppError) => {
      request.off('data', take);
      // What still comes is read away by turns too.
      request.on('data', (part: Buffer) => readByTurns(request, part));
      parts.length = 0;
      budget.heldBytes -= size;
      size = 0;
      reject(err);
    };
    const take = (part: Buffer) => {
      size += part.length;
      budget.heldBytes += part.length;
      if (size > bytesMax) fail(tooLarge(bytesMax));
      else if (budget.heldBytes > budget.heldBytesMax) fail(overloaded('too many bytes are being received'));
      else {
        parts.push(part);
        readByTurns(request, part);
      }
    };
    if (request.destroyed) {
      fail(new AppError('BAD_REQUEST', 'the body broke off'));
      return;
    }
    // Each of these is made for every request: no more than are needed, and none that removes itself.
    request.on('data', take);
    request.on('end', () => resolve({ parts, sizeBytes: size }));
    request.on('close', () => {
      if (!request.complete) fail(new AppError('BAD_REQUEST', 'the body broke off'));
    });
  });
}

/** @param found bytes, where the client said so */
export function tooLarge(bytesMax: number, found?: number): AppError {
  const subject = found === undefined ? `body of more than ${bytesMax} bytes` : `body of ${found} bytes`;
  return new AppError('BODY_TOO_LARGE', `${subject}; at most ${bytesMax} are taken`);
}

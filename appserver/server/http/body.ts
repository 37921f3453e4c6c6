import type { IncomingMessage } from 'node:http';
import { AppError } from '#contracts';
import { parseJsonText } from './json.ts';

/** Media type of a Content-Type header without parameters, lower case; '' when there is none. */
export function mediaTypeOf(header: string | undefined): string {
  return (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** True when the request has a body, by its headers. @see RFC 9112 section 6 */
export function hasBody(req: IncomingMessage): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
}

/** How long the rest of a refused body is read away, so that its sender gets to see the answer. */
const DISCARD_MS = 30_000;

/** @see RFC 9112 section 9.6: a connection that is closed while data arrive may take the answer with it */
export function discardRest(req: IncomingMessage): void {
  if (req.complete || req.destroyed) return;
  const timer = setTimeout(() => req.destroy(), DISCARD_MS);
  req.once('close', () => clearTimeout(timer));
  req.resume();
}

/**
 * Reads a whole body into memory; one that is not whole after `timeoutMs` ends its connection.
 *
 * @param setting that `bytesMax` comes from, where it can be raised
 * @throws BODY_TOO_LARGE naming the limit, BAD_REQUEST when it breaks off
 */
export async function readBytes(
  req: IncomingMessage,
  bytesMax: number,
  timeoutMs: number,
  setting?: string,
): Promise<Buffer> {
  const where = setting === undefined ? '' : ` (${setting})`;
  const tooLarge = () => new AppError('BODY_TOO_LARGE', `body: more than ${bytesMax} bytes${where}`);
  if (Number(req.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
  const timer = setTimeout(() => req.destroy(new Error(`not whole after ${timeoutMs} ms`)), timeoutMs);
  const parts: Buffer[] = [];
  let size = 0;
  try {
    // What is refused is still to be answered on this connection, so the request is not destroyed.
    for await (const part of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > bytesMax) throw tooLarge();
      parts.push(part);
    }
  } catch (err) {
    if (err instanceof AppError) throw err;
    throw new AppError('BAD_REQUEST', `body: broke off after ${size} bytes`, { cause: err });
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(parts, size);
}

/**
 * Reads a JSON body: media type, encoding, size and grammar are checked.
 *
 * @throws UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE, INVALID_JSON, BAD_REQUEST
 */
export async function readJson(
  req: IncomingMessage,
  bytesMax: number,
  timeoutMs: number,
  setting?: string,
): Promise<unknown> {
  const coding = req.headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', `Content-Encoding: expected none; found ${JSON.stringify(coding)}`);
  }
  const bytes = await readBytes(req, bytesMax, timeoutMs, setting);
  if (bytes.length === 0) throw new AppError('INVALID_JSON', 'body: expected JSON; found nothing');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (err) {
    throw new AppError('INVALID_JSON', 'body: is not UTF-8', { cause: err });
  }
  return parseJsonText(text, 'body');
}

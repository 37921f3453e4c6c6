import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, toAppError } from '#contracts';
import type { ApiClient } from './api-client.ts';

/** A whole file that was written. */
export interface Downloaded {
  readonly sizeBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** How often a download that breaks off is taken up again, and after which pause, milliseconds. */
const RESUMES_MAX = 5;
const RESUME_MS = 1_000;

/**
 * Writes a file of the server to a stream, and holds it against the hash that the server says before its first byte. What breaks
 * off is taken up where it broke off, as long as the file is the same.
 *
 * @param resumeMs for tests
 * @throws SERVER_UNAVAILABLE when it cannot be had whole, STALE when it changed meanwhile, what the server refuses
 */
export async function downloadProven(
  api: ApiClient,
  route: string,
  accept: string,
  sink: Writable,
  resumeMs = RESUME_MS,
): Promise<Downloaded> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let etag = '';
  let said: string | null = null;
  for (let resumes = 0; ; resumes += 1) {
    try {
      const response = await api.open(route, {
        accept,
        ...(sizeBytes === 0 ? {} : { range: `bytes=${sizeBytes}-`, 'if-range': etag }),
      });
      const { headers } = response;
      if (sizeBytes > 0 && response.statusCode !== 206) throw changed(route);
      etag = headers.etag ?? '';
      said = sha256Said(headers);
      for await (const chunk of response as AsyncIterable<Buffer>) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        if (!sink.write(chunk)) await once(sink, 'drain');
      }
      break;
    } catch (err) {
      if (sizeBytes === 0 || etag === '' || resumes >= RESUMES_MAX || isRefusal(err))
        throw brokenOff(route, sizeBytes, err);
      await sleep(resumeMs);
    }
  }
  const sha256 = hash.digest('hex');
  if (said !== null && said !== sha256)
    throw new AppError('SERVER_UNAVAILABLE', `${route}: expected SHA-256 ${said}, found ${sha256}`);
  return { sizeBytes, sha256 };
}

/** The server's own word, which another attempt would repeat; what it cannot do at the moment is none. */
const isRefusal = (err: unknown): boolean => err instanceof AppError && !err.retryable;

const changed = (route: string): AppError =>
  new AppError('STALE', `${route}: it changed while it was downloaded; begin again`);

function brokenOff(route: string, sizeBytes: number, err: unknown): AppError {
  const error = toAppError(err);
  if (error.code !== 'INTERNAL') return error;
  return new AppError('SERVER_UNAVAILABLE', `${route}: it broke off after ${sizeBytes} bytes`, { cause: err });
}

/** @see RFC 9530 section 3: `sha-256=:base64:` */
function sha256Said(headers: IncomingHttpHeaders): string | null {
  const value = headers['repr-digest'];
  const base64 = /sha-256=:([A-Za-z0-9+/=]+):/.exec(typeof value === 'string' ? value : '')?.[1];
  return base64 === undefined ? null : Buffer.from(base64, 'base64').toString('hex');
}

import { createWriteStream } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '#contracts';
import { storeError } from '#object-store';
import { allowedAddress, pinnedTo } from '#runtime';

/** Redirects that are followed at most; each is checked like the first address. */
const REDIRECTS_MAX = 5;
/** Longest time without a byte. */
const IDLE_MS_MAX = 60_000;

export interface FetchOptions {
  readonly url: string;
  readonly allowedHosts: readonly string[];
  readonly bytesMax: number;
  readonly timeoutMs: number;
  /** New file that receives the body. */
  readonly target: string;
  readonly onBytes?: (received: number, total: number | null) => void;
  /** Name resolution; tests pass their own. All addresses of the host. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

export interface Fetched {
  /** Last part of the final address's path, or of the first's: tells the format. */
  readonly fileName: string;
  readonly sizeBytes: number;
}

/**
 * Fetches a file over HTTP(S) from an allowed host. The host's name is resolved once and every address it has is
 * checked; the connection goes to the address that was checked, not to a second look-up.
 *
 * @throws SOURCE_NOT_ALLOWED, SOURCE_NOT_FOUND (also for other answers of 4xx), SOURCE_UNAVAILABLE (no answer, 5xx, broken off,
 *   too slow), BODY_TOO_LARGE, DISK_FULL
 */
export async function fetchUrl(options: FetchOptions): Promise<Fetched> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  let url = parseUrl(options.url);
  const first = url;
  try {
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
      const response = await ask(url, options, signal);
      const location = redirectOf(response);
      if (location === null) {
        const sizeBytes = await receive(response, url, options, signal);
        return { fileName: fileNameOf(url) || fileNameOf(first) || 'download', sizeBytes };
      }
      response.destroy();
      url = parseUrl(location, url);
    }
  } catch (err) {
    if (!signal.aborted) throw err;
    throw new AppError('SOURCE_UNAVAILABLE', `${shown(url)} was not fetched within ${options.timeoutMs} ms`, {
      cause: err,
    });
  }
  throw new AppError('SOURCE_UNAVAILABLE', `${shown(first)} redirects more than ${REDIRECTS_MAX} times`);
}

async function ask(url: URL, options: FetchOptions, signal: AbortSignal): Promise<http.IncomingMessage> {
  const allowed = { hosts: options.allowedHosts, key: 'ingest.urlHosts' };
  const address = await allowedAddress(url, allowed, options.resolve);
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).get(
      url,
      {
        signal,
        timeout: IDLE_MS_MAX,
        agent: false,
        headers: { 'accept-encoding': 'identity', 'user-agent': 'trainyard' },
        lookup: pinnedTo(address),
      },
      resolve,
    );
    request.on('timeout', () => request.destroy(new Error(`no byte for ${IDLE_MS_MAX} ms`)));
    request.on('error', (cause) =>
      reject(new AppError('SOURCE_UNAVAILABLE', `${shown(url)}: ${cause.message}`, { cause })),
    );
  });
}

function redirectOf(response: http.IncomingMessage): string | null {
  const status = response.statusCode ?? 0;
  if (![301, 302, 303, 307, 308].includes(status)) return null;
  return response.headers.location ?? null;
}

async function receive(
  response: http.IncomingMessage,
  url: URL,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<number> {
  const status = response.statusCode ?? 0;
  if (status !== 200) {
    response.destroy();
    const code = status >= 500 || status === 429 || status < 400 ? 'SOURCE_UNAVAILABLE' : 'SOURCE_NOT_FOUND';
    throw new AppError(code, `${shown(url)} answered ${status}`);
  }
  const { bytesMax, target, onBytes } = options;
  const length = response.headers['content-length'];
  const total = length === undefined ? null : Number(length);
  let received = 0;
  const tooLarge = (found: string) =>
    new AppError('BODY_TOO_LARGE', `${shown(url)} has ${found} bytes; at most ${bytesMax} are fetched`);
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      onBytes?.(received, total);
      if (received > bytesMax) done(tooLarge(`more than ${bytesMax}`));
      else done(null, chunk);
    },
  });
  if (total !== null && total > bytesMax) {
    response.destroy();
    throw tooLarge(String(total));
  }
  try {
    await pipeline(response, counter, createWriteStream(target, { flags: 'wx' }), { signal });
  } catch (err) {
    const named = storeError(err, 'Writing the fetched file', target);
    if (named instanceof AppError && named.code !== 'STORE_UNAVAILABLE') throw named;
    throw new AppError('SOURCE_UNAVAILABLE', `${shown(url)} broke off after ${received} bytes`, { cause: err });
  }
  if (total !== null && received !== total)
    throw new AppError('SOURCE_UNAVAILABLE', `${shown(url)} broke off after ${received} of ${total} bytes`);
  return received;
}

function parseUrl(text: string, base?: URL): URL {
  // Parsed against the address that redirected, if any.
  const url = URL.parse(text, base?.href);
  if (url === null) throw new AppError('SOURCE_NOT_ALLOWED', 'the address is not a URL');
  return url;
}

/** A URL for messages: without query, where tokens are. */
const shown = (url: URL): string => `${url.origin}${url.pathname}`;

function fileNameOf(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

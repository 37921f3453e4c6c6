import http from 'node:http';
import net from 'node:net';

/** An answer as a test looks at it. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly agent?: http.Agent;
}

/** One request over HTTP. */
export function call(url: string, { method = 'GET', headers = {}, body, agent }: Call = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers: received } = response;
        resolve({ status, headers: received, text: Buffer.concat(parts).toString() });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends bytes as they are and gives everything that comes back until the other side closes. */
export function callRaw(port: number, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => (text += part));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

/** How often a condition is looked at, milliseconds. */
const LOOK_MS = 5;

/** Waits until a condition holds and gives what it gave. @throws after `timeoutMs`, naming what was waited for */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = 8_000,
): Promise<Exclude<T, null | undefined | false>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    // The cast holds: the three excluded values have just been ruled out.
    if (value !== null && value !== undefined && value !== false) return value as Exclude<T, null | undefined | false>;
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

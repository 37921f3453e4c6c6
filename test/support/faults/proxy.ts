import { once } from 'node:events';
import { createServer, Socket, type AddressInfo } from 'node:net';

/**
 * What the network does to the bytes of every connection.
 * - `partition`: nobody gets through; connections stay open without a word, new ones are not answered.
 * - `halfOpen`: what the client says arrives, the answers do not.
 */
export type Weather =
  | { readonly kind: 'clear' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'resets'; readonly share: number; readonly seed: number }
  | { readonly kind: 'partition' }
  | { readonly kind: 'halfOpen' };

/** Answers that are lost with their connection, after the server has done what was asked. */
export interface LostAnswers {
  /** The request whose answer is lost, in the bytes of the client; simple SQL statements and HTTP heads are readable. */
  readonly to: RegExp;
  /** Only on connections that have said this since their last such request. */
  readonly after?: RegExp;
  readonly times: number;
}

/** A TCP proxy on a free loopback port. */
export interface Proxy {
  readonly port: number;
  /** Connections that it reset, of its own accord. */
  readonly resetCount: number;
  /** Bytes that were swallowed by a partition or a half-open network. */
  readonly swallowedBytes: number;
  /** Answers that were lost since {@link Proxy.loseAnswers}. */
  readonly lostCount: number;
  /** From now on, for open connections as well. After `partition` and `halfOpen` the old connections stay dead. */
  turn(weather: Weather): void;
  loseAnswers(lost: LostAnswers): void;
  close(): Promise<void>;
}

/** Bytes of a connection in which requests are looked for. */
const WINDOW_CHARS = 64 * 1024;

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  said: string;
  /** Answers from the server are dropped, and the connection with the first of them. */
  doomed: boolean;
  /** It lived through a partition: TCP state on both sides does not match any more. */
  dead: boolean;
  /** When the last delayed bytes of each direction go on, monotonic: none overtake others. */
  readonly busyUntilMs: { request: number; answer: number };
}

/** Starts a proxy to a port of 127.0.0.1. */
export async function startProxy(targetPort: number): Promise<Proxy> {
  const proxy = new TcpProxy(targetPort);
  await proxy.listen();
  return proxy;
}

class TcpProxy implements Proxy {
  resetCount = 0;
  swallowedBytes = 0;
  lostCount = 0;
  readonly #targetPort: number;
  readonly #listener = createServer((client) => this.#accept(client));
  readonly #pairs = new Set<Pair>();
  #weather: Weather = { kind: 'clear' };
  #random = mulberry32(1);
  #lost: (LostAnswers & { left: number }) | null = null;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port; // listens on TCP
  }

  async listen(): Promise<void> {
    this.#listener.listen(0, '127.0.0.1');
    await once(this.#listener, 'listening');
  }

  turn(weather: Weather): void {
    const { kind } = this.#weather;
    if (kind === 'partition' || kind === 'halfOpen') for (const pair of this.#pairs) pair.dead = true;
    this.#weather = weather;
    if (weather.kind === 'resets') this.#random = mulberry32(weather.seed);
  }

  loseAnswers(lost: LostAnswers): void {
    this.lostCount = 0;
    this.#lost = { ...lost, left: lost.times };
  }

  async close(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    for (const pair of this.#pairs) end(pair);
    await closed;
  }

  #accept(client: Socket): void {
    const server = new Socket();
    const pair: Pair = { client, server, said: '', doomed: false, dead: false, busyUntilMs: { request: 0, answer: 0 } };
    this.#pairs.add(pair);
    server.connect(this.#targetPort, '127.0.0.1');
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // Whoever fails or leaves, the other side sees it unless the network hides it.
      socket.on('error', () => undefined);
      socket.on('close', () => this.#closed(pair));
    }
    client.on('data', (chunk) => this.#forward(pair, chunk, 'request'));
    server.on('data', (chunk) => this.#forward(pair, chunk, 'answer'));
  }

  #closed(pair: Pair): void {
    if (this.#isSilent(pair)) return;
    end(pair);
    this.#pairs.delete(pair);
  }

  #isSilent(pair: Pair): boolean {
    const { kind } = this.#weather;
    return pair.dead || kind === 'partition' || kind === 'halfOpen';
  }

  #forward(pair: Pair, chunk: Buffer, direction: 'request' | 'answer'): void {
    if (this.#swallows(pair, direction)) {
      this.swallowedBytes += chunk.length;
      return;
    }
    if (direction === 'answer' && pair.doomed) {
      this.lostCount += 1;
      this.#reset(pair);
      return;
    }
    if (direction === 'request') this.#hear(pair, chunk);
    const target = direction === 'request' ? pair.server : pair.client;
    const weather = this.#weather;
    if (weather.kind === 'resets' && this.#random() < weather.share) {
      this.resetCount += 1;
      this.#reset(pair);
      return;
    }
    const now = performance.now();
    const atMs = Math.max(now + (weather.kind === 'delay' ? weather.ms : 0), pair.busyUntilMs[direction]);
    pair.busyUntilMs[direction] = atMs;
    if (atMs > now) setTimeout(() => target.write(chunk), atMs - now);
    else target.write(chunk);
  }

  #swallows(pair: Pair, direction: 'request' | 'answer'): boolean {
    const { kind } = this.#weather;
    return pair.dead || kind === 'partition' || (kind === 'halfOpen' && direction === 'answer');
  }

  #hear(pair: Pair, chunk: Buffer): void {
    const lost = this.#lost;
    if (lost === null || lost.left === 0) return;
    pair.said = (pair.said + chunk.toString('latin1')).slice(-WINDOW_CHARS);
    if (!lost.to.test(chunk.toString('latin1'))) return;
    const said = pair.said;
    pair.said = '';
    if (lost.after !== undefined && !lost.after.test(said)) return;
    lost.left -= 1;
    pair.doomed = true;
  }

  #reset(pair: Pair): void {
    pair.client.resetAndDestroy();
    pair.server.resetAndDestroy();
    this.#pairs.delete(pair);
  }
}

function end({ client, server }: Pair): void {
  client.destroy();
  server.destroy();
}

/** Uniform numbers of [0, 1) from a seed. @see Tommy Ettinger's mulberry32 */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

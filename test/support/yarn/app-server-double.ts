import http from 'node:http';
import { once } from 'node:events';
import { parse, SyncRequest, type EndedContainer, type SyncAnswer } from '#contracts';
import { readBody } from '#runtime';
import { until } from '../processes.ts';

const REQUEST_BYTES_MAX = 16 * 1024 * 1024;

/** What the app server wants; the parts that a test does not set stay as they were. */
export type Wishes = Omit<SyncAnswer, 'acknowledged'>;

const NOTHING: Wishes = {
  directive: 'run',
  finalStatus: null,
  message: null,
  wantedCount: 0,
  launch: null,
  release: [],
  excludedNodes: [],
  credentials: null,
  intervalMs: 500,
};

/**
 * The sync endpoint of an app server, answering by a script and remembering what it was told. Every request is held
 * against the contract; one that does not fit is answered with 422 and kept in {@link complaints}.
 */
export class AppServerDouble {
  readonly secret: string;
  readonly requests: SyncRequest[] = [];
  readonly complaints: string[] = [];
  /** Every end that was ever told, by container. */
  readonly ended = new Map<string, EndedContainer>();
  /** Node news that were told, as `node state`. */
  readonly nodeNews = new Set<string>();
  /** While false an end is told again and again. */
  acknowledges = true;
  #wishes: Wishes = NOTHING;
  #server: http.Server | null = null;
  #port = 0;

  constructor(secret: string) {
    this.secret = secret;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The last request. @throws Error before the first */
  get latest(): SyncRequest {
    const last = this.requests.at(-1);
    if (last === undefined) throw new Error('no request has come yet');
    return last;
  }

  /** Starts to answer; after {@link close} on the same port again. */
  async open(): Promise<void> {
    const server = http.createServer((request, response) => void this.#serve(request, response));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has an address with a port');
    this.#port = address.port;
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  wish(change: Partial<Wishes>): void {
    this.#wishes = { ...this.#wishes, ...change };
  }

  /** Waits until a request that comes from now on looks so. */
  async untilTold(what: string, looksSo: (request: SyncRequest) => boolean, timeoutMs = 30_000): Promise<SyncRequest> {
    const count = this.requests.length;
    try {
      return await until(what, () => this.requests.slice(count).findLast(looksSo), timeoutMs);
    } catch (err) {
      throw new Error(`${String(err)}; last: ${JSON.stringify(this.requests.at(-1))} ${this.complaints.join()}`);
    }
  }

  /** Waits for this many running containers and none in another state. */
  async untilRunning(count: number, timeoutMs = 30_000): Promise<SyncRequest> {
    return this.untilTold(
      `${count} containers running`,
      ({ held }) => held.length === count && held.every(({ state }) => state === 'running'),
      timeoutMs,
    );
  }

  async untilEnded(containerId: string, timeoutMs = 30_000): Promise<EndedContainer> {
    return until(`the end of ${containerId}`, () => this.ended.get(containerId), timeoutMs);
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    try {
      const body = (await readBody(request, REQUEST_BYTES_MAX)).toString();
      if (request.headers.authorization !== `Bearer ${this.secret}`) return answer(401, { title: 'wrong secret' });
      const told = parse(SyncRequest, JSON.parse(body), 'sync request');
      this.requests.push(told);
      for (const end of told.ended) this.ended.set(end.containerId, end);
      for (const { node, state } of told.nodes) this.nodeNews.add(`${node} ${state}`);
      const acknowledged = this.acknowledges ? told.ended.map(({ containerId }) => containerId) : [];
      const reply: SyncAnswer = { ...this.#wishes, acknowledged };
      answer(200, reply);
    } catch (err) {
      this.complaints.push(String(err));
      answer(422, { title: String(err) });
    }
  }
}

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  AppError,
  BeatRequest,
  CheckpointRequest,
  ClaimRequest,
  CommitRequest,
  DrainRequest,
  FailRequest,
  MeetRequest,
  parse,
  RegisterRequest,
  SealRequest,
  toProblem,
  type ClaimedTask,
  type ErrorCode,
  type MeetAnswer,
} from '#contracts';
import { readBody } from '#runtime';

export type Verb =
  'register' | 'claim' | 'drain' | 'start' | 'beat' | 'resume' | 'checkpoint' | 'meet' | 'seal' | 'commit' | 'fail';

/** One statement as it arrived, in order of arrival. */
export interface Statement {
  readonly verb: Verb;
  readonly token: string;
  readonly body: Record<string, unknown>;
  readonly effect: Effect;
  /** When it arrived, on the monotonic clock. */
  readonly atMs: number;
}

/** What a rule does to a statement: nothing, refuse it by code, break the line before or after it took effect. */
export type Effect = 'accept' | 'break' | 'lose' | ErrorCode;

const SCHEMAS = {
  register: RegisterRequest,
  claim: ClaimRequest,
  drain: DrainRequest,
  start: BeatRequest,
  beat: BeatRequest,
  resume: BeatRequest,
  checkpoint: CheckpointRequest,
  meet: MeetRequest,
  seal: SealRequest,
  commit: CommitRequest,
  fail: FailRequest,
} as const;

/**
 * The app server's side of the worker protocol, as little as a worker can tell: it keeps the order of statements,
 * fences by number, and lets a test decide what becomes of each statement. Requests that break a schema are kept as
 * failures.
 */
export class FakeAppServer {
  readonly statements: Statement[] = [];
  readonly violations: unknown[] = [];
  readonly timing = { leaseMs: 2_000, beatMs: 50, claimWaitMs: 300 };
  /** Decides about each statement; `count` says how many of this verb came before. */
  rule: (verb: Verb, count: number, body: Record<string, unknown>) => Effect = () => 'accept';
  /** Where the ranks of the group listen; null: not all have said so. */
  addresses: MeetAnswer['addresses'] = null;
  directive: 'continue' | 'cancel' | 'drain' | 'wait' = 'continue';
  /** What a commit is answered. */
  committed: 'COMMITTING' | 'SUCCEEDED' = 'SUCCEEDED';
  remainingMs: number | null = null;
  readonly #queue: ClaimedTask[] = [];
  readonly #granted = new Map<string, ClaimedTask | null>();
  readonly #watchers = new Set<() => void>();
  #http = http.createServer();
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens; on the same port as before when it was stopped. */
  async start(): Promise<void> {
    this.#http = http.createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve) => this.#http.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#http.address() as AddressInfo).port; // listening on TCP: it is an AddressInfo
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeAllConnections();
    await closed;
  }

  offer(task: ClaimedTask): void {
    this.#queue.push(task);
    this.#changed();
  }

  count(verb: Verb): number {
    return this.of(verb).length;
  }

  of(verb: Verb): Statement[] {
    return this.statements.filter((statement) => statement.verb === verb);
  }

  /** Resolves as soon as `condition` holds after some statement; mocha's time limit bounds the wait. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const watcher = () => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const verb = verbOf(request.url ?? '');
    let body: Record<string, unknown> = {};
    try {
      const raw: unknown = JSON.parse((await readBody(request, 1024 ** 2)).toString());
      body = parse(SCHEMAS[verb], raw, verb);
    } catch (err) {
      this.violations.push(err);
    }
    const effect = this.rule(verb, this.count(verb), body);
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    this.statements.push({ verb, token, body, effect, atMs: performance.now() });
    this.#changed();
    if (effect === 'break') request.socket.destroy();
    else if (effect === 'accept' || effect === 'lose') {
      const answer = await this.#effectOf(verb, body);
      if (effect === 'lose') request.socket.destroy();
      else if (answer === null) response.writeHead(204).end();
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    } else {
      const problem = toProblem(new AppError(effect, `refused ${verb}`), null);
      response.writeHead(problem.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
    }
    this.#changed();
  }

  async #effectOf(verb: Verb, body: Record<string, unknown>): Promise<unknown> {
    switch (verb) {
      case 'register':
        return { workerId: 'w1', workerToken: 'worker-token', ...this.timing };
      case 'claim':
        return this.#claim(String(body['requestId']), Number(body['waitMs']));
      case 'drain':
        return { draining: true };
      case 'start':
      case 'beat':
      case 'resume':
      case 'checkpoint':
        return { directive: this.directive, leaseMs: this.timing.leaseMs, remainingMs: this.remainingMs };
      case 'meet':
        return { epoch: 1, certificate: CERTIFICATE, addresses: this.addresses };
      case 'seal':
        return { state: 'COMMITTING' };
      case 'commit':
        return { state: this.committed };
      case 'fail':
        return { state: 'READY' };
    }
  }

  async #claim(requestId: string, waitMs: number): Promise<ClaimedTask | null> {
    const until = performance.now() + waitMs;
    let found = this.#granted.get(requestId) ?? this.#queue.shift();
    while (found === undefined && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      found = this.#queue.shift();
    }
    if (found !== undefined) this.#granted.set(requestId, found);
    return found ?? null;
  }
}

/** Not one that anybody would accept. */
export const CERTIFICATE = { authority: 'authority', certificate: 'certificate', key: 'key' };

function verbOf(url: string): Verb {
  if (url === '/internal/v1/workers') return 'register';
  if (url === '/internal/v1/claims') return 'claim';
  return (url.split('/').at(-1) ?? '') as Verb; // the client under test sends no other paths; a wrong one has no schema
}

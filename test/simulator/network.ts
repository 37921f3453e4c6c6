import { AppError, fromProblem, parse, Problem } from '#contracts';
import type { HttpAnswer, HttpRequest } from '#runtime';
import type { History } from './history.ts';
import type { SimulatedProcess } from './process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** A request as bytes on the wire. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly text: string;
  /** Aborted when the client has hung up. */
  readonly signal: AbortSignal;
}

export interface WireAnswer {
  readonly status: number;
  /** JSON, or '' for none. */
  readonly text: string;
}

/** Who can be sent a request. */
export interface Endpoint {
  readonly process: SimulatedProcess;
  serve(request: WireRequest): Promise<WireAnswer>;
}

/** What happens to one request. */
export interface Passage {
  readonly requestMs: number;
  readonly answerMs: number;
  readonly isRequestLost: boolean;
  readonly isAnswerLost: boolean;
  /** A second delivery of the same bytes, so long after the first; null: none. */
  readonly repeatedAfterMs: number | null;
}

export interface NetworkOptions {
  readonly time: VirtualTime;
  readonly history: History;
  /** Where a request goes, as a load balancer decides; null: nobody is there. */
  readonly route: (from: SimulatedProcess) => Endpoint | null;
  readonly passage: (from: SimulatedProcess) => Passage;
  /** Called when a worker has decided to send. */
  readonly beforeSending: (from: SimulatedProcess, verb: string) => void;
  readonly isCut: (from: SimulatedProcess, to: SimulatedProcess) => boolean;
  /** Told of each answer that reached its worker, before the worker is. */
  readonly onAnswer: (verb: string, request: WireRequest, answer: WireAnswer) => void;
}

/** How long a refused or reset connection takes to be noticed. */
const RESET_MS = 5;

/** Carries requests of workers to app servers, late, twice or not at all. */
export class Network {
  readonly #options: NetworkOptions;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** What a worker's protocol client sends through. */
  transport(from: SimulatedProcess): { request(request: HttpRequest): Promise<HttpAnswer>; close(): void } {
    return {
      request: async (request) => {
        const answer = await new Exchange(from, request, this.#options).perform();
        if (answer.status < 400) {
          return {
            status: answer.status,
            headers: {},
            json: answer.text === '' ? null : (JSON.parse(answer.text) as unknown),
          };
        }
        throw fromProblem(parse(Problem, JSON.parse(answer.text), 'problem document'));
      },
      close: () => undefined,
    };
  }
}

/** The last part of the path: `claims`, `beat`, `commit`. */
export const verbOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** The task that a path names, or null. */
export const taskIdOf = (path: string): string | null => /\/tasks\/([^/]+)\//.exec(path)?.[1] ?? null;

/** One request with all that becomes of it. */
class Exchange {
  readonly #from: SimulatedProcess;
  readonly #request: HttpRequest;
  readonly #options: NetworkOptions;
  readonly #verb: string;
  readonly #hungUp = new AbortController();
  readonly #answer = Promise.withResolvers<WireAnswer>();
  readonly #undo: (() => void)[] = [];
  #isOver = false;

  constructor(from: SimulatedProcess, request: HttpRequest, options: NetworkOptions) {
    this.#from = from;
    this.#request = request;
    this.#options = options;
    this.#verb = verbOf(request.path);
  }

  async perform(): Promise<WireAnswer> {
    const { path, json, token = '', method, timeoutMs = 60_000, signal } = this.#request;
    const text = JSON.stringify(json);
    this.#options.beforeSending(this.#from, this.#verb);
    // A process that is stopped here sends when it goes on, whatever it knew when it decided to.
    await this.#from.pass();
    if (signal?.aborted === true) throw new AppError('TIMEOUT', `${method} ${path} was given up`);
    const wire = { method, path, authorization: `Bearer ${token}`, text, signal: this.#hungUp.signal };
    this.#giveUpAfter(timeoutMs, signal);
    const { requestMs, answerMs, isRequestLost, isAnswerLost, repeatedAfterMs } = this.#options.passage(this.#from);
    this.#options.history.note(this.#from.name, `-> ${this.#verb}`, taskIdOf(path));
    if (!isRequestLost) this.#deliver(wire, requestMs, isAnswerLost ? null : answerMs);
    if (repeatedAfterMs !== null)
      this.#deliver({ ...wire, signal: new AbortController().signal }, requestMs + repeatedAfterMs, null);
    return this.#answer.promise;
  }

  /** @param answerMs null: whatever is answered is lost */
  #deliver(wire: WireRequest, requestMs: number, answerMs: number | null): void {
    const { time, route, isCut } = this.#options;
    time.after(requestMs, () => {
      const target = route(this.#from);
      if (target === null || target.process.isDead) {
        if (answerMs !== null) this.#fail('SERVER_UNAVAILABLE', 'connection refused', RESET_MS);
        return;
      }
      if (isCut(this.#from, target.process)) return;
      const undo = target.process.onDeath(() => {
        if (answerMs !== null) this.#fail('SERVER_UNAVAILABLE', 'connection reset', RESET_MS);
      });
      this.#undo.push(undo);
      target.process.deliver(() => {
        void target.serve(wire).then((answer) => {
          undo();
          if (target.process.isDead || answerMs === null) return;
          time.after(answerMs, () => {
            if (!isCut(this.#from, target.process)) this.#succeed(wire, answer);
          });
        });
      });
    });
  }

  #giveUpAfter(timeoutMs: number, signal: AbortSignal | undefined): void {
    const { path } = this.#request;
    const giveUp = (why: string) => {
      // The server learns that the connection is closed a moment later.
      this.#options.time.after(RESET_MS, () => this.#hungUp.abort());
      this.#end(() => this.#answer.reject(new AppError('TIMEOUT', `${path} ${why}`)));
    };
    this.#undo.push(this.#from.clock.after(timeoutMs, () => giveUp(`did not answer within ${timeoutMs} ms`)));
    if (signal === undefined) return;
    const abort = () => giveUp('was given up');
    signal.addEventListener('abort', abort, { once: true });
    this.#undo.push(() => signal.removeEventListener('abort', abort));
  }

  #fail(code: 'SERVER_UNAVAILABLE', why: string, ms: number): void {
    this.#options.time.after(ms, () =>
      this.#from.deliver(() =>
        this.#end(() => this.#answer.reject(new AppError(code, `${this.#request.path}: ${why}`))),
      ),
    );
  }

  #succeed(wire: WireRequest, answer: WireAnswer): void {
    this.#from.deliver(() =>
      this.#end(() => {
        this.#options.onAnswer(this.#verb, wire, answer);
        this.#answer.resolve(answer);
      }),
    );
  }

  #end(act: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const undo of this.#undo) undo();
    act();
  }
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError, parse, toAppError, toProblem } from '#contracts';
import type { ObjectStore } from '#object-store';
import { newId, type Config, type Logger } from '#runtime';
import type { Database } from '#store';
import {
  reaperDuty,
  reconcilerDuty,
  schedulerDuty,
  startDuties,
  sweeperDuty,
} from '../../appserver/server/duties/index.ts';
import { queueRoutes, TaskQueue, WorkerProtocol, type TaskFollowUp } from '../../appserver/server/queue/index.ts';
import type { Route } from '../../appserver/server/route.ts';
import { objectSweeperDuty } from '../../appserver/server/services/object-sweeper.ts';
import { createSealer } from '../../appserver/server/services/sealer.ts';
import { taskIdOf, verbOf, type Endpoint, type WireAnswer, type WireRequest } from './network.ts';
import type { SimulatedProcess } from './process.ts';

export interface AppServerOptions {
  readonly process: SimulatedProcess;
  readonly database: Database;
  readonly objectStore: ObjectStore;
  readonly config: Config;
  readonly logger: Logger;
  readonly followUp: TaskFollowUp<'batch-predict'>;
  /** Told of an error that only a fault in the program explains. */
  readonly onBug: (err: AppError) => void;
  /** Told of each request when it arrives; what it returns is told of the answer. */
  readonly onRequest: (request: ServedRequest) => (answer: WireAnswer) => void;
}

/** What an app server is answering. */
export interface ServedRequest {
  readonly verb: string;
  readonly taskId: string | null;
  /** 0 where the statement carries none. */
  readonly fence: number;
}

const serving = new AsyncLocalStorage<ServedRequest>();

/** The request that the running code answers; null in duties and outside of app servers. */
export const currentRequest = (): ServedRequest | null => serving.getStore() ?? null;

/** How often the scheduler of the simulated app servers looks; a tenth of the product's rate, to save statements. */
const SCHEDULER_INTERVAL_MS = 2_000;

/** How often doomed folders are looked for; a tenth of the product's rate, too. */
const OBJECTS_INTERVAL_MS = 10_000;

/** One replica: the real queue, protocol, routes and duties on a simulated process. */
export class AppServer implements Endpoint {
  readonly process: SimulatedProcess;
  readonly database: Database;
  readonly queue: TaskQueue;
  readonly #options: AppServerOptions;
  readonly #routes: readonly Route[];
  #servingCount = 0;

  constructor(options: AppServerOptions) {
    const { process, database, objectStore, logger } = options;
    const { queue: config, retention } = options.config;
    const { clock } = process;
    this.#options = options;
    this.process = process;
    this.database = database;
    this.queue = new TaskQueue({ database, objectStore, config, logger, clock });
    this.queue.followUps.register('batch-predict', options.followUp);
    const protocol = new WorkerProtocol({
      database,
      queue: this.queue,
      config,
      logger,
      clock,
      sealer: createSealer(Buffer.alloc(32)),
    });
    this.#routes = queueRoutes(protocol);
    process.run(() => {
      startDuties(
        [
          reaperDuty(this.queue, config, clock),
          schedulerDuty({ queue: this.queue, handlers: {}, intervalMs: SCHEDULER_INTERVAL_MS }),
          reconcilerDuty({ config, advance: async () => undefined }),
          sweeperDuty(retention),
          { ...objectSweeperDuty(objectStore, retention, undefined, clock), intervalMs: OBJECTS_INTERVAL_MS },
        ],
        { database, logger, holder: newId('app'), clock },
      );
    });
  }

  /** Requests that have not been answered. */
  get servingCount(): number {
    return this.#servingCount;
  }

  /** Answers as the HTTP layer would: both schemas are checked, errors become problem documents. */
  async serve(request: WireRequest): Promise<WireAnswer> {
    const { fence = 0 } = JSON.parse(request.text) as { fence?: number }; // the simulated worker's JSON
    const served = { verb: verbOf(request.path), taskId: taskIdOf(request.path), fence };
    const onAnswer = this.#options.onRequest(served);
    this.#servingCount += 1;
    try {
      const answer = await serving.run(served, () => this.#answer(request));
      onAnswer(answer);
      return answer;
    } catch (err) {
      const error = toAppError(err);
      if (error.code === 'INTERNAL' && !this.process.isDead) this.#options.onBug(error);
      const problem = toProblem(error, null);
      return { status: problem.status, text: JSON.stringify(problem) };
    } finally {
      this.#servingCount -= 1;
    }
  }

  async #answer({ method, path, authorization, text, signal }: WireRequest): Promise<WireAnswer> {
    const found = this.#find(method, path);
    if (found === null) throw new AppError('NOT_FOUND', `${method} ${path} is no route`);
    const { route, params } = found;
    const body = route.body === undefined ? undefined : parse(route.body, JSON.parse(text), 'body');
    const call = { params, query: {}, body, headers: { authorization }, signal };
    // Handlers of the worker protocol use nothing else of a call, and nothing of the app.
    const answer = await route.handler(undefined as never, call as never);
    const schema = route.answers[answer.status]?.schema;
    if (answer.body !== undefined && schema !== undefined) parse(schema, answer.body, `answer of ${path}`, 'INTERNAL');
    return { status: answer.status, text: answer.body === undefined ? '' : JSON.stringify(answer.body) };
  }

  #find(method: string, path: string): { route: Route; params: Readonly<Record<string, string>> } | null {
    for (const route of this.#routes) {
      if (route.method !== method) continue;
      const pattern = route.path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)');
      const match = new RegExp(`^${pattern}$`).exec(path);
      if (match !== null) return { route, params: { ...match.groups } };
    }
    return null;
  }
}

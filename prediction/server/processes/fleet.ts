import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '#contracts';
import type { DeploymentState } from '../deployments.ts';
import type { FrontOptions } from '../front.ts';
import { collectMetrics, type MetricCollection } from './collect-metrics.ts';
import type { FrontMessage, KeeperMessage, News } from './messages.ts';

/** First and longest pause before a process that ended is started again, milliseconds. */
const RESTART_MS = 100;
const RESTART_MS_MAX = 5_000;
/** A process that answered so long is no part of a row of failures, milliseconds. */
const STEADY_MS = 10_000;

/** A process that answers requests, as the keeper knows it. */
interface Answering {
  readonly worker: Worker;
  readonly startedMs: number;
  /** Null before it listens. */
  url: string | null;
  /** Version of the last news that are in force there. */
  took: number;
  failed: Readonly<Record<string, string>>;
}

/** All processes that answer requests. */
export interface Fleet {
  readonly options: FrontOptions;
  readonly all: Map<number, Answering>;
  readonly metrics: MetricCollection;
  readonly firstUrl: PromiseWithResolvers<string>;
  version: number;
  isClosing: boolean;
  pauseMs: number;
}

export function createFleet(options: FrontOptions): Fleet {
  // All accept from one listening socket. By turns (Node's default) the keeper accepts and hands connections on, and one that it has
  // handed to a process that is killed before it takes it is never closed: its client waits for ever.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const all = new Map<number, Answering>();
  return {
    options,
    all,
    metrics: collectMetrics((id, message) => send(all.get(id), message)),
    firstUrl: Promise.withResolvers<string>(),
    version: 0,
    isClosing: false,
    pauseMs: RESTART_MS,
  };
}

/** Starts one more process. */
export function startProcess(fleet: Fleet): void {
  const worker = cluster.fork({ TRAINYARD_PARENT_WATCH: '0' });
  const answering: Answering = { worker, startedMs: performance.now(), url: null, took: -1, failed: {} };
  fleet.all.set(worker.id, answering);
  // The cast holds: whoever writes to this channel is our own program.
  worker.on('message', (message: unknown) => take(fleet, answering, message as FrontMessage));
  worker.once('exit', (code: number | null, signal: string | null) => ended(fleet, answering, signal ?? String(code)));
  send(answering, newsOf(fleet));
}

/** Tells all processes what is in force. */
export function announce(fleet: Fleet): void {
  fleet.version += 1;
  const news = newsOf(fleet);
  for (const answering of fleet.all.values()) send(answering, news);
}

/** Deployments as all processes that listen answer for them: ready is what each of them answers with its assigned model. */
export function listOfAll({ options, all, version }: Fleet): readonly DeploymentState[] {
  const listening = [...all.values()].filter(({ url }) => url !== null);
  const areAllThere = listening.length > 0 && listening.every(({ took }) => took >= version);
  return options.state.table.list().map((deployment) => {
    const { deploymentId } = deployment.record;
    const failure = listening.map(({ failed }) => failed[deploymentId]).find((message) => message !== undefined);
    if (failure !== undefined) return { ...deployment, ready: false, error: failure };
    return areAllThere ? deployment : { ...deployment, ready: false };
  });
}

/** Lets all processes end; who has not after the time is killed. */
export async function closeFleet(fleet: Fleet, timeoutMs: number): Promise<void> {
  fleet.isClosing = true;
  await Promise.all(
    [...fleet.all.values()].map(async (answering) => {
      const { worker } = answering;
      const exited = once(worker, 'exit');
      send(answering, { kind: 'close' });
      const timer = setTimeout(() => worker.process.kill('SIGKILL'), timeoutMs);
      await exited;
      clearTimeout(timer);
    }),
  );
}

function take(fleet: Fleet, answering: Answering, message: FrontMessage): void {
  const { options, metrics, all } = fleet;
  const { id } = answering.worker;
  switch (message.kind) {
    case 'took':
      answering.took = message.version;
      answering.failed = message.failed;
      options.report();
      break;
    case 'listening':
      answering.url = message.url;
      fleet.firstUrl.resolve(message.url);
      options.report();
      break;
    case 'refresh':
      void options.refresh().then(() => send(answering, { kind: 'refreshed', id: message.id }));
      break;
    case 'askMetrics':
      metrics.ask(id, message.id, othersThatListen(all, id));
      break;
    case 'collected':
      metrics.collected(id, message.id, message.families);
      break;
  }
}

function ended(fleet: Fleet, answering: Answering, why: string): void {
  const { all, options, metrics } = fleet;
  const { worker, startedMs, url } = answering;
  all.delete(worker.id);
  metrics.gone(worker.id);
  if (fleet.isClosing) return;
  // While none has ever listened this is the start: a port or a certificate that cannot be used, which its own log line says.
  if (url === null)
    fleet.firstUrl.reject(new AppError('CONFIG_INVALID', `a process that answers requests cannot start (${why})`));
  fleet.pauseMs = performance.now() - startedMs > STEADY_MS ? RESTART_MS : Math.min(2 * fleet.pauseMs, RESTART_MS_MAX);
  const fields = { pid: worker.process.pid, why, ms: fleet.pauseMs };
  options.logger.warn('process_ended', 'a process that answers requests ended; another one is started', fields);
  void sleep(fleet.pauseMs).then(() => {
    if (!fleet.isClosing) startProcess(fleet);
  });
}

function newsOf({ version, options: { state } }: Fleet): News {
  const { store, table } = state;
  const key = table.sequence() < 0 ? null : store.pinnedKey();
  const publicKey = key?.export({ type: 'spki', format: 'pem' }).toString();
  return { kind: 'news', version, force: publicKey === undefined ? null : { publicKey, kept: table.kept() } };
}

const othersThatListen = (all: ReadonlyMap<number, Answering>, id: number): number[] =>
  [...all.values()].filter(({ url, worker }) => url !== null && worker.id !== id).map(({ worker }) => worker.id);

function send(answering: Answering | undefined, message: KeeperMessage): void {
  // Whoever is ending has closed its end; what it is told no longer matters.
  if (answering?.worker.isConnected() === true) answering.worker.send(message, () => undefined);
}

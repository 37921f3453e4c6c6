import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  AppError,
  parse,
  PredictionServerStatus,
  PROBLEM_MEDIA_TYPE,
  TELEMETRY_KEYS_PATH,
  TELEMETRY_SEGMENTS_PATH,
  toProblem,
} from '#contracts';
import type { ApiKeyGrant, DeploymentRecord, ErrorCode } from '#contracts';
import { serverKey } from '#telemetry';
import { TEST_KEYS } from '../telemetry/segments.ts';
import type { TestModel } from './models.ts';

export const TOKEN = 'prediction-server-token';

/** The `/internal/v1` routes that a prediction server uses, by hand; everything it says can be changed. */
export interface FakeAppServer {
  readonly url: string;
  readonly port: number;
  /** Files by model id; changed bytes are served as they are. */
  readonly models: Map<string, TestModel>;
  /** Status reports, the last one last. */
  readonly reports: { readonly serverId: string; readonly status: PredictionServerStatus }[];
  /** Model ids whose blob is begun and never ended. */
  readonly hanging: Set<string>;
  /** Model ids whose hanging blob the client gave up. */
  readonly abandoned: string[];
  /** Headers of the requests for the feed in their order. */
  readonly polls: http.IncomingHttpHeaders[];
  /** Paths of artefact requests in their order. */
  readonly downloads: string[];
  /** Telemetry that was taken, in its order. */
  readonly segments: Buffer[];
  /** What telemetry is answered with instead of being taken; null: it is taken. */
  refusesSegments: ErrorCode | null;
  /** Whether servers that ask for telemetry keys get some of `TEST_KEYS`; true. */
  givesKeys: boolean;
  /** Changes the feed, raises its sequence and wakes held polls. */
  publish(change: FeedChange): void;
  /** Ends all connections and stops listening; `listen` starts again on the same port. */
  stop(): Promise<void>;
  listen(): Promise<void>;
}

export interface FeedChange {
  readonly publicKey?: string;
  readonly deployments?: readonly DeploymentRecord[];
  readonly apiKeys?: readonly ApiKeyGrant[];
  /** Instead of one more than before. */
  readonly sequence?: number;
}

export async function startFakeAppServer(publicKey: string): Promise<FakeAppServer> {
  const feed = {
    sequence: 1,
    publicKey,
    deployments: [] as readonly DeploymentRecord[],
    apiKeys: [] as readonly ApiKeyGrant[],
  };
  const held = new Set<() => void>();
  const models = new Map<string, TestModel>();
  const reports: FakeAppServer['reports'] = [];
  const polls: http.IncomingHttpHeaders[] = [];
  const downloads: string[] = [];
  const hanging = new Set<string>();
  const abandoned: string[] = [];
  const segments: Buffer[] = [];
  const telemetry: { refusal: ErrorCode | null; givesKeys: boolean } = { refusal: null, givesKeys: true };
  let port = 0;

  const answer = async (request: http.IncomingMessage, response: http.ServerResponse, url: URL) => {
    if (request.headers.authorization !== `Bearer ${TOKEN}`)
      return refuse(response, 'UNAUTHENTICATED', 'the prediction-server token is wrong');
    const [, , , noun = '', id = '', part = ''] = url.pathname.split('/');
    if (noun === 'prediction-servers') {
      const text = Buffer.concat(await Array.fromAsync<Buffer>(request)).toString();
      const status = parse(PredictionServerStatus, JSON.parse(text), 'status');
      reports.push({ serverId: decodeURIComponent(id), status });
      response.writeHead(204).end();
      return undefined;
    }
    if (url.pathname === TELEMETRY_KEYS_PATH) {
      if (!telemetry.givesKeys) return refuse(response, 'SERVER_UNAVAILABLE', 'no keys are given');
      return send(response, { keys: serverKey(TEST_KEYS.signing(), url.searchParams.get('serverId') ?? '') });
    }
    if (url.pathname === TELEMETRY_SEGMENTS_PATH) {
      const sealed = Buffer.concat(await Array.fromAsync<Buffer>(request));
      if (telemetry.refusal !== null) return refuse(response, telemetry.refusal, 'no telemetry is taken');
      segments.push(sealed);
      response.writeHead(204).end();
      return undefined;
    }
    if (noun === 'models') {
      downloads.push(url.pathname);
      const model = models.get(decodeURIComponent(id));
      if (model === undefined) return refuse(response, 'NOT_FOUND', `there is no model ${id}`);
      if (part === 'signature') return send(response, model.signature);
      if (part === 'prediction-spread') return refuse(response, 'NOT_FOUND', 'no predictions of training rows');
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      if (part === 'blob' && hanging.has(id)) {
        response.flushHeaders();
        response.once('close', () => abandoned.push(id));
      } else response.end(part === 'manifest' ? model.manifest : model.blob);
      return undefined;
    }
    polls.push(request.headers);
    const after = Number(url.searchParams.get('after'));
    const wait = Number(url.searchParams.get('wait'));
    if (feed.sequence > after) return send(response, feed);
    const wake = () => {
      clearTimeout(timer);
      held.delete(wake);
      if (feed.sequence > after) send(response, feed);
      else response.writeHead(204).end();
    };
    const timer = setTimeout(wake, wait * 1000);
    held.add(wake);
    response.once('close', () => {
      clearTimeout(timer);
      held.delete(wake);
    });
    return undefined;
  };

  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake');
    answer(request, response, url).catch((err: unknown) => refuse(response, 'INTERNAL', String(err)));
  });
  const listen = async () => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port; // a listening TCP server has one
  };
  await listen();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    models,
    reports,
    hanging,
    abandoned,
    polls,
    downloads,
    segments,
    get refusesSegments() {
      return telemetry.refusal;
    },
    set refusesSegments(code) {
      telemetry.refusal = code;
    },
    get givesKeys() {
      return telemetry.givesKeys;
    },
    set givesKeys(gives) {
      telemetry.givesKeys = gives;
    },
    publish: ({ sequence, ...change }) => {
      Object.assign(feed, change, { sequence: sequence ?? feed.sequence + 1 });
      for (const wake of [...held]) wake();
    },
    stop: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    listen,
  };
}

function send(response: http.ServerResponse, value: unknown): undefined {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function refuse(response: http.ServerResponse, code: ErrorCode, message: string): undefined {
  const problem = toProblem(new AppError(code, message), null, true);
  response.writeHead(problem.status, { 'content-type': PROBLEM_MEDIA_TYPE }).end(JSON.stringify(problem));
}

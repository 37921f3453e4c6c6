import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { ApiKeyGrant, DeploymentRecord } from '#contracts';
import { createLogger, KEY_FILES, loadConfig } from '#runtime';
import { startPredictionServer } from '#prediction-server';
import { programArguments } from '../../../appserver/cli/up/programs.ts';
import { call, until, type Answer, type Call } from './call.ts';
import { startFakeAppServer, TOKEN, type FakeAppServer, type FeedChange } from './fake-app-server.ts';
import {
  API_KEY,
  createSigner,
  makeGrant,
  makeModel,
  makeRecord,
  type TestContent,
  type TestModel,
  type TestSigner,
} from './models.ts';

/** A prediction server under test: in this process, or the program itself. */
export interface Server {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
  /** SIGKILL; only of the program. */
  kill(): Promise<void>;
}

/** An app server by hand, its keys and models, and prediction servers on one data folder. */
export interface Serving {
  readonly app: FakeAppServer;
  readonly signer: TestSigner;
  readonly dataDir: string;
  readonly cacheDir: string;
  /** Log lines of all servers. */
  readonly log: readonly Record<string, unknown>[];
  start(flags?: Readonly<Record<string, string>>): Promise<Server>;
  /** `prediction/server/main.ts` as a process of its own. */
  startProgram(flags?: Readonly<Record<string, string>>, failpoints?: string): Promise<Server>;
  writeToken(token?: string): void;
  /** Makes a signed model and puts it into the app server. */
  model(modelId: string, content: TestContent): TestModel;
  /** Publishes one deployment of a model, and the key {@link API_KEY}. */
  deploy(model: TestModel, changes?: Partial<DeploymentRecord>, more?: FeedChange): DeploymentRecord;
  close(): Promise<void>;
}

/** A program that does not listen by then is killed. */
const START_TIMEOUT_MS = 15_000;

export async function createServing(): Promise<Serving> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-serving-'));
  const signer = createSigner();
  const app = await startFakeAppServer(signer.publicKey);
  const log: Record<string, unknown>[] = [];
  const running = new Set<Server>();
  const record = (line: string) => {
    log.push(JSON.parse(line) as Record<string, unknown>); // the logger writes objects
  };
  const flagsOf = (flags: Readonly<Record<string, string>>) => ({
    dataDir,
    'predictionServer.port': '0',
    'predictionServer.appServerUrl': app.url,
    'predictionServer.statusMs': '100',
    'telemetry.transport': 'off',
    ...flags,
  });
  const keysDir = path.join(dataDir, 'keys');
  const writeToken = (token: string = TOKEN) => {
    mkdirSync(keysDir, { recursive: true });
    writeFileSync(path.join(keysDir, KEY_FILES.predictionServerToken), `${token}\n`);
  };
  writeToken();
  const track = (server: Server) => {
    running.add(server);
    return server;
  };
  return {
    app,
    signer,
    dataDir,
    cacheDir: path.join(dataDir, 'prediction-server'),
    log,
    writeToken,
    start: async (flags = {}) => {
      const { config } = loadConfig({ flags: flagsOf(flags), env: {} });
      const logger = createLogger({ program: 'prediction-server', level: 'debug', write: record });
      const server = await startPredictionServer(config, logger);
      let closed: Promise<void> | null = null;
      const close = () => (closed ??= server.close());
      return track({ url: server.url, port: Number(new URL(server.url).port), close, kill: close });
    },
    startProgram: async (flags = {}, failpoints = '') => track(await startProgram(flagsOf(flags), failpoints, record)),
    model: (modelId, content) => {
      const model = makeModel(signer, modelId, content);
      app.models.set(modelId, model);
      return model;
    },
    deploy: (model, changes = {}, more = {}) => {
      const deployed = makeRecord(signer, model, changes);
      app.publish({ deployments: [deployed], apiKeys: [makeGrant()], ...more });
      return deployed;
    },
    close: async () => {
      await Promise.all([...running].map((server) => server.close()));
      await app.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function startProgram(
  flags: Readonly<Record<string, string>>,
  failpoints: string,
  record: (line: string) => void,
): Promise<Server> {
  const child = spawn(process.execPath, programArguments('prediction-server', flags), {
    env: { PATH: process.env['PATH'], TRAINYARD_FAILPOINTS: failpoints },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const killed = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the program ended with ${code ?? 'a signal'}`)));
    createInterface({ input: child.stderr }).on('line', (line) => {
      record(line);
      const match = /"event":"listening","msg":"predictions at (http:\/\/[^/]+)\//.exec(line);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
  });
  clearTimeout(killed);
  const end = async (signal: NodeJS.Signals) => {
    if (isRunning(child)) child.kill(signal);
    await exited;
  };
  return {
    url,
    port: Number(new URL(url).port),
    close: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

/** A row that all models of these tests know every column of. */
export const ROW = { age: 30, color: 'red', height: 1.7, ['__proto__']: 1 };

/** POSTs rows to a deployment with {@link API_KEY}; what is no text is sent as JSON. */
export function predict(
  server: Pick<Server, 'url'>,
  rows: unknown = ROW,
  { headers = {}, ...rest }: Call & { readonly id?: string } = {},
): Promise<Answer> {
  const { id = 'dep_1', ...more } = rest;
  const body = typeof rows === 'string' || rows instanceof Uint8Array ? rows : JSON.stringify(rows);
  const all = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json', ...headers };
  return call(`${server.url}/predict/${id}`, { method: 'POST', body, headers: all, ...more });
}

/** Waits until the deployment answers, with this model where one is named. */
export const untilReady = (server: Pick<Server, 'url'>, modelId?: string): Promise<Answer> =>
  until(`the deployment answers ${modelId ?? ''}`, async () => {
    const answer = await predict(server);
    const isReady = answer.status === 200 && (modelId === undefined || answer.headers['x-trainyard-model'] === modelId);
    return isReady ? answer : null;
  });

/** A key and its grant for the feed. */
export const keyOf = (key: string, changes: Partial<ApiKeyGrant> = {}): ApiKeyGrant => makeGrant(key, changes);

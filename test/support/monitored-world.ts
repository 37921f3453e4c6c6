import { readdirSync } from 'node:fs';
import { Deployment, Job, parse, Project, TELEMETRY_INBOX } from '#contracts';
import { startMonitor, type RunningMonitor } from '#monitor';
import { startPredictionServer } from '#prediction-server';
import { createLogger, loadConfig } from '#runtime';
import { createRandom, type Random } from '#statistics';
import type { Api } from './api.ts';
import { startTestAppServer, type TestAppServer } from './app-server.ts';
import { numberRule, textRule, type MemoryColumn } from './memory-table.ts';
import { until } from './processes.ts';
import { ProtocolWorker } from './protocol-worker.ts';

/** A row of the world's features: the target is `yes` the more often the larger `size` is, and for red things. */
export interface Thing {
  readonly size: number;
  readonly weight: number;
  readonly colour: string;
}

const COLOURS = ['red', 'blue', 'green'] as const;

export const someThing = (random: Random): Thing => ({
  size: Math.round(1_000 * random.uniform()) / 1_000,
  weight: Math.round(1_000 * random.uniform()) / 10,
  colour: COLOURS[random.below(COLOURS.length)] ?? 'red',
});

/** Whether a thing is one, with noise. */
export const isYes = ({ size, colour }: Thing, random: Random): boolean =>
  random.uniform() < 1 / (1 + Math.exp(-6 * (size - (colour === 'red' ? 0.3 : 0.6))));

/** App server, prediction server and monitor in this process, with a deployment of a binary model: what is told crosses their HTTP. */
export interface MonitoredWorld {
  readonly app: TestAppServer;
  readonly api: Api;
  readonly deployment: Deployment;
  readonly monitor: RunningMonitor;
  /** Predicts rows, 200 a request. */
  predict(things: readonly Thing[], associationIds?: readonly string[]): Promise<void>;
  /** Sends a body as it is; the status of the answer. */
  post(body: string): Promise<number>;
  /** Ends the prediction server, which then has told everything, and waits until the monitor has it. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const ROWS = 1_500;
const ROWS_PER_REQUEST = 200;

export async function startMonitoredWorld(flags: Readonly<Record<string, unknown>> = {}): Promise<MonitoredWorld> {
  const telemetry = { 'telemetry.transport': 'http', 'telemetry.segmentMs': 50, 'monitor.pollMs': 20, ...flags };
  const app = await startTestAppServer(telemetry);
  const { url } = app.server;
  const { config } = loadConfig({
    env: {},
    flags: {
      ...{ dataDir: app.config.dataDir, 'predictionServer.appServerUrl': url, 'predictionServer.port': 0 },
      ...telemetry,
    },
  });
  const logger = createLogger({ program: 'test', level: 'warn', write: (line) => app.log.push(line) });
  const { api } = await app.user('ann');
  const modelId = await modelled(app, api);
  let server: Awaited<ReturnType<typeof startPredictionServer>> | null = await startPredictionServer(config, logger);
  const monitor = await startMonitor(config, logger);
  const { id } = await api.call('POST', '/deployments', 201, Deployment, { json: { modelId, name: 'things' } });
  const deployment = await until('a ready deployment', async () => {
    const found = await api.get(`/deployments/${id}`, Deployment);
    return found.ready ? found : null;
  });
  const post = async (body: string): Promise<number> => {
    const headers = { authorization: `Bearer ${String(api.key)}`, 'content-type': 'application/json' };
    const answer = await fetch(deployment.predictionUrl, { method: 'POST', headers, body });
    await answer.arrayBuffer();
    return answer.status;
  };
  const endServer = async () => {
    await server?.close();
    server = null;
  };
  const isSpoolEmpty = () =>
    !readdirSync(config.telemetry.spoolDir, { recursive: true }).some((name) => /\.(raw|seg)$/.test(String(name)));
  return {
    ...{ app, api, deployment, monitor, post },
    predict: async (things, ids) => {
      for (let from = 0; from < things.length; from += ROWS_PER_REQUEST) {
        const rows = things
          .slice(from, from + ROWS_PER_REQUEST)
          .map((thing, at) => (ids === undefined ? thing : { ...thing, associationId: ids[from + at] }));
        const status = await post(JSON.stringify(rows));
        if (status !== 200) throw new Error(`a prediction was answered by ${status}`);
      }
    },
    settle: async () => {
      await endServer();
      // What a closing server does not deliver within its time, the next start does.
      if (!isSpoolEmpty()) {
        server = await startPredictionServer(config, logger);
        await until('an empty spool', isSpoolEmpty);
        await endServer();
      }
      await until('an empty inbox', async () => (await Array.fromAsync(app.store.list(TELEMETRY_INBOX))).length === 0);
    },
    close: async () => {
      await endServer();
      await monitor.close();
      await app.close();
    },
  };
}

/** A linear model that is recommended, with its feature impact. */
async function modelled(app: TestAppServer, api: Api): Promise<string> {
  const worker = new ProtocolWorker(app.server.url, app.config, app.store, columnsOf(), { protocolVersion: 2 });
  try {
    const answer = await api.upload({ content: 'size,weight,colour,y\n1,2,red,yes\n', fileName: 'things.csv' });
    await worker.workAll();
    const datasetId = (await api.get(`/jobs/${parse(Job, answer.json, 'job').id}`, Job)).resource?.split('/').at(-1);
    const { id } = await api.call('POST', '/projects', 201, Project, { json: { name: 'things', datasetId } });
    const json = { target: 'y', blueprints: ['baseline', 'linear'], seed: 1 };
    await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json });
    await worker.workAll();
    const { modelId } = (await api.request('GET', `/projects/${id}/recommended-model`)).json as { modelId: string };
    return modelId;
  } finally {
    worker.close();
  }
}

function columnsOf(): MemoryColumn[] {
  const random = createRandom(6);
  const things = Array.from({ length: ROWS }, () => someThing(random));
  return [
    { name: 'size', cells: things.map(({ size }) => String(size)), parse: numberRule },
    { name: 'weight', cells: things.map(({ weight }) => String(weight)), parse: numberRule },
    { name: 'colour', cells: things.map(({ colour }) => colour), parse: textRule },
    { name: 'y', cells: things.map((thing) => (isYes(thing, random) ? 'yes' : 'no')), parse: textRule },
  ];
}

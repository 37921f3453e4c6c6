import { Deployment, Job, Leaderboard, Project } from '#contracts';
import { startPredictionServer, type RunningPredictionServer } from '#prediction-server';
import { createLogger, loadConfig, type Config } from '#runtime';
import type { Api } from './api.ts';
import { startTestAppServer, type TestAppServer } from './app-server.ts';
import { numberRule, type MemoryColumn } from './memory-table.ts';
import { readyDeployment } from './modelling.ts';
import { ProtocolWorker } from './protocol-worker.ts';

const ROWS = 60;

const numbers = (name: string, of: (row: number) => number): MemoryColumn => ({
  name,
  cells: Array.from({ length: ROWS }, (_, row) => String(of(row))),
  parse: numberRule,
});

/** An app server with a user, the smallest model there is (of `x`, predicting `y`), and a prediction server. */
export interface SmallPlatform {
  readonly world: TestAppServer;
  /** Whose everything is. */
  readonly ann: Api;
  readonly modelId: string;
  /** That of the prediction server; other programs may have it, too. */
  readonly config: Config;
  /** A deployment of the model that answers. */
  deploy(name: string): Promise<Deployment>;
  close(): Promise<void>;
}

/** @param flags of the prediction server */
export async function startSmallPlatform(flags: Readonly<Record<string, string>> = {}): Promise<SmallPlatform> {
  const world = await startTestAppServer({ 'autopilot.insights': 'none' });
  const columns = [numbers('x', (row) => row), numbers('y', (row) => 3 * row)];
  const worker = new ProtocolWorker(world.server.url, world.config, world.store, columns);
  const { api: ann } = await world.user('ann');
  const modelId = await modelOf(ann, worker);
  const { config } = loadConfig({
    env: {},
    flags: {
      dataDir: world.config.dataDir,
      'predictionServer.port': '0',
      'predictionServer.appServerUrl': world.server.url,
      'predictionServer.statusMs': '100',
      ...flags,
    },
  });
  const logger = createLogger({ program: 'served', write: () => undefined });
  const served: RunningPredictionServer = await startPredictionServer(config, logger);
  return {
    world,
    ann,
    modelId,
    config,
    deploy: async (name) => {
      const { id } = await ann.call('POST', '/deployments', 201, Deployment, { json: { modelId, name } });
      return readyDeployment(ann, id);
    },
    close: async () => {
      await served.close();
      worker.close();
      await world.close();
    },
  };
}

async function modelOf(ann: Api, worker: ProtocolWorker): Promise<string> {
  const upload = await ann.upload({ content: 'x,y\n1,3\n', fileName: 'data.csv' });
  await worker.workAll();
  // A job, by the contract.
  const { id: jobId } = upload.json as Job;
  const datasetId = (await ann.get(`/jobs/${jobId}`, Job)).resource?.split('/').at(-1) ?? '';
  const { id } = await ann.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } });
  const json = { target: 'y', blueprints: ['baseline'], seed: 1 };
  await ann.call('POST', `/projects/${id}/autopilot`, 202, Job, { json });
  await worker.workAll();
  const modelId = (await ann.get(`/projects/${id}/leaderboard`, Leaderboard)).data[0]?.modelId;
  if (modelId === undefined) throw new Error('there is no model');
  return modelId;
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KEY_FILES } from '#runtime';
import { programArguments } from '../../../appserver/cli/up/programs.ts';
import { call, until } from '../../support/serving/call.ts';
import { startFakeAppServer, TOKEN } from '../../support/serving/fake-app-server.ts';
import { API_KEY, createSigner, makeGrant, makeModel, makeRecord } from '../../support/serving/models.ts';
import { randomGenerator } from '../../unit/prediction/scoring/support.ts';
import { benchContent, CATEGORIES, COLUMNS, LEAVES, NUMERIC, TREES } from '../synthetic-model.ts';
import { bestFirstTrees } from '../synthetic-trees.ts';
import { startProgram, type Program } from './programs.ts';
import { jsonRequests, type Row } from './rows.ts';
import type { Requests } from '../../support/serving/load.ts';

/** Rows that the model's trees are split on. */
const SPLIT_ROWS = 8_192;
const READY_TIMEOUT_MS = 60_000;

export interface OwnServerOptions {
  /** Whether it tells of each prediction, to an app server in this process. */
  readonly telemetry: boolean;
  /** Further options of its Node, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
  readonly flags?: Readonly<Record<string, string>>;
}

/** Our prediction server, the program itself, with a signed model of 100 trees; its app server is in this process. */
export async function startOwnServer({ telemetry, nodeOptions = [], flags = {} }: OwnServerOptions): Promise<Program> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-serving-bench-'));
  const signer = createSigner();
  const app = await startFakeAppServer(signer.publicKey);
  const model = makeModel(signer, 'mdl_bench', { content: benchContent(), trees: new Map([['m', benchTrees()]]) });
  app.models.set(model.modelId, model);
  app.publish({ deployments: [makeRecord(signer, model)], apiKeys: [makeGrant()] });
  mkdirSync(path.join(dataDir, 'keys'));
  writeFileSync(path.join(dataDir, 'keys', KEY_FILES.predictionServerToken), TOKEN);
  const all = {
    dataDir,
    'predictionServer.port': '0',
    'predictionServer.appServerUrl': app.url,
    'telemetry.transport': telemetry ? 'http' : 'off',
    ...flags,
  };
  const close = async (): Promise<void> => {
    await app.stop();
    rmSync(dataDir, { recursive: true });
  };
  const program = await startProgram({
    words: [process.execPath, ...nodeOptions, ...programArguments('prediction-server', all)],
    listening: (line) => Number(/http:\/\/127\.0\.0\.1:(\d+)\/predict/.exec(line)?.[1] ?? NaN) || null,
  }).catch(async (err: unknown) => {
    await close();
    throw err;
  });
  const ready = `http://127.0.0.1:${program.port}/v2/health/ready`;
  await until('the model is served', async () => (await call(ready)).status === 200, READY_TIMEOUT_MS);
  return {
    ...program,
    end: async () => {
      await program.end();
      await close();
    },
  };
}

/** Single rows for it. */
export const ownRequests = (rows: readonly Row[]): Requests =>
  jsonRequests('/predict/dep_1', rows, [`Authorization: Bearer ${API_KEY}`]);

/** Trees that are split best-first on rows like those that are sent. */
function benchTrees(): ReturnType<typeof bestFirstTrees> {
  const random = randomGenerator(2);
  const values = Float64Array.from({ length: SPLIT_ROWS * COLUMNS }, (_, i) => {
    const column = i % COLUMNS;
    return column < NUMERIC ? random.integer(1000) / 10 : random.integer(CATEGORIES[column - NUMERIC] ?? 1);
  });
  return bestFirstTrees(
    {
      values,
      rowCount: SPLIT_ROWS,
      columnCount: COLUMNS,
      numericCount: NUMERIC,
      treeCount: TREES,
      leafCount: LEAVES,
    },
    random,
  );
}

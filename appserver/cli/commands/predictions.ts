import { createWriteStream, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '#contracts';
import type { JsonObject } from '../api-client.ts';
import { command, requiredWord, type CommandContext } from '../command.ts';
import { cell } from '../output.ts';
import { addDataset, sourceOf } from './datasets.ts';
import { follow } from './jobs.ts';
import { projectOf } from './projects.ts';

/** How long `deploy` waits for a prediction server to be ready, and how often it looks, milliseconds. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 250;

/** The model that is named, or the recommended one of a project (default: of the newest). */
export async function modelOf(
  context: CommandContext,
  model: string | undefined,
  project: string | undefined,
): Promise<string> {
  if (model !== undefined) return model;
  const recommended = await context
    .api()
    .get(`/projects/${encodeURIComponent(await projectOf(context, project))}/recommended-model`);
  return String(recommended['modelId']);
}

async function waitUntilReady(context: CommandContext, id: string): Promise<JsonObject> {
  const until = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const deployment = await context.api().get(`/deployments/${encodeURIComponent(id)}`);
    if (deployment['ready'] === true) return deployment;
    if (performance.now() > until)
      throw new AppError(
        'DEPLOYMENT_NOT_READY',
        `deployment ${id} is not ready after ${READY_TIMEOUT_MS / 1000} s; does a prediction server run?`,
      );
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
}

/** Media type of a file of rows by its name. */
function mediaTypeOf(file: string, format: string | undefined): string {
  const kind = format ?? (/\.(ndjson|jsonl)$/.test(file) ? 'ndjson' : file.endsWith('.json') ? 'json' : 'csv');
  switch (kind) {
    case 'csv':
      return 'text/csv';
    case 'json':
      return 'application/json';
    case 'ndjson':
      return 'application/x-ndjson';
    default:
      throw new AppError('BAD_REQUEST', `--format must be csv, json or ndjson; found ${JSON.stringify(kind)}`);
  }
}

/** Writes an answer to a new file, or to standard output. */
export async function writeTo(stream: Readable, file: string | undefined): Promise<void> {
  if (file === undefined) await pipeline(stream, process.stdout, { end: false });
  else await pipeline(stream, createWriteStream(file, { flags: 'wx' }));
}

const deploy = command({
  path: 'deploy',
  summary: 'serve a model (default: the recommended one of the newest project)',
  flags: {
    model: { kind: 'text', description: 'id of the model' },
    project: { kind: 'text', description: 'take this project’s recommended model' },
    name: { kind: 'text', description: 'name of the deployment' },
    noWait: { kind: 'switch', description: 'do not wait until it is ready' },
  },
  run: async ({ flags }, context) => {
    const modelId = await modelOf(context, flags.model, flags.project);
    const made = await context.api().post('/deployments', { modelId, name: flags.name ?? `deployment of ${modelId}` });
    const deployment = flags.noWait ? made : await waitUntilReady(context, String(made['id']));
    context.output.result(
      deployment,
      () => `deployment ${cell(deployment['id'])} answers at ${cell(deployment['predictionUrl'])}`,
    );
  },
});

const predict = command({
  path: 'predict',
  usage: 'FILE|-',
  summary: 'predictions for rows of a csv, json or ndjson file (default: newest deployment)',
  flags: {
    deployment: { kind: 'text', description: 'id of the deployment' },
    format: { kind: 'text', description: 'csv, json or ndjson; default by the file’s name' },
    output: { kind: 'text', description: 'file to write; default standard output', short: 'o' },
  },
  wordsMax: 1,
  run: async ({ flags, words }, context) => {
    const file = requiredWord(words, 'the file (or - for standard input)');
    const deployment =
      flags.deployment === undefined
        ? await context.api().newest('/deployments', 'deployment')
        : await context.api().get(`/deployments/${encodeURIComponent(flags.deployment)}`);
    const contentType = mediaTypeOf(file, flags.format);
    const accept = contentType === 'text/csv' && !context.output.json ? 'text/csv' : 'application/json';
    const rows = readFileSync(file === '-' ? 0 : file);
    await writeTo(
      await context.api().send(String(deployment['predictionUrl']), rows, { 'content-type': contentType, accept }),
      flags.output,
    );
  },
});

/** What to predict: a dataset, files in HDFS or a URL as they are, or a local file, which is uploaded first. */
async function inputOf(
  context: CommandContext,
  { dataset, format }: { readonly dataset: string | undefined; readonly format: string | undefined },
  words: readonly string[],
): Promise<JsonObject> {
  if (dataset !== undefined) return { datasetId: dataset };
  const word = requiredWord(words, 'the file, hdfs:///path, or --dataset');
  const source = sourceOf(word, format);
  if (source !== null) return { source };
  return { datasetId: (await addDataset(context, word, { name: undefined, options: {} }))['id'] };
}

/** How fast a batch prediction was. */
function speedOf(made: Readonly<Record<string, unknown>>): string {
  const rate = (value: unknown): string => (typeof value === 'number' ? `${Math.round(value)} rows/s` : 'unknown');
  return `${cell(made['partCount'])} tasks: ${rate(made['rowsPerSecond'])}, a core: ${rate(made['rowsPerCoreSecond'])}`;
}

const batchPredict = command({
  path: 'batch-predict',
  usage: '[FILE|URL|hdfs:///PATH]',
  summary: 'predictions for a whole dataset, file or folder in HDFS, as csv or into a folder in HDFS',
  flags: {
    model: { kind: 'text', description: 'id of the model; default the newest project’s recommended one' },
    deployment: { kind: 'text', description: 'id of a deployment instead of a model' },
    dataset: { kind: 'text', description: 'id of the dataset, instead of a file' },
    format: { kind: 'text', description: 'of input files in HDFS: parquet, csv, tsv or jsonl; default found' },
    passthrough: { kind: 'list', description: 'columns of the input to copy into the output' },
    output: {
      kind: 'text',
      description: 'file, or folder hdfs:///PATH, to write; default standard output',
      short: 'o',
    },
    outputFormat: { kind: 'text', description: 'of files in HDFS: parquet (default) or csv' },
    overwrite: { kind: 'switch', description: 'replace the files of a folder in HDFS that is there' },
  },
  wordsMax: 1,
  run: async ({ flags, words }, context) => {
    const { api, output } = context;
    const target = flags.output === undefined ? null : sourceOf(flags.output, flags.outputFormat);
    const isHdfs = target?.['type'] === 'hdfs';
    const input = await inputOf(context, flags, words);
    const by =
      flags.deployment === undefined
        ? { modelId: await modelOf(context, flags.model, undefined) }
        : { deploymentId: flags.deployment };
    const job = await api().post('/batch-predictions', {
      ...by,
      input,
      ...(flags.passthrough === undefined ? {} : { passthroughColumns: flags.passthrough }),
      ...(isHdfs ? { output: { ...target, ...(flags.overwrite ? { overwrite: true } : {}) } } : {}),
    });
    const done = await follow(context, job, 'predicting');
    const made = await api().get(String(done.resource));
    // BatchPrediction of the contract
    for (const { message, handling } of made['warnings'] as readonly { message: string; handling: string }[])
      output.note(`warning: ${cell(message)}. ${handling}`);
    if (isHdfs) {
      output.note(speedOf(made));
      output.result(made, () => `${cell(made['rowCount'])} rows in ${cell(target['path'])}`);
      return;
    }
    await writeTo(
      await api().download(`${String(done.resource)}/rows`, output.json ? 'application/x-ndjson' : 'text/csv'),
      flags.output,
    );
  },
});

/** Commands that predict. */
export const predictionCommands = [deploy, predict, batchPredict];

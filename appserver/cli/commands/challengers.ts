import { AppError } from '#contracts';
import type { JsonObject } from '../api-client.ts';
import { command, requiredFlag, requiredWord } from '../command.ts';
import { cell, table } from '../output.ts';
import { fields, follow } from './jobs.ts';

const routeOf = (words: readonly string[]): string =>
  `/deployments/${encodeURIComponent(requiredWord(words, 'the deployment’s id'))}/challengers`;

/** A number that a flag has. @throws BAD_REQUEST */
function numberOf(flag: string, text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new AppError('BAD_REQUEST', `--${flag} must be a number; found ${JSON.stringify(text)}`);
}

/** The rows of a table of what was compared: one a metric, or one without any. */
function comparedRows(challenger: JsonObject): string[][] {
  // ChallengerResult of the contract
  const metrics = challenger['metrics'] as readonly Readonly<Record<string, unknown>>[];
  const agreement = challenger['agreement'] as Readonly<Record<string, { value: number } | null>> | null;
  const agreed = agreement?.['sameClass'] ?? agreement?.['meanDistance'] ?? null;
  const head = [challenger['modelId'], challenger['pairCount'], agreed?.value, challenger['actualCount']].map(cell);
  if (metrics.length === 0) return [[...head, '', '', '', '', '']];
  return metrics.map((metric) => {
    const { lower, upper } = metric['difference'] as { lower: number | null; upper: number | null };
    const interval = lower === null || upper === null ? '' : `${lower.toPrecision(3)} to ${upper.toPrecision(3)}`;
    return [
      ...head,
      ...[metric['metric'], metric['champion'], metric['challenger'], interval, metric['better']].map(cell),
    ];
  });
}

function comparisonTable(answer: JsonObject): string {
  // ChallengerComparison of the contract
  const challengers = answer['challengers'] as readonly JsonObject[];
  return table(
    ['model', 'rows', 'agreement', 'actuals', 'metric', 'champion', 'challenger', 'difference', 'better'],
    challengers.flatMap(comparedRows),
  );
}

/** Commands about models that predict beside those of deployments. */
export const challengerCommands = [
  command({
    path: 'deployments challengers list',
    usage: 'DEPLOYMENT',
    summary: 'models that predict beside that of a deployment',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const rows = await api().list(routeOf(words));
      output.result(rows, () =>
        table(
          ['model', 'part of the rows', 'added'],
          rows.map((row) => [row['modelId'], row['sampleFraction'], row['addedAt']].map(cell)),
        ),
      );
    },
  }),
  command({
    path: 'deployments challengers add',
    usage: 'DEPLOYMENT',
    summary: 'let a model predict beside that of a deployment, unseen by who asks',
    flags: {
      model: { kind: 'text', description: 'id of the model' },
      sample: { kind: 'text', description: 'part of the rows that it predicts too; default 1' },
    },
    wordsMax: 1,
    run: async ({ flags, words }, { api, output }) => {
      const answer = await api().post(routeOf(words), {
        modelId: requiredFlag(flags.model, 'model'),
        ...(flags.sample === undefined ? {} : { sampleFraction: numberOf('sample', flags.sample) }),
      });
      output.result(answer, () => fields(answer));
    },
  }),
  command({
    path: 'deployments challengers remove',
    usage: 'DEPLOYMENT',
    summary: 'let a model no longer predict beside that of a deployment',
    flags: { model: { kind: 'text', description: 'id of the model' } },
    wordsMax: 1,
    run: async ({ flags, words }, { api, output }) => {
      const modelId = requiredFlag(flags.model, 'model');
      await api().delete(`${routeOf(words)}/${encodeURIComponent(modelId)}`);
      output.result({ modelId, deleted: true }, () => `model ${modelId} challenges no more`);
    },
  }),
  command({
    path: 'deployments challengers replay',
    usage: 'DEPLOYMENT',
    summary: 'let champion and challengers predict a dataset, and compare them on it',
    flags: { dataset: { kind: 'text', description: 'id of the dataset; with the target, metrics are compared too' } },
    wordsMax: 1,
    run: async ({ flags, words }, context) => {
      const { api, output } = context;
      const route = routeOf(words);
      const datasetId = requiredFlag(flags.dataset, 'dataset');
      const champion = String((await api().get(route.replace(/\/challengers$/, '')))['modelId']);
      const { target } = await api().get(`/models/${encodeURIComponent(champion)}`);
      const features = await api().list(`/datasets/${encodeURIComponent(datasetId)}/features`);
      const passthroughColumns = features.some(({ name }) => name === target) ? [target] : [];
      const challengers = (await api().list(route)).map((row) => String(row['modelId']));
      for (const modelId of [champion, ...challengers]) {
        const job = await api().post('/batch-predictions', { modelId, input: { datasetId }, passthroughColumns });
        await follow(context, job, `replaying by ${modelId}`);
      }
      const answer = await api().get(`${route}/comparison?datasetId=${encodeURIComponent(datasetId)}`);
      output.result(answer, () => comparisonTable(answer));
    },
  }),
  command({
    path: 'deployments challengers compare',
    usage: 'DEPLOYMENT',
    summary: 'how challengers did on the rows that the deployment has predicted',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const answer = await api().get(`${routeOf(words)}/comparison`);
      output.result(answer, () => comparisonTable(answer));
    },
  }),
];

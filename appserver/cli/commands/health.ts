import { readFileSync } from 'node:fs';
import { AppError } from '#contracts';
import type { JsonObject } from '../api-client.ts';
import { command, requiredWord, type CommandContext } from '../command.ts';
import { cell, table } from '../output.ts';

const RANGE_FLAGS = {
  from: { kind: 'text', description: 'begin, such as 2026-11-30 or 2026-11-30T12:00:00Z; default seven days ago' },
  to: { kind: 'text', description: 'end; default now' },
  bucket: { kind: 'text', description: 'hour, day or week; default by the length of the time' },
} as const;

type Asked = Readonly<Record<string, string | number | undefined>>;

/** What a route of health says of a deployment. */
async function asked(
  context: CommandContext,
  words: readonly string[],
  route: string,
  query: Asked,
): Promise<JsonObject> {
  const id = encodeURIComponent(requiredWord(words, 'the deployment’s id'));
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  const text = given.toString();
  return context.api().get(`/deployments/${id}/${route}${text === '' ? '' : `?${text}`}`);
}

/** Rows of an answer. */
const dataOf = (answer: JsonObject): readonly JsonObject[] => answer['data'] as readonly JsonObject[]; // by the contract

const rounded = (value: unknown, digits = 3): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(digits))) : cell(value ?? '-');

const health = command({
  path: 'deployments health',
  usage: 'ID',
  summary: 'how a deployment was served: requests, errors, latencies',
  flags: RANGE_FLAGS,
  wordsMax: 1,
  run: async ({ flags, words }, context) => {
    const answer = await asked(context, words, 'service-health', flags);
    context.output.result(answer, () => {
      const line = (name: string, row: JsonObject): string[] => {
        const latency = (row['latencyMs'] ?? {}) as JsonObject; // by the contract
        return [
          name,
          ...[row['requests'], row['errorRate'], row['requestsPerSecond']].map((value) => rounded(value)),
          ...['p50', 'p95', 'p99'].map((quantile) => rounded(latency[quantile])),
        ];
      };
      return table(
        ['from', 'requests', 'errors', 'per s', 'p50 ms', 'p95 ms', 'p99 ms'],
        [...dataOf(answer).map((row) => line(cell(row['from']), row)), line('all', answer)],
      );
    });
  },
});

const drift = command({
  path: 'deployments drift',
  usage: 'ID',
  summary: 'features of a deployment beside those of training, most important shifts first',
  flags: {
    ...RANGE_FLAGS,
    model: { kind: 'text', description: 'a model that it has served; default the one it serves' },
    limit: { kind: 'integer', description: 'features at most' },
  },
  wordsMax: 1,
  run: async ({ flags: { model, ...flags }, words }, context) => {
    const answer = await asked(context, words, 'feature-drift', { ...flags, modelId: model });
    context.output.result(answer, () =>
      table(
        ['feature', 'drift', 'psi', 'by chance', 'impact', 'missing', 'trained', 'events'],
        dataOf(answer).map((row) => {
          const missing = row['missingRate'] as JsonObject; // by the contract
          return [
            ...[row['feature'], row['drift']].map(cell),
            ...[row['psi'], row['psiByChance'], row['impact'], missing['live'], missing['training']].map((value) =>
              rounded(value),
            ),
            cell(row['liveCount']),
          ];
        }),
      ),
    );
  },
});

const accuracy = command({
  path: 'deployments accuracy',
  usage: 'ID',
  summary: 'predictions of a deployment beside true outcomes, and the accuracy that is expected without them',
  flags: {
    ...RANGE_FLAGS,
    model: { kind: 'text', description: 'a model that it has served; default the one it serves' },
  },
  wordsMax: 1,
  run: async ({ flags: { model, ...flags }, words }, context) => {
    const answer = await asked(context, words, 'accuracy', { ...flags, modelId: model });
    context.output.result(answer, () => {
      const metric = String(answer['metric']);
      const line = (name: string, row: JsonObject): string[] => [
        ...[name, row['predictionCount'], row['actualCount']].map(cell),
        ...[metric, 'accuracy'].map((one) => rounded((row['metrics'] as JsonObject)[one])), // by the contract
        rounded((row['estimated'] as JsonObject | null)?.['accuracy']), // by the contract
      ];
      return table(
        ['from', 'predictions', 'outcomes', metric, 'accuracy', 'expected'],
        [...dataOf(answer).map((row) => line(cell(row['from']), row)), line('all', answer)],
      );
    });
  },
});

const segments = command({
  path: 'deployments segments',
  usage: 'ID',
  summary:
    'predictions of a deployment by the levels of a feature: how many, whether they have changed, whether they came true',
  flags: {
    feature: { kind: 'text', description: 'one that the deployment is segmented by; default its first' },
    ...RANGE_FLAGS,
    model: { kind: 'text', description: 'a model that it has served; default the one it serves' },
  },
  wordsMax: 1,
  run: async ({ flags: { model, ...flags }, words }, context) => {
    const answer = await asked(context, words, 'segments', { ...flags, modelId: model });
    context.output.result(answer, () => {
      if (answer['feature'] === null)
        return 'The deployment has no segments: name categories of its model in settings.segments (PATCH /deployments/ID).';
      const metric = String(answer['metric']);
      const isRegression = answer['targetType'] === 'regression';
      const line = (row: JsonObject): string[] => {
        // By the contract.
        const [predictions, drift, accuracy] = ['predictions', 'drift', 'accuracy'].map(
          (part) => row[part] as JsonObject,
        );
        return [
          row['level'] === null ? `(${cell(row['kind'])})` : cell(row['level']),
          cell(row['eventCount']),
          ...[row['share'], row['trainingShare']].map((value) => rounded(value)),
          rounded(predictions?.[isRegression ? 'mean' : 'meanProbability']),
          rounded(drift?.['psi']),
          ...[drift?.['drift'], drift?.['baseline'] ?? '-', accuracy?.['actualCount']].map(cell),
          rounded((accuracy?.['metrics'] as JsonObject | undefined)?.[metric]),
        ];
      };
      const mean = isRegression ? 'mean' : 'probability';
      return table(
        ['level', 'events', 'share', 'trained', mean, 'psi', 'drift', 'beside', 'outcomes', metric],
        dataOf(answer).map(line),
      );
    });
  },
});

const actuals = command({
  path: 'deployments actuals',
  usage: 'ID FILE|-',
  summary: 'hand in true outcomes, a csv with associationId, actual and, if known, at, or the same as json',
  flags: {},
  wordsMax: 2,
  run: async ({ words }, context) => {
    const id = encodeURIComponent(requiredWord(words, 'the deployment’s id'));
    const file = requiredWord(words.slice(1), 'the file (or - for standard input)');
    const bytes = readFileSync(file === '-' ? 0 : file);
    const isJson =
      file.endsWith('.json') || (file === '-' && bytes.toString('utf8', 0, 100).trimStart().startsWith('['));
    const mediaType = isJson ? 'application/json' : 'text/csv';
    const taken = await context.api().postBytes(`/deployments/${id}/actuals`, bytes, mediaType);
    context.output.result(taken, () => {
      const counts = ['received', 'added', 'corrected', 'repeated', 'outdated', 'unmatched'];
      return counts.map((name) => `${cell(taken[name])} ${name}`).join(', ');
    });
  },
});

const alerts = command({
  path: 'deployments alerts',
  usage: 'ID',
  summary: 'alarms of a deployment, and how many false ones a month are accepted; or set where they go',
  flags: {
    set: {
      kind: 'text',
      description: 'file with the settings as JSON: falseAlarmsPerMonth, channels, mutedFeatures, enabled',
    },
    test: { kind: 'switch', description: 'send a message that says it is a test on all channels' },
  },
  wordsMax: 1,
  run: async ({ flags: { set, test }, words }, context) => {
    const id = encodeURIComponent(requiredWord(words, 'the deployment’s id'));
    const route = `/deployments/${id}/alerts`;
    if (set !== undefined) await context.api().put(route, settingsIn(set));
    if (test) await context.api().post(`${route}/test`, undefined);
    const answer = await context.api().get(route);
    context.output.result(answer, () => {
      const channels = (answer['channels'] as readonly JsonObject[]).map(({ type, url, to }) =>
        cell(url ?? to ?? type),
      ); // by the contract
      const rows = dataOf(answer).map((row) => [
        ...[row['openedAt'], row['state'], row['text']].map(cell),
        ...[row['excess'], row['threshold']].map((value) => rounded(value)),
        row['falseAlarm'] === true ? 'false alarm' : '',
      ]);
      return [
        `${cell(answer['falseAlarmsPerMonth'])} false alarms a month are accepted; told to: ${channels.join(', ') || 'nobody'}; watched up to ${cell(answer['watchedTo'] ?? '-')}`,
        table(['since', 'state', 'what', 'excess', 'above', 'verdict'], rows),
      ].join('\n');
    });
  },
});

/** @throws CONFIG_INVALID for a file that is not JSON */
function settingsIn(file: string): unknown {
  const text = readFileSync(file, 'utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `${file} is not JSON`, { cause: err });
  }
}

/** Commands about the health of deployments. */
export const healthCommands = [health, drift, accuracy, segments, actuals, alerts];

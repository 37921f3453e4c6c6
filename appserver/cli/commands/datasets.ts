import type { JsonObject } from '../api-client.ts';
import { command, requiredWord, type CommandContext } from '../command.ts';
import { cell, table } from '../output.ts';
import { fields, follow } from './jobs.ts';

/** What a word names that is no file of this machine: a URL, or files in HDFS; null for a local file. */
export function sourceOf(word: string, format?: string): JsonObject | null {
  if (/^https?:\/\//.test(word)) return { type: 'url', url: word };
  // `hdfs:///path` is the cluster's default file system, as for Hadoop's own commands.
  const match = /^hdfs:\/\/(\/.*)$/.exec(word);
  if (match !== null || word.startsWith('hdfs://'))
    return { type: 'hdfs', path: match?.[1] ?? word, ...(format === undefined ? {} : { format }) };
  return null;
}

/** Adds a file, a URL or files in HDFS as a dataset and waits until it is ready. */
export async function addDataset(
  context: CommandContext,
  word: string,
  options: { name: string | undefined; options: JsonObject; format?: string | undefined },
): Promise<JsonObject> {
  const { api } = context;
  const source = sourceOf(word, options.format);
  const name = options.name ?? word.replace(/\/+$/, '').split('/').at(-1) ?? word;
  const given = Object.keys(options.options).length > 0;
  const job =
    source === null
      ? await api().upload('/datasets', word, { name, ...(given ? { options: JSON.stringify(options.options) } : {}) })
      : await api().post('/datasets', { name, source, ...(given ? { options: options.options } : {}) });
  const done = await follow(context, job, 'reading');
  return api().get(String(done.resource));
}

export const datasetCommands = [
  command({
    path: 'datasets add',
    usage: 'FILE|URL|hdfs:///PATH',
    summary: 'add a dataset and wait until it is profiled; Parquet in HDFS stays where it is',
    flags: {
      name: { kind: 'text', description: 'name; default the file’s' },
      delimiter: { kind: 'text', description: 'one character; default found' },
      encoding: { kind: 'text', description: 'utf-8, utf-16le, utf-16be, latin-1 or windows-1252' },
      nullMarkers: { kind: 'list', description: 'texts that mean missing, instead of the default ones' },
      noHeader: { kind: 'switch', description: 'the first row is data' },
      format: { kind: 'text', description: 'of files in HDFS: parquet, csv, tsv or jsonl; default found' },
    },
    wordsMax: 1,
    run: async ({ flags, words }, context) => {
      const options = {
        ...(flags.delimiter === undefined ? {} : { delimiter: flags.delimiter }),
        ...(flags.encoding === undefined ? {} : { encoding: flags.encoding }),
        ...(flags.nullMarkers === undefined ? {} : { nullMarkers: flags.nullMarkers }),
        ...(flags.noHeader ? { header: false } : {}),
      };
      const dataset = await addDataset(context, requiredWord(words, 'the file, URL or hdfs:///path'), {
        name: flags.name,
        options,
        format: flags.format,
      });
      context.output.result(
        dataset,
        () =>
          `dataset ${cell(dataset['id'])}: ${cell(dataset['rowCount'])} rows x ${cell(dataset['featureCount'])} features`,
      );
    },
  }),
  command({
    path: 'datasets list',
    summary: 'your datasets',
    flags: {},
    run: async (_args, { api, output }) => {
      const rows = await api().list('/datasets');
      output.result(rows, () =>
        table(
          ['id', 'name', 'version', 'state', 'rows', 'features', 'created'],
          rows.map((row) =>
            [
              row['id'],
              row['name'],
              row['version'],
              row['state'],
              row['rowCount'],
              row['featureCount'],
              row['createdAt'],
            ].map(cell),
          ),
        ),
      );
    },
  }),
  command({
    path: 'datasets show',
    usage: 'ID',
    summary: 'one dataset',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const dataset = await api().get(`/datasets/${encodeURIComponent(requiredWord(words, 'the dataset’s id'))}`);
      output.result(dataset, () => fields(dataset));
    },
  }),
  command({
    path: 'datasets features',
    usage: 'ID',
    summary: 'features of a dataset with their profile',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const rows = await api().list(
        `/datasets/${encodeURIComponent(requiredWord(words, 'the dataset’s id'))}/features?limit=1000`,
        100_000,
      );
      output.result(rows, () =>
        table(
          ['feature', 'type', 'missing', 'unique', 'min', 'mean', 'max', 'warnings'],
          rows.map((row) => [
            ...[
              row['name'],
              row['type'],
              row['missingCount'],
              row['uniqueCount'],
              row['min'],
              row['mean'],
              row['max'],
            ].map(cell),
            (row['warnings'] as readonly { code: string }[]).map(({ code }) => code).join(' '), // FeatureProfile of the contract
          ]),
        ),
      );
    },
  }),
  command({
    path: 'datasets set-type',
    usage: 'ID FEATURE TYPE',
    summary: 'make a version of a dataset in which a feature has another type, and wait for it',
    flags: {},
    wordsMax: 3,
    run: async ({ words }, context) => {
      const id = requiredWord(words, 'the dataset’s id');
      const feature = requiredWord(words.slice(1), 'the feature');
      const type = requiredWord(words.slice(2), 'the type: numeric, categorical, text, date, boolean, id or geo');
      const { api, output } = context;
      const path = `/datasets/${encodeURIComponent(id)}/features/${encodeURIComponent(feature)}`;
      const answer = await api().patch(path, { type });
      // A dataset, as it is, where the feature has the type already; else a job.
      const isJob = answer['kind'] === 'feature-type';
      const dataset = isJob ? await api().get(String((await follow(context, answer, 'reading')).resource)) : answer;
      output.result(dataset, () =>
        isJob
          ? `dataset ${cell(dataset['id'])}: version ${cell(dataset['version'])}, in which ${feature} is ${type}`
          : `dataset ${cell(dataset['id'])}: ${feature} is ${type} already`,
      );
    },
  }),
  command({
    path: 'datasets delete',
    usage: 'ID',
    summary: 'delete a dataset',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const id = requiredWord(words, 'the dataset’s id');
      await api().delete(`/datasets/${encodeURIComponent(id)}`);
      output.result({ id, deleted: true }, () => `dataset ${id} is deleted`);
    },
  }),
];

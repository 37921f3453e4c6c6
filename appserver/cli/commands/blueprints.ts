import { readFile } from 'node:fs/promises';
import { AppError } from '#contracts';
import type { JsonObject } from '../api-client.ts';
import { command, requiredFlag, requiredWord } from '../command.ts';
import { cell, table } from '../output.ts';
import { fields, follow } from './jobs.ts';
import { projectOf } from './projects.ts';

/** A blueprint for a file: what the catalogue adds to it by itself is left out. */
function asDocument({ parameters: _, ...document }: JsonObject): string {
  return JSON.stringify(document, null, 2);
}

/** @throws BAD_REQUEST for a file that is not there or holds no JSON object */
async function blueprintIn(path: string): Promise<JsonObject> {
  let found: unknown;
  try {
    found = JSON.parse(await readFile(path, 'utf8'));
  } catch (err) {
    const reason = err instanceof Error ? err.message : String(err);
    throw new AppError('BAD_REQUEST', `--blueprint ${JSON.stringify(path)}: expected a file of JSON; ${reason}`);
  }
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return { ...found };
  throw new AppError('BAD_REQUEST', `--blueprint ${JSON.stringify(path)}: expected a JSON object`);
}

export const blueprintCommands = [
  command({
    path: 'blueprints list',
    summary: 'blueprints of the catalogue (of a project: default the newest)',
    flags: { project: { kind: 'text', description: 'id of the project' } },
    run: async ({ flags }, context) => {
      const project = await projectOf(context, flags.project);
      const rows = await context.api().list(`/projects/${encodeURIComponent(project)}/blueprints`);
      context.output.result(rows, () =>
        table(
          ['id', 'family', 'name'],
          rows.map((row) => [row['id'], row['family'], row['name']].map(cell)),
        ),
      );
    },
  }),
  command({
    path: 'blueprints show',
    usage: 'ID',
    summary: 'a blueprint as JSON, to be changed and trained; of a model with --model',
    flags: { model: { kind: 'text', description: 'id of the model, instead of the blueprint’s' } },
    wordsMax: 1,
    run: async ({ flags, words }, { api, output }) => {
      const path =
        flags.model === undefined
          ? `/blueprints/${encodeURIComponent(requiredWord(words, 'the blueprint’s id'))}`
          : `/models/${encodeURIComponent(flags.model)}/blueprint`;
      const blueprint = await api().get(path);
      output.result(blueprint, () => asDocument(blueprint));
    },
  }),
  command({
    path: 'blueprints steps',
    summary: 'every kind of step with its parameters',
    flags: {},
    run: async (_args, { api, output }) => {
      const rows = await api().list('/blueprint-steps');
      output.result(rows, () =>
        table(
          ['kind', 'blueprints', 'parameters'],
          rows.map((row) => [
            cell(row['kind']),
            cell((row['blueprints'] as readonly string[]).join(' ')), // BlueprintStepKind of the contract
            cell((row['parameters'] as readonly JsonObject[]).map(({ name }) => name).join(' ')), // ditto
          ]),
        ),
      );
    },
  }),
  command({
    path: 'models train',
    summary: 'train one model of a blueprint in a file, on the partitions of a project (default: the newest)',
    flags: {
      project: { kind: 'text', description: 'id of the project' },
      blueprint: { kind: 'text', description: 'file with the blueprint, as `blueprints show` writes it' },
      featureList: { kind: 'text', description: 'name of the feature list to model' },
      sampleFraction: { kind: 'number', description: 'part of the training rows, above 0 to 1' },
      wait: { kind: 'switch', description: 'wait for the end and show the model' },
    },
    run: async ({ flags }, context) => {
      const { api, output } = context;
      const blueprint = await blueprintIn(requiredFlag(flags.blueprint, 'blueprint'));
      const project = await projectOf(context, flags.project);
      const job = await api().post(`/projects/${encodeURIComponent(project)}/models`, {
        blueprint,
        featureList: flags.featureList,
        sampleFraction: flags.sampleFraction,
      });
      if (!flags.wait) {
        output.result(job, () => `job ${cell(job['id'])} is ${cell(job['state'])}: ${cell(job['resource'])}`);
        return;
      }
      const { resource } = await follow(context, job, 'training');
      const model = await api().get(String(resource));
      output.result(model, () => fields(model));
    },
  }),
];

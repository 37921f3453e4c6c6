import { readFileSync } from 'node:fs';
import { AppError } from '#contracts';
import { command, requiredFlag, requiredWord } from '../command.ts';
import { cell, table } from '../output.ts';
import { putWhileServing } from '../put-while-serving.ts';
import { fields } from './jobs.ts';

/** Path of a deployment's own routes. */
const routeOf = (words: readonly string[]): string =>
  `/deployments/${encodeURIComponent(requiredWord(words, 'the deployment’s id'))}`;

/** What a JSON file holds, `-` for standard input. @throws BAD_REQUEST for what is not JSON */
function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch (err) {
    throw new AppError('BAD_REQUEST', `${file}: expected JSON; ${err instanceof Error ? err.message : String(err)}`);
  }
}

/** Commands about deployments. */
export const deploymentCommands = [
  command({
    path: 'deployments list',
    summary: 'your deployments',
    flags: {},
    run: async (_args, { api, output }) => {
      const rows = await api().list('/deployments');
      output.result(rows, () =>
        table(
          ['id', 'name', 'model', 'ready', 'url'],
          rows.map((row) => [row['id'], row['name'], row['modelId'], row['ready'], row['predictionUrl']].map(cell)),
        ),
      );
    },
  }),
  command({
    path: 'deployments replace',
    usage: 'ID',
    summary: 'put another model behind a deployment',
    flags: { model: { kind: 'text', description: 'id of the model' }, reason: { kind: 'text', description: 'why' } },
    wordsMax: 1,
    run: async ({ flags, words }, { api, output }) => {
      const answer = await api().put(`${routeOf(words)}/model`, {
        modelId: requiredFlag(flags.model, 'model'),
        reason: requiredFlag(flags.reason, 'reason'),
      });
      output.result(answer, () => fields(answer));
    },
  }),
  command({
    path: 'deployments history',
    usage: 'ID',
    summary: 'models that a deployment has served, the newest first, with the reason of each',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const rows = await api().list(`${routeOf(words)}/history`);
      output.result(rows, () =>
        table(
          ['sequence', 'model', 'at', 'reason'],
          rows.map((row) => [row['sequence'], row['modelId'], row['at'], row['reason']].map(cell)),
        ),
      );
    },
  }),
  command({
    path: 'deployments rollback',
    usage: 'ID',
    summary: 'serve again what was served before the last replacement; twice undoes it',
    flags: {
      reason: { kind: 'text', description: 'why' },
      sequence: { kind: 'text', description: 'go back to this one of `deployments history` instead' },
    },
    wordsMax: 1,
    run: async ({ flags, words }, { api, output }) => {
      const route = routeOf(words);
      const reason = requiredFlag(flags.reason, 'reason');
      const current = await api().getTagged(route);
      const { modelId: now } = current.json;
      const history = await api().list(`${route}/history`);
      const wanted = history.find((row) =>
        flags.sequence === undefined ? row['modelId'] !== now : String(row['sequence']) === flags.sequence,
      );
      if (wanted === undefined)
        throw new AppError(
          'NOT_FOUND',
          flags.sequence === undefined
            ? `deployment ${cell(current.json['id'])} has served no other model`
            : `--sequence: the history has no ${JSON.stringify(flags.sequence)}; it has ${history.map((row) => cell(row['sequence'])).join(', ')}`,
        );
      const json = { modelId: wanted['modelId'], reason: `rollback to ${cell(wanted['sequence'])}: ${reason}` };
      const answer = await putWhileServing(api(), route, current, json);
      output.result(answer, () => fields(answer));
    },
  }),
  command({
    path: 'deployments settings',
    usage: 'ID [FILE|-]',
    summary: 'settings of a deployment; with a JSON file: change those that it names, null takes one away',
    flags: {},
    wordsMax: 2,
    run: async ({ words }, { api, output }) => {
      const [, file] = words;
      const route = routeOf(words);
      const answer = file === undefined ? await api().get(route) : await api().patch(route, { settings: jsonOf(file) });
      output.result(answer['settings'], () => JSON.stringify(answer['settings'], null, 2));
    },
  }),
  command({
    path: 'deployments delete',
    usage: 'ID',
    summary: 'stop serving a deployment',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const id = requiredWord(words, 'the deployment’s id');
      await api().delete(`/deployments/${encodeURIComponent(id)}`);
      output.result({ id, deleted: true }, () => `deployment ${id} is deleted`);
    },
  }),
];

import { command, requiredFlag, requiredWord } from '../command.ts';
import { cell, table } from '../output.ts';
import { fields } from './jobs.ts';

const COLUMNS = ['id', 'name', 'userId', 'scopes', 'deploymentIds', 'expiresAt'] as const;

export const apiKeyCommands = [
  command({
    path: 'api-keys',
    summary: 'your API keys without their secrets; administrators see all',
    flags: {},
    run: async (_args, { api, output }) => {
      const rows = await api().list('/api-keys');
      output.result(rows, () =>
        table(
          COLUMNS,
          rows.map((row) => COLUMNS.map((name) => cellOf(row[name]))),
        ),
      );
    },
  }),
  command({
    path: 'api-keys create',
    summary: 'make an API key; it is shown once',
    flags: {
      name: { kind: 'text', description: 'what it is for' },
      scopes: { kind: 'list', description: 'what it may: read, write, predict; default all that your own key may' },
      deployments: {
        kind: 'list',
        description: 'ids of deployments: it may ask these for predictions and nothing else',
      },
      expiresAt: { kind: 'text', description: 'when it ends, such as 2027-01-31T00:00:00Z; default never' },
    },
    run: async ({ flags: { name, scopes, deployments, expiresAt } }, { api, output }) => {
      const key = await api().post('/api-keys', {
        name: requiredFlag(name, 'name'),
        ...(scopes === undefined ? {} : { scopes }),
        ...(deployments === undefined ? {} : { deploymentIds: deployments }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
      output.result(key, () => fields(key));
    },
  }),
  command({
    path: 'api-keys revoke',
    usage: 'ID',
    summary: 'end an API key; prediction servers hear of it at once',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const id = requiredWord(words, 'the key’s id');
      await api().delete(`/api-keys/${encodeURIComponent(id)}`);
      output.result({ id, revoked: true }, () => `${id} is revoked`);
    },
  }),
];

const cellOf = (value: unknown): string => cell(Array.isArray(value) ? value.join(',') : value);

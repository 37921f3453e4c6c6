import { PROGRAM_VERSION } from '#runtime';
import { command, requiredFlag, requiredWord } from '../command.ts';
import { cell, table } from '../output.ts';
import { fields } from './jobs.ts';

export const operationCommands = [
  command({
    path: 'health',
    summary: 'whether the platform answers',
    flags: {},
    run: async (_args, { api, output }) => {
      const health = await api().get('/health');
      output.result(health, () => fields(health));
    },
  }),
  command({
    path: 'version',
    summary: 'version of this program',
    flags: {},
    run: (_args, { output }) => {
      output.result(
        { version: PROGRAM_VERSION, node: process.versions.node },
        () => `trainyard ${PROGRAM_VERSION} (Node ${process.versions.node})`,
      );
      return Promise.resolve(0);
    },
  }),
  command({
    path: 'models show',
    usage: 'ID',
    summary: 'one model',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const model = await api().get(`/models/${encodeURIComponent(requiredWord(words, 'the model’s id'))}`);
      output.result(model, () => fields(model));
    },
  }),
  command({
    path: 'holdout unlock',
    summary: 'show holdout scores from now on',
    flags: { project: { kind: 'text', description: 'id of the project' } },
    run: async ({ flags }, { api, output }) => {
      const id = requiredFlag(flags.project, 'project');
      const answer = await api().post(`/projects/${encodeURIComponent(id)}/holdout/unlock`, {});
      output.result(answer, () => `the holdout of project ${id} is unlocked`);
    },
  }),
  command({
    path: 'workers',
    summary: 'workers that are known',
    flags: {},
    run: async (_args, { api, output }) => {
      const rows = await api().list('/workers');
      output.result(rows, () =>
        table(
          ['id', 'host', 'state', 'task'],
          rows.map((row) => [row['id'], row['hostName'], row['state'], row['taskId']].map(cell)),
        ),
      );
    },
  }),
  command({
    path: 'pools',
    summary: 'pools of workers',
    flags: {},
    run: async (_args, { api, output }) => {
      const rows = await api().list('/pools');
      output.result(rows, () =>
        table(
          ['name', 'live', 'draining', 'archive'],
          rows.map((row) =>
            [row['name'], row['workersLive'], row['workersDraining'], row['archiveSha256'] ?? 'any'].map(cell),
          ),
        ),
      );
    },
  }),
  command({
    path: 'pools archive',
    usage: 'NAME',
    summary: 'name the archive that a pool’s workers are to run from; others end after their task',
    flags: { sha256: { kind: 'text', description: 'SHA-256 of the archive, or any' } },
    wordsMax: 1,
    run: async ({ words, flags }, { api, output }) => {
      const name = requiredWord(words, 'the pool’s name');
      const sha256 = requiredFlag(flags.sha256, 'sha256');
      const json = { archiveSha256: sha256 === 'any' ? null : sha256 };
      const pool = await api().patch(`/pools/${encodeURIComponent(name)}`, json);
      output.result(pool, () => fields(pool));
    },
  }),
  command({
    path: 'api-keys create',
    summary: 'make an API key; it is shown once',
    flags: { name: { kind: 'text', description: 'what it is for' } },
    run: async ({ flags }, { api, output }) => {
      const key = await api().post('/api-keys', { name: requiredFlag(flags.name, 'name') });
      output.result(key, () => fields(key));
    },
  }),
];

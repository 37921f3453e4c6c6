import { PROGRAM_VERSION } from '#runtime';
import type { JsonObject } from '../api-client.ts';
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
          ['id', 'pool', 'host', 'state', 'container', 'node', 'log'],
          rows.map(({ id, pool, hostName, state, containerId, node, logUrl }) =>
            [id, pool, hostName, state, containerId, node, logUrl].map(cell),
          ),
        ),
      );
    },
  }),
  command({
    path: 'pools',
    summary: 'pools of workers, and why their work waits',
    flags: {},
    run: async (_args, { api, output }) => {
      const rows = await api().list('/pools');
      output.result(rows, () =>
        table(
          ['name', 'application', 'state', 'containers', 'live', 'draining', 'archive', 'waits for'],
          rows.map(poolCells),
        ),
      );
    },
  }),
  command({
    path: 'logs',
    usage: 'TASK',
    summary: 'last lines of a task, and what its failure means',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const id = requiredWord(words, 'the task’s id');
      const log = await api().get(`/tasks/${encodeURIComponent(id)}/log`);
      output.result(log, () => taskLogText(log));
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
];

/** Containers as `running/wanted`. */
function poolCells(row: JsonObject): string[] {
  const application = row['application'] as JsonObject | null; // PoolEntry of the contract
  const containers =
    application === null ? null : `${String(application['runningCount'])}/${String(application['wantedCount'])}`;
  const { name, workersLive, workersDraining, archiveSha256, waitReason } = row;
  const ofYarn = [application?.['applicationId'], application?.['state'], containers];
  return [name, ...ofYarn, workersLive, workersDraining, archiveSha256 ?? 'any', waitReason].map(cell);
}

/** The lines as they are, then the cause. */
function taskLogText(log: Readonly<Record<string, unknown>>): string {
  const lines = Array.isArray(log['lines']) ? log['lines'].map(String) : [];
  const cause = log['cause'];
  const detail =
    typeof cause === 'object' && cause !== null && 'detail' in cause ? `\ncause: ${String(cause.detail)}` : '';
  return `${lines.join('\n')}${detail}`;
}

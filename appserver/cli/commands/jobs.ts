import { fromProblem, parse, Problem } from '#contracts';
import type { JobView, JsonObject } from '../api-client.ts';
import { command, requiredWord, type CommandContext } from '../command.ts';
import { cell, table } from '../output.ts';

/** Waits for a job behind a progress bar. @throws the job's error when it did not succeed */
export async function follow(context: CommandContext, job: JsonObject, label: string): Promise<JobView> {
  const bar = context.output.progress(label);
  const final = await context.api().waitForJob(String(job['id']), ({ progress }) => {
    bar.update(progress.fraction, [progress.phase, progress.message].filter((text) => text !== '').join(': '));
  });
  bar.end(final.state);
  if (final.error !== null) throw fromProblem(parse(Problem, final.error, 'the job’s error'));
  return final;
}

export const jobCommands = [
  command({
    path: 'jobs list',
    summary: 'jobs, newest first',
    flags: { state: { kind: 'text', description: 'queued, running, succeeded, failed or cancelled' } },
    run: async ({ flags }, { api, output }) => {
      const rows = await api().list(
        `/jobs${flags.state === undefined ? '' : `?state=${encodeURIComponent(flags.state)}`}`,
      );
      output.result(rows, () =>
        table(
          ['id', 'kind', 'state', 'created'],
          rows.map((row) => [row['id'], row['kind'], row['state'], row['createdAt']].map(cell)),
        ),
      );
    },
  }),
  command({
    path: 'jobs show',
    usage: 'ID',
    summary: 'one job',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const job = await api().get(`/jobs/${encodeURIComponent(requiredWord(words, 'the job’s id'))}`);
      output.result(job, () => fields(job));
    },
  }),
  command({
    path: 'jobs cancel',
    usage: 'ID',
    summary: 'cancel a job',
    flags: {},
    wordsMax: 1,
    run: async ({ words }, { api, output }) => {
      const id = requiredWord(words, 'the job’s id');
      await api().delete(`/jobs/${encodeURIComponent(id)}`);
      output.result({ id, cancelled: true }, () => `${id} is being cancelled`);
    },
  }),
];

/** An object as `name  value` lines; nested values as JSON. */
export function fields(object: JsonObject): string {
  const width = Math.max(...Object.keys(object).map((name) => name.length));
  return Object.entries(object)
    .map(([name, value]) => `${name.padEnd(width)}  ${cell(value)}`)
    .join('\n');
}

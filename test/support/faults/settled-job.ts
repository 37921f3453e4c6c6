import { Job, parse } from '#contracts';
import { isFinal, type Api } from '../api.ts';
import { until } from '../processes.ts';

/** Waits for the end of a job, whoever of the app servers is away meanwhile. */
export function settledJob(api: Api, jobId: string, timeoutMs: number): Promise<Job> {
  return until(
    `the end of job ${jobId}`,
    async () => {
      try {
        const answer = await api.request('GET', `/jobs/${jobId}`);
        if (answer.status !== 200) return null;
        const job = parse(Job, answer.json, 'job');
        return isFinal(job) ? job : null;
      } catch (err) {
        if (err instanceof TypeError) return null; // fetch: nobody answers
        throw err;
      }
    },
    timeoutMs,
  );
}

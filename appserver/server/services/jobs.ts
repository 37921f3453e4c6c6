import { setTimeout as delay } from 'node:timers/promises';
import { AppError, ERROR_TABLE, type Job, type Problem } from '#contracts';
import {
  createJob,
  getJob,
  isFinalJobState,
  type Database,
  type NewJob,
  type StoredJob,
  type Transaction,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import { ownedBy, type Caller } from '../auth/caller.ts';
import type { Compute } from '../pools/index.ts';

/** How often a waiting request looks for a job that another replica may have ended. */
const POLL_MS = 250;

/** A stored problem as users see it: what went wrong inside is for operators. */
export function publicProblem(problem: Problem | null): Problem | null {
  if (problem?.code !== 'INTERNAL') return problem;
  return { ...problem, detail: `${ERROR_TABLE.INTERNAL.title}. ${ERROR_TABLE.INTERNAL.remedy}` };
}

const isoOrNull = (ms: number | null): string | null => (ms === null ? null : isoOf(ms));

/** A job as the REST API shows it. */
export function jobView(job: StoredJob): Job {
  return {
    id: job.id,
    kind: job.kind,
    state: job.state,
    progress: job.progress,
    createdAt: isoOf(job.createdAt),
    startedAt: isoOrNull(job.startedAt),
    finishedAt: isoOrNull(job.finishedAt),
    projectId: job.projectId,
    resource: job.resource,
    error: publicProblem(job.error),
  };
}

/**
 * Creates a job of the caller's, for the workers of his pool in this queue of YARN or the configured one.
 *
 * @throws VALIDATION_FAILED, FORBIDDEN as {@link Compute.poolOf}
 */
export async function startJob(
  trx: Transaction,
  compute: Compute,
  caller: Caller,
  job: Omit<NewJob, 'userId' | 'pool'>,
  queue?: string,
): Promise<StoredJob> {
  const pool = await compute.poolOf(trx, caller.userId, queue);
  return createJob(trx, { ...job, userId: caller.userId, pool });
}

/** A job that the caller may see. @throws NOT_FOUND */
export async function readJob(database: Database, caller: Caller, id: string): Promise<StoredJob> {
  return ownedBy(caller, (await getJob(database, id)) ?? undefined, (job) => job.userId, `job ${id}`);
}

/**
 * Waits until a job is final, the time is over or the signal is aborted, and gives the job as it is then. A job that
 * this process ends is seen at once, another replica's within a fraction of a second.
 */
export async function waitForJob(
  database: Database,
  id: string,
  seconds: number,
  signal: AbortSignal,
): Promise<StoredJob> {
  const deadline = performance.now() + seconds * 1000;
  const wakeUp = new AbortController();
  let ended: () => void = () => undefined;
  const unlisten = database.listen('job-ended', (key) => {
    if (key === id) ended();
  });
  try {
    for (;;) {
      const news = new Promise<void>((resolve) => {
        ended = resolve;
      });
      const job = await getJob(database, id);
      if (job === null) throw new AppError('NOT_FOUND', `job ${id}: it was deleted meanwhile`);
      const restMs = deadline - performance.now();
      if (isFinalJobState(job.state) || restMs <= 0 || signal.aborted) return job;
      const stop = AbortSignal.any([signal, wakeUp.signal]);
      await Promise.race([news, delay(Math.min(POLL_MS, restMs), undefined, { signal: stop }).catch(() => undefined)]);
    }
  } finally {
    wakeUp.abort();
    unlisten();
  }
}

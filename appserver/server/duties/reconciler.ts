import { AppError, fromProblem, toProblem } from '#contracts';
import type { Config } from '#runtime';
import {
  endLeadership,
  endModel,
  failDataset,
  findDataset,
  findInconsistencies,
  findModel,
  findRun,
  finishCancelledJob,
  finishRun,
  getTask,
  INCONSISTENCY_KINDS,
  isInconsistent,
  lockJob,
  lockTask,
  noteInconsistencies,
  pullBackLease,
  pullBackTask,
  releaseWaiting,
  settleJob,
  stillLeads,
  type InconsistencyKind,
  type LongestTimes,
  type Transaction,
} from '#store';
import { createDuty, type Duty, type DutyContext } from './duty.ts';

export interface ReconcilerOptions {
  readonly config: Pick<Config['queue'], 'reconcileMs' | 'leaseMs' | 'backoffMsMax'>;
  /** Lets a run of Autopilot go on whose job is locked. */
  readonly advance: (trx: Transaction, runId: string) => Promise<void>;
}

/** Objects of one kind that one run looks at. */
const FOUND_MAX = 100;
/** A kind is told at most this often, whichever app server leads. */
const QUIET_MS = 3_600_000;
/** Ids that one line of the log names. */
const TOLD_MAX = 10;

/** Mends one object in one transaction, after looking at it again under its lock, as far as that can be done. */
type Repair = (trx: Transaction, id: string) => Promise<void>;

/**
 * Looks for states that cannot be, as bugs, hands in the database and clocks set back leave them: mends what can be
 * mended without a guess and counts the rest. A state counts once two runs in a row have seen it.
 */
export function reconcilerDuty(options: ReconcilerOptions): Duty {
  const repairs = repairsOf(options);
  let seenBefore = new Map<InconsistencyKind, ReadonlySet<string>>();
  return createDuty({
    name: 'reconciler',
    intervalMs: options.config.reconcileMs,
    async run(context) {
      const seen = new Map<InconsistencyKind, ReadonlySet<string>>();
      for (const kind of INCONSISTENCY_KINDS) {
        if (context.signal.aborted) return;
        const ids = await findInconsistencies(context.database, kind, options.config, FOUND_MAX);
        const { mended, err } = await mend(context, options.config, kind, ids, repairs[kind]);
        const left = ids.filter((id) => !mended.includes(id));
        seen.set(kind, new Set(left));
        const before = seenBefore.get(kind);
        await report(context, kind, { left: left.filter((id) => before?.has(id) === true), mended, err });
      }
      seenBefore = seen;
    },
  });
}

/** What was mended, and the last error of what could not be. */
interface Mended {
  readonly mended: readonly string[];
  readonly err: unknown;
}

async function mend(
  { database, leadership, signal }: DutyContext,
  longest: LongestTimes,
  kind: InconsistencyKind,
  ids: readonly string[],
  repair: Repair | undefined,
): Promise<Mended> {
  const mended: string[] = [];
  let err: unknown = null;
  if (repair === undefined) return { mended, err };
  for (const id of ids) {
    if (signal.aborted) break;
    try {
      const isMended = await database.transaction(async (trx) => {
        if (!(await stillLeads(trx, leadership))) return false;
        await repair(trx, id);
        return !(await isInconsistent(trx, kind, longest, id));
      });
      if (isMended) mended.push(id);
    } catch (failure) {
      err = failure;
    }
  }
  return { mended, err };
}

async function report(
  { database, logger }: DutyContext,
  kind: InconsistencyKind,
  { left, mended, err }: Mended & { readonly left: readonly string[] },
): Promise<void> {
  const counts = { found: left.length, repaired: mended.length, quietMs: QUIET_MS };
  const isNews = await database.transaction((trx) => noteInconsistencies(trx, kind, counts));
  if (!isNews) return;
  const what = `${kind}: ${mended.length} mended, ${left.length} that cannot be`;
  logger.error('inconsistency', what, { kind, mended: mended.slice(0, TOLD_MAX), left: left.slice(0, TOLD_MAX), err });
}

/** Kinds that can be mended without a guess. */
function repairsOf({ config, advance }: ReconcilerOptions): Readonly<Partial<Record<InconsistencyKind, Repair>>> {
  return {
    'job-unsettled': settle,
    'run-idle': async (trx, id) => {
      const run = await findRun(trx, id);
      if (run !== undefined) await lockJob(trx, run.jobId);
      await advance(trx, id);
    },
    'run-of-ended-job': endRun,
    'dataset-ingesting': endIngest,
    'model-training': (trx, id) => endTraining(trx, id, advance),
    'task-waiting': async (trx, id) => {
      await lockTask(trx, id);
      await releaseWaiting(trx, id);
    },
    'lease-ahead': async (trx, id) => {
      await lockTask(trx, id);
      await pullBackLease(trx, id, config.leaseMs);
    },
    'task-ahead': async (trx, id) => {
      await lockTask(trx, id);
      await pullBackTask(trx, id);
    },
    'leader-ahead': endLeadership,
  };
}

/** A job ends as its task ended, or is cancelled when that was asked for and no task is left. */
async function settle(trx: Transaction, jobId: string): Promise<void> {
  const job = await lockJob(trx, jobId);
  if (job === null || job.finishedAt !== null) return;
  const task = job.taskId === null ? null : await getTask(trx, job.taskId);
  switch (task?.state) {
    case 'SUCCEEDED':
    case 'FAILED':
    case 'CANCELLED':
      await settleJob(trx, task, task.state, task.problem === null ? null : fromProblem(task.problem));
      break;
    default:
      if (job.cancelAsked) await finishCancelledJob(trx, jobId);
  }
}

/** A run without its job cannot go on. What a success would have recommended is not known. */
async function endRun(trx: Transaction, runId: string): Promise<void> {
  const run = await findRun(trx, runId);
  const job = run === undefined ? null : await lockJob(trx, run.jobId);
  if (job?.state === 'failed' || job?.state === 'cancelled') await finishRun(trx, runId, job.state, null);
}

/** A dataset whose ingest failed or was cancelled will not come. One whose ingest succeeded has lost its follow-up. */
async function endIngest(trx: Transaction, datasetId: string): Promise<void> {
  const dataset = await findDataset(trx, datasetId);
  if (dataset?.state !== 'ingesting') return;
  const job = await lockJob(trx, dataset.jobId);
  if (job?.state !== 'failed' && job?.state !== 'cancelled') return;
  const cancelled = new AppError('JOB_CANCELLED', 'the job was cancelled');
  await failDataset(trx, datasetId, job.error ?? toProblem(cancelled, null));
}

/** A model whose task failed or was cancelled will not come; its run plans without it. */
async function endTraining(trx: Transaction, modelId: string, advance: ReconcilerOptions['advance']): Promise<void> {
  const model = await findModel(trx, modelId);
  const task = model === undefined ? null : await lockTask(trx, model.taskId);
  if (model === undefined || (task?.state !== 'FAILED' && task?.state !== 'CANCELLED')) return;
  await endModel(trx, modelId, task.state === 'FAILED' ? 'failed' : 'cancelled', task.problem);
  if (model.runId !== null) await advance(trx, model.runId);
}

import type { EnsembleOutcome, TrainOutcome } from '#contracts';
import {
  completeInsight,
  completeModel,
  endParts,
  findModel,
  setRunLeakage,
  type Database,
  type Task,
  type TrainedFacts,
  type Transaction,
} from '#store';
import type { AppContext } from '../context.ts';
import type { SealedAttempt, TaskFollowUp, TaskQueue, VerifiedResult } from '../queue/index.ts';
import type { Verifier } from '../verification/index.ts';
import { advanceRun, endModelOfTask } from './autopilot-run.ts';
import { checkMembers } from './ensemble-members.ts';
import { featureTypeFollowUp } from './feature-types.ts';
import { ingestFollowUp } from './ingest-follow-up.ts';
import { sizeOf } from './ingested-table.ts';
import { profileMergeFollowUp, profilePartFollowUp } from './profile-follow-ups.ts';
import { batchGatherFollowUp, batchPredictFollowUp } from './scoring-follow-ups.ts';
import type { Signer } from './signing.ts';

/** What follow-ups work with. */
export type FollowUpParts = Pick<AppContext, 'database' | 'signer' | 'hdfsAs'> & { readonly verifier: Verifier };

/** What the ends of tasks mean to datasets, models and batch predictions. */
export function registerFollowUps(queue: TaskQueue, { database, signer, hdfsAs, verifier }: FollowUpParts): void {
  queue.followUps.register('ingest', ingestFollowUp);
  queue.followUps.register('profile-part', profilePartFollowUp(queue));
  queue.followUps.register('profile-merge', profileMergeFollowUp(queue));
  queue.followUps.register('feature-type', featureTypeFollowUp);
  queue.followUps.register('train', trainFollowUp(queue, signer, verifier));
  queue.followUps.register('train-part', partFollowUp);
  queue.followUps.register('ensemble', ensembleFollowUp(queue, signer, verifier, database));
  queue.followUps.register('batch-predict', batchPredictFollowUp(queue, database, hdfsAs));
  queue.followUps.register('batch-gather', batchGatherFollowUp(database, hdfsAs));
  queue.followUps.register('insight', insightFollowUp(verifier));
}

/** What is known of a verified artefact. */
type Verified = Pick<TrainedFacts, 'manifestSha256' | 'signature'>;

/** What a task that makes a model has sealed. */
type SealedModel = Pick<SealedAttempt, 'attemptPath' | 'files'> & { readonly outcome: TrainOutcome | EnsembleOutcome };

/** What the end of a task that makes a model means to its run. */
function modelFollowUp(queue: TaskQueue): Pick<TaskFollowUp<'train' | 'ensemble'>, 'failed' | 'cancelled'> & {
  readonly complete: (
    trx: Transaction,
    task: Task<'train' | 'ensemble'>,
    sealed: SealedModel,
    facts: Verified & Pick<TrainedFacts, 'iterations' | 'ensemble' | 'calibration'>,
  ) => Promise<void>;
} {
  const advance = async (trx: Transaction, task: Task<'train' | 'ensemble'>): Promise<void> => {
    const model = await findModel(trx, task.spec.modelId);
    if (model !== undefined && model.runId !== null) await advanceRun(trx, queue, model.runId);
  };
  return {
    async complete(trx, task, { outcome, attemptPath, files }, facts) {
      const { spec } = task;
      const twinId = spec.kind === 'train' ? (spec.refit?.of ?? null) : spec.refitOf;
      // A refit has no rows left to be measured on: it shows its twin's scores.
      const twin = twinId === null ? undefined : await findModel(trx, twinId);
      const scores = outcome.scores ?? twin?.trained?.scores ?? NO_SCORES;
      await completeModel(trx, spec.modelId, {
        rowCount: outcome.rowCount,
        scores,
        fitMs: outcome.fitMs,
        predictMicrosPerRow: outcome.predictMicrosPerRow,
        sizeBytes: sizeOf(files.filter(({ name }) => name === 'manifest.json' || name === 'blob')),
        peakMemoryBytes: outcome.peakMemoryBytes,
        contentHash: outcome.contentHash,
        artifactPath: attemptPath,
        ...facts,
      });
      const leakage = outcome.kind === 'train' ? outcome.leakage : undefined;
      const runId = leakage === undefined ? null : ((await findModel(trx, spec.modelId))?.runId ?? null);
      if (leakage !== undefined && runId !== null) await setRunLeakage(trx, runId, leakage);
      await advance(trx, task);
    },
    async failed(trx, task, problem) {
      await endModelOfTask(trx, task.spec.modelId, 'failed', problem);
      await advance(trx, task);
    },
    async cancelled(trx, task) {
      await endModelOfTask(trx, task.spec.modelId, 'cancelled', null);
      await advance(trx, task);
    },
  };
}

function trainFollowUp(queue: TaskQueue, signer: Signer, verifier: Verifier): TaskFollowUp<'train', Verified> {
  const { complete, failed, cancelled: ended } = modelFollowUp(queue);
  return {
    async verify({ spec }, sealed, store) {
      const manifestSha256 = await verifier.verify({ kind: 'train', spec, sealed }, store);
      return { manifestSha256, signature: signer.sign({ modelId: spec.modelId, manifestSha256 }) };
    },
    async committed(trx, task, sealed, verified) {
      for (const part of await endParts(trx, task)) await queue.followUps.follow(trx, part, NOTHING_MORE);
      await complete(trx, task, sealed, {
        ...verified,
        iterations: sealed.outcome.iterations,
        ensemble: null,
        calibration: sealed.outcome.calibration ?? null,
      });
    },
    failed,
    cancelled: ended,
  };
}

/** Of a part of a fit there is nothing to record. */
const NOTHING_MORE: VerifiedResult = { commit: async () => undefined };

/** A part of a fit means nothing by itself: what becomes of the model is what becomes of the task that makes it. */
const partFollowUp: TaskFollowUp<'train-part', null> = {
  verify: async () => null,
  committed: async () => undefined,
  failed: async () => undefined,
  cancelled: async () => undefined,
};

function ensembleFollowUp(
  queue: TaskQueue,
  signer: Signer,
  verifier: Verifier,
  database: Database,
): TaskFollowUp<'ensemble', Verified> {
  const { complete, failed, cancelled: ended } = modelFollowUp(queue);
  return {
    async verify({ spec }, sealed, store) {
      await checkMembers(database, spec);
      const manifestSha256 = await verifier.verify({ kind: 'ensemble', spec, sealed }, store);
      return { manifestSha256, signature: signer.sign({ modelId: spec.modelId, manifestSha256 }) };
    },
    committed: (trx, task, sealed, verified) =>
      complete(trx, task, sealed, {
        ...verified,
        iterations: null,
        ensemble: sealed.outcome.ensemble,
        calibration: null,
      }),
    failed,
    cancelled: ended,
  };
}

function insightFollowUp(verifier: Verifier): TaskFollowUp<'insight', string> {
  return {
    verify: ({ spec }, sealed, store) => verifier.verify({ kind: 'insight', spec, sealed }, store),
    committed: (trx, task, { attemptPath }, sha256) => completeInsight(trx, task.jobId, { path: attemptPath, sha256 }),
    // State and cause are those of the job.
    failed: async () => undefined,
    cancelled: async () => undefined,
  };
}

const NO_SCORES = { validation: null, crossValidation: null, holdout: null };

import { Type, type Static } from 'typebox';
import { Problem } from './problem.ts';
import { Id, Sha256, nullable, oneOf, strict } from './schema.ts';
import { BlameSchema, TaskOutcome, TaskSpec } from './tasks.ts';

/**
 * Worker protocol, version 1: JSON over HTTP under `/internal/v1` of the app server. Every message after the claim
 * carries the fence that the claim gave and the lease token as bearer. Answers to repeats are the first answer.
 */
export const WORKER_PROTOCOL_VERSION = 1;
export const WORKER_PROTOCOL_VERSIONS_ACCEPTED: readonly number[] = [1];

/** `POST /internal/v1/workers`, bearer: the pool's bootstrap secret. */
export const RegisterRequest = strict({
  protocolVersion: Type.Integer(),
  programVersion: Type.String({ maxLength: 100 }),
  pool: Type.String({ maxLength: 100 }),
  hostName: Type.String({ maxLength: 255 }),
  processId: Type.Integer(),
  memoryBytes: Type.Integer({ description: 'limit of the process tree' }),
  threadCount: Type.Integer({ minimum: 1 }),
});
export type RegisterRequest = Static<typeof RegisterRequest>;
export const RegisterAnswer = strict({
  workerId: Id,
  workerToken: Type.String({ description: 'bearer for claims' }),
  leaseMs: Type.Integer(),
  beatMs: Type.Integer(),
  claimWaitMs: Type.Integer(),
});
export type RegisterAnswer = Static<typeof RegisterAnswer>;

/** `POST /internal/v1/claims`, bearer: the worker token. Held up to `waitMs`; 204 when there is nothing. */
export const ClaimRequest = strict({
  workerId: Id,
  requestId: Id,
  waitMs: Type.Integer({ minimum: 0, maximum: 60_000 }),
  cachedDatasets: Type.Array(Id, { maxItems: 100 }),
});
export type ClaimRequest = Static<typeof ClaimRequest>;
export const ClaimedTask = strict({
  taskId: Id,
  fence: Type.Integer({ minimum: 1 }),
  leaseToken: Type.String(),
  leaseMs: Type.Integer(),
  attemptPath: Type.String({ description: 'object store folder of this attempt; never used twice' }),
  remainingMs: nullable(Type.Integer({ description: 'until the task must have sealed; null = no deadline' })),
  spec: TaskSpec,
});
export type ClaimedTask = Static<typeof ClaimedTask>;

/** Progress of a task; each beat carries the newest. */
export const TaskProgress = strict({
  fraction: Type.Number({ minimum: 0, maximum: 1 }),
  phase: Type.String({ maxLength: 100 }),
  message: Type.String({ maxLength: 500 }),
  iteration: nullable(Type.Integer()),
});
export type TaskProgress = Static<typeof TaskProgress>;

/** `POST /internal/v1/tasks/{taskId}/start|beat|resume`. */
export const BeatRequest = strict({
  fence: Type.Integer({ minimum: 1 }),
  progress: nullable(TaskProgress),
  memoryBytes: Type.Integer({ minimum: 0, description: 'resident, process tree' }),
  log: Type.Array(Type.String({ maxLength: 2000 }), { maxItems: 200, description: 'new lines since the last beat' }),
});
export type BeatRequest = Static<typeof BeatRequest>;
export const BeatAnswer = strict({
  directive: oneOf(['continue', 'cancel', 'drain']),
  leaseMs: Type.Integer(),
  remainingMs: nullable(Type.Integer()),
});
export type BeatAnswer = Static<typeof BeatAnswer>;

/** A file of the attempt directory. */
export const SealedFile = strict({
  name: Type.String({ pattern: '^[A-Za-z0-9._-]{1,100}$' }),
  sizeBytes: Type.Integer({ minimum: 0 }),
  sha256: Sha256,
});
export type SealedFile = Static<typeof SealedFile>;

/** `POST .../seal`: the attempt directory is complete and will not change. */
export const SealRequest = strict({
  fence: Type.Integer({ minimum: 1 }),
  files: Type.Array(SealedFile, { maxItems: 1000 }),
  outcome: TaskOutcome,
  log: Type.Array(Type.String({ maxLength: 2000 }), { maxItems: 200 }),
});
export type SealRequest = Static<typeof SealRequest>;

/** `POST .../commit`: verify, record, follow up, in one transaction. */
export const CommitRequest = strict({ fence: Type.Integer({ minimum: 1 }) });
export type CommitRequest = Static<typeof CommitRequest>;

/** `POST .../fail`. */
export const FailRequest = strict({
  fence: Type.Integer({ minimum: 1 }),
  blame: BlameSchema,
  problem: Problem,
  log: Type.Array(Type.String({ maxLength: 2000 }), { maxItems: 200 }),
});
export type FailRequest = Static<typeof FailRequest>;

/** Answer of seal, commit and fail. */
export const TransitionAnswer = strict({
  state: oneOf(['READY', 'RUNNING', 'COMMITTING', 'SUCCEEDED', 'FAILED', 'CANCELLED']),
});
export type TransitionAnswer = Static<typeof TransitionAnswer>;

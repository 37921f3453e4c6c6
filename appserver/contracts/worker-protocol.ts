import { ContainerIdText, NodeName } from './application-master.ts';
import { Problem } from './problem.ts';
import { Id, INT32_MAX, Sha256, nullable, oneOf, plainText, strict } from './schema.ts';
import { BlameSchema, TaskOutcome, TaskSpec } from './tasks.ts';
import { Type, type Static } from './type.ts';

/**
 * Worker protocol, version 2: JSON over HTTP under `/internal/v1` of the app server. Every message after the claim
 * carries the fence that the claim gave and the lease token as bearer. Answers to repeats are the first answer.
 * Version 1, which is still accepted, has no checkpoints, groups, archive hash or drain: its messages are those of
 * version 2 without the optional fields, and a worker that speaks it is never given a task of a group.
 */
export const WORKER_PROTOCOL_VERSION = 2;
export const WORKER_PROTOCOL_VERSIONS_ACCEPTED: readonly number[] = [1, 2];

/**
 * Part of a worker's `memoryBytes` that its processes may use: the rest is the room in which the reason is still told before the
 * kernel, or YARN, kills the whole container without one.
 */
export const MEMORY_SHARE_MAX = 0.92;

/** `POST /internal/v1/workers`, bearer: the pool's bootstrap secret. */
export const RegisterRequest = strict({
  protocolVersion: Type.Integer(),
  programVersion: plainText({ maxLength: 100 }),
  pool: plainText({ maxLength: 100 }),
  hostName: plainText({ maxLength: 255 }),
  processId: Type.Integer({ minimum: 0, maximum: INT32_MAX }),
  memoryBytes: Type.Integer({ minimum: 0, description: 'limit of the process tree' }),
  threadCount: Type.Integer({ minimum: 1, maximum: INT32_MAX }),
  /** Of the archive that the worker runs from; null from source. */
  archiveSha256: Type.Optional(nullable(Sha256)),
  /** Of YARN, in which the worker runs; null outside of YARN. */
  container: Type.Optional(nullable(strict({ id: ContainerIdText, node: NodeName }))),
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
/** State of an unfinished task, kept by its worker so that the next one need not begin again. */
export const Checkpoint = strict({
  path: Type.String({ description: 'object of the store; written before it is named here and never changed' }),
  sizeBytes: Type.Integer({ minimum: 1 }),
  sha256: Sha256,
  position: Type.Integer({ minimum: 1, description: 'how far the task was; only ever rises' }),
});
export type Checkpoint = Static<typeof Checkpoint>;

/** Tasks that run at the same time or not at all. */
export const GroupMembership = strict({
  groupId: Id,
  size: Type.Integer({ minimum: 1 }),
  rank: Type.Integer({ minimum: 0, description: 'this member, from 0' }),
});
export type GroupMembership = Static<typeof GroupMembership>;

export const ClaimedTask = strict({
  taskId: Id,
  fence: Type.Integer({ minimum: 1 }),
  leaseToken: Type.String(),
  leaseMs: Type.Integer(),
  attemptPath: Type.String({ description: 'object store folder of this attempt; never used twice' }),
  remainingMs: nullable(Type.Integer({ description: 'until the task must have sealed; null = no deadline' })),
  spec: TaskSpec,
  checkpoint: Type.Optional(nullable(Checkpoint)),
  group: Type.Optional(nullable(GroupMembership)),
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

/**
 * Number of the first line of `log` among all of the attempt, from 0. Lines of numbers that were taken before are left
 * out, so that none is there twice when an answer was lost. Without it (version 1) only a repeat of a whole beat is known.
 */
const LogFrom = Type.Integer({ minimum: 0 });

/** `POST /internal/v1/tasks/{taskId}/start|beat|resume`. */
export const BeatRequest = strict({
  fence: Type.Integer({ minimum: 1 }),
  progress: nullable(TaskProgress),
  memoryBytes: Type.Integer({ minimum: 0, description: 'resident, process tree' }),
  log: Type.Array(Type.String({ maxLength: 2000 }), { maxItems: 200, description: 'new lines since the last beat' }),
  logFrom: Type.Optional(LogFrom),
});
export type BeatRequest = Static<typeof BeatRequest>;
/** A delegation token of HDFS as text; secret. */
export const StoreToken = Type.String({ minLength: 1, maxLength: 4000 });

/** `wait`: the lease holds, but other members of the group are missing: say `start` again before working. */
export const BeatAnswer = strict({
  directive: oneOf(['continue', 'cancel', 'drain', 'wait']),
  leaseMs: Type.Integer(),
  remainingMs: nullable(Type.Integer()),
  /** The user's newest token for the object store, where one is needed: it outlives the one of the container. */
  storeToken: Type.Optional(nullable(StoreToken)),
});
export type BeatAnswer = Static<typeof BeatAnswer>;

/** A file of the attempt directory. */
export const SealedFile = strict({
  name: Type.String({ pattern: '^[A-Za-z0-9._-]{1,100}$' }),
  sizeBytes: Type.Integer({ minimum: 0 }),
  sha256: Sha256,
});
export type SealedFile = Static<typeof SealedFile>;

/**
 * `POST .../checkpoint`: a file of the attempt folder from which another attempt can go on. Answered as a beat; one of a
 * lower position than the task has already changes nothing.
 */
export const CheckpointRequest = strict({
  fence: Type.Integer({ minimum: 1 }),
  file: SealedFile,
  position: Checkpoint.properties.position,
});
export type CheckpointRequest = Static<typeof CheckpointRequest>;

/** Where a rank of a group listens for the others. */
export const RankAddress = strict({
  host: plainText({ maxLength: 255 }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
});
export type RankAddress = Static<typeof RankAddress>;

/** PEM of one certificate or key. */
const Pem = Type.String({ minLength: 1, maxLength: 10_000 });

/**
 * `POST .../meet`: a member of a group that has begun asks who it is, and says where it listens; null as long as it does not. Asked again
 * until the addresses of all are known.
 */
export const MeetRequest = strict({ fence: Type.Integer({ minimum: 1 }), address: nullable(RankAddress) });
export type MeetRequest = Static<typeof MeetRequest>;
export const MeetAnswer = strict({
  epoch: Type.Integer({ minimum: 1, description: 'how often the group has begun, this time included' }),
  certificate: strict({ authority: Pem, certificate: Pem, key: Pem }),
  addresses: nullable(Type.Array(RankAddress, { description: 'in rank order; null: some are missing' })),
});
export type MeetAnswer = Static<typeof MeetAnswer>;

/** `POST .../seal`: the attempt directory is complete and will not change. */
export const SealRequest = strict({
  fence: Type.Integer({ minimum: 1 }),
  files: Type.Array(SealedFile, { maxItems: 1000 }),
  outcome: TaskOutcome,
  log: Type.Array(Type.String({ maxLength: 2000 }), { maxItems: 200 }),
  logFrom: Type.Optional(LogFrom),
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
  logFrom: Type.Optional(LogFrom),
});
export type FailRequest = Static<typeof FailRequest>;

/** Answer of seal, commit and fail. */
export const TransitionAnswer = strict({
  state: oneOf(['READY', 'RUNNING', 'COMMITTING', 'SUCCEEDED', 'FAILED', 'CANCELLED']),
});
export type TransitionAnswer = Static<typeof TransitionAnswer>;

/** `POST /internal/v1/workers/{workerId}/drain`, bearer: the worker token. It takes no more tasks and will end. */
export const DrainRequest = strict({ reason: Type.String({ maxLength: 200 }) });
export type DrainRequest = Static<typeof DrainRequest>;
export const DrainAnswer = strict({ draining: Type.Literal(true) });
export type DrainAnswer = Static<typeof DrainAnswer>;

import { Type, type Static } from 'typebox';
import { Problem } from '../problem.ts';
import { Id, Timestamp, nullable, oneOf, strict } from '../schema.ts';

/** States of a job; the last three are final. */
export const JOB_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Kinds of long work. */
export const JOB_KINDS = ['ingest', 'autopilot', 'train', 'batch-predict'] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/** Long work that a user started. */
export const Job = strict(
  {
    id: Id,
    kind: oneOf(JOB_KINDS),
    state: oneOf(JOB_STATES),
    progress: strict({
      fraction: Type.Number({ minimum: 0, maximum: 1 }),
      phase: Type.String(),
      message: Type.String(),
    }),
    createdAt: Timestamp,
    startedAt: nullable(Timestamp),
    finishedAt: nullable(Timestamp),
    projectId: nullable(Id),
    resource: nullable(Type.String({ description: 'path of what the job makes' })),
    error: nullable(Problem),
  },
  { $id: 'Job' },
);
export type Job = Static<typeof Job>;

/** A task of the queue as operators see it. */
export const QueueEntry = strict({
  taskId: Id,
  jobId: Id,
  projectId: nullable(Id),
  kind: Type.String(),
  state: Type.String(),
  priority: Type.Integer(),
  attemptCount: Type.Integer(),
  workerId: nullable(Id),
  createdAt: Timestamp,
});
export type QueueEntry = Static<typeof QueueEntry>;

/** A worker as operators see it. */
export const WorkerEntry = strict({
  id: Id,
  pool: Type.String(),
  hostName: Type.String(),
  processId: Type.Integer(),
  programVersion: Type.String(),
  protocolVersion: Type.Integer(),
  archiveSha256: nullable(Type.String({ description: 'of the archive that it runs from; null: from source' })),
  state: oneOf(['live', 'draining', 'lost']),
  drainReason: nullable(Type.String({ description: 'why it gets no more tasks; null when it does' })),
  memoryBytes: Type.Integer(),
  threadCount: Type.Integer(),
  startedAt: Timestamp,
  lastSeenAt: Timestamp,
});
export type WorkerEntry = Static<typeof WorkerEntry>;

/** Workers that share a secret and an archive. */
export const PoolEntry = strict({
  name: Type.String(),
  archiveSha256: nullable(Type.String({ description: 'of the archive that its workers are to run from; null: any' })),
  secretCount: Type.Integer({ description: 'secrets that are valid now' }),
  workersLive: Type.Integer({ description: 'seen lately, those that drain included' }),
  workersDraining: Type.Integer(),
});
export type PoolEntry = Static<typeof PoolEntry>;

/** Last lines of a task and what its failure means. */
export const TaskLog = strict({
  taskId: Id,
  state: Type.String(),
  lines: Type.Array(Type.String()),
  cause: nullable(Problem),
});
export type TaskLog = Static<typeof TaskLog>;

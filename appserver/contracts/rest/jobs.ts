import { Problem } from '../problem.ts';
import { Id, Timestamp, nullable, oneOf, strict } from '../schema.ts';
import { Type, type Static } from '../type.ts';

/** States of a job; the last three are final. */
export const JOB_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Kinds of long work. */
export const JOB_KINDS = ['ingest', 'feature-type', 'autopilot', 'train', 'batch-predict', 'insight'] as const;
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
  pool: Type.String({ description: 'whose workers do it' }),
  waitReason: nullable(Type.String({ description: 'why its pool has no worker for it, from YARN’s own answer' })),
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
  containerId: nullable(Type.String({ description: 'YARN’s container that it runs in; null outside of YARN' })),
  node: nullable(Type.String({ description: 'NodeManager as host:port' })),
  logUrl: nullable(Type.String({ description: 'page of the container’s logs, while its node keeps them' })),
  startedAt: Timestamp,
  lastSeenAt: Timestamp,
});
export type WorkerEntry = Static<typeof WorkerEntry>;

/** The YARN application that a pool is, or was last. */
export const PoolApplication = strict({
  applicationId: Type.String(),
  state: oneOf(['RESERVED', 'SUBMITTED', 'RUNNING', 'ENDED', 'ABANDONED']),
  wantedCount: Type.Integer({ description: 'containers of workers that there are to be' }),
  pendingCount: Type.Integer({ description: 'containers asked for and not granted' }),
  runningCount: Type.Integer({ description: 'containers that run' }),
  attempt: Type.Integer({ description: 'attempts of its master that have spoken' }),
  diagnostics: nullable(Type.String({ description: 'YARN’s own words about its end' })),
  createdAt: Timestamp,
  endedAt: nullable(Timestamp),
});
export type PoolApplication = Static<typeof PoolApplication>;

/** Workers that share a secret and an archive. */
export const PoolEntry = strict({
  name: Type.String(),
  archiveSha256: nullable(Type.String({ description: 'of the archive that its workers are to run from; null: any' })),
  secretCount: Type.Integer({ description: 'secrets that are valid now' }),
  workersLive: Type.Integer({ description: 'seen lately, those that drain included' }),
  workersDraining: Type.Integer(),
  userName: nullable(Type.String({ description: 'whom YARN and HDFS see; null outside of YARN' })),
  queue: nullable(Type.String({ description: 'of YARN' })),
  waitReason: nullable(Type.String({ description: 'why its work waits, from the scheduler’s own answer' })),
  application: nullable(PoolApplication),
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

import {
  BlameSchema,
  Checkpoint,
  ClaimedTask,
  GroupMembership,
  Id,
  isAppError,
  MeetAnswer,
  nullable,
  parse,
  Problem,
  RankAddress,
  SealedFile,
  StoreToken,
  strict,
  TaskOutcome,
  TaskProgress,
  Type,
  type Static,
  type TSchema,
} from '#contracts';
import { ConfigSchema } from '#runtime';

/**
 * Messages between the supervisor and its task child (Node's IPC channel, structured clone). Both sides check what they
 * receive. Everything about a task names its run, so that a late message of an earlier task is never taken for this one.
 */

/** First message to a new child: the part of the configuration that tasks need. No secrets: of Kerberos, names of files. */
export const ConfigureMessage = strict({
  type: Type.Literal('configure'),
  objectStore: ConfigSchema.properties.objectStore,
  hadoop: ConfigSchema.properties.hadoop,
  ingest: ConfigSchema.properties.ingest,
  worker: ConfigSchema.properties.worker,
  retention: ConfigSchema.properties.retention,
});
export type ConfigureMessage = Static<typeof ConfigureMessage>;

/** What the child is told about an attempt; the lease token stays with the supervisor. */
export const ChildTask = strict({
  taskId: ClaimedTask.properties.taskId,
  fence: ClaimedTask.properties.fence,
  attemptPath: ClaimedTask.properties.attemptPath,
  remainingMs: ClaimedTask.properties.remainingMs,
  spec: ClaimedTask.properties.spec,
  checkpoint: nullable(Checkpoint),
  group: nullable(GroupMembership),
});
export type ChildTask = Static<typeof ChildTask>;

const RunId = Type.String({ minLength: 1, maxLength: 100, description: 'task and fence' });

export const RunMessage = strict({ type: Type.Literal('run'), runId: RunId, task: ChildTask });
export type RunMessage = Static<typeof RunMessage>;

/** The time that is left has changed, because the job was paused or its budget was cut. */
export const DeadlineMessage = strict({
  type: Type.Literal('deadline'),
  runId: RunId,
  remainingMs: nullable(Type.Integer()),
});
export type DeadlineMessage = Static<typeof DeadlineMessage>;

/** The app server names this checkpoint now: older ones of the attempt are of no use any more. */
export const CheckpointTakenMessage = strict({
  type: Type.Literal('checkpoint-taken'),
  runId: RunId,
  position: Checkpoint.properties.position,
});
export type CheckpointTakenMessage = Static<typeof CheckpointTakenMessage>;

/** The user's newest token for the object store. */
export const StoreTokenMessage = strict({ type: Type.Literal('store-token'), token: StoreToken });

/** Answers `meet`: the address of this host, and what the app server says. */
export const MetMessage = strict({
  type: Type.Literal('met'),
  runId: RunId,
  host: RankAddress.properties.host,
  answer: MeetAnswer,
});
export type MetMessage = Static<typeof MetMessage>;

/** The child exits at once. */
export const LeaveMessage = strict({ type: Type.Literal('leave') });

export const MessageToChild = Type.Union([
  ConfigureMessage,
  RunMessage,
  DeadlineMessage,
  CheckpointTakenMessage,
  MetMessage,
  StoreTokenMessage,
  LeaveMessage,
]);
export type MessageToChild = Static<typeof MessageToChild>;

/** Log lines that one message carries at most. */
export const LOG_LINES_PER_MESSAGE_MAX = 200;
/** Longest log line; the rest is cut. */
export const LOG_LINE_CHARS_MAX = 2_000;
/** Datasets that a claim names as cached at most. */
export const CACHED_DATASETS_MAX = 100;

const cachedDatasets = Type.Array(Id, { maxItems: CACHED_DATASETS_MAX });

/** Native libraries are loaded; the next task starts at once. */
export const ReadyMessage = strict({ type: Type.Literal('ready'), startMs: Type.Number() });
/** The child cannot work on this machine. */
export const BrokenMessage = strict({ type: Type.Literal('broken'), problem: Problem });
/** The event loop turns; sent when there is nothing else to say. */
export const AliveMessage = strict({ type: Type.Literal('alive'), runId: RunId });
export const ProgressMessage = strict({ type: Type.Literal('progress'), runId: RunId, progress: TaskProgress });
export const LogMessage = strict({
  type: Type.Literal('log'),
  runId: RunId,
  lines: Type.Array(Type.String({ maxLength: LOG_LINE_CHARS_MAX }), { maxItems: LOG_LINES_PER_MESSAGE_MAX }),
});
/** An object of the attempt folder, complete, from which another attempt can go on. */
export const CheckpointMessage = strict({
  type: Type.Literal('checkpoint'),
  runId: RunId,
  file: SealedFile,
  position: Checkpoint.properties.position,
});
export type CheckpointMessage = Static<typeof CheckpointMessage>;
/** A rank of a group asks who it is; with the port at which it listens, where all ranks do. Answered by `met`. */
export const MeetMessage = strict({
  type: Type.Literal('meet'),
  runId: RunId,
  port: nullable(RankAddress.properties.port),
});

/** The attempt folder is complete and verified. */
export const DoneMessage = strict({
  type: Type.Literal('done'),
  runId: RunId,
  files: Type.Array(SealedFile, { maxItems: 1000 }),
  outcome: TaskOutcome,
  cachedDatasets,
});
export type DoneMessage = Static<typeof DoneMessage>;
export const FailedMessage = strict({
  type: Type.Literal('failed'),
  runId: RunId,
  blame: BlameSchema,
  problem: Problem,
  cachedDatasets,
});
export type FailedMessage = Static<typeof FailedMessage>;

export const MessageFromChild = Type.Union([
  ReadyMessage,
  BrokenMessage,
  AliveMessage,
  ProgressMessage,
  LogMessage,
  CheckpointMessage,
  MeetMessage,
  DoneMessage,
  FailedMessage,
]);
export type MessageFromChild = Static<typeof MessageFromChild>;

const TO_CHILD = {
  configure: ConfigureMessage,
  run: RunMessage,
  deadline: DeadlineMessage,
  'checkpoint-taken': CheckpointTakenMessage,
  met: MetMessage,
  'store-token': StoreTokenMessage,
  leave: LeaveMessage,
} as const;
const FROM_CHILD = {
  ready: ReadyMessage,
  broken: BrokenMessage,
  alive: AliveMessage,
  progress: ProgressMessage,
  log: LogMessage,
  checkpoint: CheckpointMessage,
  meet: MeetMessage,
  done: DoneMessage,
  failed: FailedMessage,
} as const;

/** @throws INTERNAL when the message fits no schema */
export const parseToChild = (value: unknown): MessageToChild => parseByType(TO_CHILD, value, MessageToChild);

/** @throws INTERNAL when the message fits no schema */
export const parseFromChild = (value: unknown): MessageFromChild => parseByType(FROM_CHILD, value, MessageFromChild);

/** Compiles the schemas of one direction ahead of the first message, which would pay for it otherwise. */
export function prepareSchemas(direction: 'toChild' | 'fromChild'): void {
  for (const schema of Object.values(direction === 'toChild' ? TO_CHILD : FROM_CHILD)) {
    try {
      parse(schema, null, 'nothing');
    } catch (err) {
      if (!isAppError(err, 'VALIDATION_FAILED')) throw err;
    }
  }
}

/** Checks against the one schema that the message's type names: errors then speak of that one, not of all. */
function parseByType<U extends TSchema>(schemas: Readonly<Record<string, TSchema>>, value: unknown, union: U) {
  const type = typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : '';
  const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
  // The cast holds: each schema of the table is one member of the union.
  return parse(schema ?? union, value, `${type === '' ? 'untyped' : type} message`, 'INTERNAL') as Static<U>;
}

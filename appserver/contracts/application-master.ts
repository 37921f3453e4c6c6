import { nullable, oneOf, plainText, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/**
 * What an application master and the app server say to each other, version 1: `POST
 * /internal/v1/yarn-applications/{applicationId}/sync`, bearer: the secret `trainyard.pool` of the application's
 * credentials. The master holds no state that the app server needs: every request carries all that it holds, so that
 * lost requests, lost answers and a new attempt change nothing. The app server decides how many containers there are to
 * be and of what kind; the queue's rows alone decide about tasks (`docs/worker-protocol.md`).
 */
export const APPLICATION_MASTER_PROTOCOL_VERSION = 1;

/** YARN's ids: `container_[e17_]1410901177871_0001_01_000005`; the epoch is there only after a restart of the ResourceManager. */
export const ContainerIdText = Type.String({ pattern: '^container_(e\\d+_)?\\d+_\\d+_\\d+_\\d+$', maxLength: 100 });
export const ApplicationIdText = Type.String({ pattern: '^application_\\d+_\\d+$', maxLength: 60 });

export const NodeName = plainText({ maxLength: 300, description: 'NodeManager as host:port' });

/** Memory and processors of one container, as the scheduler counts them. */
export const ContainerSize = strict({
  memoryMb: Type.Integer({ minimum: 1 }),
  vcores: Type.Integer({ minimum: 1 }),
});
export type ContainerSize = Static<typeof ContainerSize>;

/** A container that the master holds. `starting`: the NodeManager was asked to start it; `running`: it said so. */
export const HeldContainer = strict({
  containerId: ContainerIdText,
  node: NodeName,
  nodeHttpAddress: nullable(Type.String({ maxLength: 300 })),
  state: oneOf(['granted', 'starting', 'running', 'stopping']),
  size: ContainerSize,
  /** Of the launch it was started from; null: taken over from an earlier attempt, which did not tell. */
  launchId: nullable(Type.String({ maxLength: 100 })),
});
export type HeldContainer = Static<typeof HeldContainer>;

/** A container that ended; told again until an answer acknowledges it. */
export const EndedContainer = strict({
  containerId: ContainerIdText,
  node: nullable(NodeName),
  /** YARN's `ContainerExitStatus` or the exit code of the process; -1000: it never started. */
  exitStatus: Type.Integer(),
  diagnostics: Type.String({ maxLength: 4000, description: 'the last characters of YARN’s own text' }),
  /** The master had asked for its end, so its exit status says nothing. */
  wasReleased: Type.Boolean(),
});
export type EndedContainer = Static<typeof EndedContainer>;

/** A node whose state changed since the last acknowledged request. */
export const NodeNews = strict({
  node: NodeName,
  state: Type.String({ maxLength: 40, description: 'YARN’s NodeState: RUNNING LOST UNHEALTHY DECOMMISSIONING ...' }),
});
export type NodeNews = Static<typeof NodeNews>;

/** Containers of one request at most; a master that holds more tells the rest next time. */
export const CONTAINERS_MAX = 2000;

export const SyncRequest = strict({
  protocolVersion: Type.Integer(),
  attempt: Type.Integer({
    minimum: 1,
    description: 'application attempt; an older one than was seen is told to leave',
  }),
  /**
   * Rises with each request of an attempt, also with one that repeats a lost one: a number that is not higher than the
   * last that was seen is a late arrival, and its `held` is out of date.
   */
  sequence: Type.Integer({ minimum: 1 }),
  /** Largest container that the ResourceManager grants, from the registration. */
  maximum: ContainerSize,
  /**
   * One that is missing here has not necessarily ended: after a restart of the ResourceManager or of the master, nodes
   * report their containers one by one, and a new attempt learns of some only later. Only `ended` says that one ended.
   */
  held: Type.Array(HeldContainer, { maxItems: CONTAINERS_MAX }),
  /** May name containers that were never told as held: acknowledge those too. A released one may end with any status. */
  ended: Type.Array(EndedContainer, { maxItems: CONTAINERS_MAX }),
  /** Containers asked for and not granted yet; those whose end is not acknowledged are not asked for again yet. */
  pendingCount: Type.Integer({ minimum: 0 }),
  nodes: Type.Array(NodeNews, { maxItems: CONTAINERS_MAX }),
  /** Containers that the scheduler says, at this moment, it will take away unless others are given up. */
  preempted: Type.Array(ContainerIdText, { maxItems: CONTAINERS_MAX }),
});
export type SyncRequest = Static<typeof SyncRequest>;

/** A file that YARN puts into a container's folder. Size and time must be those of the file system, to the millisecond. */
export const LaunchResource = strict({
  name: Type.String({ pattern: '^[A-Za-z0-9._-]{1,100}$', description: 'its name in the container’s folder' }),
  url: Type.String({ maxLength: 2000 }),
  sizeBytes: Type.Integer({ minimum: 0 }),
  modifiedAtMs: Type.Integer({ minimum: 0 }),
  type: oneOf(['FILE', 'ARCHIVE']),
  visibility: oneOf(['PUBLIC', 'PRIVATE', 'APPLICATION']),
});
export type LaunchResource = Static<typeof LaunchResource>;

/** How containers are started from now on. No secret stands here: it goes into launch scripts. */
export const Launch = strict({
  launchId: Type.String({ maxLength: 100, description: 'changes when anything else here does' }),
  size: ContainerSize,
  nodeLabel: nullable(Type.String({ maxLength: 200 })),
  /** Run by `bash -c "exec ..."`: no double quotes. `<LOG_DIR>` is YARN's. */
  command: Type.String({ maxLength: 4000 }),
  environment: Type.Record(Type.String(), Type.String({ maxLength: 4000 })),
  resources: Type.Array(LaunchResource, { maxItems: 20 }),
});
export type Launch = Static<typeof Launch>;

export const SyncAnswer = strict({
  /** `finish`: stop all containers, unregister with `finalStatus` and `message`. `leave`: another attempt is the master. */
  directive: oneOf(['run', 'finish', 'leave']),
  finalStatus: nullable(oneOf(['SUCCEEDED', 'FAILED', 'KILLED'])),
  message: nullable(Type.String({ maxLength: 1000 })),
  /**
   * Containers that there are to be, held and asked for together; those being stopped do not count. Never stopped for
   * being too many: see `release`. A container that ended by itself counts until its end is acknowledged, so the answer
   * that acknowledges it decides whether it is replaced: lower this in that answer to hold a replacement back.
   */
  wantedCount: Type.Integer({ minimum: 0, maximum: CONTAINERS_MAX }),
  launch: nullable(Launch),
  /** Held containers to stop; may be repeated until their end is told. Others are passed over. */
  release: Type.Array(ContainerIdText, { maxItems: CONTAINERS_MAX }),
  /** The whole list each time. No container is to be granted there; one that was granted already may still start. */
  excludedNodes: Type.Array(NodeName, { maxItems: CONTAINERS_MAX }),
  /** Ended containers that were recorded: not told again. */
  acknowledged: Type.Array(ContainerIdText, { maxItems: CONTAINERS_MAX }),
  /** Tokens for containers started from now on, a token file (`HDTS`) in base64; null: those of the application. */
  credentials: nullable(Type.String({ maxLength: 100_000 })),
  /** When to ask again at the latest; news is told at once. */
  intervalMs: Type.Integer({ minimum: 100, maximum: 60_000 }),
});
export type SyncAnswer = Static<typeof SyncAnswer>;
